/** Migrations that were put into a program when it was bundled. */
import type { Direction, Relations, Source } from '../migrate/source.ts'
import { asModuleMigration, type LoadedModule, sourceOfFiles } from './files.ts'
import { type Registry, withRegistry } from './module/registry.ts'

export interface BundledSource {
  /** As the source said its name. */
  readonly name: string
  readonly files: Readonly<Record<string, BundledSql | BundledCode>>
}

interface BundledSql {
  /** The file as a person would say it. */
  readonly shown: string
  readonly text: string
}

/** Code with what its loader knew of it: there is no loader any more. */
interface BundledCode extends BundledSql {
  readonly load: () => Promise<unknown>
  readonly fingerprints: Readonly<Partial<Record<Direction, string>>>
  readonly record: string | undefined
  readonly relations: Relations | undefined
}

export function bundled({ name: source, files }: BundledSource): Source {
  const file = (name: string) => files[name] as BundledSql | BundledCode
  const code = (name: string) => files[name] as BundledCode
  const known = new Map<string, LoadedModule>()
  return sourceOfFiles({
    name: source,
    names: async () => Object.keys(files),
    text: async (name) => file(name).text,
    relations: async (name) => code(name).relations,
    show: (name) => file(name).shown,
    module: async (name) => {
      // A module in a program runs once, and registers once.
      const before = known.get(name)
      if (before) return before
      const { load, text, fingerprints, record, shown } = code(name)
      const registry: Registry = { shown, migration: undefined }
      const exports = await withRegistry(registry, load)
      const migration = asModuleMigration(registry.migration ?? exports, shown)
      const module: LoadedModule = {
        ...migration,
        text,
        fingerprint: (half) => fingerprints[half] ?? '',
        record: () => record,
      }
      known.set(name, module)
      return module
    },
  })
}
