/** Sees to it that each table has some rows before a migration is observed. */
import { kindOfClient } from '../../database/kinds.ts'
import type { FillDatabase } from '../../fill/fillDatabase.ts'
import { fillTables } from '../../fill/fillTables.ts'
import type { FillTable } from '../../fill/model.ts'
import { openFill } from '../../fill/openFill.ts'

/** Enough for the server to count that it reads a table from end to end. */
const ROWS = 5

/** More rows than usual, in some tables. */
export interface ManyRows {
  readonly rows: number
  /** Names of the tables, without quotes. */
  readonly tables: readonly string[]
}

/** A table that has no rows, and why. */
export interface Unfilled {
  readonly table: string
  readonly why: string
}

const FEW: ManyRows = { rows: ROWS, tables: [] }

interface Own {
  readonly tables: readonly string[]
  readonly schemas: readonly string[]
}

interface SomeRows {
  readonly tables: readonly FillTable[]
  readonly unfilled: readonly Unfilled[]
}

/**
 * Adds generated rows to the tables that have fewer than a few.
 * @param own tables and schemas that are not the migrations'
 * @param many tables that get more
 */
export async function someRows(client: object, own: Own, many: ManyRows = FEW): Promise<SomeRows> {
  const { borrow } = await kindOfClient(client)
  if (!borrow) return { tables: [], unfilled: [] }
  const borrowed = await borrow(client)
  try {
    return await someRowsIn(openFill(borrowed), own, many)
  } finally {
    await borrowed.session.close()
  }
}

/** Does the same in a database that is open, and in its transaction if it has one. */
export async function someRowsIn(database: FillDatabase, own: Own, many: ManyRows = FEW): Promise<SomeRows> {
  const tables = await database.readTables(own)
  return database.transaction(async () => {
    const counts = await database.counts(tables)
    const had = new Map(tables.map(({ id }, i) => [id, counts[i] ?? 0]))
    const goal = ({ name }: FillTable) => (many.tables.includes(name) ? many.rows : ROWS)
    const lacking = tables.map((table) => [table.id, goal(table) - (had.get(table.id) ?? 0)] as const)
    const wanted = new Map(lacking.filter(([, rows]) => rows > 0))
    const filled = await fillTables(database, tables, wanted, { set: 'plain', partitions: false })
    const unfilled = filled
      .filter(({ table, rows }) => rows === 0 && had.get(table.id) === 0 && wanted.has(table.id))
      .map(({ table, why = 'no row was accepted' }) => ({ table: table.name, why }))
    return { tables, unfilled }
  })
}
