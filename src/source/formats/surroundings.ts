/** Looks at the files beside a folder and above it, for tools whose folders look like any other. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface Surroundings {
  /** Returns `true` if the folder above has this file. */
  has(name: string): boolean
  /** `true` if the folder above has no file of any project. */
  readonly isAlone: boolean
  /** Returns `true` if the project's package.json names the package. */
  dependsOn(packageName: string): boolean
  /** Returns `true` if the project's Cargo.toml names the crate. */
  dependsOnCrate(name: string): boolean
}

/** Looks around a folder on disk. */
export function surroundingsOf(folder: string | undefined): Surroundings {
  if (folder === undefined) {
    return { has: () => false, isAlone: true, dependsOn: () => false, dependsOnCrate: () => false }
  }
  const above = dirname(folder)
  return {
    has: (name) => existsSync(join(above, name)),
    get isAlone() {
      return !existsSync(join(above, 'package.json'))
    },
    dependsOn: (name) => nearestFile(above, 'package.json')?.includes(`"${name}"`) ?? false,
    // `sqlx = …`, `sqlx.workspace = true`, or a section for it, which may be that of a workspace or of a target.
    dependsOnCrate: (name) =>
      new RegExp(`^\\s*${name}\\s*[=.]|^\\[(?:.*\\.)?(?:\\w+-)?dependencies\\.${name}\\]`, 'm').test(
        nearestFile(above, 'Cargo.toml') ?? '',
      ),
  }
}

// --- internal ---

/** Reads the file of that name in the nearest folder that has one, at most five folders up. */
function nearestFile(from: string, name: string): string | undefined {
  let folder = from
  for (let up = 0; up < 5; up++) {
    const file = join(folder, name)
    if (existsSync(file)) return readFileSync(file, 'utf8')
    if (dirname(folder) === folder) return undefined
    folder = dirname(folder)
  }
  return undefined
}
