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
import { fingerprintOf } from '../../sql/script.ts'
import { runGiven } from '../given.ts'
import type { SeedTarget } from './options.ts'

/** What determines the rows that a seed inserts. */
export interface SeedKey {
  /** The same text means the same rows; `undefined` for values of unknown types. */
  readonly text: string | undefined
  /** Absolute paths of the files that the text is made from. */
  readonly files: readonly string[]
  /** The variables of the environment that its code reads. */
  readonly variables: readonly string[]
}

/** The variable of the environment in which vitest's plugin writes what identifies the run, for its workers. */
export const RUN_VARIABLE = 'MIGRATEST_RUN'

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
    if ('because' in key && runId() === undefined) tellUnshared(this.#shown, key.because, now() - begun)
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
    const run = runId()
    const text = run === undefined ? textOfObject(this) : fingerprintOf(['run', run, ...environment()])
    return { text: `file ${this.#path} ${this.#text(option)} ${text}`, files, variables: [] }
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

/** Returns what identifies the run of vitest, if it has the plugin. */
function runId(): string | undefined {
  return process.env[RUN_VARIABLE]
}

/** Returns the environment, which vitest's projects may set differently, without what differs from worker to worker. */
function environment(): string[] {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(?:VITEST|MIGRATEST|TEST$|NODE_V8_COVERAGE$)/.test(name),
  )
  return own.map(([name, value]) => `${name}=${value}`).sort()
}

/** Milliseconds of a seed above which it is worth a line that every test file runs it. */
const WORTH_TELLING_MS = 100

const told = new Set<string>()

function tellUnshared(shown: string, because: string | undefined, ms: number): void {
  if (ms < WORTH_TELLING_MS || because === undefined || told.has(shown)) return
  told.add(shown)
  process.stderr.write(
    `migratest: ${shown}: ${because}, so it runs once in each test file (${Math.round(ms)} ms). With the plugin of migratest/vitest/plugin it runs once in a run.\n`,
  )
}
