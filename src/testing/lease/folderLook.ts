/** Looks at the files of a folder, and tells whether they are what they were at an earlier look. */
import { lstatSync, readdirSync, statSync } from 'node:fs'
import type { Source } from '../../migrate/source.ts'
import { entriesBelow } from '../../source/entries.ts'
import { hearOf } from './quietFolder.ts'

/**
 * The names of a folder's files, and for each the `stat` values that change when it is written. The last fact is how many
 * changes were heard of: two within one tick of the file system's clock may leave the same values.
 */
export interface Folder {
  readonly path: string
  readonly names: readonly string[]
  readonly facts: Float64Array
}

/** Looks at a source's folder. Returns `undefined` if the migrations are not in one. */
export async function lookAt({ folder: path, format }: Source): Promise<Folder | undefined> {
  if (path === undefined) return undefined
  try {
    // This comes first: what is written during the look is heard of at the next one.
    const heard = await hearOf(path)
    const changes = heard?.changes ?? 0
    const last = looks.get(path)
    if (last?.isHeardOf && heard && !heard.isDue && last.folder.facts.at(-1) === changes) return last.folder
    // A folder's own times change when a file in it is added or removed, so the names need not be read again.
    const isDeep = format !== undefined
    const names = isDeep && last && isUnchanged(last.folder) ? last.folder.names : namesIn(path, isDeep)
    const made = { path, names, facts: statsOf(path, names, changes) }
    const folder = last && isSame(last.folder, made) ? last.folder : made
    const isKnown = folder === last?.folder && last.isHeardOf !== undefined
    const isHeardOf = isKnown ? last.isHeardOf : heard && areHeardOf(folder, isDeep)
    looks.set(path, { folder, isHeardOf })
    return folder
  } catch {
    return undefined
  }
}

/** Looks at files anywhere. @param files absolute paths */
export function lookAtFiles(files: readonly string[]): Folder | undefined {
  try {
    const names = [...new Set(files)]
    return { path: '', names, facts: statsOf('', names, 0) }
  } catch {
    return undefined
  }
}

export function isUnchanged({ path, names, facts }: Folder): boolean {
  try {
    return isEqual(statsOf(path, names, facts.at(-1) ?? 0), facts)
  } catch {
    // A file is gone.
    return false
  }
}

export function isSame(a: Folder, b: Folder): boolean {
  if (a === b) return true
  if (a.path !== b.path || a.names.length !== b.names.length) return false
  return a.names.every((name, i) => name === b.names[i]) && isEqual(a.facts, b.facts)
}

// --- internal ---

interface Look {
  readonly folder: Folder
  /** `true` if each change of a file is told to who watches the folder; undefined if nobody does. */
  readonly isHeardOf: boolean | undefined
}

/** The last look at each folder. */
const looks = new Map<string, Look>()

function namesIn(path: string, isDeep: boolean): string[] {
  return isDeep ? ['.', ...entriesBelow(path).map((one) => one.path)] : readdirSync(path)
}

/** Returns `false` for links to files elsewhere, for files that have other names, too, and where subfolders count. */
function areHeardOf({ path, names }: Folder, isDeep: boolean): boolean {
  return names.every((name) => {
    const stats = lstatSync(`${path}/${name}`)
    return stats.isFile() ? stats.nlink === 1 : stats.isDirectory() && (name === '.' || !isDeep)
  })
}

/** Device, inode, times and size of each file. */
const FACTS = 5

function statsOf(path: string, names: readonly string[], changes: number): Float64Array {
  const facts = new Float64Array(names.length * FACTS + 1)
  facts[names.length * FACTS] = changes
  for (const [i, name] of names.entries()) {
    const { dev, ino, mtimeMs, ctimeMs, size } = statSync(path === '' ? name : `${path}/${name}`)
    facts.set([dev, ino, mtimeMs, ctimeMs, size], i * FACTS)
  }
  return facts
}

function isEqual(a: Float64Array, b: Float64Array): boolean {
  return a.length === b.length && a.every((fact, i) => fact === b[i])
}
