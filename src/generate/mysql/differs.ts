/** Differences in the order of columns, which is that of SELECT *. */
import type { Schema } from '../../schema/schema.ts'

export function differs(wanted: Schema, reached: Schema): boolean {
  return orderOf(wanted) !== orderOf(reached)
}

// --- internal ---

function orderOf({ objects }: Schema): string {
  const columns = objects.flatMap(({ kind, name, members }) =>
    kind === 'table' ? [[name, ...members.map(({ key }) => key).filter((key) => key.startsWith('column '))]] : [],
  )
  return JSON.stringify(columns.sort())
}
