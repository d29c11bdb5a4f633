/** `fill(db, { users: 100 })`: generated rows that satisfy every constraint. */
import type { Client, Pool } from 'pg'
import { kindOfClient } from '../database/kinds.ts'
import type { MysqlClient, PgliteInstance } from '../database/open.ts'
import { MigratestError, UsageError } from '../migrate/errors.ts'
import { nearest } from '../migrate/nearest.ts'
import type { Filled } from './fillTables.ts'
import type { FillTable, Proposal, RowSet } from './model.ts'

/** A table could not be filled as asked. Nothing was inserted. */
export class FillError extends MigratestError {
  readonly code = 'MIGRATEST_FILL'
  /** The table that was asked for. */
  readonly table: string

  constructor(table: string, message: string, hint?: string) {
    super(message, { hint })
    this.table = table
  }
}

export interface FillOptions {
  /**
   * The kind of rows. `plain` (default): every column has an ordinary value; `sparse`: NULL, 0, false and empty text wherever
   * that is allowed; `mixed`: NULL in some columns and not in others, in turns; `edge`: longest texts, largest numbers, far
   * dates, emoji, duplicates.
   */
  readonly rows?: RowSet
  /**
   * Values for columns, by table: one for all rows, or a function that makes one from the row's number, which begins with 0
   * in an empty table. `{ users: { role: 'admin', name: (n) => `User ${n}` } }`
   */
  readonly values?: Readonly<Record<string, Readonly<Record<string, FillValue | ((row: number) => FillValue)>>>>
}

/** Objects and arrays are written as JSON. */
export type FillValue = string | number | bigint | boolean | null | Date | object

/** A database that `withMigratedDatabase` made, what a seed function receives, or a client or pool of pg, mysql2 or PGlite. */
export type FillTarget =
  | { readonly client: unknown; readonly dialect: string }
  | Client
  | Pool
  | PgliteInstance
  | MysqlClient

/**
 * Adds rows to tables. What they must refer to is added, too. The values follow from the names of table and column and the
 * number of the row, so they are the same in each run. If a client has a transaction open, the rows are part of it.
 * @param tables number of rows to add, by table: `{ users: 100, 'app.orders': 1000 }`
 * @returns the number of rows added, by table: those asked for, and those that they refer to
 * @throws FillError if there is no such table, or if not as many rows satisfy its constraints; UsageError
 */
export async function fill(
  db: FillTarget,
  tables: Readonly<Record<string, number>>,
  { rows = 'plain', values = {} }: FillOptions = {},
): Promise<Record<string, number>> {
  for (const [name, count] of Object.entries(tables)) {
    if (!Number.isSafeInteger(count) || count < 0) {
      throw new UsageError(`fill(): ${name}: ${String(count)} is not a number of rows.`)
    }
  }
  const client = 'dialect' in db && 'client' in db ? (db.client as object) : db
  const { borrow } = await kindOfClient(client)
  if (!borrow) throw new UsageError('fill() cannot fill this kind of database.')
  const borrowed = await borrow(client)
  try {
    const [{ openFill }, { fillTables }] = await Promise.all([import('./openFill.ts'), import('./fillTables.ts')])
    const database = openFill(borrowed)
    const all = await database.readTables({ tables: [], schemas: [] })
    const wanted = new Map(Object.entries(tables).map(([name, count]) => [find(name, all).id, count]))
    const given = new Map(Object.entries(values).map(([name, columns]) => givenIn(find(name, all), columns)))
    const filled = await database.transaction(async () => {
      const done = await fillTables(database, all, wanted, { set: rows, given })
      refuseLess(done, wanted)
      return done
    })
    return Object.fromEntries(filled.filter((one) => one.rows > 0).map((one) => [one.table.name, one.rows]))
  } finally {
    await borrowed.session.close()
  }
}

// --- internal ---

function find(name: string, tables: readonly FillTable[]): FillTable {
  const found = tables.find((table) => table.name === name) ?? tables.find((table) => table.name === `public.${name}`)
  if (found) return found
  const names = tables.map((table) => table.name)
  const near = nearest(name, names)
  const hint = near
    ? `Did you mean ${near}?`
    : names.length > 0
      ? `There are ${names.slice(0, 20).join(', ')}.`
      : undefined
  throw new FillError(name, `fill(): there is no table ${name} in this database.`, hint)
}

type Given = NonNullable<FillOptions['values']>[string]

function givenIn(table: FillTable, columns: Given): [id: string, Map<string, Proposal>] {
  const names = table.columns.map(({ name }) => name)
  const proposals = Object.entries(columns).map(([name, value]): [string, Proposal] => {
    if (!names.includes(name)) {
      const near = nearest(name, names)
      const hint = near ? `Did you mean ${near}?` : `It has ${names.join(', ')}.`
      throw new FillError(table.name, `fill(): ${table.name} has no column ${name}.`, hint)
    }
    if (typeof value !== 'function') return [name, { at: () => textOf(value), period: 1 }]
    const make = value as (row: number) => FillValue
    return [name, { at: (row) => textOf(make(row)), period: Number.POSITIVE_INFINITY }]
  })
  return [table.id, new Map(proposals)]
}

function textOf(value: FillValue): string | null {
  if (value === null || value === undefined) return null
  if (value instanceof Date) return value.toISOString().replace('T', ' ').replace('Z', '+00')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function refuseLess(filled: readonly Filled[], wanted: ReadonlyMap<string, number>): void {
  const less = filled.find(({ table, why }) => why !== undefined && wanted.has(table.id))
  if (!less) return
  const { table, why } = less
  const parents = filled.filter((one) => one !== less && one.why !== undefined && !wanted.has(one.table.id))
  const reasons = [`${table.name}: ${why}`, ...parents.map((one) => `${one.table.name}: ${one.why}`)]
  throw new FillError(
    table.name,
    `fill(): no ${wanted.get(table.id)} rows could be made for ${table.name}.\n\n  ${reasons.join('\n  ')}`,
    'Nothing was inserted. Insert such rows with a seed or with SQL; those that are there can be referred to.',
  )
}
