/** Differences in order: columns are in the order of SELECT *, triggers fire one after another. */
import type { Schema } from '../../schema/schema.ts'

export function differs(wanted: Schema, reached: Schema): boolean {
  return orderOf(wanted) !== orderOf(reached)
}

// --- internal ---

function orderOf({ objects }: Schema): string {
  const columns = objects.flatMap(({ kind, name, members }) =>
    kind === 'table' ? [[name, ...members.map(({ key }) => key).filter((key) => key.startsWith('column '))]] : [],
  )
  const triggers = objects.flatMap(({ kind, table, name }) => (kind === 'trigger' ? [[table, name]] : []))
  return JSON.stringify([columns.sort(), triggers])
}
