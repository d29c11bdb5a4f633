/** Rows as code of an old version would add them. */
import type { FillDatabase } from '../../fill/fillDatabase.ts'
import { fillTables } from '../../fill/fillTables.ts'
import type { FillTable } from '../../fill/model.ts'
import type { NewRow } from './oldQueries.ts'

/** Returns a row for each table as the fill would insert it next, and inserts none. */
export async function newRows(fill: FillDatabase, tables: readonly FillTable[]): Promise<NewRow[]> {
  const rows: NewRow[] = []
  const recording: FillDatabase = {
    ...fill,
    async insert(table, columns, values) {
      const [row = []] = values
      if (!rows.some((one) => one.table === table)) {
        rows.push({ table, values: new Map(columns.map(({ name }, n) => [name, row[n] ?? null])) })
      }
      return values.length
    },
  }
  const wanted = new Map(tables.filter(({ refused }) => refused === undefined).map(({ id }) => [id, 1]))
  const options = { set: 'plain' as const, partitions: false, triggersOff: false }
  await fill.transaction(() => fillTables(recording, tables, wanted, options))
  return rows
}
