/** Opens a folder of migrations: finds out whose it is by what only that tool's folders have. */
import { resolve } from 'node:path'
import type { URL } from 'node:url'
import { MigratestError, UsageError } from '../migrate/errors.ts'
import type { Source } from '../migrate/source.ts'
import { directory } from './directory.ts'
import { pathOf } from './folder.ts'
import { areNumbered, FORMATS, isOurs, type KnownFormat, type Look } from './formats/all.ts'
import { folderOnDisk } from './formats/disk.ts'
import { sourceOfFormat } from './formats/format.ts'
import { surroundingsOf } from './formats/surroundings.ts'

/**
 * Returns a source of the migrations in a folder: of Prisma, Drizzle, Supabase and others if it is recognized, otherwise
 * as `directory()` does.
 * @param path absolute, relative to the working directory, or a `file:` URL
 * @throws UsageError if the folder fits two tools
 */
export function openFolder(path: string | URL): Source {
  const format = formatOf(path)
  return format ? sourceOfFormat(format.make(), folderOnDisk(path)) : directory(path)
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

/**
 * Returns the files of a new migration in the format of the folder, by path; undefined if it is not a folder of another
 * tool. @throws UsageError if the tool makes its migrations in another way
 */
export async function newFilesIn(
  path: string | URL,
  title: string,
  now: Date,
): Promise<Readonly<Record<string, string>> | undefined> {
  const format = formatOf(path)
  if (!format) return undefined
  const [made, folder] = [format.make(), folderOnDisk(path)]
  return made.create(title, { folder, entries: (await made.list(folder)).entries, now })
}

// --- internal ---

/** Formats by folder. A folder's tool does not change while a process runs. */
const known = new Map<string, KnownFormat | 'ours'>()

const LOOKED_AT = 3
const BEGINNING = 4096

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
  const code = sql.length > 0 ? [] : files.filter((file) => /^[^/]+\.[cm]?[jt]s$/.test(file))
  const beginnings = (some: readonly string[]) =>
    some.slice(0, LOOKED_AT).map((file) => beginningOf(folder.bytes(file)))
  const look: Look = {
    files,
    beginnings: beginnings(sql),
    code: beginnings(code),
    folder,
    around: surroundingsOf(folder.path),
  }
  const fitting = FORMATS.filter((format) => format.recognizes(look))
  const [first, second] = fitting
  if (first && !second && !(isOurs(files) && first.call !== 'supabase')) return first
  if (!first && !isOurs(files) && areNumbered(files)) throw ambiguous(folder.shown, plainTools())
  if (!first) return isOurs(files) ? 'ours' : undefined
  throw ambiguous(folder.shown, [
    ...fitting.map(({ tool, call }) => ({ tool, call })),
    ...(isOurs(files) ? [{ tool: 'golang-migrate', call: 'directory' }] : []),
  ])
}

function beginningOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, BEGINNING))
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
