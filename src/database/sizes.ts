/** Counts of rows and bytes of a database's tables, as the server estimates them: no row is read. */
import type { Driver } from '../migrate/driver.ts'
import { ARE_TABLES } from './tableTypes.ts'

/** By table, with its schema unless that is the one the session is in. */
export type TableSizes = Readonly<Record<string, TableSize>>

export interface TableSize {
  /** About so many rows, as of the last time that the server looked. */
  readonly rows: number
  /** With indexes. */
  readonly bytes: number
}

/** @param own names of tables that are not the migrations' */
export async function readSizes(driver: Driver, own: readonly string[]): Promise<TableSizes> {
  const rows = (await driver.rows?.(driver.dialect === 'mysql' ? MYSQL : POSTGRES)) ?? []
  return Object.fromEntries(
    rows
      .filter(({ bare }) => !own.includes(String(bare)))
      .map(({ name, rows: count, bytes }) => [String(name), { rows: Number(count), bytes: Number(bytes) }]),
  )
}

// --- internal ---

/** `reltuples` is -1 for a table that was never analyzed; the statistics then know what was written since. */
const POSTGRES = `SELECT c.oid::pg_catalog.regclass::text AS name, c.relname AS bare,
  CASE WHEN c.reltuples > 0 THEN c.reltuples::int8 ELSE pg_catalog.pg_stat_get_live_tuples(c.oid) END AS rows,
  pg_catalog.pg_total_relation_size(c.oid) AS bytes
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1`

const MYSQL = `SELECT table_name AS name, table_name AS bare, COALESCE(table_rows, 0) AS \`rows\`, COALESCE(data_length + index_length, 0) AS bytes
FROM information_schema.tables WHERE table_schema = DATABASE() AND ${ARE_TABLES} ORDER BY 1`
