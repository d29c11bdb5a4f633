import { UnreadableFileError } from '../migrate/errors.ts'
import type { Source } from '../migrate/source.ts'
import { loadedModule, relationsIn, sourceOfFiles } from './files.ts'

/**
 * Returns a source of migrations that a bundler found, eager or not:
 * `glob(import.meta.glob('./migrations/*.sql', { query: '?raw', import: 'default' }))`.
 * Glob code migrations without `?raw` and spread them into the same object.
 */
export function glob(modules: Readonly<Record<string, unknown>>): Source {
  const paths = new Map(Object.keys(modules).map((path) => [path.slice(path.lastIndexOf('/') + 1), path]))
  const load = async (name: string): Promise<unknown> => {
    const found = modules[paths.get(name) ?? '']
    return typeof found === 'function' ? await (found as () => unknown)() : found
  }
  return sourceOfFiles({
    name: `glob of ${paths.size} files`,
    names: async () => [...paths.keys()],
    text: async (name) => {
      const loaded = await load(name)
      const text = typeof loaded === 'object' && loaded !== null ? (loaded as { default?: unknown }).default : loaded
      if (typeof text === 'string') return text
      throw new UnreadableFileError(`${name}: the glob gives no text for it.`, {
        hint: "Glob SQL with { query: '?raw', import: 'default' }.",
      })
    },
    relations: async (name) => relationsIn(loadedModule(await load(name), name)),
    module: async (name) => loadedModule(await load(name), name),
    show: (name) => paths.get(name) ?? name,
  })
}
