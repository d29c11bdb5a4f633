/** Reads the schema of a MySQL or MariaDB database: tables, views, routines and everything else, each with its DDL. */
import type { ObjectKind, SchemaMember, SchemaObject } from '../../schema/model.ts'
import { Schema } from '../../schema/schema.ts'
import { usualCollation } from './collations.ts'
import { type ColumnFacts, type Definition, type Definitions, readDefinitions, replaceOutside } from './definitions.ts'
import type { Session } from './session.ts'
import { identifier, literal } from './tables.ts'

export interface CatalogOptions {
  /** Names of tables to leave out: the migrations' own. */
  readonly exclude: readonly string[]
}

export async function readSchema(session: Session, database: string, { exclude }: CatalogOptions): Promise<Schema> {
  const definitions = await readDefinitions(session, database, exclude)
  const { objects, characterSet, collation, usual } = definitions
  const all = objects.map((object) => describe(object, definitions))
  const foreignKeys = objects.filter(({ kind }) => kind === 'table').flatMap(foreignKeysOf)
  const own: SchemaObject[] = usual
    ? []
    : [plain('schema', 'database', `ALTER DATABASE CHARACTER SET ${characterSet} COLLATE ${collation};`)]
  // Foreign keys come after all tables, whose order must not depend on which refers to which.
  const tables = all.filter(({ kind }) => kind === 'table' || kind === 'sequence')
  return new Schema('mysql', [...own, ...tables, ...foreignKeys, ...all.filter((object) => !tables.includes(object))])
}

// --- internal ---

const KINDS: Readonly<Record<Definition['kind'], ObjectKind>> = {
  sequence: 'sequence',
  table: 'table',
  view: 'view',
  procedure: 'routine',
  function: 'routine',
  package: 'routine',
  'package body': 'routine',
  trigger: 'trigger',
  event: 'event',
}

function describe(object: Definition, definitions: Definitions): SchemaObject {
  const { kind, name, table, moment } = object
  const columns = definitions.columns.filter((column) => column.table === name).map(columnOf)
  if (kind === 'table') return { ...describeTable(object), columns }
  const routine = KINDS[kind] === 'routine'
  return {
    ...plain(
      KINDS[kind],
      routine ? `${kind} ${shown(name)}` : shown(name),
      kind === 'view' ? withPlainNumbers(textOf(object, definitions)) : textOf(object, definitions),
    ),
    table: table === null ? null : shown(table),
    ...(moment !== undefined && { moment }),
    columns: kind === 'view' ? columns : [],
  }
}

function describeTable({ name, sql }: Definition): SchemaObject {
  const lines = sql.split('\n')
  const end = lines.findIndex((line) => line.startsWith(')'))
  // The next AUTO_INCREMENT value is not part of a schema.
  const tail = replaceOutside(lines.slice(end).join('\n'), / AUTO_INCREMENT=\d+/, '')
  const given = collationOf(lines[end] ?? '')
  const members = lines
    .slice(1, end)
    .map((line) => line.trim().replace(/,$/, ''))
    .filter((line) => !isForeignKey(line))
    .map(withPlainNumbers)
    .map((text): SchemaMember => ({ key: keyOf(text), text: text.startsWith('`') ? withoutGiven(text, given) : text }))
  return { ...plain('table', shown(name), lines[0] ?? ''), members, tail: `${withPlainNumbers(tail)};` }
}

/** Returns the collation that columns of a table have if they name none. */
function collationOf(tail: string): string {
  const [, set = '', named] = / DEFAULT CHARSET=(\w+)(?: COLLATE=(\w+))?/.exec(tail) ?? []
  return named ?? usualCollation(set)
}

/** MySQL writes a column's collation or omits it where it is the table's, depending on how the column was created. */
function withoutGiven(text: string, collation: string): string {
  return replaceOutside(text, new RegExp(` COLLATE ${collation}\\b`), '')
}

/** MySQL writes -1 as -(1), and as -1 once it has read that. */
function withPlainNumbers(text: string): string {
  return text.replace(
    /'(?:[^'\\]|''|\\.)*'|`(?:[^`]|``)*`|-\((\d+(?:\.\d+)?)\)/gs,
    (whole, number: string | undefined) => (number === undefined ? whole : `-${number}`),
  )
}

/** Returns each foreign key as a separate statement: tables that refer to each other could not be created otherwise. */
function foreignKeysOf({ name, sql }: Definition): SchemaObject[] {
  return sql
    .split('\n')
    .map((line) => line.trim().replace(/,$/, ''))
    .filter(isForeignKey)
    .map((text) => ({
      ...plain('foreign-key', nameIn(text), `ALTER TABLE ${identifier(name)} ADD ${text};`),
      table: shown(name),
    }))
}

function isForeignKey(line: string): boolean {
  return /^CONSTRAINT `(?:[^`]|``)*` FOREIGN KEY /.test(line)
}

function keyOf(text: string): string {
  if (text.startsWith('`')) return `column ${nameIn(text)}`
  if (text.startsWith('PRIMARY KEY')) return 'primary key'
  if (text.startsWith('CONSTRAINT')) return `constraint ${nameIn(text)}`
  return /^(?:[A-Z]+ )?KEY `/.test(text) ? `key ${nameIn(text)}` : text
}

function nameIn(text: string): string {
  return shown((/`((?:[^`]|``)*)`/.exec(text)?.[1] ?? '').replaceAll('``', '`'))
}

function shown(name: string): string {
  return /^[A-Za-z_][\w$]*$/.test(name) ? name : identifier(name)
}

/**
 * Returns an object's SQL. The definer is left out if it is the current user: that is the usual one, and it differs
 * between machines. The text has the form that the mysql client takes and in which migrations are read: with a
 * delimiter around semicolons, and under the settings that the server keeps with the object.
 */
function textOf({ kind, name, sql, settings }: Definition, { user, defaults }: Definitions): string {
  if (sql === '') return `-- not visible to this user, so it is left out: ${kind} ${shown(name)}`
  const [account = '', host = ''] = user.split(/@(?=[^@]*$)/)
  const definers = [` DEFINER=${identifier(account)}@${identifier(host)}`, ` DEFINER="${account}"@"${host}"`]
  const text = definers.reduce((all, definer) => all.replace(definer, ''), sql.trimEnd())
  const ended = text.includes(';') ? `DELIMITER ;;\n${text};;\nDELIMITER ;` : `${text};`
  const { before, after } = settingsAround(settings, defaults, text)
  return [...before, ended, ...after].join('\n')
}

/** Returns the settings under which the object must be created, and the statements that restore the previous ones. */
function settingsAround(
  {
    sql_mode: mode,
    time_zone: zone,
    character_set_client: client,
    collation_connection: collation,
  }: Definition['settings'],
  defaults: Definitions['defaults'],
  text: string,
): { before: string[]; after: string[] } {
  const before: string[] = []
  const after: string[] = []
  // The text itself is UTF-8: it may only be read in another character set if it is pure ASCII.
  const isAscii = [...text].every((character) => character <= '\u007f')
  if (client !== undefined && client !== 'utf8mb4' && isAscii) before.push(`SET character_set_client = ${client};`)
  if (collation !== undefined && collation !== defaults.collation)
    before.push(`SET collation_connection = ${collation};`)
  if (before.length > 0) after.push('SET NAMES utf8mb4;')
  if (zone !== undefined && zone !== 'SYSTEM' && zone !== defaults.zone) {
    before.push(`SET time_zone = ${literal(zone)};`)
    after.push('SET time_zone = DEFAULT;')
  }
  if (mode !== undefined && mode !== defaults.mode) {
    before.push(`SET sql_mode = ${literal(mode)};`)
    after.push('SET sql_mode = DEFAULT;')
  }
  return { before, after }
}

function plain(kind: ObjectKind, name: string, head: string): SchemaObject {
  return { kind, name, table: null, head, members: [], tail: '', more: [], columns: [] }
}

function columnOf({ name, type, nullable, default: value, generated, extra, comment }: ColumnFacts) {
  return {
    name,
    type,
    nullable,
    default: value === 'NULL' && nullable ? null : value,
    generated,
    identity: /auto_increment/i.test(extra) ? ('by default' as const) : null,
    comment: comment || null,
  }
}
