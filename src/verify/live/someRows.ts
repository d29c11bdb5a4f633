/** Sees to it that each table has some rows before a migration is observed. */
import { kindOfClient } from '../../database/kinds.ts'
import { fillTables } from '../../fill/fillTables.ts'
import { openFill } from '../../fill/openFill.ts'

/** Enough for the server to count that it reads a table from end to end. */
const ROWS = 5

/** A table that has no rows, and why. */
export interface Unfilled {
  readonly table: string
  readonly why: string
}

/**
 * Adds generated rows to the tables that have fewer than a few.
 * @param own tables and schemas that are not the migrations'
 * @returns the tables that have none
 */
export async function someRows(
  client: object,
  own: { readonly tables: readonly string[]; readonly schemas: readonly string[] },
): Promise<Unfilled[]> {
  const { borrow } = await kindOfClient(client)
  if (!borrow) return []
  const borrowed = await borrow(client)
  try {
    const database = openFill(borrowed)
    const tables = await database.readTables(own)
    return await database.transaction(async () => {
      const counts = await database.counts(tables)
      const had = new Map(tables.map(({ id }, i) => [id, counts[i] ?? 0]))
      const wanted = new Map([...had].filter(([, rows]) => rows < ROWS).map(([id, rows]) => [id, ROWS - rows]))
      const filled = await fillTables(database, tables, wanted, { set: 'plain', partitions: false })
      return filled
        .filter(({ table, rows }) => rows === 0 && had.get(table.id) === 0 && wanted.has(table.id))
        .map(({ table, why = 'no row was accepted' }) => ({ table: table.name, why }))
    })
  } finally {
    await borrowed.session.close()
  }
}
