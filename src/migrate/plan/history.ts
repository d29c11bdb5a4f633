/** Determines which migrations are applied, from the version row and the history table. Pure. */
import type { Baseline, DatabaseState, HistoryEntry } from '../driver.ts'
import type { Migration } from '../source.ts'
import { describeVersion, NIL_VERSION } from '../version.ts'

export interface AppliedMigrations {
  /** Applied versions, ascending. Includes migrations whose file is gone, if they are in the history. */
  readonly versions: readonly number[]
  /** History entries of the versions that were applied with this tool. */
  readonly entries: ReadonlyMap<number, HistoryEntry>
  /** Late migrations: in the source, below the current version, and not applied. */
  readonly late: readonly number[]
  /** The baseline: versions up to it count as applied even if they are not recorded. */
  readonly baseline: number
  /**
   * Change of the history that the next write must include, if this tool first adopts the database or another tool
   * moved the version row.
   */
  readonly repair: Baseline | undefined
  /** Message for the user, if another tool moved the version row. */
  readonly disagreement: string | undefined
}

export function reconcile(state: DatabaseState, migrations: readonly Migration[]): AppliedMigrations {
  const history = state.history.filter((entry) => entry.running === null)
  const row = state.version
  const head = history.at(-1)?.version ?? NIL_VERSION
  const agreement = history.findLast((entry) => entry.version <= row)?.version ?? NIL_VERSION
  const trusted = history.filter((entry) => entry.version <= agreement)
  const recordedBaseline = trusted.findLast((entry) => entry.baseline)?.version ?? NIL_VERSION
  const agrees = head === row
  // A dirty version row has the target of a migration that is not in the history yet, so there is nothing to repair.
  const settled = agrees || state.dirty
  const adopting = !settled && history.length === 0
  const baseline = adopting ? row : recordedBaseline
  // Up to the last version on which the row and the history agree, only recorded migrations count as applied. Those
  // above it were applied by another tool and count too.
  const byOthers = (version: number) => !settled && version > agreement && version <= row
  const entries = new Map(trusted.filter((entry) => entry.fingerprint !== null).map((e) => [e.version, e]))
  const known = new Set(trusted.map((entry) => entry.version))
  const versions: number[] = []
  const late: number[] = []
  for (const { version } of migrations) {
    if (version > row) continue
    if (version <= baseline || known.has(version) || byOthers(version)) versions.push(version)
    else late.push(version)
  }
  const inSource = new Set(versions)
  for (const version of entries.keys()) if (!inSource.has(version)) versions.push(version)
  versions.sort((a, b) => a - b)
  return {
    versions,
    entries,
    late: state.dirty ? [] : late,
    baseline,
    repair: settled
      ? undefined
      : {
          version: adopting ? row : NIL_VERSION,
          above: agreement,
          adopt: adopting ? [] : versions.filter(byOthers),
        },
    disagreement: settled || adopting ? undefined : disagreement(row, head, agreement),
  }
}

function disagreement(row: number, head: number, agreement: number): string {
  const trusted =
    agreement === NIL_VERSION ? 'Nothing in the history is trusted' : `The history is trusted up to ${agreement}`
  return (
    `Another tool moved this database: the version row says ${describeVersion(row)}, but our history ends at ` +
    `${describeVersion(head)}. ${trusted}; what another tool applied counts as applied, but is not recorded.`
  )
}
