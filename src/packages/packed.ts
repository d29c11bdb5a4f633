/**
 * Loads an installed CommonJS package from one file that holds its modules. Node looks for each module of a package in several
 * places, which takes longer than running them: `pg` has thirty, testcontainers seven hundred. For our own processes only,
 * the command and the keeper: a process of the user's may replace what Node does when it loads.
 *
 * The modules are those that are installed, each under its own name and in Node's own cache, so whoever requires or imports
 * one gets the same. Where one of them has changed since, the package is loaded as usual, and packed again.
 */
import module, { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { stampOf } from './stamp.ts'

/** What such a file exports. */
export interface Pack {
  readonly entry: string
  /** Modules by their paths. */
  readonly modules: Readonly<Record<string, PackedModule>>
}

export interface PackedModule {
  readonly stamp: string
  readonly run: (
    this: unknown,
    exports: unknown,
    require: (request: string) => unknown,
    module: object,
    file: string,
    folder: string,
  ) => void
  /** What it requires: paths of other modules, or null for a module of Node's. Others are found as usual. */
  readonly requires: Readonly<Record<string, string | null>>
}

export class PackedPackages {
  readonly #require: NodeJS.Require
  readonly #folder: string
  readonly #names: ReadonlySet<string>
  readonly #unpacked = new Set<string>()

  /** @param require finds the packages. @param folder of the packs. @param names the packages to pack */
  constructor(require: NodeJS.Require, folder: string, names: readonly string[]) {
    this.#require = require
    this.#folder = folder
    this.#names = new Set(names)
  }

  /** Returns what the package exports; undefined if it is none of the names. Throws as `require` does. */
  load(name: string): unknown {
    if (!this.#names.has(name)) return undefined
    // Another package may have loaded it, and is packed with it.
    const entry = this.#require.resolve(name)
    if (this.#require.cache[entry]) return this.#require(name)
    const pack = this.#usable(name, entry)
    if (pack) return run(pack, entry, this.#require)
    this.#unpacked.add(name)
    return this.#require(name)
  }

  /** Packs what was loaded without a pack, from the second time on: a process in a new container has no second time. */
  async keep(): Promise<void> {
    const { keepPack } = await import('./pack.ts')
    for (const name of this.#unpacked) keepPack(this.#require, name, this.#folder, packFile(this.#folder, name))
    this.#unpacked.clear()
  }

  /** `true` if something was loaded without a pack. */
  get isIncomplete(): boolean {
    return this.#unpacked.size > 0
  }

  #usable(name: string, entry: string): Pack | undefined {
    try {
      const pack = this.#require(packFile(this.#folder, name)) as Pack
      if (pack.entry !== entry) return undefined
      for (const [file, { stamp }] of Object.entries(pack.modules)) if (stampOf(file) !== stamp) return undefined
      return pack
    } catch {
      return undefined
    }
  }
}

// --- internal ---

function packFile(folder: string, name: string): string {
  return join(folder, `${name.replaceAll('/', '+')}.cjs`)
}

/** Runs a module as Node's loader does: it is in the cache before it runs, since modules may require each other. */
function run(pack: Pack, file: string, require: NodeJS.Require, parent?: NodeJS.Module): unknown {
  const { cache } = require
  const known = cache[file]
  if (known) return known.exports
  const packed = pack.modules[file] as PackedModule
  const made = new Module(file, parent)
  made.filename = file
  made.paths = Module._nodeModulePaths(dirname(file))
  cache[file] = made
  try {
    packed.run.call(made.exports, made.exports, requireIn(pack, file, require, made), made, file, dirname(file))
    made.loaded = true
  } catch (error) {
    delete cache[file]
    throw error
  }
  return made.exports
}

/** Returns the `require` of a module. What is not in the pack is found as usual. */
function requireIn(pack: Pack, file: string, { cache }: NodeJS.Require, made: NodeJS.Module): NodeJS.Require {
  const { requires } = pack.modules[file] as PackedModule
  let found: NodeJS.Require | undefined
  const usual = (): NodeJS.Require => {
    found ??= createRequire(file)
    return found
  }
  const own = ((request: string): unknown => {
    const target = requires[request]
    if (target === undefined) return usual()(request)
    return target === null ? process.getBuiltinModule(request) : run(pack, target, own, made)
  }) as NodeJS.Require
  own.cache = cache
  own.resolve = Object.assign((request: string, options?: object) => usual().resolve(request, options), {
    paths: (request: string) => usual().resolve.paths(request),
  })
  return own
}

/** Node's own class of modules. */
const Module = module.Module as unknown as {
  new (file: string, parent: NodeJS.Module | undefined): NodeJS.Module
  _nodeModulePaths(folder: string): string[]
}
