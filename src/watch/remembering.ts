/**
 * Returns a source that reads an SQL file again only if it may have changed. Most files are unchanged since the last
 * save.
 */
import { statSync } from 'node:fs'
import type { MigrationBody, Source } from '../migrate/source.ts'

export function remembering(source: Source): Source {
  const known = new Map<string, { readonly stamp: string; readonly body: MigrationBody | null }>()
  return {
    name: source.name,
    format: source.format,
    folder: source.folder,
    get remarks() {
      return source.remarks ?? []
    },
    get passedOver() {
      return source.passedOver ?? []
    },
    list: () => source.list(),
    ...(source.relations && { relations: () => (source.relations as NonNullable<Source['relations']>)() }),
    ...(source.revive && {
      revive: (record, direction) => (source.revive as NonNullable<Source['revive']>)(record, direction),
    }),
    async read(migration, direction) {
      const path = migration[direction]
      const stamp = path?.endsWith('.sql') ? stampOf(path) : undefined
      if (path === undefined || stamp === undefined) return source.read(migration, direction)
      // Some tools have both halves in one file.
      const key = `${direction} ${path}`
      const before = known.get(key)
      if (before?.stamp === stamp) return before.body
      const body = await source.read(migration, direction)
      known.set(key, { stamp, body })
      return body
    },
  }
}

// --- internal ---

/**
 * Age in milliseconds below which a file is always read again: two saves may get the same timestamp from the file
 * system.
 */
const YOUNG_MS = 100

/**
 * Returns the times, size and inode of a file as text. Returns undefined if the file is gone, or is so new that another
 * change could leave the same values.
 */
function stampOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true })
  if (!stat || Date.now() - Number(stat.mtimeMs) < YOUNG_MS) return undefined
  return `${stat.mtimeNs} ${stat.ctimeNs} ${stat.size} ${stat.ino}`
}
