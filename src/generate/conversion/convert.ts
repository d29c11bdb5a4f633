/**
 * Statements around the code of a split or a merge: the new columns are added and may be null, the code writes them, and then
 * everything else changes. In the proof, values that mean nothing stand for what the code writes.
 */
import type { SchemaObject } from '../../schema/model.ts'
import type { Schema } from '../../schema/schema.ts'
import { statementOf } from '../../schema/text.ts'
import type { Attempts } from '../attempts.ts'
import { labelOf, ownColumns, tableOf } from '../columns.ts'
import { type Decision, decide } from '../decide.ts'
import { CannotGenerateError } from '../errors.ts'
import type { Generator } from '../generator.ts'
import type { Answers, Conversion } from '../hints.ts'
import { nullable, update } from '../mysql/rows.ts'
import { isNotNull, readTable } from '../mysql/tableModel.ts'
import { alterText, quoted } from '../mysql/text.ts'
import { valueThatFits } from '../questions/neutral.ts'
import { type ConvertedColumn, keyOf, type Statement } from '../statement.ts'
import { tableNamed } from './conversion.ts'
import { keyOfRows, typescriptType } from './rowType.ts'

/** Like {@link decide}, with the conversions that people have answered with. */
export async function decideAll(
  attempts: Attempts,
  generator: Generator,
  { from, to }: { readonly from: Schema; readonly to: Schema },
  answers: Answers,
): Promise<Decision> {
  const { conversions } = answers
  if (conversions.length === 0) return decide(attempts, generator, { from, to }, answers)
  const added = [...typesFor(conversions, from, to), ...adding(conversions, from, to, answers)]
  const [between, standIns] = await attempts.attempt(async (db) => {
    for (const { sql } of added) await ran(db.run(sql), sql, added)
    const schema = await db.schema()
    const statements = conversions.map((one) => converting(one, { from, between: schema, to }))
    for (const { sql } of statements) await ran(db.run(sql), sql, added)
    return { keep: true, value: [schema, statements] as const }
  })
  const converted = new Set(conversions.flatMap((one) => one.new))
  const fill = new Map([...answers.fill].filter(([name]) => !converted.has(name)))
  const rest = await decide(attempts, generator, { from: between, to }, { ...answers, fill }).catch(async (error) => {
    // Whoever tries another way begins where this one did.
    await attempts.attempt(async (db) => {
      for (const sql of takenBack(conversions, added, from)) await db.run(sql)
      return { keep: true, value: undefined }
    })
    throw error
  })
  // A statement behind the rename of its table names the column by the table's new name.
  const gone = new Set(
    conversions.flatMap(({ old, new: names }) => {
      const tables = [old, names].map(([name = '']) => tableOf(name))
      return old.flatMap((name) => tables.map((table) => `column ${table}.${labelOf(name)}`))
    }),
  )
  return {
    statements: [...added, ...standIns, ...rest.statements.map((statement) => withoutLoss(statement, gone))],
    reached: rest.reached,
  }
}

// --- internal ---

async function ran(running: Promise<void>, sql: string, tried: readonly Statement[]): Promise<void> {
  try {
    await running
  } catch (error) {
    throw new CannotGenerateError(
      `Columns that others become cannot be added before the rest of the change: ${(error as Error).message}\n\n  ${sql}`,
      { hint: 'Generate the rest of the change first, as a migration of its own.', tried },
    )
  }
}

/** Types of the new columns that do not exist yet. */
function typesFor(conversions: readonly Conversion[], from: Schema, to: Schema): Statement[] {
  const types = new Set(
    conversions.flatMap(({ new: names }) =>
      names.map((name) => columnOf(to, name).column.type.replace(/(?:\[\])+$/, '')),
    ),
  )
  const known = new Set(from.objects.filter(({ kind }) => kind === 'type').map(({ name }) => name))
  return to.objects
    .filter(({ kind, name }) => kind === 'type' && types.has(name) && !known.has(name))
    .flatMap((object) =>
      [statementOf(object), ...object.more].map((sql) => ({ sql, does: 'create', object: keyOf(object) }) as const),
    )
}

function takenBack(conversions: readonly Conversion[], added: readonly Statement[], { dialect }: Schema): string[] {
  const name = (label: string) => (dialect === 'mysql' ? quoted(plain(label)) : label)
  return [
    ...conversions.map(({ old, new: names }) => {
      const drops = names.map((one) => `DROP COLUMN ${name(labelOf(one))}`)
      return `ALTER TABLE ${name(tableOf(old[0] ?? ''))} ${drops.join(', ')}`
    }),
    ...added
      .flatMap(({ does, object }) => (does === 'create' && object.startsWith('type ') ? [object] : []))
      .map((object) => `DROP TYPE IF EXISTS ${object.slice('type '.length)}`),
  ]
}

/** Returns a statement for each table. */
function adding(conversions: readonly Conversion[], from: Schema, to: Schema, answers: Answers): Statement[] {
  const names = new Map<string, string[]>()
  for (const { old, new: some } of conversions) {
    const table = tableOf(old[0] ?? '')
    names.set(table, [...(names.get(table) ?? []), ...some])
  }
  return [...names].map(([table, some]) => {
    const sql =
      from.dialect === 'mysql' ? addingOnMysql(table, some, from, to, answers) : addingOnPostgres(table, some, to)
    return { sql, does: 'alter', object: `table ${table}` }
  })
}

function addingOnPostgres(table: string, names: readonly string[], to: Schema): string {
  const clauses = names.map((name) => {
    const { label, column, text } = columnOf(to, name)
    const [collation = ''] = / COLLATE (?:"(?:[^"]|"")*"|[^\s"]+)(?:\.(?:"(?:[^"]|"")*"|[^\s"]+))?/.exec(
      text.slice(`${label} ${column.type}`.length).replace(/ (?:DEFAULT|GENERATED|NOT NULL)\b.*$/s, ''),
    ) ?? ['']
    return `ADD COLUMN ${label} ${column.type}${collation}`
  })
  const [one = ''] = clauses
  return `ALTER TABLE ${table}${clauses.length === 1 ? ` ${one}` : `\n  ${clauses.join(',\n  ')}`};`
}

/** There, the order of columns counts: each comes behind the one that it will follow. */
function addingOnMysql(table: string, names: readonly string[], from: Schema, to: Schema, answers: Answers): string {
  const was = tableNamed(from, table)
  const now = tableNamed(to, tableOf(names[0] ?? ''))
  if (!was || !now) throw new Error(`no table ${table}`)
  const { columns } = readTable(now)
  const oldNames = new Map(
    answers.renames
      .filter(({ kind, new: name }) => kind === 'column' && tableOf(name) === now.name)
      .map((rename) => [plain(rename.new), plain(rename.old)]),
  )
  const there = new Set(was.columns.map(({ name }) => name))
  const clauses = columns.flatMap((column, place) => {
    if (!names.some((name) => plain(name) === column.name)) return []
    const before = columns
      .slice(0, place)
      .map(({ name }) => oldNames.get(name) ?? name)
      .findLast((name) => there.has(name))
    there.add(column.name)
    const definition = isNotNull(column) ? nullable(column) : column.definition
    return [
      `ADD COLUMN ${quoted(column.name)} ${definition}${before === undefined ? ' FIRST' : ` AFTER ${quoted(before)}`}`,
    ]
  })
  return alterText(readTable(was).name, clauses)
}

interface Sides {
  readonly from: Schema
  readonly between: Schema
  readonly to: Schema
}

/** The statement in whose place the code stands. @throws CannotGenerateError for a table without a key */
function converting({ old, new: names }: Conversion, { from, between, to }: Sides): Statement {
  const table = tableOf(old[0] ?? '')
  const now = tableNamed(between, table)
  const key = now && keyOfRows(now)
  if (!key) {
    throw new CannotGenerateError(`${table} has no primary key, so that code cannot tell its rows apart.`, {
      hint: 'Give it one in a migration before this one.',
    })
  }
  const columns = (schema: Schema, list: readonly string[]): ConvertedColumn[] =>
    list.map((name) => {
      const { column } = columnOf(schema, name)
      return { name: column.name, type: typescriptType(column, schema) }
    })
  return {
    sql: standIn(now, names, to),
    does: 'alter',
    object: `table ${table}`,
    converts: {
      table: to.dialect === 'mysql' ? quoted(plain(table)) : table,
      key,
      from: columns(from, old),
      to: columns(to, names),
    },
  }
}

/** Gives the new columns that must not be null values that mean nothing, and the others none. */
function standIn(table: SchemaObject, names: readonly string[], to: Schema): string {
  const values = names.map((name) => {
    const { column, label } = columnOf(to, name)
    const value = column.nullable ? undefined : valueThatFits(to, tableOf(name), label)
    return [to.dialect === 'mysql' ? quoted(column.name) : label, value ?? 'NULL'] as const
  })
  if (to.dialect === 'mysql') return update(readTable(table), new Map(values), '')
  return `UPDATE ${table.name} SET ${values.map(([label, value]) => `${label} = ${value}`).join(', ')};`
}

function columnOf(schema: Schema, name: string) {
  const table = tableNamed(schema, tableOf(name))
  const found = table && ownColumns(table).find(({ label }) => label === labelOf(name))
  if (!table || !found) throw new Error(`no column ${name}`)
  const text = table.members.find(({ key }) => key === `column ${found.label}`)?.text ?? ''
  return { ...found, text }
}

function plain(name: string): string {
  const label = labelOf(name)
  return label.startsWith('`') ? label.slice(1, -1).replaceAll('``', '`') : label
}

/** Removes columns from the list of what a statement destroys if a function turns their values into those of other columns. */
function withoutLoss({ destroys, ...statement }: Statement, gone: ReadonlySet<string>): Statement {
  const left = (destroys ?? '').split(/, (?=(?:table|column|sequence) )/).filter((one) => one !== '' && !gone.has(one))
  return left.length === 0 ? statement : { ...statement, destroys: left.join(', ') }
}
