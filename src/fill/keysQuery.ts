/** Builds the query for the keys that new rows can refer to. Both kinds of databases take the same one. */
import type { FillTable, ForeignKey } from './model.ts'

export interface KeysWanted {
  /** The foreign keys, each with its parent table. Columns that several keys share must have one value. */
  readonly keys: readonly { readonly key: ForeignKey; readonly parent: FillTable }[]
  /** The referring columns to return, in this order. */
  readonly columns: readonly string[]
  /** The most rows to return. */
  readonly most: number
}

/** How a database writes names, and how it turns the value of a column into text. */
export interface KeysWriter {
  quote(name: string): string
  asText(sql: string, column: string): string
}

/** Returns a query whose columns `k0`, `k1`, … are the values of `columns` as texts. */
export function keysQuery({ keys, columns, most }: KeysWanted, { quote, asText }: KeysWriter): string {
  const sides = new Map<string, string>()
  const joins: string[] = []
  for (const [n, { key, parent }] of keys.entries()) {
    const on: string[] = []
    for (const [k, name] of key.columns.entries()) {
      const side = `p${n}.${quote(key.parentColumns[k] ?? '')}`
      const before = sides.get(name)
      if (before) on.push(`${before} = ${side}`)
      else sides.set(name, side)
      on.push(`${side} IS NOT NULL`)
    }
    joins.push(n === 0 ? `${parent.sql} AS p0` : `JOIN ${parent.sql} AS p${n} ON ${on.join(' AND ')}`)
  }
  const notNull = (keys[0]?.key.parentColumns ?? []).map((name) => `p0.${quote(name)} IS NOT NULL`)
  const selected = columns.map((name, n) => `${asText(sides.get(name) ?? '', name)} AS k${n}`)
  const order = columns.map((name) => sides.get(name)).join(', ')
  return `SELECT ${selected.join(', ')} FROM ${joins.join(' ')} WHERE ${notNull.join(' AND ')} GROUP BY ${order} ORDER BY ${order} LIMIT ${most}`
}
