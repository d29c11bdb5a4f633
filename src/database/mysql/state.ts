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

/** The state that the history implies for migrations whose ends are not written yet; see `runRecord.ts`. */
export interface Implied {
  /** Version that the version row would have. */
  readonly version: number
  readonly dirty: boolean
  /** Versions of the migrations that have ended, although the history says that they run. */
  readonly ended: readonly number[]
}

/** @param history rows with `version` and `running`, lowest version first */
export function impliedBy(row: Row | undefined, history: readonly Row[]): Implied {
  const version = row ? Number(row.version) : NIL_VERSION
  const dirty = Number(row?.dirty ?? 0) !== 0
  const ups = history.filter(({ running }) => running === 'up').map((up) => Number(up.version))
  const top = ups.at(-1)
  if (top === undefined) return { version, dirty, ended: [] }
  const before = ups.slice(0, -1)
  const applied = history.filter(({ running }) => !running).map((one) => Number(one.version))
  // The row stays behind only if it names one of these. What runs has ended if one after it has been applied.
  if (dirty && ups.includes(version)) {
    const last = Math.max(top, ...applied)
    return last > top ? { version: last, dirty: false, ended: ups } : { version: top, dirty, ended: before }
  }
  // Or another tool has set the row.
  const hasEnded = !dirty && applied.some((one) => one > top && one <= version)
  return { version, dirty, ended: hasEnded ? ups : before }
}

// --- internal ---

function toState([row]: readonly Row[], history: readonly Row[]): DatabaseState {
  const { version, dirty, ended } = impliedBy(row, history)
  return {
    version,
    dirty,
    history: history.map((entry) => toEntry(entry, ended.includes(Number(entry.version)))),
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
