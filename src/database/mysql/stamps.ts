/**
 * Reads what the server knows of each table without reading its rows: when it was made, when a row was last written, and its
 * next AUTO_INCREMENT number. That shows changes which the binary log does not: see `binaryLog.ts`.
 */
import type { Row } from './session.ts'
import { literal } from './tables.ts'

export interface Stamps {
  /** A text by table or view, which is another one after the table or view has changed. */
  readonly of: ReadonlyMap<string, string>
  /**
   * Those that were made or written in the second of the reading, or in the one before, since the server's clocks
   * differ a little: a later change in that second leaves no trace.
   */
  readonly fresh: ReadonlySet<string>
  /** By table: the next AUTO_INCREMENT number as SHOW CREATE TABLE writes it, and an estimate of the number of rows. */
  readonly sizes: ReadonlyMap<string, { readonly number: string; readonly rows: number }>
}

/** Returns the queries whose last result {@link readStamps} reads. */
export function stampsSql(database: string, isMariadb: boolean): string[] {
  return [
    // MySQL would otherwise answer from a cache that is a day old.
    ...(isMariadb ? [] : ['SET SESSION information_schema_stats_expiry = 0']),
    `SELECT table_name AS name, table_type AS type, auto_increment AS number, table_rows AS counted, CAST(create_time AS CHAR) AS made, CAST(update_time AS CHAR) AS written, CAST(SYSDATE() - INTERVAL 1 SECOND AS CHAR) AS before_now FROM information_schema.tables WHERE table_schema = ${literal(database)}`,
  ]
}

export function readStamps(rows: readonly Row[]): Stamps {
  const named = rows.map(({ before_now: before, name, ...row }) => ({
    name: String(name),
    before: String(before),
    row,
  }))
  return {
    of: new Map(named.map(({ name, row }) => [name, JSON.stringify(row)])),
    fresh: new Set(
      named
        .filter(({ before, row }) => String(row.made ?? '') >= before || String(row.written ?? '') >= before)
        .map(({ name }) => name),
    ),
    sizes: new Map(
      named.map(({ name, row: { number, counted } }) => [
        name,
        { number: Number(number ?? 0) > 1 ? String(number) : '', rows: Number(counted ?? 0) },
      ]),
    ),
  }
}

/**
 * Returns the tables that may have changed between two readings; `undefined` if there are other tables or views.
 */
export function changedBetween(before: Stamps, now: Stamps): string[] | undefined {
  if (before.of.size !== now.of.size || [...before.of.keys()].some((name) => !now.of.has(name))) return undefined
  return [...now.of].flatMap(([name, stamp]) => (before.fresh.has(name) || before.of.get(name) !== stamp ? [name] : []))
}
