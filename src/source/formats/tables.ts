/** Names of other tools' tables, in SQL. */
import { DIALECTS, type Dialect } from '../../sql/dialect.ts'

/** Quotes a table's name. MySQL has no schemas, so a schema is left out there. */
export function qualified(dialect: Dialect, schema: string | undefined, table: string): string {
  const { quote } = DIALECTS[dialect]
  return schema === undefined || dialect === 'mysql' ? quote(table) : `${quote(schema)}.${quote(table)}`
}

/** Splits a table's name as users write it: `table` or `schema.table`. */
export function splitName(name: string): { schema: string | undefined; table: string } {
  const [first = '', second] = name.split('.')
  return second === undefined ? { schema: undefined, table: first } : { schema: first, table: second }
}

/** Returns a time that a query returned; null if it is none. */
export function timeOf(value: unknown): Date | null {
  const time = value instanceof Date ? value : new Date(typeof value === 'string' ? value : Number.NaN)
  return Number.isNaN(time.getTime()) ? null : time
}
