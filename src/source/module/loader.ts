/** Loads migrations written in TypeScript: each in modules of its own, afresh whenever a file that it is made of changed. */
import { realpathSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { inspect } from 'node:util'
import { ScriptError, UnreadableFileError } from '../../migrate/errors.ts'
import type { CodePlace, Direction, Relations } from '../../migrate/source.ts'
import { asModuleMigration, type LoadedModule } from '../files.ts'
import { type Closure, compiledFile, isCurrent, readClosure, readText, type Show } from './closure.ts'
import { type Compiled, factoryText } from './compile.ts'
import { noticingGlobals, noticingNative } from './globals.ts'
import { Instances } from './instances.ts'
import { pack, unpack } from './pack.ts'
import { type Registry, withRegistry } from './registry.ts'
import { type DiskResolver, diskResolver } from './resolve.ts'
import { framesIn, restoredStack } from './stack.ts'
import { fingerprintOfCode, literalList } from './syntax.ts'
import { type Toolchain, toolchain } from './toolchain.ts'

/** A module as text. */
export interface ModulePart {
  readonly name: string
  readonly json?: string
  /** An expression. */
  readonly factory?: string
  readonly imports: Readonly<Record<string, ModuleMeaning>>
}

type ModuleMeaning = { readonly own: string } | { readonly native: string }

export class ModuleLoader {
  readonly #show: Show
  readonly #loaded = new Map<string, { readonly closure: Closure; readonly module: LoadedModule }>()

  readonly #loading = new Map<string, Promise<LoadedModule>>()
  /** The names that people gave to files whose real path is another. */
  readonly #given = new Map<string, string>()
  #resolver: DiskResolver | undefined

  /** @param show a path as a person would say it */
  constructor(show: Show) {
    this.#show = (path) => show(this.#given.get(path) ?? path)
  }

  /** Looks at the disk anew: what an import means may have changed. */
  refresh(): void {
    this.#resolver?.forget()
  }

  /**
   * The same object until a file changed that it is made of.
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

  /** Read off the code, which is not run. Only what is written out can be read. */
  async relations(path: string): Promise<Relations | undefined> {
    const real = this.#real(path)
    if (!/\bdependsOn\b/.test(readText(real, this.#show))) return undefined
    const tools = await toolchain()
    const list = literalList(tools, await compiledFile(tools, real, this.#show), 'dependsOn')
    if (list === null) return { problem: `${this.#show(real)}: dependsOn is not written out as ['0004_users', …]` }
    return list && { dependsOn: list.map(String) }
  }

  /** Compiles many at once, which takes less time than one after another. What is wrong is told when it is loaded. */
  async prepare(paths: readonly string[]): Promise<void> {
    const tools = await toolchain()
    await Promise.allSettled(paths.map((path) => compiledFile(tools, this.#real(path), this.#show)))
  }

  /** What was recorded of a migration, to be run again. @param folder where its packages are looked for */
  async revive(record: string, folder: string): Promise<LoadedModule> {
    const tools = await toolchain()
    const real = this.#real(folder)
    return this.#run(tools, await unpack(tools, record, real, (path) => `${this.#show(path)} (as recorded)`))
  }

  /**
   * What a migration is made of, to be put into a program: names from its folder, the migration first.
   * @throws UnreadableFileError for CommonJS, whose requires nobody can follow
   */
  async parts(path: string): Promise<ModulePart[]> {
    await this.load(path)
    const { closure } = this.#loaded.get(this.#real(path)) as { closure: Closure }
    const folder = dirname(closure.entry.path)
    return [...closure.modules.values()].map((compiled) => {
      if (compiled.kind === 'commonjs') {
        throw new UnreadableFileError(`${this.#show(compiled.path)} is CommonJS, which cannot be put into a bundle.`, {
          hint: 'Write it as a module: import and export.',
        })
      }
      const imports = [...compiled.imports, ...compiled.lazyImports].flatMap((specifier): [string, ModuleMeaning][] => {
        const own = ownName(closure, folder, compiled, specifier)
        if (own !== undefined) return [[specifier, { own }]]
        const native = nativeUrl(closure, compiled, specifier)
        return native === undefined ? [] : [[specifier, { native }]]
      })
      const name = portable(folder, compiled.path)
      const body = compiled.kind === 'json' ? { json: compiled.text } : { factory: factoryText(compiled) }
      return { name, ...body, imports: Object.fromEntries(imports) }
    })
  }

  // --- internal ---

  /** As Node has it: what a file imports is beside the file itself, not beside a link to it. */
  #real(given: string): string {
    const path = realPath(given)
    if (path !== given) this.#given.set(path, given)
    return path
  }

  async #load(path: string): Promise<LoadedModule> {
    const tools = await toolchain()
    this.#resolver ??= diskResolver(tools)
    const { resolve, forget } = this.#resolver
    const known = this.#loaded.get(path)
    if (known && isCurrent(known.closure, resolve, this.#show)) return known.module
    if (known) forget()
    // What is known of the disk may be older than what failed.
    const closure = await readClosure(tools, path, resolve, this.#show).catch(() => {
      forget()
      return readClosure(tools, path, resolve, this.#show)
    })
    const module = await this.#run(tools, closure)
    this.#loaded.set(path, { closure, module })
    return module
  }

  async #run(tools: Toolchain, closure: Closure): Promise<LoadedModule> {
    const { entry, modules, resolve } = closure
    const shown = this.#show(entry.path)
    const registry: Registry = { shown, migration: undefined }
    const compiled = new Map(modules)
    const remarks = new Set<string>()
    let loading = true
    const notice = (what: string) => {
      if (!loading) return
      const [frame] = framesIn(new Error().stack ?? '', compiled)
      const where = frame ? `${this.#show(frame.compiled.path)}:${frame.line}:${frame.column}` : shown
      remarks.add(`${where} reads ${what} while it is loaded: two loads may differ. Read it in up or down.`)
    }
    const instances = new Instances({
      resolve,
      globals: noticingGlobals(notice),
      importNative: async (url) => noticingNative(url, await importNative(url), notice),
      module: async (path) => {
        const found = compiled.get(path) ?? (await compiledFile(tools, path, this.#show))
        compiled.set(path, found)
        return found
      },
    })
    const locate = (error: unknown) => this.#locate(error, compiled)
    let migration: ReturnType<typeof asModuleMigration>
    try {
      const exports = await withRegistry(registry, () => instances.run(entry.path))
      migration = asModuleMigration(registry.migration ?? exports, shown)
    } catch (error) {
      throw this.#notLoaded(error, shown, locate(error))
    } finally {
      loading = false
    }
    const computed = [...modules.values()].find((module) => module.computed)
    if (computed) remarks.add(`${this.#show(computed.path)} ${COMPUTED}`)
    const folder = dirname(entry.path)
    const named = [...modules.values()].map((module) => [portable(folder, module.path), module] as const)
    // The order in which helpers are imported tells nothing.
    const [first, ...others] = named
    const sorted = [...(first ? [first] : []), ...others.sort(([a], [b]) => (a < b ? -1 : 1))]
    return {
      ...migration,
      text: entry.text,
      fingerprint: (half: Direction) => fingerprintOfCode(tools, sorted, half),
      record: () =>
        computed ? undefined : pack(sorted, (module, specifier) => ownName(closure, folder, module, specifier)),
      remarks: [...remarks],
      locate,
    }
  }

  #notLoaded(error: unknown, shown: string, place: CodePlace | undefined): Error {
    if (error instanceof ScriptError || error instanceof UnreadableFileError) return error
    const words = error instanceof Error ? `${error.name}: ${error.message}` : `it threw ${inspect(error)}`
    const hint = 'It failed while it was loaded; nothing has run.'
    if (place) return new ScriptError(words, place, hint)
    return new UnreadableFileError(`${shown} cannot be loaded: ${words}`, { cause: error, hint })
  }

  /** Where in the project's own code it was thrown; its stack then tells places in TypeScript. */
  #locate(error: unknown, compiled: ReadonlyMap<string, Compiled>): CodePlace | undefined {
    const stack = stackOf(error)
    const [frame] = framesIn(stack, compiled)
    if (!frame) return undefined
    // One that is frozen keeps its places.
    Reflect.set(error as Error, 'stack', restoredStack(stack, compiled))
    const { path, text } = frame.compiled
    const start = offsetOf(text, frame.line, frame.column)
    return { file: this.#show(path), text, start, end: start + (/^[\w$]+/.exec(text.slice(start))?.[0].length ?? 1) }
  }
}

// --- internal ---

const COMPUTED =
  'imports something that only shows when it runs: an edit of that goes unnoticed, and its down cannot be recorded.'

function realPath(path: string): string {
  try {
    return realpathSync.native(path)
  } catch {
    return path
  }
}

function importNative(url: string): Promise<object> {
  const json = url.endsWith('.json') ? { with: { type: 'json' } } : undefined
  return import(/* @vite-ignore */ url, json) as Promise<object>
}

/** A path that is the same on every machine. */
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

/** Whatever was thrown: looking at it must not throw. */
function stackOf(error: unknown): string {
  try {
    return error instanceof Error && typeof error.stack === 'string' ? error.stack : ''
  } catch {
    return ''
  }
}

/** @param line @param column from 1 */
function offsetOf(text: string, line: number, column: number): number {
  let start = 0
  for (let n = 1; n < line; n++) start = text.indexOf('\n', start) + 1
  return start + column - 1
}
