/** Rows as code of an old version would add them. */
import type { FillDatabase } from '../../fill/fillDatabase.ts'
import { fillTables } from '../../fill/fillTables.ts'
import type { FillColumn, FillTable, RowSet, Text } from '../../fill/model.ts'
import type { NewRow } from './oldQueries.ts'

/** Returns a row for each table as the fill would insert it next, or several, and inserts none. */
export async function newRows(
  fill: FillDatabase,
  tables: readonly FillTable[],
  set: RowSet = 'plain',
  most = 1,
): Promise<NewRow[]> {
  const rows: NewRow[] = []
  const note = (table: FillTable, columns: readonly FillColumn[], row: readonly Text[]) => {
    if (rows.filter((one) => one.table === table).length < most)
      rows.push({ table, values: new Map(columns.map(({ name }, n) => [name, row[n] ?? null])) })
  }
  const recording: FillDatabase = {
    ...fill,
    async insert(table, columns, values) {
      for (const row of values) note(table, columns, row)
      return values.length
    },
    async insertEach(table, lines) {
      for (const { columns, row } of lines) note(table, columns, row)
      return { inserted: lines.length, refused: 0, ran: lines.length }
    },
  }
  const wanted = new Map(tables.filter(({ refused }) => refused === undefined).map(({ id }) => [id, most]))
  const options = { set, partitions: false, triggersOff: false }
  await fill.transaction(() => fillTables(recording, tables, wanted, options))
  return rows
}
