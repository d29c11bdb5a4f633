/** Looks for folders of migrations where none was named, so that an error can say where they may be. */
import { type Dirent, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { shorten } from './folder.ts'

/**
 * Returns a sentence that names the folders below this one in which migrations may be, by their names and files; undefined
 * if there are none.
 */
export function placesBelow(folder: string): string | undefined {
  const found = foldersBelow(folder)
  const [first] = found
  if (!first) return undefined
  const shown = found.slice(0, SHOWN).map(({ path, files }) => `${path} (${files} ${files === 1 ? 'file' : 'files'})`)
  const more = found.length > SHOWN ? ` and ${found.length - SHOWN} more` : ''
  return `These may have migrations: ${shown.join(', ')}${more}. Name one with --path ${first.path}, or in the option migrations.`
}

/** Returns what to say of a folder in which no file is named as a migration: it may be another tool's. */
export function remarksOnEmpty(folder: string, shown: string, names: readonly string[]): readonly string[] {
  const others = names.filter((name) => CODE.test(name))
  const below = placesBelow(folder)
  const files =
    others.length === 0
      ? []
      : [
          `${shown} has no file that is named as a migration of migratest, as 0001_create_users.up.sql is: ${others.slice(0, 3).join(', ')}. If they are another tool's, say whose: migrations: knex('${shown}'), umzug('${shown}', …) and others, from 'migratest/sources'.`,
        ]
  return below === undefined ? files : [...files, `${shown} has no migrations itself. ${below}`]
}

// --- internal ---

const SHOWN = 5
/** Limits of the search, in levels and folders: a large project must not delay its error. */
const DEEPEST = 8
const MOST = 5000

/** Folders with what is installed, built or made up for tests, and db-migrate's with the SQL of its migrations. */
const PASSED_OVER = /^(?:node_modules|dist|build|out|coverage|vendor|sqls|tests?|__\w+__|fixtures|\..*)$/

interface Place {
  readonly path: string
  readonly files: number
}

/** Returns folders named after migrations, or within one so named, that have code or SQL; the one with most files first. */
function foldersBelow(from: string): Place[] {
  const found: Place[] = []
  let left = MOST
  const visit = (folder: string, depth: number, isNamed: boolean) => {
    if (left-- <= 0 || depth > DEEPEST) return
    const entries = entriesOf(folder)
    const files = entries.filter((entry) => entry.isFile() && CODE.test(entry.name)).length
    if (isNamed && files > 0 && folder !== from) found.push({ path: shorten(folder), files })
    for (const entry of entries) {
      if (!entry.isDirectory() || PASSED_OVER.test(entry.name)) continue
      visit(join(folder, entry.name), depth + 1, isNamed || NAMED.test(entry.name))
    }
  }
  visit(from, 0, NAMED.test(relative(join(from, '..'), from)))
  return found.sort((a, b) => b.files - a.files)
}

const NAMED = /^migrations?$/i
const CODE = /(?<!\.d|\.test|\.spec)\.(?:[cm]?[jt]s|sql)$/

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}
