/**
 * Values that nobody chose: MySQL and MariaDB fill a column that must have a value, and has none, with 0, an empty text or
 * the first label, and do not say so. Pure.
 */
import type { FillColumn, Text } from '../../fill/model.ts'
import type { Observation } from '../finding.ts'
import type { Half } from '../halves.ts'
import { placeIn } from './observations.ts'
import type { Said } from './said.ts'
import { matched, type Snapshot } from './snapshot.ts'

export function observeMadeUp(before: Snapshot, after: Snapshot, half: Half, said: Said): Observation[] {
  return before.flatMap((one): Observation[] => {
    const found = matched(one, after, said)
    if (!found || one.rows.length === 0) return []
    const { table, rows } = found.after
    const former = said.formerTable(table.name) ?? table.name
    // A table that was made beside the old one, and took its name, has the values that an INSERT wrote.
    const isCopied = former !== table.name && said.inserts(former)
    const isFilled = (column: string) => [table.name, former].some((name) => said.fills(name, column))
    return table.columns.flatMap((column, place): Observation[] => {
      if (column.nullable || column.numbered || column.generated !== null || isFilled(column.name)) return []
      const old = found.columns.find(({ to }) => to === place)
      // A column that had to have a value has the one that it had.
      if (old && !old.before.nullable) return []
      if (!old && (isCopied || column.default !== null)) return []
      const had = old ? found.pairs?.filter((pair) => pair.before[old.from] === null).map((pair) => pair.after) : rows
      const made = had?.filter((row) => isMadeUp(row[place], column)) ?? []
      const [first] = made
      if (!first) return []
      const count = made.length === rows.length ? `all ${rows.length} rows` : `${made.length} of ${rows.length} rows`
      const shown = JSON.stringify(first[place])
      return [
        {
          rule: 'values-made-up',
          ...placeIn(half, table.name, column.name),
          objects: [`${table.name}.${column.name}`],
          message: `${column.name} of ${count} of ${table.name} is ${shown} now: a value that the server made up, since the column must have one${old ? ' and was NULL' : ' and has no default'}.`,
        },
      ]
    })
  })
}

// --- internal ---

function isMadeUp(value: Text | undefined, { type }: FillColumn): boolean {
  if (value === null || value === undefined) return false
  if (type.kind === 'enum') return value === type.labels?.[0]
  if (type.kind === 'json') return value === 'null'
  if (type.kind === 'uuid') return /^[0-]+$/.test(value)
  return /^(?:0+(?:\.0+)?|0000-00-00.*|00:00:00.*|)$/.test(value)
}
