/**
 * Loads migrations written in TypeScript: each one in modules of its own, loaded again whenever one of its files has
 * changed.
 */

import { realpathSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { inspect } from 'node:util'
import { MigratestError, ScriptError, UnreadableFileError } from '../../migrate/errors.ts'
import { now } from '../../migrate/realTime.ts'
import type { CodeKey, CodePlace, Direction, NoCodeKey, Relations } from '../../migrate/source.ts'
import { asModuleMigration, type LoadedModule, type ModuleMigration } from '../files.ts'
import { type Closure, compiledFile, type Files, isCurrent, readClosure, readText, type Show } from './closure.ts'
import { asCompiled, isCompiledToCommonJs } from './commonJs.ts'
import { type Compiled, factoryText } from './compile.ts'
import { noticingGlobals, noticingNative } from './globals.ts'
import { Instances } from './instances.ts'
import { type KeptFiles, ownKeptFiles } from './keptFiles.ts'
import { keyOfCode, looksAround } from './key.ts'
import { pack, unpack } from './pack.ts'
import { type Registry, withRegistry } from './registry.ts'
import { type DiskResolver, diskResolver } from './resolve.ts'
import { framesIn, restoredStack } from './stack.ts'
import { fingerprintOfCode, literalList } from './syntax.ts'
import { toolchain } from './toolchain.ts'

/** A module as text, for a bundle. */
export interface ModulePart {
  readonly name: string
  readonly json?: string
  /** A factory of the module, as a JavaScript expression. */
  readonly factory?: string
  readonly imports: Readonly<Record<string, ModuleMeaning>>
  /** `true` if tools compile the module to CommonJS, so that it imports what such code would. */
  readonly compiled: boolean
}

/**
 * Makes a migration of a module's exports. @param shown the file's name for messages
 * @throws UnreadableFileError if they are not a migration
 */
export type Adapt = (exports: unknown, shown: string, path: string) => ModuleMigration

type ModuleMeaning =
  | { readonly own: string }
  /** `names`: those that Node finds in a module of CommonJS; undefined for other modules. */
  | { readonly native: string; readonly names?: readonly string[] | undefined }

export class ModuleLoader {
  readonly #show: Show
  readonly #files: Files
  readonly #loaded = new Map<string, { readonly closure: Closure; readonly module: LoadedModule }>()

  readonly #loading = new Map<string, Promise<LoadedModule>>()
  /** The paths under which files were requested, by their real path, where the two differ. */
  readonly #given = new Map<string, string>()
  readonly #resolver: DiskResolver = diskResolver()

  readonly #adapt: Adapt

  /**
   * @param show returns a path's form for messages
   * @param adapt makes a migration of a module's exports; default: those of our own migrations
   * @param kept what other processes have kept of the files
   */
  constructor(show: Show, adapt: Adapt = asModuleMigration, kept: KeptFiles | undefined = ownKeptFiles()) {
    this.#show = (path) => show(this.#given.get(path) ?? path)
    this.#files = { show: this.#show, kept }
    this.#adapt = adapt
  }

  /** Forgets what we know about the disk, since an import may now resolve to another file. */
  refresh(): void {
    this.#resolver.forget()
  }

  /**
   * Loads a migration. Returns the same object until one of its files changes.
   * @throws ScriptError with the place in the TypeScript, UnreadableFileError, NotInstalledError
   */
  load(given: string): Promise<LoadedModule> {
    const path = this.#real(given)
    const underWay = this.#loading.get(path)
    if (underWay) return underWay
    const loading = this.#load(path).finally(() => this.#loading.delete(path))
    this.#loading.set(path, loading)
    return loading
  }

  /** Reads the relations from the code without running it. Only literal values can be read. */
  async relations(path: string): Promise<Relations | undefined> {
    const real = this.#real(path)
    if (!/\bdependsOn\b/.test(readText(real, this.#show))) return undefined
    await toolchain()
    const list = literalList(await compiledFile(real, this.#files), 'dependsOn')
    if (list === null) return { problem: `${this.#show(real)}: dependsOn must be a literal such as ['0004_users', …]` }
    return list && { dependsOn: list.map(String) }
  }

  /** Returns what determines a migration's effect, without running it; see {@link Source.codeKey}. */
  async key(given: string): Promise<CodeKey | NoCodeKey> {
    const path = this.#real(given)
    try {
      const closure = await readClosure(path, this.#resolver, this.#files)
      await this.#toolsFor(closure)
      // Node does not load an edited file again: the loaded migration may run with the text of before.
      const unfollowed = this.#loaded.get(path)?.closure.unfollowed ?? closure.unfollowed
      return keyOfCode({ ...closure, unfollowed }, sortedModules(closure))
    } catch {
      // Running the migration reports why.
      return { because: undefined }
    }
  }

  /** Compiles many files at once, which is faster than one after another. Errors are reported when a file is loaded. */
  async prepare(paths: readonly string[]): Promise<void> {
    await Promise.allSettled(paths.map((path) => compiledFile(this.#real(path), this.#files)))
  }

  /** Loads a migration from its record, so that it can run again. @param folder where to look for its packages */
  async revive(record: string, folder: string): Promise<LoadedModule> {
    await toolchain()
    const real = this.#real(folder)
    return this.#run(await unpack(record, real, (path) => `${this.#show(path)} (as recorded)`))
  }

  /**
   * Returns the modules of a migration, to be put into a bundle: names relative to its folder, the migration first.
   * @throws UnreadableFileError for CommonJS, because its `require` calls cannot be followed
   */
  async parts(path: string): Promise<ModulePart[]> {
    await this.load(path)
    const { closure } = this.#loaded.get(this.#real(path)) as { closure: Closure }
    const folder = dirname(closure.entry.path)
    const parts = [...closure.modules.values()].map(async (compiled) => {
      if (compiled.kind === 'commonjs') {
        throw new UnreadableFileError(`${this.#show(compiled.path)} is CommonJS, which cannot be put into a bundle.`, {
          hint: 'Write it as an ES module, with import and export.',
        })
      }
      const imports: Record<string, ModuleMeaning> = {}
      for (const specifier of [...compiled.imports, ...compiled.lazyImports]) {
        const own = ownName(closure, folder, compiled, specifier)
        const native = own === undefined ? nativeUrl(closure, compiled, specifier) : undefined
        if (own !== undefined) imports[specifier] = { own }
        else if (native !== undefined) imports[specifier] = { native, names: await namesOfCommonJs(native) }
      }
      const name = portable(folder, compiled.path)
      const body = compiled.kind === 'json' ? { json: compiled.text } : { factory: factoryText(compiled) }
      return { name, ...body, imports, compiled: isCompiledToCommonJs(compiled.path) }
    })
    return Promise.all(parts)
  }

  // --- internal ---

  /** Returns the real path. As in Node, imports are relative to the file itself, not to a link to it. */
  #real(given: string): string {
    const path = realPath(given)
    if (path !== given) this.#given.set(path, given)
    return path
  }

  async #load(path: string): Promise<LoadedModule> {
    const { forget } = this.#resolver
    const known = this.#loaded.get(path)
    if (known && isCurrent(known.closure, this.#resolver, this.#show)) return known.module
    if (known) forget()
    // The failure may be caused by outdated knowledge of the disk. Forget it and try again.
    const closure = await readClosure(path, this.#resolver, this.#files).catch(() => {
      forget()
      return readClosure(path, this.#resolver, this.#files)
    })
    const module = await this.#run(closure)
    this.#loaded.set(path, { closure, module })
    return module
  }

  /** Loads rolldown unless all is known that these modules may be asked for: what they import, and the texts of fingerprints. */
  async #toolsFor(closure: Closure): Promise<void> {
    const { entry, modules } = closure
    for (const module of modules.values()) {
      const { kind, path, text, texts } = module
      const isRead = kind === 'json' || (module === entry ? texts.halves : texts.whole) !== undefined
      // Code that looks around may resolve more when it runs.
      if (!isRead || isOpenEnded(closure, module) || looksAround(module)) await toolchain()
      if (!isRead) this.#files.kept?.renew(path, text)
    }
  }

  async #run(closure: Closure): Promise<LoadedModule> {
    await this.#toolsFor(closure)
    const { entry, modules, resolve } = closure
    const shown = this.#show(entry.path)
    const registry: Registry = { shown, migration: undefined }
    const compiled = new Map(modules)
    const remarks = new Set<string>()
    let loading = true
    const notice = (what: string) => {
      if (!loading) return
      const [frame] = framesIn(new Error().stack ?? '', compiled)
      const where = frame ? `${this.#show(frame.path)}:${frame.line}:${frame.column}` : shown
      remarks.add(`${where} reads ${what} while it is loaded: two loads may differ. Read it in up or down.`)
    }
    const instances = new Instances({
      resolve,
      required: (path) => (closure.unfollowed ? undefined : compiled.get(path)),
      globals: noticingGlobals(notice),
      importNative: async (url, from) => {
        const namespace = await importNative(url)
        const compiled = asCompiled(namespace)
        if (compiled !== namespace && isCompiledToCommonJs(from)) return compiled
        return noticingNative(url, namespace, notice)
      },
      module: async (path) => {
        const found = compiled.get(path) ?? (await compiledFile(path, this.#files))
        compiled.set(path, found)
        return found
      },
    })
    const locate = (error: unknown) => this.#locate(error, compiled)
    let migration: ModuleMigration
    try {
      const exports = await tellingOfExit(shown, () => withRegistry(registry, () => instances.run(entry.path)))
      migration = this.#adapt(registry.migration ?? exports, shown, entry.path)
    } catch (error) {
      throw this.#notLoaded(error, shown, locate(error))
    } finally {
      loading = false
    }
    const computed = [...modules.values()].find((module) => isOpenEnded(closure, module))
    if (computed) remarks.add(`${this.#show(computed.path)} ${this.#unnoticed(closure, computed)}`)
    const folder = dirname(entry.path)
    const sorted = sortedModules(closure)
    const fingerprints: { [half in Direction]?: string } = {}
    let packed: string | undefined
    return {
      ...migration,
      text: entry.text,
      fingerprint: (half: Direction) => {
        fingerprints[half] ??= fingerprintOfCode(sorted, half)
        return fingerprints[half]
      },
      record: () => {
        if (computed) return undefined
        packed ??= pack(sorted, (module, specifier) => ownName(closure, folder, module, specifier))
        return packed
      },
      remarks: [...remarks],
      locate,
    }
  }

  /** Says what is missing of a module of which not all imports are followed. */
  #unnoticed({ unfollowed }: Closure, { path, kind }: Compiled): string {
    const what =
      kind !== 'commonjs' || !unfollowed || unfollowed.path === path
        ? 'imports something whose name is only known when it runs'
        : `requires ${this.#show(unfollowed.path)}, which ${unfollowed.why}`
    return `${what}: an edit of that goes unnoticed, and the down of this migration cannot be recorded.`
  }

  #notLoaded(error: unknown, shown: string, place: CodePlace | undefined): Error {
    if (error instanceof ScriptError || error instanceof UnreadableFileError) return error
    const words =
      error instanceof MigratestError
        ? error.message
        : error instanceof Error
          ? `${error.name}: ${error.message}`
          : `it threw ${inspect(error)}`
    const hint = 'It failed while it was loaded; nothing has run.'
    if (place) return new ScriptError(words, place, hint)
    return new UnreadableFileError(`${shown} cannot be loaded: ${words}`, { cause: error, hint })
  }

  /**
   * Returns the place in the project's own code where the error was thrown, and rewrites its stack to places in the
   * TypeScript.
   */
  #locate(error: unknown, compiled: ReadonlyMap<string, Compiled>): CodePlace | undefined {
    const stack = stackOf(error)
    const [frame] = framesIn(stack, compiled)
    if (!frame) return undefined
    // A frozen error keeps its stack.
    Reflect.set(error as Error, 'stack', restoredStack(stack, compiled))
    const { path, text } = frame
    const start = offsetOf(text, frame.line, frame.column)
    return { file: this.#show(path), text, start, end: start + (/^[\w$]+/.exec(text.slice(start))?.[0].length ?? 1) }
  }
}

// --- internal ---

/** Files that are being loaded. Equal names are different objects: two loaders may load the same file. */
const loading = new Set<{ readonly shown: string }>()

/** Says which migration was being loaded if the process ends meanwhile: a module that it imports may end it. */
async function tellingOfExit<T>(shown: string, load: () => Promise<T>): Promise<T> {
  const file = { shown }
  // One listener for all files: Node warns of more than ten.
  if (loading.size === 0) process.on('exit', tellOfExit)
  loading.add(file)
  try {
    return await load()
  } finally {
    loading.delete(file)
    if (loading.size === 0) process.off('exit', tellOfExit)
  }
}

function tellOfExit(): void {
  const [first, ...others] = new Set([...loading].map((file) => file.shown))
  const more = others.length > 0 ? ` and ${others.length} more` : ''
  const loaded = more
    ? 'were loaded. Perhaps a module that they import'
    : 'was loaded. Perhaps it, or a module that it imports,'
  process.stderr.write(
    `migratest: the process ended while ${first}${more} ${loaded} calls process.exit, or waits for something that never happens.\n`,
  )
}

/** Returns whether a module may load something that is not among the modules, without being a package's. */
function isOpenEnded({ unfollowed }: Closure, { kind, computed }: Compiled): boolean {
  return computed && (kind !== 'commonjs' || unfollowed !== undefined)
}

/** Milliseconds for which it is remembered that no part of a file's path is a link: a run asks for each file often. */
const REMEMBERED_MS = 1000

/** When that was found, by path. */
const withoutLinks = new Map<string, number>()

function realPath(path: string): string {
  const at = withoutLinks.get(path)
  if (at !== undefined && now() - at < REMEMBERED_MS) return path
  try {
    const real = realpathSync.native(path)
    if (real === path) withoutLinks.set(path, now())
    else withoutLinks.delete(path)
    return real
  } catch {
    return path
  }
}

/** Modules that Node has loaded, by URL: they stay loaded, and asking Node again takes most of a millisecond. */
const natives = new Map<string, Promise<object>>()

function importNative(url: string): Promise<object> {
  const known = natives.get(url)
  if (known) return known
  const json = url.endsWith('.json') ? { with: { type: 'json' } } : undefined
  const loading = import(/* @vite-ignore */ url, json) as Promise<object>
  natives.set(url, loading)
  // The package may be installed or repaired before the next try.
  loading.catch(() => natives.delete(url))
  return loading
}

/** Returns the names that a module of CommonJS exports for Node; undefined for other modules, and for those not loaded yet. */
async function namesOfCommonJs(url: string): Promise<readonly string[] | undefined> {
  if (!url.startsWith('file:')) return undefined
  const namespace = await natives.get(url)?.catch(() => undefined)
  return namespace && 'module.exports' in namespace ? Object.keys(namespace) : undefined
}

/** Returns the modules with names that are the same on every machine, the entry first. */
function sortedModules({ entry, modules }: Closure): (readonly [string, Compiled])[] {
  const folder = dirname(entry.path)
  const named = [...modules.values()].map((module) => [portable(folder, module.path), module] as const)
  // The order in which other modules are imported does not matter.
  const [first, ...others] = named
  return [...(first ? [first] : []), ...others.sort(([a], [b]) => (a < b ? -1 : 1))]
}

/** Returns a path that is the same on every machine. */
function portable(folder: string, path: string): string {
  return relative(folder, path).replaceAll('\\', '/')
}

function nativeUrl({ resolve }: Closure, module: Compiled, specifier: string): string | undefined {
  try {
    const meant = resolve(specifier, module.path)
    return meant.kind === 'native' ? meant.url : undefined
  } catch {
    return undefined
  }
}

function ownName({ resolve }: Closure, folder: string, module: Compiled, specifier: string): string | undefined {
  try {
    const meant = resolve(specifier, module.path)
    return meant.kind === 'own' ? portable(folder, meant.path) : undefined
  } catch {
    return undefined
  }
}

/** Returns the stack of any thrown value. Reading it must not throw. */
function stackOf(error: unknown): string {
  try {
    return error instanceof Error && typeof error.stack === 'string' ? error.stack : ''
  } catch {
    return ''
  }
}

/** Returns the offset of a place. @param line @param column from 1 */
function offsetOf(text: string, line: number, column: number): number {
  let start = 0
  for (let n = 1; n < line; n++) start = text.indexOf('\n', start) + 1
  return start + column - 1
}
