/** Decides how to treat a squashed migration if all, some or none of the replaced migrations are applied. Pure. */
import type { DatabaseState, HistoryEntry } from '../driver.ts'
import { SquashedError } from '../errors.ts'
import type { Migration } from '../source.ts'
import { type RelationsByVersion, versionIn } from './graph.ts'
import { reconcile } from './history.ts'

/** A squashed migration to record as applied, because everything it replaces is applied. */
export interface Adoption {
  readonly version: number
  /** Versions it replaces, without its own version. */
  readonly replaced: readonly number[]
  /** `true` if a replaced migration is the baseline, so that everything below counts as applied. */
  readonly baseline: boolean
}

/**
 * Finds the squashed migrations that must be recorded as applied.
 * @throws SquashedError if only some of the migrations that one replaces are applied
 */
export function findAdoptions(
  state: DatabaseState,
  migrations: readonly Migration[],
  relations: RelationsByVersion,
): Adoption[] {
  const squashed = migrations.filter(({ version }) => relations.get(version)?.replaces?.length)
  if (squashed.length === 0) return []
  const names = new Map(squashed.map(({ version }) => [version, relations.get(version)?.replaces ?? []]))
  // Determine what is applied as usual, as if the files of the replaced migrations still existed.
  const parts = [...names.values()].flat().map((name): Migration => ({ version: versionIn(name), name }))
  const before = [...migrations.filter(({ version }) => !names.has(version)), ...parts]
  const applied = new Set(
    reconcile(
      state,
      before.sort((a, b) => a.version - b.version),
    ).versions,
  )
  const entries = new Map(state.history.map((entry) => [entry.version, entry]))
  return squashed.flatMap((migration): Adoption[] => {
    const replaces = names.get(migration.version) ?? []
    const versions = replaces.map(versionIn)
    if (isRecorded(migration, versions, entries)) return []
    const missing = replaces.filter((name) => !applied.has(versionIn(name)))
    if (missing.length === replaces.length) return []
    if (missing.length > 0) throw new SquashedError(migration.up ?? migration.name, replaces, missing)
    // If none of the replaced migrations is recorded, the squashed one already counts as applied itself.
    const inside = versions.flatMap((version) => entries.get(version) ?? [])
    if (inside.length === 0) return []
    return [
      {
        version: migration.version,
        replaced: versions.filter((version) => version !== migration.version),
        baseline: inside.some(({ baseline }) => baseline),
      },
    ]
  })
}

// --- internal ---

/**
 * Returns `true` if the migration is recorded under its own name and none of the migrations it replaces is recorded.
 */
function isRecorded(
  { version, name }: Migration,
  replaced: readonly number[],
  entries: ReadonlyMap<number, HistoryEntry>,
): boolean {
  return entries.get(version)?.name === name && !replaced.some((other) => other !== version && entries.has(other))
}
