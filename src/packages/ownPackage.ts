/** Where this package is installed, and where it may keep what it derives from the packages beside it. */
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Returns the package's folder. It is one level further up in the built package. */
export function packageFolder(): string {
  const candidates = ['../../', '../../../'].map((up) => fileURLToPath(new URL(up, import.meta.url)))
  return candidates.find((folder) => existsSync(join(folder, 'package.json'))) ?? '.'
}

/** Returns the folder for what is derived: it goes when the packages are installed anew. It need not exist. */
export function cacheFolder(): string {
  const folder = join(packageFolder(), '.')
  const beside = dirname(folder)
  return join(basename(beside) === 'node_modules' ? beside : join(folder, 'node_modules'), '.cache', 'migratest')
}
