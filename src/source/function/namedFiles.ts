/** The contents of files and folders that code names: a library that is given a name may read them. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'

export interface NamedFiles {
  /** The same as long as the contents are. */
  readonly state: string
  /** Absolute paths. */
  readonly files: readonly string[]
}

/** More files or bytes than these are not read to find out whether they have changed. */
const MOST_FILES = 500
const MOST_BYTES = 20_000_000

/**
 * Returns what a string names, from the working directory: undefined if that is no file or folder of the project, and
 * null if it is too much to read.
 */
export function filesNamed(name: string): NamedFiles | null | undefined {
  const path = resolve(name)
  if (path.includes('/node_modules') || `${process.cwd()}/`.startsWith(path === '/' ? path : `${path}/`))
    return undefined
  const files = filesBelow(path)
  if (files === undefined || files === null) return files
  let bytes = 0
  const hash = createHash('sha256')
  for (const file of files) {
    bytes += statSync(file).size
    if (bytes > MOST_BYTES) return null
    hash.update(`${file}\0`).update(readFileSync(file)).update('\0')
  }
  return { state: `named ${name} ${hash.digest('hex')}`, files }
}

// --- internal ---

function filesBelow(path: string): string[] | null | undefined {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats?.isFile()) return [path]
  if (!stats?.isDirectory()) return undefined
  const files: string[] = []
  const folders = [path]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory() && entry.name !== 'node_modules' && entry.name !== '.git')
        folders.push(join(folder, entry.name))
      else if (entry.isFile()) files.push(join(folder, entry.name))
      else if (entry.isSymbolicLink()) {
        const linked = statSync(join(folder, entry.name), { throwIfNoEntry: false })
        if (linked?.isDirectory()) return null
        if (linked?.isFile()) files.push(join(folder, entry.name))
      }
      if (files.length > MOST_FILES) return null
    }
  }
  return files.sort()
}
