/** The migrations of a test: those that its options name, or those of the project. */
import { resolve } from 'node:path'
import type { URL } from 'node:url'
import { UsageError } from '../../migrate/errors.ts'
import type { Source } from '../../migrate/source.ts'
import { isUrl, pathOf } from '../../source/folder.ts'
import { openAnyFolder } from '../../source/openAny.ts'
import { findProjectFolder } from '../../source/project.ts'

/** The option `migrations`. */
export type Migrations = string | URL | Source | undefined

/**
 * Returns the path of the folder that an option names, or that the project has; or the source that it is.
 * @throws UsageError for a URL that names no file, and if no folder is named and none is found
 */
export function folderOrSource(migrations: Migrations): string | Source {
  if (migrations === undefined) return projectFolder()
  return typeof migrations === 'string' || isUrl(migrations) ? pathOf(migrations) : migrations
}

/** @throws UsageError if no folder is named and none is found, or if it fits two tools */
export async function sourceOf(migrations: Migrations): Promise<Source> {
  const given = folderOrSource(migrations)
  if (typeof given !== 'string') return given
  return openAnyFolder(given)
}

/** Returns the absolute path of the folder; undefined if the migrations are not in one, or if none is found. */
export function folderOf(migrations: Migrations): string | undefined {
  if (migrations === undefined) {
    const found = findProjectFolder(process.cwd())
    return found && resolve(found.path)
  }
  return typeof migrations === 'string' || isUrl(migrations) ? resolve(pathOf(migrations)) : migrations.folder
}

// --- internal ---

function projectFolder(): string {
  const found = findProjectFolder(process.cwd())
  if (found) return resolve(found.path)
  throw new UsageError("The option migrations is missing: a folder's path, or a source.", {
    hint: 'Without it, the folder is the one that prisma.config.ts, drizzle.config.ts or supabase/config.toml in the working directory names; none was found.',
  })
}
