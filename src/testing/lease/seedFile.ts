/** Seeds in files of their own: SQL, or a module whose default export is a function. Every process may copy their rows. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { UnreadableFileError } from '../../migrate/errors.ts'
import { now } from '../../migrate/realTime.ts'
import type { CodeKey, NoCodeKey } from '../../migrate/source.ts'

import { decode, type LoadedModule, type ModuleMigration } from '../../source/files.ts'
import { pathOf, shorten } from '../../source/folder.ts'
import { textOfObject } from '../../source/identity.ts'
import type { ModuleLoader } from '../../source/module/loader.ts'
import { runGiven } from '../given.ts'
import type { SeedTarget } from './options.ts'
import { runText, tellUnshared, WITH_PLUGIN } from './run.ts'

/** The values that determine the rows that a seed inserts. */
export interface SeedKey {
  /** The same text means the same rows; `undefined` for values of unknown types. */
  readonly text: string | undefined
  /** Absolute paths of the files that the text is made from. */
  readonly files: readonly string[]
  /** The variables of the environment that its code reads. */
  readonly variables: readonly string[]
  /** `true` for a function: it may remember what it inserted, so a process that runs it runs it once. */
  readonly once?: boolean
}

/** Returns the seed in a file; the same object for the same file. @param option the option's name in error messages */
export function seedFile(where: string | URL, option: string): SeedFile {
  const path = resolve(pathOf(where, option))
  const found = opened.get(path) ?? new SeedFile(path)
  opened.set(path, found)
  return found
}

class SeedFile {
  readonly #path: string
  readonly #shown: string

  constructor(path: string) {
    this.#path = path
    this.#shown = shorten(path)
  }

  /** Inserts the rows. @throws SeedError for SQL, what the function throws, and what loading a module throws */
  async run(option: string, db: SeedTarget): Promise<void> {
    if (this.#isSql) {
      const sql = this.#text(option)
      await runGiven(`${option}: ${this.#shown}`, sql, () => db.query(sql))
      return
    }
    const { up, locate } = await this.#load(option)
    const begun = now()
    try {
      await up?.(db as never)
    } catch (error) {
      // The stack then has places in the TypeScript.
      locate?.(error)
      throw error
    }
    const key = await this.#keyOfCode()
    if ('because' in key && runText() === undefined) tellUnshared(this.#shown, key.because, now() - begun, WITH_PLUGIN)
  }

  /**
   * Returns what determines the rows. If code reads something that cannot be followed, the key is valid for this run of
   * vitest; without the plugin, which marks the run, for this process.
   */
  async key(option: string): Promise<SeedKey> {
    const files = [this.#path]
    if (this.#isSql) return { text: `sql ${this.#text(option)}`, files, variables: [] }
    const key = await this.#keyOfCode()
    if (!('because' in key)) return { text: `code ${key.hash}`, files: [...key.files], variables: key.variables }
    return { text: `file ${this.#path} ${this.#text(option)} ${runText() ?? textOfObject(this)}`, files, variables: [] }
  }

  // --- internal ---

  get #isSql(): boolean {
    return /\.sql$/i.test(this.#path)
  }

  #text(option: string): string {
    try {
      return decode(readFileSync(this.#path), this.#shown).replace(/^\uFEFF/, '')
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
      throw new UnreadableFileError(`${option}: there is no file ${this.#shown} (looked for ${this.#path}).`, { cause })
    }
  }

  async #load(option: string): Promise<LoadedModule> {
    this.#text(option)
    return (await loader()).load(this.#path)
  }

  async #keyOfCode(): Promise<CodeKey | NoCodeKey> {
    return (await loader()).key(this.#path)
  }
}

// --- internal ---

const opened = new Map<string, SeedFile>()

let loading: Promise<ModuleLoader> | undefined

function loader(): Promise<ModuleLoader> {
  loading ??= import('../../source/module/loader.ts').then((module) => new module.ModuleLoader(shorten, asSeed))
  return loading
}

/** Lets the loader of migrations load a seed: the function becomes an up. */
function asSeed(exports: unknown, shown: string): ModuleMigration {
  const { default: run } = exports as { default?: unknown }
  if (typeof run === 'function') return { up: run as NonNullable<ModuleMigration['up']> }
  throw new UnreadableFileError(`${shown} has no function as its default export.`, {
    hint: 'Write "export default async (db: SeedTarget) => { … }", with the type from \'migratest\'.',
  })
}
