/** Reads the version row and the history. */
import type { DatabaseState, HistoryEntry } from '../../migrate/driver.ts'
import type { Direction } from '../../migrate/source.ts'
import { NIL_VERSION } from '../../migrate/version.ts'
import { asStatementError, isMissingTable } from './failure.ts'
import type { Row, Session } from './session.ts'
import type { Tables } from './tables.ts'

/**
 * Returns the query for the state.
 * @param one a SELECT of one row, whose columns each row of the result has, too
 * @param versions only these records of the history, and the number of all as `records`; or those whose versions are the
 * parameter `$1`, an array
 */
export function stateQuery(
  { versionTable, historyTable }: Tables,
  one = 'SELECT',
  versions?: readonly number[] | '$1',
): string {
  const count = versions ? ` (SELECT count(*)::integer FROM ${historyTable}) AS records,` : ''
  const among = versions === '$1' ? versions : `'{${versions?.join()}}'::bigint[]`
  const some = versions ? ` WHERE version = ANY (${among})` : ''
  return `SELECT one.*, (SELECT version::text || ' ' || dirty FROM ${versionTable} LIMIT 1) AS row,${count} h.* FROM (${one}) one LEFT JOIN (
    SELECT version::text, name, fingerprint, down_fingerprint, baseline, up IS NOT NULL OR down IS NOT NULL AS recorded, ${digestOf('up')}, ${digestOf('down')}, running, started, done, total, applied_at, applied_by, duration_ms
    FROM ${historyTable}${some}) h ON true ORDER BY h.version::bigint`
}

/** Reads the state in one round trip, even if one of the tables or both are missing. */
export async function readState(session: Session, tables: Tables): Promise<DatabaseState> {
  const { versionTable } = tables
  try {
    return toState(await session.query(stateQuery(tables)))
  } catch (error) {
    if (!isMissingTable(error)) throw asStatementError(error)
  }
  // The database lacks one of our tables, or both: it is new, or only golang-migrate has used it.
  const rows = await session
    .query(`SELECT version::text || ' ' || dirty AS row FROM ${versionTable} LIMIT 1`)
    .catch((error) => (isMissingTable(error) ? [] : Promise.reject(asStatementError(error))))
  return toState(rows)
}

/** Makes the state of the rows of {@link stateQuery}. */
export function toState(rows: readonly Row[]): DatabaseState {
  const [version, dirty] = String(rows[0]?.row ?? `${NIL_VERSION} false`).split(' ')
  return {
    version: Number(version),
    dirty: dirty === 'true',
    history: rows.filter((row) => row.version != null).map(toEntry),
  }
}

// --- internal ---

/** A longer text takes the server longer than it takes us to compare the file. */
const LONG_BYTES = 100_000

/** Selects the digest of a text, or an empty string for a long text. */
function digestOf(half: Direction): string {
  return `CASE WHEN pg_catalog.octet_length(${half}) > ${LONG_BYTES} THEN '' ELSE pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(${half}, 'UTF8')), 'hex') END AS ${half}_digest`
}

function toEntry(row: Row): HistoryEntry {
  return {
    version: Number(row.version),
    name: String(row.name),
    fingerprint: row.fingerprint as string | null,
    downFingerprint: row.down_fingerprint as string | null,
    baseline: row.baseline === true,
    recorded: row.recorded === true,
    digests:
      row.up_digest === '' || row.down_digest === ''
        ? undefined
        : { up: row.up_digest as string | null, down: row.down_digest as string | null },
    running: row.running
      ? {
          direction: row.running as Direction,
          started: Number(row.started),
          done: Number(row.done),
          total: Number(row.total),
        }
      : null,
    appliedAt: row.applied_at as Date | null,
    appliedBy: row.applied_by as string | null,
    durationMs: row.duration_ms as number | null,
  }
}
