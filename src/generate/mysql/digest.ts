/** A query that sums up the rows of a table. */
import type { SchemaColumn, SchemaObject } from '../../schema/model.ts'
import type { Schema } from '../../schema/schema.ts'
import { plainName, quoted } from './text.ts'

/** Each row is hashed by the values of these columns as texts, and the hashes are added, whatever their order. */
export function digest(_schema: Schema, table: SchemaObject, names: readonly string[]): string | undefined {
  if (table.kind !== 'table') return undefined
  const values = names.flatMap((name) => table.columns.filter((column) => column.name === name).map(textOf))
  const hash = `CAST(CONV(LEFT(SHA2(CONCAT_WS(',', ${['1', ...values].join(', ')}), 256), 15), 16, 10) AS UNSIGNED)`
  return `SELECT COUNT(*) AS n, CAST(COALESCE(SUM(${hash}), 0) AS CHAR) AS digest FROM ${quoted(plainName(table.name))}`
}

// --- internal ---

function textOf({ name, type }: SchemaColumn): string {
  const column = quoted(name)
  const bytes = /binary|blob|^bit\b|point|geometry|linestring|polygon|geomcollection|vector/i.test(type)
  return `COALESCE(${bytes ? `HEX(${column})` : `QUOTE(CONVERT(${column} USING utf8mb4))`}, 'NULL')`
}
