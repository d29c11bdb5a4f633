/** Finds out which version of a package is installed. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Returns `name@version` of the package that a module's file belongs to; undefined if it cannot be found. */
export function versionOfPackage(file: string): string | undefined {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, 'package.json')
    if (!existsSync(path)) continue
    const { name, version } = JSON.parse(readFileSync(path, 'utf8')) as { name?: string; version?: string }
    // A package may have further files of that name in its folders, which only say "type".
    if (name !== undefined && version !== undefined) return `${name}@${version}`
  }
  return undefined
}
