import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { SourceNotFoundError, UnreadableFileError } from '../migrate/errors.ts'
import type { Source } from '../migrate/source.ts'
import { parseFileName } from './fileNames.ts'
import { decode, sourceOfFiles } from './files.ts'
import { pathOf, shorten } from './folder.ts'
import type { ModuleLoader } from './module/loader.ts'

/**
 * Returns a source of the migrations in a folder, laid out as for golang-migrate. Subfolders are ignored.
 * @param path absolute, relative to the working directory, or a `file:` URL; throws UsageError for another URL
 */
export function directory(path: string | URL): Source {
  const folder = resolve(pathOf(path))
  const shownFolder = shorten(folder)
  // Of thousands of files, `join` for each takes longer than reading them.
  const [shownPrefix, prefix] = [shownFolder, folder].map((path) => join(path, '_').slice(0, -1)) as [string, string]
  const show = (name: string) => shownPrefix + name
  let loading: Promise<ModuleLoader> | undefined
  const loader = () => {
    loading ??= import('./module/loader.ts').then((module) => new module.ModuleLoader(shorten))
    return loading
  }
  let remarks: readonly string[] = []
  let preparing: Promise<unknown> | undefined
  const prepared = async () => {
    const ready = await loader()
    preparing ??= ready.prepare(
      (listFolder(folder, shownFolder) ?? []).filter(isCode).map((name) => join(folder, name)),
    )
    await preparing
    return ready
  }
  return sourceOfFiles({
    name: `${shownFolder}/`,
    folder,
    names: async () => {
      if (loading) (await loading).refresh()
      const names = listFolder(folder, shownFolder) ?? (await refuseMissing(folder, shownFolder))
      const isEmpty = !names.some((name) => /^\d+_/.test(name))
      remarks = isEmpty ? (await import('./elsewhere.ts')).remarksOnEmpty(folder, shownFolder, names) : []
      return names
    },
    remarks: () => remarks,
    text: async (name) => readText(prefix + name, show(name)),
    stamp: (name) => stampOf(prefix + name),
    relations: async (name) => (await loader()).relations(join(folder, name)),
    module: async (name) => (await prepared()).load(join(folder, name)),
    codeKey: async (name) => (await prepared()).key(join(folder, name)),
    revive: async (record) => (await loader()).revive(record, folder),
    show,
  })
}

// --- internal ---

/**
 * Reads a file's text in one call of the system's. A character that stands for bytes that are not UTF-8 may be in the text,
 * too, so it is then decoded strictly. @throws UnreadableFileError
 */
function readText(path: string, shown: string): string {
  try {
    const text = readFileSync(path, 'utf8')
    if (!text.includes('\ufffd')) return text
  } catch (cause) {
    throw unreadable(cause, shown)
  }
  return decode(readBytes(path, shown), shown)
}

function unreadable(cause: unknown, shown: string): UnreadableFileError {
  return new UnreadableFileError(`${shown} cannot be read: ${(cause as Error).message}`, { cause })
}

function isCode(name: string): boolean {
  return !name.endsWith('.sql') && parseFileName(name).kind === 'code'
}

/** Returns the file's stamp. A missing file is reported when it is read. */
function stampOf(path: string): string {
  const { mtimeMs, size, ino } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: 0, size: 0, ino: 0 }
  return `${mtimeMs} ${size} ${ino}`
}

/** Returns the names of the files; undefined if there is no such folder. */
function listFolder(folder: string, shown: string): string[] | undefined {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() || entry.isSymbolicLink())
      .map((entry) => entry.name)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    if (code === 'ENOTDIR') throw new SourceNotFoundError(`${shown} is a file, not a directory.`, { cause })
    throw new UnreadableFileError(`${shown} cannot be read: ${(cause as Error).message}`, { cause })
  }
}

async function refuseMissing(folder: string, shown: string): Promise<never> {
  const { placesBelow } = await import('./elsewhere.ts')
  throw new SourceNotFoundError(`There is no directory ${shown} (looked for ${folder}).`, {
    hint:
      placesBelow(process.cwd()) ??
      'Create it and put the first migration in it, or pass the path of the right directory.',
  })
}

/**
 * Reads a file synchronously, not through the thread pool: for a small cached file this takes 20 µs instead of about
 * 100.
 */
export function readBytes(path: string, shown: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw unreadable(cause, shown)
  }
}
