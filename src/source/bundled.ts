/**
 * A source of migrations that were bundled into a program. Their code runs in separate modules, as if loaded from
 * files.
 */
import { UnreadableFileError } from '../migrate/errors.ts'
import type { Direction, Relations, Source } from '../migrate/source.ts'
import { asModuleMigration, type LoadedModule, sourceOfFiles } from './files.ts'
import { asCompiled } from './module/commonJs.ts'
import { type Factory, jsonFactory } from './module/compile.ts'
import { noticingGlobals } from './module/globals.ts'
import { Instances } from './module/instances.ts'
import { type Registry, withRegistry } from './module/registry.ts'

export interface BundledSource {
  /** The name of the original source. */
  readonly name: string
  readonly files: Readonly<Record<string, BundledSql | BundledCode>>
  /** All modules of all migrations, by their names relative to the folder. */
  readonly modules: Readonly<Record<string, BundledModule>>
  /** Packages, by their original URL. */
  readonly natives: Readonly<Record<string, () => Promise<object>>>
}

interface BundledSql {
  /** The file's name for messages. */
  readonly shown: string
  readonly text: string
}

/** A code migration with the facts that its loader determined. */
interface BundledCode extends BundledSql {
  readonly fingerprints: Readonly<Partial<Record<Direction, string>>>
  readonly record: string | undefined
  readonly relations: Relations | undefined
}

interface BundledModule {
  readonly json?: string
  readonly factory?: Factory
  readonly imports: Readonly<Record<string, { readonly own?: string; readonly native?: string }>>
  /** `true` if tools compile it to CommonJS. */
  readonly compiled: boolean
}

export function bundled(source: BundledSource): Source {
  const { name: shownSource, files } = source
  const known = new Map<string, LoadedModule>()
  const code = (name: string) => files[name] as BundledCode
  return sourceOfFiles({
    name: shownSource,
    names: async () => Object.keys(files),
    text: async (name) => code(name).text,
    relations: async (name) => code(name).relations,
    show: (name) => code(name).shown,
    module: async (name) => {
      const module = known.get(name) ?? (await load(source, name))
      known.set(name, module)
      return module
    },
  })
}

// --- internal ---

async function load(source: BundledSource, name: string): Promise<LoadedModule> {
  const { text, fingerprints, record, shown } = source.files[name] as BundledCode
  const registry: Registry = { shown, migration: undefined }
  const instances = instancesOf(source)
  try {
    const exports = await withRegistry(registry, () => instances.run(name))
    const migration = asModuleMigration(registry.migration ?? exports, shown)
    return { ...migration, text, fingerprint: (half) => fingerprints[half] ?? '', record: () => record }
  } catch (cause) {
    if (cause instanceof UnreadableFileError) throw cause
    const why = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
    throw new UnreadableFileError(`${shown} cannot be loaded: ${why}`, { cause })
  }
}

function instancesOf({ modules, natives }: BundledSource): Instances {
  return new Instances({
    globals: noticingGlobals(() => undefined),
    resolve: (specifier, from) => {
      const { own, native } = modules[from]?.imports[specifier] ?? {}
      if (own !== undefined) return { kind: 'own', path: own }
      if (native !== undefined) return { kind: 'native', url: native }
      throw new Error(`"${specifier}" is not in the bundle.`)
    },
    required: () => undefined,
    importNative: async (url, from) => {
      const namespace = await (natives[url] as () => Promise<object>)()
      return modules[from]?.compiled ? asCompiled(namespace) : namespace
    },
    module: async (path) => {
      const { json, factory } = modules[path] ?? {}
      if (json !== undefined) return { kind: 'json', factory: jsonFactory(json) }
      if (factory) return { kind: 'module', factory }
      throw new Error(`${path} is not in the bundle.`)
    },
  })
}
