/** What a test tells of its database, and which tests a changed migration concerns. */
import { resolve } from 'node:path'
import type { Source } from '../../migrate/source.ts'
import type { Target } from '../../migrate/version.ts'
import { isUrl, pathOf } from '../../source/folder.ts'

/** In vitest's `task.meta.migratest`. */
export interface MigratestMeta {
  /** The folder of its migrations; undefined where they are in none. */
  migrations?: string | undefined
  /** The highest version that it asked for. */
  version?: number
  /** Whether it asked for the latest: one that is added concerns it, too. */
  latest?: boolean
  /** The name of its database, if that was kept. */
  kept?: string
}

/** Tells in `meta` what a test asks for. */
export function noting(meta: object | undefined, migrations: string | URL | Source): (target: Target) => void {
  const own: MigratestMeta = {}
  if (typeof migrations === 'string' || isUrl(migrations)) own.migrations = resolve(pathOf(migrations))
  if (meta) Object.assign(meta, { migratest: own })
  return (target) => {
    if (target === 'latest') own.latest = true
    else
      own.version = Math.max(
        own.version ?? 0,
        typeof target === 'object' ? target.justBefore - 1 : target === 'nil' ? 0 : target,
      )
  }
}

/** The number that a file's name begins with. */
export function versionOf(name: string): number | undefined {
  const digits = /^(\d+)_/.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** @param version the lowest that changed; undefined: a file that is no migration, which any of them may use */
export function dependsOn(meta: MigratestMeta | undefined, folder: string, version: number | undefined): boolean {
  if (meta?.migrations !== folder) return false
  return version === undefined || meta.latest === true || (meta.version ?? 0) >= version
}
