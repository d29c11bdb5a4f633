/** Records which migrations a test uses, and finds the tests that a changed migration affects. */
import type { Target } from '../../migrate/version.ts'
import { isUrl, pathOf } from '../../source/folder.ts'
import { folderOf } from './migrations.ts'
import type { MigratedDatabaseOptions } from './options.ts'
import { seedsOf } from './seeds.ts'

/** The content of vitest's `task.meta.migratest`. */
export interface MigratestMeta {
  /** The folder of the test's migrations; `undefined` if they are not in a folder. */
  migrations?: string | undefined
  /** Absolute paths of the files that its seeds are in. */
  seedFiles?: readonly string[]
  /** The highest version that the test asked for. */
  version?: number
  /** `true` if the test asked for the latest version, or for one by its name: every change affects it. */
  latest?: boolean
  /** The name of the test's database, if it was kept. */
  kept?: string
}

/** Records the files that a test's database is made from in `meta`. Returns the function that records each target. */
export function noting<Client>(
  meta: object | undefined,
  options: Pick<MigratedDatabaseOptions<Client>, 'migrations' | 'seeds' | 'prepare'>,
): (target: Target) => void {
  const { migrations } = options
  const own: MigratestMeta = {}
  const seedFiles = seedsOf(options)
    .filter(isUrl)
    .map((seed) => pathOf(seed))
  if (seedFiles.length > 0) own.seedFiles = seedFiles
  const folder = typeof migrations === 'object' && !isUrl(migrations) ? undefined : folderOf(migrations)
  if (folder !== undefined) own.migrations = folder
  if (meta) Object.assign(meta, { migratest: own })
  return (target) => {
    const version = typeof target === 'object' ? target.justBefore : target
    if (version === 'nil') return
    // A name does not say which migrations come before it, so any change may affect the test.
    if (typeof version === 'string') own.latest = true
    else own.version = Math.max(own.version ?? 0, typeof target === 'object' ? version - 1 : version)
  }
}

/** Returns the version that a file's name begins with; `undefined` if there is none. */
export function versionOf(name: string): number | undefined {
  const digits = /^(\d+)_/.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/**
 * Returns `true` if a change in the folder affects the test, or a change of the seed's file.
 * @param version the lowest version that changed; `undefined` for a changed file that is not a migration, which any
 * migration may use
 */
export function dependsOn(meta: MigratestMeta | undefined, folder: string, version: number | undefined): boolean {
  if (meta?.seedFiles?.includes(folder)) return true
  if (meta?.migrations !== folder) return false
  return version === undefined || meta.latest === true || (meta.version ?? 0) >= version
}
