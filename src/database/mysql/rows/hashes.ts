/** Hashes the rows of a table on the server, so that they need not be read to see whether they have changed. */
import type { ColumnFacts } from '../definitions.ts'
import type { Row, Session } from '../session.ts'
import { identifier } from '../tables.ts'

/** Reads the rows' hashes; undefined if a row could not be read. */
export async function readRows(session: Session, hashes: readonly string[]): Promise<string[] | undefined> {
  return readHashes(await session.queries(hashes))
}

/** Returns what each of the queries found; undefined if a row could not be read. */
export function readHashes(results: readonly Row[][]): string[] | undefined {
  const all: string[] = []
  for (const [row = {}] of results) {
    const { unread, ...hash } = row
    if (Number(unread ?? 0) > 0) return undefined
    all.push(Object.values(hash).join(' '))
  }
  return all
}

/**
 * Returns a query with two sums, each over half of each row's SHA-256, independent of the order of rows. The server's
 * CHECKSUM TABLE would be faster, but does not notice a text that moves from one column to the next.
 */
export function hashOf(database: string, table: string, columns: readonly ColumnFacts[]): string {
  const row = columns.map(asText).join(', ')
  const half = (from: number) => `SUM(CAST(CONV(SUBSTR(h, ${from}, 15), 16, 10) AS UNSIGNED))`
  // Without the LIMIT, the server would compute the hash of a row once for each use.
  return `SELECT COUNT(*) AS n, ${half(1)} AS a, ${half(16)} AS b, SUM(h IS NULL) AS unread FROM (SELECT SHA2(CONCAT_WS(',', ${row}), 256) AS h FROM ${identifier(database)}.${identifier(table)} LIMIT 18446744073709551615) AS hashes`
}

// --- internal ---

/** Returns SQL of a text that no other value of the column has. Binary values cannot be quoted as text. */
function asText({ name, type }: ColumnFacts): string {
  const column = identifier(name)
  if (BYTES.test(type)) return `IFNULL(HEX(${column}), '-')`
  // A float loses digits when converted to text.
  return `CAST(QUOTE(${/^float/i.test(type) ? `${column} + 0e0` : column}) AS BINARY)`
}

const BYTES = /blob|binary|^bit|geometry|point|linestring|polygon|geomcollection|vector/i
