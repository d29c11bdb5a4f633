/**
 * Resolves the usual imports without rolldown: installed packages, as Node does, and the project's files by their names.
 * Where that takes more than the nearest package of a name and its `exports`, or settings of TypeScript may give the import
 * another meaning, there is no answer.
 */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'

/**
 * Returns the file that an import of a package means in a folder; undefined if it takes more to tell.
 * @param specifier a package's name, perhaps with a path behind it
 */
export function installedFile(specifier: string, folder: string): string | undefined {
  const [, name = '', path = ''] = /^((?:@[\w.-]+\/)?[\w.-]+)(\/[\w./-]+)?$/.exec(specifier) ?? []
  if (!name || process.versions.pnp || mayBeAlias(folder)) return undefined
  const own = nearest(folder, 'package.json')
  if (own && (read(own) as Manifest | undefined)?.name === name) return undefined
  const root = nearest(folder, join('node_modules', name))
  const manifest = root && (read(join(root, 'package.json')) as Manifest | undefined)
  if (!root || !manifest) return undefined
  const target = manifest.exports === undefined ? plainTarget(manifest, path) : exportedTarget(manifest.exports, path)
  // Without `exports`, the ending may be left out; a file with just this name goes first.
  const endings = manifest.exports === undefined ? ['', '.js'] : ['']
  const file = endings.map((ending) => join(root, `${target}${ending}`)).find(isFile)
  if (target === undefined || !file) return undefined
  const real = realpathSync.native(file)
  // A package of the workspace is linked here; its files are the project's own.
  return real.includes(`${sep}node_modules${sep}`) ? real : undefined
}

/** Returns the file of the project that a path beginning with `.` means in a folder; undefined if it takes more to tell. */
export function neighbour(specifier: string, folder: string): string | undefined {
  const [, path = '', ending = ''] = /^(\.{1,2}\/.*?)(\.(?:[cm]?[jt]s|json))$/.exec(specifier) ?? []
  if (!path || path.endsWith('.d') || mayBeAlias(folder)) return undefined
  const file = (TYPED[ending] ?? [ending]).map((one) => join(folder, path + one)).find(isFile)
  const real = file && realpathSync.native(file)
  return real?.includes(`${sep}node_modules${sep}`) ? undefined : real
}

// --- internal ---

/** TypeScript code imports a file by the name that the build would give it. */
const TYPED: Readonly<Record<string, readonly string[]>> = {
  '.js': ['.ts', '.js'],
  '.mjs': ['.mts', '.mjs'],
  '.cjs': ['.cts', '.cjs'],
}

interface Manifest {
  readonly name?: string
  readonly main?: unknown
  readonly exports?: unknown
}

const CONDITIONS = new Set(['node', 'import', 'module-sync', 'default'])

/** Returns the nearest path of this name in the folder or above. */
function nearest(folder: string, name: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const path = join(at, name)
    if (existsSync(path)) return path
    if (at === dirname(at)) return undefined
  }
}

/** Returns whether settings of TypeScript may give a package's name another meaning. */
function mayBeAlias(folder: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    const path = join(at, 'tsconfig.json')
    if (existsSync(path) && /"(?:paths|baseUrl|rootDirs|extends|references)"/.test(readFileSync(path, 'utf8')))
      return true
    if (at === dirname(at)) return false
  }
}

function read(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

function plainTarget({ main = 'index.js' }: Manifest, path: string): string | undefined {
  const target = path || main
  return typeof target === 'string' && target !== '' ? target : undefined
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}

function exportedTarget(exports: unknown, path: string): string | undefined {
  const isMap =
    typeof exports === 'object' && exports !== null && Object.keys(exports).some((key) => key.startsWith('.'))
  if (!isMap) return path ? undefined : chosen(exports)
  const target = (exports as Record<string, unknown>)[`.${path}`]
  return target === undefined ? undefined : chosen(target)
}

/** Returns the first target whose conditions hold; undefined also where there is a list to try. */
function chosen(target: unknown): string | undefined {
  if (typeof target === 'string') return target.startsWith('./') ? target : undefined
  if (typeof target !== 'object' || target === null || Array.isArray(target)) return undefined
  for (const [condition, inner] of Object.entries(target)) {
    if (!CONDITIONS.has(condition)) continue
    return chosen(inner)
  }
  return undefined
}
