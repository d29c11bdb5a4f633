/**
 * Keeps what was made of the files of a folder for other processes, in `node_modules/.cache/migratest`: a process that
 * loads the same files again needs no rolldown. What is kept counts only for the same text at the same path, under the same
 * tsconfig files, made by the same build of this package, the same rolldown and the same Node.
 */
import { hash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { clearTimeout, now, setTimeout } from '../../migrate/realTime.ts'
import type { Direction } from '../../migrate/source.ts'
import type { Transformed } from './transform.ts'

/** The results for one file that are kept. */
export interface Kept extends Transformed {
  /** Are filled in when somebody asks for a fingerprint. */
  readonly texts: Texts
}

/** The texts of a file that fingerprints are made of. */
export interface Texts {
  whole?: string
  halves?: Readonly<Record<Direction, string>>
}

export class KeptFiles {
  readonly #maker: string
  readonly #folders = new Map<string, KeptFolder>()
  #timer: NodeJS.Timeout | undefined

  /** @param maker names the code that makes it; anything else that was kept does not count */
  constructor(maker: string) {
    this.#maker = maker
  }

  /** Returns what was kept of a file with this text. */
  find(path: string, text: string): Kept | undefined {
    const folder = this.#folder(dirname(path))
    const key = folder && keyOf(this.#maker, path, text, configsAbove(folder.path))
    if (!folder || key === undefined) return undefined
    const name = basename(path)
    const entry = folder.entries.get(name)
    if (entry?.key === key) return entry.kept
    folder.missed.set(name, { text, key })
    return undefined
  }

  /** Keeps what was made of a file that was not found, once this process has a moment of rest, or when it ends. */
  keep(path: string, text: string, kept: Kept): void {
    const folder = this.#folder(dirname(path))
    const missed = folder?.missed.get(basename(path))
    if (!folder || missed?.text !== text) return
    folder.missed.delete(basename(path))
    folder.entries.set(basename(path), { key: missed.key, kept })
    this.#schedule(folder, basename(path), text)
  }

  /** Keeps a file once more, since texts for fingerprints are about to be made. */
  renew(path: string, text: string): void {
    const folder = this.#folder(dirname(path))
    if (!folder || folder.unsaved.get(basename(path)) === text) return
    if (this.find(path, text)) this.#schedule(folder, basename(path), text)
  }

  /** Writes what is new. */
  readonly write = (): void => {
    clearTimeout(this.#timer)
    this.#timer = undefined
    process.off('exit', this.write)
    for (const folder of this.#folders.values()) {
      if (folder.unsaved.size > 0) save(folder, this.#maker)
    }
  }

  // --- internal ---

  #schedule(folder: KeptFolder, name: string, text: string): void {
    if (!this.#timer) process.on('exit', this.write)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.write, REST_MS).unref()
    folder.unsaved.set(name, text)
  }

  #folder(path: string): KeptFolder | undefined {
    const known = this.#folders.get(path)
    if (known) return known
    const file = fileFor(path)
    if (file === undefined) return undefined
    const folder = { path, file, entries: readEntries(file), missed: new Map(), unsaved: new Map() }
    this.#folders.set(path, folder)
    return folder
  }
}

/** Returns what keeps files for this build of the package; undefined where it runs from its sources, which change. */
export function ownKeptFiles(): KeptFiles | undefined {
  own ??= { files: makeOwn() }
  return own.files
}

// --- internal ---

interface Entry {
  readonly key: string
  readonly kept: Kept
}

interface KeptFolder {
  readonly path: string
  /** The file in which the entries are kept. */
  readonly file: string
  /** By the names of the folder's files. */
  readonly entries: Map<string, Entry>
  /** Files that were not found. */
  readonly missed: Map<string, { readonly text: string; readonly key: string }>
  /** Texts of the files whose entries are new. */
  readonly unsaved: Map<string, string>
}

/** One for all loaders of this process. */
let own: { readonly files: KeptFiles | undefined } | undefined

function makeOwn(): KeptFiles | undefined {
  // The name of the built file has a hash of its text.
  const built = /\/modules-[\w-]+\.js$/.exec(import.meta.url)?.[0]
  if (built === undefined) return undefined
  try {
    const rolldown = createRequire(import.meta.url).resolve('rolldown/package.json')
    const { version } = JSON.parse(readFileSync(rolldown, 'utf8')) as { version: string }
    return new KeptFiles([built, rolldown, version, process.version].join(' '))
  } catch {
    return undefined
  }
}

/** Milliseconds after the last new file until they are written. */
const REST_MS = 100

const OLD_MS = 30 * 24 * 3_600_000

/** Returns what the result depends on; undefined if that cannot be told, so that nothing may be kept. */
function keyOf(maker: string, path: string, text: string, configs: Configs): string | undefined {
  return configs && hash('sha256', JSON.stringify([maker, path, configs, text]))
}

type Configs = readonly (readonly [path: string, text: string])[] | undefined

/** Returns the texts of all tsconfig files that may apply to files of a folder, with their paths. */
function configsAbove(folder: string): Configs {
  const found = new Map<string, string>()
  const add = (path: string): boolean => {
    if (found.has(path)) return true
    const text = readIf(path)
    if (text === undefined) return false
    found.set(path, text)
    if (/"references"/.test(text)) return false
    const parents = [...text.matchAll(/"extends"\s*:\s*"(\.[^"\\]*\.json)"/g)]
    // These texts do not tell which file a package's name means, or a name without its ending.
    if (parents.length !== (text.match(/"extends"/g)?.length ?? 0)) return false
    return parents.every(([, parent = '']) => add(resolve(dirname(path), parent)))
  }
  for (let at = folder; ; at = dirname(at)) {
    const path = join(at, 'tsconfig.json')
    if (existsSync(path) && !add(path)) return undefined
    if (at === dirname(at)) return [...found]
  }
}

function readIf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** Returns the file for a folder, beside the packages that it may import: who can write there can change these, too. */
function fileFor(folder: string): string | undefined {
  for (let at = folder; at !== dirname(at); at = dirname(at)) {
    const packages = join(at, 'node_modules')
    if (existsSync(packages))
      return join(packages, '.cache', 'migratest', `${hash('sha256', folder).slice(0, 32)}.json`)
  }
  return undefined
}

/** Reads entries. A file that is not what somebody wrote has none. */
function readEntries(file: string): Map<string, Entry> {
  const [sum, text] = readIf(file)?.split('\n') ?? []
  if (text === undefined || hash('sha256', text) !== sum) return new Map()
  return new Map(JSON.parse(text) as [string, Entry][])
}

/** Writes the entries of the files that are there. Others may do so at the same time: one of them wins. */
function save(folder: KeptFolder, maker: string): void {
  const { path, file, entries, unsaved } = folder
  // A tsconfig file may have changed between being read for the key and for the transformation.
  const configs = configsAbove(path)
  for (const [name, text] of unsaved) {
    if (keyOf(maker, join(path, name), text, configs) !== entries.get(name)?.key) entries.delete(name)
  }
  unsaved.clear()
  const names = new Set(readIfFolder(path))
  const text = JSON.stringify([...entries].filter(([name]) => names.has(name)))
  const written = `${file}.${randomUUID()}`
  try {
    mkdirSync(dirname(file), { recursive: true })
    removeOld(dirname(file))
    writeFileSync(written, `${hash('sha256', text)}\n${text}`)
    renameSync(written, file)
  } catch {
    // The folder may be read-only, or the disk full: the next process transforms the files again.
    rmSync(written, { force: true })
  }
}

function readIfFolder(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

/** Removes what no process has written for a long time: its folder may be gone. */
function removeOld(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now()) > OLD_MS) rmSync(path, { force: true })
  }
}
