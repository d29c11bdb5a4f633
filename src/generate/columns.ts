/** The columns of a table with their names as DDL writes them, and what such names are made of. */
import type { SchemaColumn, SchemaObject } from '../schema/model.ts'

/** Returns a table's columns; those that are inherited are with their parent. */
export function ownColumns(
  table: SchemaObject,
): { readonly label: string; readonly column: SchemaColumn; readonly place: number }[] {
  const columns = new Map(table.columns.map((column, place) => [column.name, { column, place }]))
  return table.members.flatMap(({ key }) => {
    if (!key.startsWith('column ')) return []
    const label = key.slice('column '.length)
    const found = columns.get(plainName(label))
    return found ? [{ label, ...found }] : []
  })
}

export function plainName(label: string): string {
  if (label.startsWith('"')) return label.slice(1, -1).replaceAll('""', '"')
  return label.startsWith('`') ? label.slice(1, -1).replaceAll('``', '`') : label
}

/** Returns the name of the table of a column: `app.users` of `app.users.name`; empty if it names none. */
export function tableOf(name: string): string {
  return name.slice(0, Math.max(0, name.length - labelOf(name).length - 1))
}

/** Returns the last part of a name, as DDL writes it. */
export function labelOf(name: string): string {
  return /(?:"(?:[^"]|"")*"|`(?:[^`]|``)*`|[^.]+)$/.exec(name)?.[0] ?? name
}
