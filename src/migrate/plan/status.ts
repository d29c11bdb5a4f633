/** Computes the status of every migration. Pure. */
import type { DatabaseState, Journal } from '../driver.ts'
import type { Migration } from '../source.ts'
import type { Version } from '../version.ts'
import type { AppliedMigrations } from './history.ts'

export interface MigrationState<V extends Version = Version> {
  /** The version of the database; -1 if no migration is applied. */
  readonly version: V
  readonly dirty: boolean
}

export interface StatusRow<V extends Version = Version> {
  readonly version: V
  readonly name: string
  /** `late`: below the current version and never applied. `unrecorded`: applied by another tool, or adopted. */
  readonly state: 'applied' | 'unrecorded' | 'pending' | 'late' | 'edited' | 'missing'
  readonly appliedAt: Date | null
  readonly appliedBy: string | null
  readonly durationMs: number | null
  /** Reason why the file cannot be read or run; null if it can. */
  readonly problem: string | null
}

export interface MigrationStatus<V extends Version = Version> extends MigrationState<V> {
  readonly migrations: readonly StatusRow<V>[]
  /** Explanation of what happens now, if another tool moved the version row. */
  readonly disagreement: string | undefined
  /** Errors in the declared dependencies, and multiple heads. */
  readonly problems: readonly string[]
  /** The entries of `problems` that prevent any up. */
  readonly blocked: readonly string[]
  /** The journal of a migration that stopped half-way. */
  readonly running: (Journal & { readonly version: V }) | undefined
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
): MigrationStatus<number> {
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
