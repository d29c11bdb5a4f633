/** A folder of another tool on disk. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import { fileURLToPath, pathToFileURL, type URL } from 'node:url'
import { SourceNotFoundError, UnreadableFileError } from '../../migrate/errors.ts'
import { loadPackage } from '../../migrate/loadPackage.ts'
import { readBytes } from '../directory.ts'
import { entriesBelow } from '../entries.ts'
import { decode } from '../files.ts'
import { pathOf, shorten } from '../folder.ts'
import type { Adapt, ModuleLoader } from '../module/loader.ts'
import { versionOfPackage } from '../packageVersion.ts'
import type { Folder } from './format.ts'

/** @param path absolute, relative to the working directory, or a `file:` URL; throws UsageError for another URL */
export function folderOnDisk(path: string | URL): Folder {
  const folder = resolve(pathOf(path))
  const shown = shorten(folder)
  let keys: Promise<ModuleLoader> | undefined
  /** A loader for each way to read a module's exports; it keeps what it has loaded. */
  const loaders = new Map<Adapt, Promise<ModuleLoader>>()
  /** Packages that migrations have asked for; each migration asks again. */
  const packages = new Map<string, Promise<object>>()
  const bytes = (name: string) => readBytes(join(folder, name), join(shown, name))
  return {
    shown,
    path: folder,
    files: () => filesIn(folder, shown),
    bytes,
    text: (name) => decode(bytes(name), join(shown, name)),
    load: async (name, adapt) => {
      const known = loaders.get(adapt)
      if (known) return (await known).load(join(folder, name))
      const loading = import('../module/loader.ts').then((module) => new module.ModuleLoader(shorten, adapt))
      loaders.set(adapt, loading)
      return (await loading).load(join(folder, name))
    },
    codeKey: async (name, library, drivers = []) => {
      keys ??= import('../module/loader.ts').then((module) => new module.ModuleLoader(shorten))
      const key = await (await keys).key(join(folder, name))
      const [version, ...others] = await Promise.all([library, ...drivers].map((one) => versionIn(folder, one)))
      if (!version) return { because: `the package "${library}" is not installed` }
      return 'because' in key ? key : { ...key, hash: [key.hash, version, ...others].join(' ') }
    },
    importPackage: (name, purpose) => {
      const known = packages.get(name) ?? importFor(folder, name, purpose)
      packages.set(name, known)
      // It may be installed later.
      known.catch(() => packages.delete(name))
      return known
    },
    above: (name) => {
      const file = join(dirname(folder), name)
      return existsSync(file) ? decode(readBytes(file, shorten(file)), shorten(file)) : undefined
    },
  }
}

// --- internal ---

async function importFor(folder: string, name: string, purpose: string): Promise<object> {
  return loadPackage(name, purpose, async () => import(pathToFileURL(await locate(name, folder)).href))
}

/** Returns the version of a package as the folder imports it; undefined if it is not installed. */
async function versionIn(folder: string, name: string): Promise<string | undefined> {
  const found = await locate(name, folder).catch(() => undefined)
  return found && versionOfPackage(found)
}

/** Returns the file that an import of the package means in the folder. @throws Error if it is not installed */
async function locate(name: string, folder: string): Promise<string> {
  const { diskResolver } = await import('../module/resolve.ts')
  const { prepare, resolve } = diskResolver()
  const from = join(folder, 'migration.ts')
  await prepare(name, from)
  const found = resolve(name, from)
  return found.kind === 'native' ? fileURLToPath(found.url) : found.path
}

function filesIn(folder: string, shown: string): string[] {
  try {
    return entriesBelow(folder)
      .filter(({ entry }) => entry.isFile() || entry.isSymbolicLink())
      .map(({ path }) => path.replaceAll(sep, '/'))
      .sort()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') {
      throw new SourceNotFoundError(`There is no directory ${shown} (looked for ${folder}).`, {
        hint: 'Pass the path of the folder with the migrations.',
        cause,
      })
    }
    if (code === 'ENOTDIR') throw new SourceNotFoundError(`${shown} is a file, not a directory.`, { cause })
    throw new UnreadableFileError(`${shown} cannot be read: ${(cause as Error).message}`, { cause })
  }
}
