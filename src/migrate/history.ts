/** What is applied, worked out from the version row and the history beside it. Pure. */
import type { Baseline, DatabaseState, HistoryEntry } from './driver.ts'
import type { Migration } from './source.ts'
import { describeVersion, NIL_VERSION } from './version.ts'

export interface AppliedMigrations {
  /** Ascending. Also migrations whose file is gone, if the history knows them. */
  readonly versions: readonly number[]
  /** What the history knows of each version that was applied with this tool. */
  readonly entries: ReadonlyMap<number, HistoryEntry>
  /** In the source, below the current version, and not applied: merged late. */
  readonly late: readonly number[]
  /** Versions up to here count as applied though unrecorded. */
  readonly baseline: number
  /** What the next write must settle in the history: first adoption, or another tool moved the row. */
  readonly repair: Baseline | undefined
  /** Set where another tool moved the row: what a person should know. */
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
  // A dirty row stands at the target of a migration that is not in the history yet: nothing to repair.
  const settled = agrees || state.dirty
  const adopting = !settled && history.length === 0
  const baseline = adopting ? row : recordedBaseline
  // What another tool applied above what both know counts as applied; below, only what is known does.
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
  const trusted = agreement === NIL_VERSION ? 'Nothing in it is trusted' : `It is trusted up to ${agreement}`
  return (
    `Another tool moved this database: the version row says ${describeVersion(row)}, our history ends at ` +
    `${describeVersion(head)}. ${trusted}; what another tool applied counts as applied, unrecorded.`
  )
}
