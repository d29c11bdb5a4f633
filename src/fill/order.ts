/** Finds tables whose rows must refer to each other: none of them can get its first row before the others. */
import type { FillTable, ForeignKey } from './model.ts'

/** Tables that refer to each other by foreign keys that may not be NULL; or one table that refers to itself. */
export interface Circle {
  readonly tables: readonly FillTable[]
}

/** Returns the circle that a table is part of, by its id. Tables that are in none are left out. */
export function circlesOf(tables: readonly FillTable[]): ReadonlyMap<string, Circle> {
  const byId = new Map(tables.map((table) => [table.id, table]))
  const circles = new Map<string, Circle>()
  for (const members of componentsOf(tables, (table) => requiredParents(table).flatMap((id) => byId.get(id) ?? []))) {
    const [first] = members
    const isCircle = members.length > 1 || (first && requiredParents(first).includes(first.id))
    if (isCircle) for (const { id } of members) circles.set(id, { tables: members })
  }
  return circles
}

/** Returns whether each row of the table has to refer to a row by this key. */
export function isRequiredKey({ columns }: FillTable, key: ForeignKey): boolean {
  return !columns.some(({ name, nullable }) => nullable && key.columns.includes(name))
}

// --- internal ---

function requiredParents(table: FillTable): string[] {
  return table.foreignKeys.filter((key) => isRequiredKey(table, key)).map(({ parent }) => parent)
}

/** Tarjan's strongly connected components. */
function componentsOf(
  tables: readonly FillTable[],
  parentsOf: (table: FillTable) => readonly FillTable[],
): FillTable[][] {
  const found: FillTable[][] = []
  const order = new Map<FillTable, number>()
  const lowest = new Map<FillTable, number>()
  const stack: FillTable[] = []
  const visit = (table: FillTable): number => {
    const mine = order.size
    order.set(table, mine)
    lowest.set(table, mine)
    stack.push(table)
    for (const parent of parentsOf(table)) {
      if (!order.has(parent)) lowest.set(table, Math.min(lowest.get(table) ?? mine, visit(parent)))
      else if (stack.includes(parent)) lowest.set(table, Math.min(lowest.get(table) ?? mine, order.get(parent) ?? mine))
    }
    if (lowest.get(table) === mine) found.push(stack.splice(stack.indexOf(table)))
    return lowest.get(table) ?? mine
  }
  for (const table of tables) if (!order.has(table)) visit(table)
  return found
}
