/** Loads migrations written in TypeScript: each in modules of its own, afresh whenever a file that it is made of changed. */
import { dirname, relative } from 'node:path'
import { ScriptError, UnreadableFileError } from '../../migrate/errors.ts'
import type { CodePlace, Direction, Relations } from '../../migrate/source.ts'
import { asModuleMigration, type LoadedModule } from '../files.ts'
import { type Closure, compiledFile, isCurrent, readClosure, readText, type Show } from './closure.ts'
import type { Compiled } from './compile.ts'
import { noticingGlobals } from './globals.ts'
import { Instances } from './instances.ts'
import { pack, unpack } from './pack.ts'
import { type Registry, withRegistry } from './registry.ts'
import { type DiskResolver, diskResolver } from './resolve.ts'
import { framesIn, restoredStack } from './stack.ts'
import { fingerprintOfCode, literalList } from './syntax.ts'
import { type Toolchain, toolchain } from './toolchain.ts'

export class ModuleLoader {
  readonly #show: Show
  readonly #loaded = new Map<string, { readonly closure: Closure; readonly module: LoadedModule }>()

  /** Paths whose load began and did not succeed. */
  readonly #failed = new Set<string>()
  #resolver: DiskResolver | undefined

  /** @param show a path as a person would say it */
  constructor(show: Show) {
    this.#show = show
  }

  /**
   * The same object until a file changed that it is made of.
   * @throws ScriptError with the place in the TypeScript, UnreadableFileError, NotInstalledError
   */
  async load(path: string): Promise<LoadedModule> {
    const known = this.#loaded.get(path)
    if (known && isCurrent(known.closure, this.#show)) return known.module
    const tools = await toolchain()
    this.#resolver ??= diskResolver(tools)
    if (known || this.#failed.delete(path)) this.#resolver.forget()
    this.#failed.add(path)
    const closure = await readClosure(tools, path, this.#resolver.resolve, this.#show)
    const module = await this.#run(tools, closure)
    this.#loaded.set(path, { closure, module })
    this.#failed.delete(path)
    return module
  }

  /** Read off the code, which is not run. Only what is written out can be read. */
  async relations(path: string): Promise<Relations | undefined> {
    if (!/\bdependsOn\b/.test(readText(path, this.#show))) return undefined
    const tools = await toolchain()
    const list = literalList(tools, await compiledFile(tools, path, this.#show), 'dependsOn')
    if (list === null) return { problem: `${this.#show(path)}: dependsOn is not written out as ['0004_users', …]` }
    return list && { dependsOn: list.map(String) }
  }

  /** Compiles many at once, which takes less time than one after another. What is wrong is told when it is loaded. */
  async prepare(paths: readonly string[]): Promise<void> {
    const tools = await toolchain()
    await Promise.allSettled(paths.map((path) => compiledFile(tools, path, this.#show)))
  }

  /** What was recorded of a migration, to be run again. @param folder where its packages are looked for */
  async revive(record: string, folder: string): Promise<LoadedModule> {
    const tools = await toolchain()
    return this.#run(tools, await unpack(tools, record, folder, (path) => `${this.#show(path)} (as recorded)`))
  }

  // --- internal ---

  async #run(tools: Toolchain, closure: Closure): Promise<LoadedModule> {
    const { entry, modules, resolve } = closure
    const shown = this.#show(entry.path)
    const registry: Registry = { shown, migration: undefined }
    const compiled = new Map(modules)
    const remarks = new Set<string>()
    let loading = true
    const globals = noticingGlobals((what) => {
      if (!loading) return
      const [frame] = framesIn(new Error().stack ?? '', compiled)
      const where = frame ? `${this.#show(frame.compiled.path)}:${frame.line}:${frame.column}` : shown
      remarks.add(`${where} reads ${what} while it is loaded: two loads may differ. Read it in up or down.`)
    })
    const instances = new Instances({
      resolve,
      globals,
      importNative: (url) => import(/* @vite-ignore */ url) as Promise<object>,
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
    const folder = dirname(entry.path)
    const named = [...modules.values()].map((module) => [portable(folder, module.path), module] as const)
    // The order in which helpers are imported tells nothing.
    const [first, ...others] = named
    const sorted = [...(first ? [first] : []), ...others.sort(([a], [b]) => (a < b ? -1 : 1))]
    return {
      ...migration,
      text: entry.text,
      fingerprint: (half: Direction) => fingerprintOfCode(tools, sorted, half),
      record: () => pack(sorted, (module, specifier) => ownName(closure, folder, module, specifier)),
      remarks: [...remarks],
      locate,
    }
  }

  #notLoaded(error: unknown, shown: string, place: CodePlace | undefined): Error {
    if (error instanceof ScriptError || error instanceof UnreadableFileError) return error
    const words = error instanceof Error ? `${error.name}: ${error.message}` : `it threw ${String(error)}`
    const hint = 'It failed while it was loaded; nothing has run.'
    if (place) return new ScriptError(words, place, hint)
    return new UnreadableFileError(`${shown} cannot be loaded: ${words}`, { cause: error, hint })
  }

  /** Where in the project's own code it was thrown; its stack then tells places in TypeScript. */
  #locate(error: unknown, compiled: ReadonlyMap<string, Compiled>): CodePlace | undefined {
    if (!(error instanceof Error) || typeof error.stack !== 'string') return undefined
    const [frame] = framesIn(error.stack, compiled)
    if (!frame) return undefined
    error.stack = restoredStack(error.stack, compiled)
    const { path, text } = frame.compiled
    const start = offsetOf(text, frame.line, frame.column)
    return { file: this.#show(path), text, start, end: start + (/^[\w$]+/.exec(text.slice(start))?.[0].length ?? 1) }
  }
}

// --- internal ---

/** A path that is the same on every machine. */
function portable(folder: string, path: string): string {
  return relative(folder, path).replaceAll('\\', '/')
}

function ownName({ resolve }: Closure, folder: string, module: Compiled, specifier: string): string | undefined {
  try {
    const meant = resolve(specifier, module.path)
    return meant.kind === 'own' ? portable(folder, meant.path) : undefined
  } catch {
    return undefined
  }
}

/** @param line @param column from 1 */
function offsetOf(text: string, line: number, column: number): number {
  let start = 0
  for (let n = 1; n < line; n++) start = text.indexOf('\n', start) + 1
  return start + column - 1
}
