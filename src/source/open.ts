/** Opens a folder of migrations: finds out whose it is by what only that tool's folders have. */
import { resolve } from 'node:path'
import type { URL } from 'node:url'
import { MigratestError, UsageError } from '../migrate/errors.ts'
import type { Source } from '../migrate/source.ts'
import { directory } from './directory.ts'
import { pathOf } from './folder.ts'
import { areNumbered, FORMATS, hasHalves, isOurs, type KnownFormat, type Look } from './formats/all.ts'
import { folderOnDisk } from './formats/disk.ts'
import { type Folder, sourceOfFormat } from './formats/format.ts'
import { surroundingsOf } from './formats/surroundings.ts'

/**
 * Returns a source of the migrations in a folder: of Prisma, Drizzle, Supabase and others if it is recognized, otherwise
 * as `directory()` does.
 * @param path absolute, relative to the working directory, or a `file:` URL
 * @throws UsageError if the folder fits two tools
 */
export function openFolder(path: string | URL): Source {
  const format = formatOf(path)
  if (!format) return directory(path)
  const folder = folderOnDisk(path)
  const options = format.optionsBeside?.(folder)
  return sourceOfFormat(format.make(options), folder, options)
}

/** Returns whose folder it is; undefined if it has golang-migrate's names, is empty, or does not exist. */
export function formatOf(path: string | URL): KnownFormat | undefined {
  const absolute = resolve(pathOf(path))
  const before = known.get(absolute)
  if (before) return before === 'ours' ? undefined : before
  const found = recognize(path)
  if (found) known.set(absolute, found)
  return found === 'ours' ? undefined : found
}

// --- internal ---

/** Formats by folder. A folder's tool does not change while a process runs. */
const known = new Map<string, KnownFormat | 'ours'>()

const LOOKED_AT = 3
const BEGINNING = 4096
const CODE = /^[^/]+(?<!\.d)\.[cm]?[jt]s$/

/** Returns `ours` for golang-migrate's names, and undefined for a folder without migrations. */
function recognize(path: string | URL): KnownFormat | 'ours' | undefined {
  const folder = folderOnDisk(path)
  let files: readonly string[]
  try {
    files = folder.files()
  } catch (error) {
    // A missing or unreadable folder is reported when it is listed.
    if (error instanceof MigratestError) return undefined
    throw error
  }
  const sql = files.filter((file) => file.endsWith('.sql') && !file.includes('/') && !/\.(?:up|down)\.sql$/.test(file))
  // Subfolders of a folder of ours mean nothing, as they always have.
  const evidence = isOurs(files) ? files.filter((file) => !file.includes('/') || file === 'meta/_journal.json') : files
  const look: Look = {
    files: evidence,
    beginnings: beginningsOf(folder, sql),
    code: beginningsOf(
      folder,
      files.filter((file) => CODE.test(file)),
    ),
    folder,
    around: surroundingsOf(folder.path),
  }
  const fitting = FORMATS.filter((format) => format.recognizes(look))
  const [first, second] = fitting
  const ours = fitting.some(({ isCode }) => isCode) ? hasHalves(files) : isOurs(files)
  if (first && !second && !(ours && first.call !== 'supabase')) return first
  if (!first && !ours && areNumbered(files)) throw ambiguous(folder.shown, plainTools())
  if (!first) return ours ? 'ours' : undefined
  throw ambiguous(folder.shown, [
    ...fitting.map(({ tool, call }) => ({ tool, call })),
    ...(ours ? [{ tool: 'golang-migrate', call: 'directory' }] : []),
  ])
}

function beginningsOf(folder: Folder, files: readonly string[]): string[] {
  return files.slice(0, LOOKED_AT).map((file) => new TextDecoder().decode(folder.bytes(file).subarray(0, BEGINNING)))
}

/** The tools that name their files with a number and nothing else. */
function plainTools(): { tool: string; call: string }[] {
  return FORMATS.filter(({ call }) => ['supabase', 'postgresMigrations', 'sqlx'].includes(call))
}

function ambiguous(shown: string, tools: readonly { readonly tool: string; readonly call: string }[]): UsageError {
  const names = tools.map(({ tool }) => tool)
  const calls = tools.map(({ call }) => `${call}('${shown}')`)
  return new UsageError(`${shown} could be a folder of ${names.slice(0, -1).join(', ')} or ${names.at(-1)}.`, {
    hint: `Say which in migratest.config.ts or in the fixture's options: migrations: ${calls.join(' or ')}. Import the function from 'migratest/sources'${tools.some(({ call }) => call === 'directory') ? " (directory from 'migratest')" : ''}. If the files are for migratest itself, name them 0001_title.up.sql and 0001_title.down.sql.`,
  })
}
