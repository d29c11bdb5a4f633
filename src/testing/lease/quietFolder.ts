/**
 * Tells whether anything has changed in a folder, without looking at each file: on Linux the kernel queues what a write to a
 * local file system does there, before the write returns. Elsewhere nothing is told, and the files have to be looked at.
 */
import { type FSWatcher, statfsSync, statSync, watch } from 'node:fs'
import { now, turn } from '../../migrate/realTime.ts'

export interface Heard {
  /** The same number as before if no file of the folder was written, added or removed meanwhile. */
  readonly changes: number
  /** From when on changes have been heard of, in milliseconds since 1970. */
  readonly since: number
}

/**
 * Returns what was heard of a folder, also of what was written just before the call; undefined if nothing is told. Links
 * to files elsewhere, and what is written through mapped memory or other names of a file, are not heard of, nor is
 * anything below subfolders.
 */
export async function hearOf(folder: string): Promise<Heard | undefined> {
  const watched = watching.folders.get(folder) ?? begin(folder)
  if (!watched) return undefined
  // After the first turn, the loop asks the kernel for what it has queued; at the second, all of that was heard.
  await turn()
  await turn()
  if (watching.folders.get(folder) !== watched) return undefined
  if (identityOf(folder) !== watched.identity) {
    end(folder, watched)
    return undefined
  }
  return watched
}

// --- internal ---

interface WatchedFolder extends Heard {
  readonly watcher: FSWatcher
  readonly identity: string
  changes: number
}

interface Watching {
  readonly folders: Map<string, WatchedFolder>
  /** Changes by folder, also of those that are no longer watched. */
  readonly changes: Map<string, number>
}

/**
 * One for the process: where each test file loads this module again (vitest's vmThreads), each would otherwise leave a
 * watcher behind, which keeps all that the file has loaded.
 */
const WATCHING = Symbol.for('migratest.watching')
const shared = process as unknown as Record<symbol, Watching | undefined>
const watching = shared[WATCHING] ?? { folders: new Map(), changes: new Map() }
shared[WATCHING] = watching

/** Folders that are watched at most: the system has a limit for all processes. */
const MOST_WATCHED = 8

/** File systems of one kernel, by magic number (Linux, statfs(2) and magic.h): ext, XFS, Btrfs, tmpfs, F2FS, ZFS. */
const LOCAL = [0xef53, 0x58465342, 0x9123683e, 0x01021994, 0xf2f52010, 0x2fc12fc1]

function begin(folder: string): WatchedFolder | undefined {
  // A user who sets that variable knows that events do not arrive here.
  const isLinux = process.platform === 'linux' && !process.env.CHOKIDAR_USEPOLLING
  if (!isLinux) return undefined
  try {
    if (!LOCAL.includes(statfsSync(folder).type)) return undefined
    const identity = identityOf(folder)
    if (identity === undefined) return undefined
    const watcher = watch(folder, { persistent: false })
    const { changes } = watching
    const watched: WatchedFolder = { watcher, identity, changes: changes.get(folder) ?? 0, since: now() }
    watcher.on('change', () => changes.set(folder, ++watched.changes))
    watcher.on('error', () => end(folder, watched))
    watching.folders.set(folder, watched)
    const [[oldest, ended] = []] = watching.folders.size > MOST_WATCHED ? watching.folders : []
    if (oldest !== undefined && ended) end(oldest, ended)
    return watched
  } catch {
    return undefined
  }
}

function end(folder: string, { watcher }: WatchedFolder): void {
  watching.folders.delete(folder)
  watcher.close()
}

/** Returns what tells the folder from another one that has its name now. */
function identityOf(folder: string): string | undefined {
  const stats = statSync(folder, { throwIfNoEntry: false })
  return stats && `${stats.dev} ${stats.ino}`
}
