/** Decides on both halves of a migration on one database, and proves them: up, down, up again, with rows in its tables. */

import type { SchemaObject } from '../../schema/model.ts'
import type { Schema } from '../../schema/schema.ts'
import { statementOf } from '../../schema/text.ts'
import type { Attempts, Scratch } from '../attempts.ts'
import { labelOf, plainName } from '../columns.ts'
import { decideAll } from '../conversion/convert.ts'
import { type Decision, isReached, isSame } from '../decide.ts'
import { CannotGenerateError, GenerateProofError } from '../errors.ts'
import type { Generator } from '../generator.ts'
import { type Answers, firstHints } from '../hints.ts'
import { keyOf, type Statement } from '../statement.ts'

export interface Proof {
  readonly up: readonly Statement[]
  readonly down: readonly Statement[]
  /** The schema before and after. */
  readonly from: Schema
  readonly reached: Schema
  /** Why the down does not work with the rows that were there. It does without them. */
  readonly remark?: string
}

/** The answers to both halves. */
export interface BothAnswers {
  readonly up: Answers
  readonly down: Answers
}

export interface ProveOptions {
  /** Called while the database is in the state after the up, and in that after the down. */
  readonly onState?: (state: 'up' | 'down') => Promise<void> | void
  /** The schema before the change, if it was read already. */
  readonly from?: Schema
  /** The statements of the up, if they are decided on already. */
  readonly up?: readonly Statement[]
}

/**
 * @param attempts a database at the state before the change, with rows; it is somewhere else afterwards
 * @throws CannotGenerateError, GenerateProofError
 */
export async function prove(
  attempts: Attempts,
  generator: Generator,
  to: Schema,
  answers: BothAnswers,
  { onState, up: given, from: read }: ProveOptions = {},
): Promise<Proof> {
  const look = <T>(work: (db: Scratch) => Promise<T>) =>
    attempts.attempt(async (db) => ({ keep: true, value: await work(db) }))
  const from = read ?? (await look((db) => db.schema()))
  const before = await look((db) => sums(db, generator, from, from, to, answers.up))
  const up = given ? await ran(attempts, given) : await decideAll(attempts, generator, { from, to }, answers.up)
  if (up.statements.length === 0) return { up: [], down: [], from, reached: up.reached }
  const renamed = (name: string) => newName(answers.up, 'table', name)
  const after = await look((db) => sums(db, generator, up.reached, from, to, answers.up, renamed))
  compare('up', before, after)
  await onState?.('up')
  const back = { from: up.reached, to: from }
  let remark: string | undefined
  let down: Decision
  try {
    down = await decideAll(attempts, generator, back, answers.down)
    compare('down', before, await look((db) => sums(db, generator, from, from, to, answers.up)))
  } catch (error) {
    if (!(error instanceof CannotGenerateError)) throw error
    // A value that the up has destroyed cannot always be invented: a row that a foreign key needs, for example.
    await attempts.attempt(async (db) => {
      for (const sql of emptied(up.reached)) await db.run(sql)
      return { keep: true, value: undefined }
    })
    down = await decideAll(attempts, generator, back, answers.down).catch(() => {
      throw error
    })
    remark = error.message
  }
  await onState?.('down')
  // The second up has to work on what the down leaves.
  const again = await attempts.attempt(async (db) => {
    for (const { sql } of up.statements) {
      try {
        await db.run(sql)
      } catch (error) {
        throw new GenerateProofError(
          `The up works once, but not again after the down. ${(error as Error).message}\n\n  ${sql}`,
          { cause: error },
        )
      }
    }
    const reached = await db.schema()
    const same = isSame(generator, up.reached, reached)
    const value = same || (await isReached(db, generator, { reached, to, hints: firstHints(answers.up) }))
    return { keep: true, value }
  })
  if (!again)
    throw new GenerateProofError('After up, down and up again, the schema is another one than after the first up.')
  if (remark === undefined)
    compare('second up', before, await look((db) => sums(db, generator, up.reached, from, to, answers.up, renamed)))
  return {
    up: up.statements,
    down: down.statements,
    from,
    reached: up.reached,
    ...(remark !== undefined && { remark }),
  }
}

// --- internal ---

async function ran(attempts: Attempts, statements: readonly Statement[]): Promise<Decision> {
  return attempts.attempt(async (db) => {
    for (const { sql } of statements) await db.run(sql)
    return { keep: true, value: { statements, reached: await db.schema() } }
  })
}

export interface Sum {
  readonly n: unknown
  readonly digest: unknown
}

/** Sums up the rows of the tables that change, by their old names, in the columns that both sides have alike. */
export async function sums(
  db: Scratch,
  generator: Generator,
  now: Schema,
  from: Schema,
  to: Schema,
  answers: Answers,
  nameNow = (name: string) => name,
): Promise<ReadonlyMap<string, Sum>> {
  const changed = new Set(changedTables(from, to))
  const after = tablesOf(to)
  const apart = generator.apart?.(from, to) ?? new Set<string>()
  const here = tablesOf(now)
  const queries = [...tablesOf(from).values()].flatMap((table) => {
    const other = after.get(newName(answers, 'table', table.name))
    const there = here.get(nameNow(table.name))
    if (!other || !there || !changed.has(table.name)) return []
    const columns = commonColumns(from, to, table, other, answers)
    const names = columns.map(([old, name]) => (nameNow(table.name) === table.name && now === from ? old : name))
    const sql = generator.digest(now, there, names, apart)
    const isCounted = [table, other].every(
      (one, i) => generator.digest(i === 0 ? from : to, one, [], apart) !== undefined,
    )
    return sql !== undefined && isCounted ? [{ table: table.name, sql }] : []
  })
  if (queries.length === 0) return new Map()
  // One question for all: most of the time would be spent on the way.
  const rows = await db.rows(
    queries.map(({ sql }, i) => `SELECT ${i} AS i, q${i}.n, q${i}.digest FROM (${sql}) q${i}`).join(' UNION ALL '),
  )
  return new Map(rows.map(({ i, n, digest }) => [queries[Number(i)]?.table ?? '', { n, digest }]))
}

function tablesOf({ objects }: Schema): Map<string, SchemaObject> {
  return new Map(objects.filter(({ kind }) => kind === 'table').map((table) => [table.name, table]))
}

/**
 * Returns the names of the tables that differ, or whose columns have a type that does. Indexes, triggers and the like
 * change no rows.
 */
export function changedTables(from: Schema, to: Schema): string[] {
  const text = ({ objects }: Schema) => new Map(objects.map((object) => [keyOf(object), statementOf(object)]))
  const after = text(to)
  const changed = new Set([...text(from)].filter(([key, one]) => after.get(key) !== one).map(([key]) => key))
  return [...tablesOf(from).values()]
    .filter(
      (table) =>
        changed.has(keyOf(table)) ||
        table.columns.some(({ type }) => changed.has(`type ${type.replace(/(?:\[\])+$/, '')}`)),
    )
    .map(({ name }) => name)
}

/** Old and new names of the columns whose values nothing changes. */
function commonColumns(
  from: Schema,
  to: Schema,
  table: SchemaObject,
  other: SchemaObject,
  answers: Answers,
): (readonly [string, string])[] {
  return table.columns.flatMap((column) => {
    const renamed = answers.renames.find(({ kind, old }) => kind === 'column' && isColumn(old, table.name, column.name))
    const name = renamed ? plainName(labelOf(renamed.new)) : column.name
    const now = other.columns.find((each) => each.name === name)
    if (!now || now.type !== column.type || now.generated !== null || column.generated !== null) return []
    // Rows without a value get the default.
    if (column.nullable && !now.nullable && now.default !== null) return []
    const answered = [...answers.fill.keys(), ...answers.using.keys()].some((key) =>
      isColumn(key, table.name, column.name),
    )
    const text = (schema: Schema) => typeText(schema, column.type)
    return answered || text(from) !== text(to) ? [] : [[column.name, name] as const]
  })
}

/** Returns the definition of a column's type, if the schema has one. */
function typeText({ objects }: Schema, column: string): string | undefined {
  const object = objects.find(({ kind, name }) => kind === 'type' && name === column.replace(/\[\]$/, ''))
  return object && statementOf(object)
}

export function newName({ renames }: Answers, kind: string, name: string): string {
  return renames.find((rename) => rename.kind === kind && rename.old === name)?.new ?? name
}

function isColumn(qualified: string, table: string, column: string): boolean {
  return qualified.startsWith(`${table}.`) && plainName(labelOf(qualified)) === column
}

/** Returns the statements that take all rows out of the tables. */
function emptied({ dialect, objects }: Schema): string[] {
  const names = objects.flatMap(({ kind, name, head }) =>
    kind === 'table' && /^CREATE (?:UNLOGGED )?TABLE /.test(head) ? [name] : [],
  )
  if (names.length === 0) return []
  if (dialect === 'postgres') return [`TRUNCATE ${names.join(', ')} CASCADE`]
  const quoted = names.map((name) => (name.startsWith('`') ? name : `\`${name}\``))
  return ['SET foreign_key_checks = 0', ...quoted.map((name) => `DELETE FROM ${name}`), 'SET foreign_key_checks = 1']
}

/** @throws GenerateProofError if rows or values were lost */
export function compare(half: string, before: ReadonlyMap<string, Sum>, after: ReadonlyMap<string, Sum>): void {
  for (const [table, { n, digest }] of before) {
    const now = after.get(table)
    if (!now) continue
    if (now.n !== n) throw new GenerateProofError(`The ${half} loses rows: ${table} had ${n}, and has ${now.n}.`)
    if (now.digest !== digest)
      throw new GenerateProofError(`The ${half} changes values in ${table} that should stay as they are.`)
  }
}
