/** Values that mean nothing, for the rows of a way back that nobody is asked about. */
import type { Schema } from '../../schema/schema.ts'
import type { Answers } from '../hints.ts'
import { renamed, renamesBetween } from './renames.ts'
import { lostValues } from './rows.ts'
import { readModel, tableNamed } from './schemaModel.ts'
import { valuesOf } from './tableModel.ts'
import { bare, shown } from './text.ts'

/** Returns for each enum or set value that goes the column's default, or its first value. */
export function neutralValues(from: Schema, to: Schema, answers: Answers): Map<string, string> {
  const old = readModel(from)
  const now = readModel(to)
  const renames = renamesBetween(old, now, answers.renames)
  const oldTable = (name: string) => [...renames.tables].find(([, other]) => other === name)?.[0] ?? name
  const map = new Map<string, string>()
  for (const table of renamed(old, renames).tables) {
    const other = tableNamed(now, table.name)
    const oldNames = new Map([...(renames.columns.get(table.name) ?? [])].map(([a, b]) => [b, a]))
    for (const column of other?.columns ?? []) {
      const was = table.columns.find(({ name }) => name === column.name)
      const left = valuesOf(column) ?? []
      if (!was || left.length === 0) continue
      const at = bare(column.definition).indexOf(" DEFAULT '")
      const said = left.find((value) => at !== -1 && column.definition.startsWith(value, at + ' DEFAULT '.length))
      const values = renames.values.get(`${table.name}.${column.name}`) ?? new Map()
      for (const value of lostValues(was, column, values)) {
        const name = `${shown(oldTable(table.name))}.${shown(oldNames.get(column.name) ?? column.name)}.${value}`
        map.set(name, said ?? left[0] ?? value)
      }
    }
  }
  return map
}
