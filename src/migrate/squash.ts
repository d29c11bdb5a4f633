/** What a squashed migration means for a database that has all, some or none of those that it replaces. Pure. */
import type { DatabaseState, HistoryEntry } from './driver.ts'
import { SquashedError } from './errors.ts'
import { type RelationsByVersion, versionIn } from './graph.ts'
import type { Migration } from './source.ts'
import { NIL_VERSION } from './version.ts'

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
  { version: row, history }: DatabaseState,
  migrations: readonly Migration[],
  relations: RelationsByVersion,
): Adoption[] {
  return migrations.flatMap((migration): Adoption[] => {
    const names = relations.get(migration.version)?.replaces ?? []
    if (names.length === 0) return []
    const state = stateOf(row, history, names, migration)
    if (state.missing.length === names.length || state.recorded) return []
    if (state.missing.length > 0) throw new SquashedError(migration.up ?? migration.name, names, state.missing)
    const versions = names.map(versionIn)
    const inside = history.filter(({ version }) => versions.includes(version))
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

function stateOf(
  row: number,
  history: readonly HistoryEntry[],
  names: readonly string[],
  { version, name }: Migration,
): { missing: string[]; recorded: boolean } {
  const entries = new Map(history.map((entry) => [entry.version, entry]))
  const baseline = history.findLast((entry) => entry.baseline)?.version ?? NIL_VERSION
  const adopted = history.length === 0 ? row : baseline
  const own = entries.get(version)
  return {
    missing: names.filter((replaced) => !entries.has(versionIn(replaced)) && versionIn(replaced) > adopted),
    recorded:
      own !== undefined &&
      own.fingerprint !== null &&
      own.name === name &&
      !names.some((replaced) => {
        const at = versionIn(replaced)
        return at !== version && entries.has(at)
      }),
  }
}
