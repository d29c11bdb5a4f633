/**
 * Writes a code migration as text for the history, with all of the project's code that it consists of, so that it can
 * be run again later.
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { UnreadableFileError } from '../../migrate/errors.ts'
import type { Closure, Show } from './closure.ts'
import { type Compiled, compile } from './compile.ts'
import { diskResolver, type Resolve } from './resolve.ts'

interface Pack {
  readonly migratest: 'code'
  /** The modules by their names, relative to the migrations' folder; the migration itself first. */
  readonly modules: Readonly<Record<string, Packed>>
}

interface Packed {
  /** The module as JavaScript. */
  readonly code: string
  /** Names of the modules here that its imports resolve to, by specifier. All other imports are packages. */
  readonly imports?: Readonly<Record<string, string>>
}

/**
 * Packs modules into a text.
 * @param meaning returns the name of the module that an import resolves to, if it is one of these
 */
export function pack(
  named: readonly (readonly [string, Compiled])[],
  meaning: (module: Compiled, specifier: string) => string | undefined,
): string {
  const modules = named.map(([name, module]): [string, Packed] => {
    const own = [...module.imports, ...module.lazyImports, ...(module.required ?? [])].flatMap(
      (specifier): [string, string][] => {
        const meant = meaning(module, specifier)
        return meant === undefined ? [] : [[specifier, meant]]
      },
    )
    return [name, { code: module.code, ...(own.length > 0 && { imports: Object.fromEntries(own) }) }]
  })
  const packed: Pack = { migratest: 'code', modules: Object.fromEntries(modules) }
  return JSON.stringify(packed)
}

/** Restores packed modules. @throws UnreadableFileError */
export async function unpack(text: string, folder: string, show: Show): Promise<Closure> {
  const names = readPack(text)
  const modules = new Map<string, Compiled>()
  for (const [name, { code }] of Object.entries(names)) {
    const path = join(folder, name)
    modules.set(path, await compile(path, code, () => show(path)))
  }
  const { resolve: onDisk } = diskResolver()
  const resolve: Resolve = (specifier, from) => {
    const name = Object.keys(names).find((candidate) => join(folder, candidate) === from) ?? ''
    const own = names[name]?.imports?.[specifier]
    if (own !== undefined) return { kind: 'own', path: join(folder, own) }
    // Look for a package from the module's original folder if that still exists, which matters in a workspace.
    return onDisk(specifier, existsSync(dirname(from)) ? from : join(folder, 'recorded.ts'))
  }
  const [entry] = modules.values()
  if (!entry) throw new UnreadableFileError('The record of a migration contains no code.')
  return { entry, modules, resolve, unfollowed: undefined }
}

// --- internal ---

function readPack(text: string): Pack['modules'] {
  let modules: unknown
  try {
    modules = (JSON.parse(text) as Partial<Pack> | null)?.modules
  } catch {
    // Reported below.
  }
  if (typeof modules === 'object' && modules !== null) return modules as Pack['modules']
  throw new UnreadableFileError('The record of a migration cannot be read.')
}
