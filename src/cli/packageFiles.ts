/** Files of the installed package, which fit this version of the command. */
import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Returns the package's folder. It is one level further up in the built package. */
export function packageFolder(): string {
  const candidates = ['../../', '../../../'].map((up) => fileURLToPath(new URL(up, import.meta.url)))
  return candidates.find((folder) => existsSync(join(folder, 'package.json'))) ?? '.'
}

/** Returns the path of a file of the package from where the command runs. */
export function pathInPackage(...parts: readonly string[]): string {
  return relative(process.cwd(), join(packageFolder(), ...parts))
}
