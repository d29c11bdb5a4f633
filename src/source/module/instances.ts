/** One load: the modules of one migration, each instantiated once and shared with no other load. */
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { fillFrom, isCompiledToCommonJs, withNames } from './commonJs.ts'
import type { Compiled } from './compile.ts'
import type { ModuleGlobals } from './globals.ts'
import type { Resolved } from './resolve.ts'

type Exports = Record<string, unknown>

interface Instance {
  readonly exports: Exports
  /** Settles when the module's body has run. */
  done: Promise<void> | undefined
  finished: boolean
  /** The modules that its body is currently waiting for. */
  readonly waitsFor: Set<Instance>
}

export interface LoadInput {
  readonly module: (path: string) => Promise<Pick<Compiled, 'kind' | 'factory'>>
  readonly resolve: (specifier: string, from: string) => Resolved
  /** Returns a file of the project that CommonJS code requires; undefined if Node is to load it. */
  readonly required: (path: string) => Pick<Compiled, 'kind' | 'factory' | 'code'> | undefined
  /** @param from the path of the module that imports it */
  readonly importNative: (url: string, from: string) => Promise<object>
  readonly globals: ModuleGlobals
}

export class Instances {
  readonly #input: LoadInput
  readonly #instances = new Map<string, Instance>()
  /** The modules of CommonJS, by path. One that is still running has what it has exported so far. */
  readonly #commonJs = new Map<string, { exports: unknown }>()

  constructor(input: LoadInput) {
    this.#input = input
  }

  /** Runs the module at `path` and what it imports. */
  async run(path: string): Promise<Exports> {
    const instance = this.#instance(path)
    await instance.done
    return instance.exports
  }

  // --- internal ---

  #instance(path: string): Instance {
    const known = this.#instances.get(path)
    if (known) return known
    const exports = Object.defineProperty(Object.create(null), Symbol.toStringTag, { value: 'Module' }) as Exports
    const made: Instance = { exports, done: undefined, finished: false, waitsFor: new Set() }
    this.#instances.set(path, made)
    made.done = this.#execute(path, made).then(() => {
      made.finished = true
    })
    // The error is thrown to whoever waits for the module. An import that nobody waits for must not end the process.
    made.done.catch(() => undefined)
    return made
  }

  async #execute(path: string, instance: Instance): Promise<void> {
    const compiled = await this.#input.module(path)
    const factory = compiled.factory(this.#input.globals)
    if (compiled.kind === 'commonjs') return fillFrom(instance.exports, this.#runCommonJs(path, factory))
    const lookUp = (specifier: string) => this.#input.resolve(specifier, path)
    const load = (specifier: string, names?: readonly string[]) =>
      this.#import(lookUp(specifier), { specifier, path }, instance, names)
    await factory(
      (specifier: string, { importedNames }: { importedNames?: readonly string[] } = {}) =>
        load(specifier, importedNames),
      async (specifier: string) => load(String(specifier)),
      withEarlyReads(instance, path),
      (from: Exports) => exportAll(instance.exports, from),
      importMeta(path, lookUp),
    )
  }

  /** Runs a CommonJS module, once, and returns what it exports. @throws what its body throws */
  #runCommonJs(path: string, body: (...args: readonly unknown[]) => unknown): unknown {
    const known = this.#commonJs.get(path)
    if (known) return known.exports
    const module = { exports: {} as unknown }
    this.#commonJs.set(path, module)
    try {
      body.call(module.exports, module.exports, this.#requireIn(path), module, path, dirname(path))
    } catch (error) {
      // Node, too, runs the module again if it is required again after an error.
      this.#commonJs.delete(path)
      throw error
    }
    return module.exports
  }

  #requireIn(path: string): NodeJS.Require {
    const native = createRequire(path)
    const load = (specifier: string): unknown => {
      const own = this.#ownRequired(specifier, path)
      if (!own) return native(specifier)
      const { kind, code, factory } = own.module
      if (kind === 'commonjs') return this.#runCommonJs(own.path, factory(this.#input.globals))
      const known = this.#commonJs.get(own.path) ?? { exports: JSON.parse(code) as unknown }
      this.#commonJs.set(own.path, known)
      return known.exports
    }
    return Object.assign(load, native)
  }

  #ownRequired(specifier: string, from: string) {
    let meant: Resolved
    try {
      meant = this.#input.resolve(specifier, from)
    } catch {
      // Node throws the error that the code may expect.
      return undefined
    }
    const module = meant.kind === 'own' ? this.#input.required(meant.path) : undefined
    return meant.kind === 'own' && module ? { path: meant.path, module } : undefined
  }

  async #import(
    resolved: Resolved,
    { specifier, path }: { readonly specifier: string; readonly path: string },
    from: Instance,
    names: readonly string[] = [],
  ): Promise<object> {
    if (resolved.kind === 'native') {
      const namespace = withNames(await this.#input.importNative(resolved.url, path), names)
      refuseMissing(namespace, names, specifier)
      return namespace
    }
    const instance = this.#instance(resolved.path)
    // In an import cycle the other module has only run in part, as in every ES module loader.
    if (instance === from || (!instance.finished && reaches(instance, from))) return instance.exports
    from.waitsFor.add(instance)
    try {
      await instance.done
    } finally {
      from.waitsFor.delete(instance)
    }
    refuseMissing(instance.exports, names, specifier)
    return instance.exports
  }
}

// --- internal ---

/**
 * Returns the exports for the module to define. Where TypeScript compiles the module to CommonJS, a module that imports it
 * in a circle reads `undefined` from it until it has run, and not an error.
 */
function withEarlyReads(instance: Instance, path: string): Exports {
  const early = (get: () => unknown) => () => {
    try {
      return get()
    } catch (error) {
      if (instance.finished || !(error instanceof ReferenceError) || !isCompiledToCommonJs(path)) throw error
      return undefined
    }
  }
  return new Proxy(instance.exports, {
    defineProperty: (exports, name, { get, ...how }) =>
      Reflect.defineProperty(exports, name, { ...how, ...(get && { get: early(get) }) }),
  })
}

function reaches(from: Instance, to: Instance, seen = new Set<Instance>()): boolean {
  if (from === to) return true
  if (seen.has(from)) return false
  seen.add(from)
  return [...from.waitsFor].some((next) => reaches(next, to, seen))
}

function refuseMissing(namespace: object, names: readonly string[], specifier: string): void {
  const missing = names.find((name) => !(name in namespace))
  if (missing !== undefined) throw new SyntaxError(`"${specifier}" has no export named "${missing}".`)
}

function exportAll(exports: Exports, from: Exports): void {
  for (const key of Object.keys(from)) {
    if (key === 'default' || key in exports) continue
    Object.defineProperty(exports, key, { enumerable: true, configurable: true, get: () => from[key] })
  }
}

function importMeta(path: string, lookUp: (specifier: string) => Resolved): object {
  return {
    url: pathToFileURL(path).href,
    filename: path,
    dirname: dirname(path),
    main: false,
    resolve: (specifier: string) => {
      if (/^\.{0,2}\//.test(specifier)) return new URL(specifier, pathToFileURL(path)).href
      const resolved = lookUp(specifier)
      return resolved.kind === 'native' ? resolved.url : pathToFileURL(resolved.path).href
    },
  }
}
