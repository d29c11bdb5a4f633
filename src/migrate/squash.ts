/** What a squashed migration means for a database that has all, some or none of those that it replaces. Pure. */
import type { DatabaseState, HistoryEntry } from './driver.ts'
import { SquashedError } from './errors.ts'
import { type RelationsByVersion, versionIn } from './graph.ts'
import { reconcile } from './history.ts'
import type { Migration } from './source.ts'

/** A squashed migration that is applied in all but its record. */
export interface Adoption {
  readonly version: number
  /** What it replaces, without its own version. */
  readonly replaced: readonly number[]
  /** Whether all below counts as applied by a baseline inside of what it replaces. */
  readonly baseline: boolean
}

/** @throws SquashedError: some of what one replaces is applied, and some is not */
export function findAdoptions(
  state: DatabaseState,
  migrations: readonly Migration[],
  relations: RelationsByVersion,
): Adoption[] {
  const squashed = migrations.filter(({ version }) => relations.get(version)?.replaces?.length)
  if (squashed.length === 0) return []
  const names = new Map(squashed.map(({ version }) => [version, relations.get(version)?.replaces ?? []]))
  // As if the files were still there: what counts as applied is worked out as ever.
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
    // Where nothing of it is recorded, it counts as applied itself.
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

/** Under its own name, which is none of those that it replaces. */
function isRecorded(
  { version, name }: Migration,
  replaced: readonly number[],
  entries: ReadonlyMap<number, HistoryEntry>,
): boolean {
  return entries.get(version)?.name === name && !replaced.some((other) => other !== version && entries.has(other))
}
