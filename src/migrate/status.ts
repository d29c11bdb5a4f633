/** What became of every migration. Pure. */
import type { DatabaseState, Journal } from './driver.ts'
import type { AppliedMigrations } from './history.ts'
import type { Migration } from './source.ts'

export interface MigrationState {
  /** -1 where nothing is applied. */
  readonly version: number
  readonly dirty: boolean
}

export interface StatusRow {
  readonly version: number
  readonly name: string
  /** `late`: below the current version and never applied. `unrecorded`: applied by another tool, or adopted. */
  readonly state: 'applied' | 'unrecorded' | 'pending' | 'late' | 'edited' | 'missing'
  readonly appliedAt: Date | null
  readonly appliedBy: string | null
  readonly durationMs: number | null
  /** Why its file cannot be read or run, where it cannot. */
  readonly problem: string | null
}

export interface MigrationStatus extends MigrationState {
  readonly migrations: readonly StatusRow[]
  /** Set where another tool moved the database: what that means. */
  readonly disagreement: string | undefined
  /** What is wrong with what migrations say of each other, and branches that nothing joins. */
  readonly problems: readonly string[]
  /** Those of the problems because of which nothing goes up. */
  readonly blocked: readonly string[]
  /** The journal of a migration that stopped half-way. */
  readonly running: (Journal & { readonly version: number }) | undefined
}

export function statusOf(
  state: DatabaseState,
  migrations: readonly Migration[],
  applied: AppliedMigrations,
  found: {
    edited: readonly Migration[]
    broken: ReadonlyMap<number, Error>
    problems: readonly string[]
    blocked: readonly string[]
  },
): MigrationStatus {
  const inSource = new Map(migrations.map((migration) => [migration.version, migration]))
  const done = new Set(applied.versions)
  const late = new Set(applied.late)
  const changed = new Set(found.edited.map(({ version }) => version))
  const versions = [...new Set([...inSource.keys(), ...done])].sort((a, b) => a - b)
  const under = state.history.find((entry) => entry.running)
  const stateOf = (version: number): StatusRow['state'] => {
    if (!done.has(version)) return late.has(version) ? 'late' : 'pending'
    if (!inSource.has(version)) return 'missing'
    if (changed.has(version)) return 'edited'
    return applied.entries.has(version) ? 'applied' : 'unrecorded'
  }
  return {
    version: state.version,
    dirty: state.dirty,
    disagreement: applied.disagreement,
    problems: found.problems,
    blocked: found.blocked,
    running: under?.running ? { ...under.running, version: under.version } : undefined,
    migrations: versions.map((version) => {
      const entry = applied.entries.get(version)
      return {
        version,
        name: inSource.get(version)?.name ?? entry?.name ?? '',
        state: stateOf(version),
        appliedAt: entry?.appliedAt ?? null,
        appliedBy: entry?.appliedBy ?? null,
        durationMs: entry?.durationMs ?? null,
        problem: found.broken.get(version)?.message ?? null,
      }
    }),
  }
}
