/** Opens a folder of migrations, and loads what knows the folders of other tools only if it may be one. */
import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Source } from '../migrate/source.ts'
import { directory } from './directory.ts'
import { pathOf } from './folder.ts'

/** Returns a source as `openFolder()` does. @throws UsageError if the folder fits two tools */
export async function openAnyFolder(path: string): Promise<Source> {
  // The formats are a fifth of what there is to load.
  return isPlainlyOurs(path) ? directory(path) : (await import('./open.ts')).openFolder(path)
}

/**
 * Returns `true` if all that is in a folder is named as for golang-migrate, in SQL: then it is no other tool's, unless its
 * place says so.
 */
export function isPlainlyOurs(path: string): boolean {
  try {
    const folder = resolve(pathOf(path))
    const entries = readdirSync(folder, { withFileTypes: true })
    const isOurs = entries.every((entry) => HALF.test(entry.name) && !entry.isDirectory())
    return isOurs && entries.length > 0 && !PLACES.test(folder)
  } catch {
    return false
  }
}

// --- internal ---

const HALF = /^\d+_.*\.(?:up|down)\.sql$/

/** Where Supabase has its migrations. */
const PLACES = /(?:^|[\\/])supabase[\\/]migrations$/
