/** Reads the schema of a MySQL or MariaDB database: tables, views, routines and all else, each with the DDL that makes it. */
import { type Member, type ObjectKind, Schema, type SchemaObject } from '../../schema/schema.ts'
import { type ColumnFacts, type Definition, type Definitions, readDefinitions } from './definitions.ts'
import type { Session } from './session.ts'
import { identifier } from './tables.ts'

export interface CatalogOptions {
  /** Tables that are left out, by name: the migrations' own. */
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
  // Behind all tables: their order must not depend on which refers to which.
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
  const { kind, name, table } = object
  const columns = definitions.columns.filter((column) => column.table === name).map(columnOf)
  if (kind === 'table') return { ...describeTable(object), columns }
  const routine = KINDS[kind] === 'routine'
  return {
    ...plain(KINDS[kind], routine ? `${kind} ${shown(name)}` : shown(name), textOf(object, definitions)),
    table: table === null ? null : shown(table),
    columns: kind === 'view' ? columns : [],
  }
}

function describeTable({ name, sql }: Definition): SchemaObject {
  const lines = sql.split('\n')
  const end = lines.findIndex((line) => line.startsWith(')'))
  const members = lines
    .slice(1, end)
    .map((line) => line.trim().replace(/,$/, ''))
    .filter((line) => !isForeignKey(line))
    .map((text): Member => ({ key: keyOf(text), text }))
  // Where its numbers go on is no part of a schema.
  const tail = lines
    .slice(end)
    .join('\n')
    .replace(/ AUTO_INCREMENT=\d+/, '')
  return { ...plain('table', shown(name), lines[0] ?? ''), members, tail: `${tail};` }
}

/** Each as a statement of its own: tables that refer to each other could not be made otherwise. */
function foreignKeysOf({ name, sql }: Definition): SchemaObject[] {
  return sql
    .split('\n')
    .map((line) => line.trim().replace(/,$/, ''))
    .filter(isForeignKey)
    .map((text) => ({
      ...plain('foreign key', nameIn(text), `ALTER TABLE ${identifier(name)} ADD ${text};`),
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
 * Without a definer that is who reads it: that is the usual one, and another on each machine. As the mysql client wants it,
 * and migrations are read: with a delimiter around semicolons, and under the mode that its quotes were written in.
 */
function textOf({ sql, settings }: Definition, { user }: Definitions): string {
  const [name = '', host = ''] = user.split(/@(?=[^@]*$)/)
  const definers = [` DEFINER=${identifier(name)}@${identifier(host)}`, ` DEFINER="${name}"@"${host}"`]
  const text = definers.reduce((all, definer) => all.replace(definer, ''), sql.trimEnd())
  const ended = text.includes(';') ? `DELIMITER ;;\n${text};;\nDELIMITER ;` : `${text};`
  const modes = (settings.sql_mode ?? '').split(',').filter((mode) => QUOTING.includes(mode))
  return modes.length === 0 ? ended : `SET sql_mode = '${modes.join(',')}';\n${ended}\nSET sql_mode = DEFAULT;`
}

const QUOTING = ['ANSI_QUOTES', 'NO_BACKSLASH_ESCAPES']

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
