/** Columns that the server numbers and that can hold fewer numbers after a migration. Pure. */
import type { FillColumn, FillTable } from '../../fill/model.ts'

export interface NarrowedNumber {
  /** The table and the column before. */
  readonly table: FillTable
  readonly column: FillColumn
  /** The first number that fitted before and does not any more. */
  readonly next: bigint
}

/** No row of a few has such a number, and of a large table every one will. */
export function narrowedNumbers(before: readonly FillTable[], after: readonly FillTable[]): NarrowedNumber[] {
  return before.flatMap((table) => {
    const later = after.find(({ id, name }) => id === table.id || name === table.name)
    return table.columns.flatMap((column): NarrowedNumber[] => {
      const { max } = column.type
      const most = later?.columns.find(({ id, name }) => id === column.id || name === column.name)?.type.max
      if (!column.numbered || max === undefined || most === undefined || most >= max) return []
      return [{ table, column, next: most + 1n }]
    })
  })
}
