/** Reads the version row and the history. */
import type { DatabaseState, HistoryEntry } from '../../migrate/driver.ts'
import type { Direction } from '../../migrate/source.ts'
import { NIL_VERSION } from '../../migrate/version.ts'
import { asStatementError, isMissingTable } from './failure.ts'
import type { Row, Session } from './session.ts'
import type { Tables } from './tables.ts'

/** Reads the state, even if one of the tables or both are missing. */
export async function readState(
  session: Session,
  { versionTable, historyTable, journalTable }: Tables,
): Promise<DatabaseState> {
  const version = `SELECT CAST(version AS char) AS version, dirty FROM ${versionTable} LIMIT 1`
  const history = `SELECT CAST(h.version AS char) AS version, name, fingerprint, down_fingerprint, baseline, up IS NOT NULL OR down IS NOT NULL AS recorded, running, j.started, j.done, total,
 CONCAT(REPLACE(CAST(applied_at AS char), ' ', 'T'), 'Z') AS applied_at, applied_by, duration_ms FROM ${historyTable} AS h LEFT JOIN ${journalTable} AS j ON j.version = h.version ORDER BY h.version`
  try {
    const [row = [], entries = []] = await session.queries([version, history])
    return toState(row, entries)
  } catch (error) {
    if (!isMissingTable(error)) throw asStatementError(error)
  }
  // The database lacks one of our tables, or both: it is new, or only golang-migrate has used it.
  const rows = await session
    .query(version)
    .catch((error) => (isMissingTable(error) ? [] : Promise.reject(asStatementError(error))))
  return toState(rows, [])
}

/**
 * Returns the versions of the migrations that have ended although the history does not say so: while one up follows
 * another, only the version row moves, and their ends are written later, together. So of all that run, the highest one
 * does.
 * @param history rows with `version` and `running`, lowest version first
 */
export function endedOf(history: readonly Row[]): number[] {
  return history
    .filter(({ running }) => running === 'up')
    .slice(0, -1)
    .map(({ version }) => Number(version))
}

// --- internal ---

function toState([row]: readonly Row[], history: readonly Row[]): DatabaseState {
  const ended = new Set(endedOf(history))
  return {
    version: row ? Number(row.version) : NIL_VERSION,
    dirty: Number(row?.dirty ?? 0) !== 0,
    history: history.map((entry) => toEntry(entry, ended.has(Number(entry.version)))),
  }
}

function toEntry(row: Row, hasEnded: boolean): HistoryEntry {
  return {
    version: Number(row.version),
    name: String(row.name),
    fingerprint: row.fingerprint as string | null,
    downFingerprint: row.down_fingerprint as string | null,
    baseline: Number(row.baseline) === 1,
    recorded: Number(row.recorded) === 1,
    running:
      row.running && !hasEnded
        ? {
            direction: row.running as Direction,
            // Without a row in the journal, its first statement has begun.
            started: Number(row.started ?? 1),
            done: Number(row.done ?? 0),
            total: Number(row.total),
          }
        : null,
    appliedAt: new Date(String(row.applied_at)),
    appliedBy: row.applied_by as string | null,
    durationMs: row.duration_ms === null ? null : Number(row.duration_ms),
  }
}
