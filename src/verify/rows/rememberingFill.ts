/** Fills a database in which no function, trigger or rule does anything: whatever the server has said is not asked again. */
import type { FillDatabase } from '../../fill/fillDatabase.ts'
import type { FillTable, Text } from '../../fill/model.ts'

/** @param answers what the server has said of values: see {@link FillDatabase.passing} */
export function rememberingFill(fill: FillDatabase, answers: Map<string, number[][]>): FillDatabase {
  const known = new Map<string, Keys>()
  const { insertEach } = fill
  /** Forgets keys that may be others now. Those of a table's own rows are no keys of the tables that it refers to. */
  const changed = ({ id }: FillTable) => {
    for (const [asked, { table, parents }] of known) if (table !== id || parents.includes(id)) known.delete(asked)
  }
  return {
    ...fill,
    passing: (questions) => fill.passing(questions, answers),
    async keys(table, keys, columns, most) {
      const asked = JSON.stringify([table.id, keys.map(({ key }) => key.name), columns, most])
      const rows = known.get(asked)?.rows ?? (await fill.keys(table, keys, columns, most))
      known.set(asked, { table: table.id, parents: keys.map(({ parent }) => parent.id), rows })
      return rows
    },
    insert(table, columns, rows) {
      changed(table)
      return fill.insert(table, columns, rows)
    },
    ...(insertEach && {
      insertEach: (table, lines, limits) => {
        changed(table)
        return insertEach(table, lines, limits)
      },
    }),
  }
}

// --- internal ---

/** Keys that a table's rows can refer to. */
interface Keys {
  readonly table: string
  readonly parents: readonly string[]
  readonly rows: Text[][]
}
