/** A query that sums up the rows of a table. */
import type { SchemaObject } from '../../schema/model.ts'
import type { Schema } from '../../schema/schema.ts'
import { factsOf, isKind, sideOf } from './side.ts'

export function digest(schema: Schema, table: SchemaObject, columns: readonly string[]): string | undefined {
  if (!isKind('table', table)) return undefined
  const side = sideOf(schema)
  const facts = factsOf(side, table)
  // The rows of partitions are counted with their table, and those of children by themselves.
  if (facts.form === 'f' || facts.bound !== null) return undefined
  const quoted = (facts.columns ?? []).filter(({ name }) => columns.includes(name)).map((column) => column.quoted)
  const only = facts.form === 'p' ? '' : 'ONLY '
  return `SELECT count(*)::integer AS n, md5(coalesce(string_agg(h, '' ORDER BY h), '')) AS digest FROM (SELECT md5(ROW(${quoted.join(', ')})::text) AS h FROM ${only}${table.name}) rows`
}
