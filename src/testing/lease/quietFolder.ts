/**
 * Tells whether anything has changed in a folder, without looking at each file: on Linux the kernel queues what a write to a
 * local file system does there, before the write returns. Elsewhere nothing is told, and the files have to be looked at.
 */
import { type FSWatcher, statfsSync, statSync, watch } from 'node:fs'
import { now, setImmediate } from '../../migrate/realTime.ts'

export interface Heard {
  /** The same number as before if no file of the folder was written, added or removed since. */
  readonly changes: number
  /** `true` once in a while: the files should be looked at all the same. */
  readonly isDue: boolean
}

/**
 * Returns what was heard of a folder; undefined if that tells nothing. What was written before the call counts. Links to
 * files elsewhere, and what is written through other names of a file, are not heard of, nor is anything below subfolders.
 */
export async function hearOf(folder: string): Promise<Heard | undefined> {
  const watched = watchedFolders.get(folder) ?? begin(folder)
  if (!watched) return undefined
  // After the first turn, the loop asks the kernel for what it has queued; at the second, all of that was heard.
  await turn()
  await turn()
  if (watchedFolders.get(folder) !== watched) return undefined
  if (identityOf(folder) !== watched.identity) {
    end(folder, watched)
    return undefined
  }
  const isDue = now() - watched.lookedAt > TRUSTED_MS
  if (isDue) watched.lookedAt = now()
  return { changes: watched.changes, isDue }
}

// --- internal ---

interface WatchedFolder {
  readonly watcher: FSWatcher
  readonly identity: string
  changes: number
  /** When the files were due to be looked at for the last time. */
  lookedAt: number
}

const watchedFolders = new Map<string, WatchedFolder>()

/** Folders that are watched at most: the system has a limit for all processes. */
const MOST_WATCHED = 8

/** Nothing is told when a file is written through memory that is mapped, so once in a while the files are looked at. */
const TRUSTED_MS = 1000

/** File systems of one kernel, by magic number (Linux, statfs(2) and magic.h): ext, XFS, Btrfs, tmpfs, F2FS, ZFS. */
const LOCAL = [0xef53, 0x58465342, 0x9123683e, 0x01021994, 0xf2f52010, 0x2fc12fc1]

/** Changes of all folders, so that no folder has a number that it, or another one in its place, has had before. */
let changes = 0

function begin(folder: string): WatchedFolder | undefined {
  // Who sets that variable knows that events do not arrive here.
  const isLinux = process.platform === 'linux' && !process.env.CHOKIDAR_USEPOLLING
  if (!isLinux) return undefined
  try {
    if (!LOCAL.includes(statfsSync(folder).type)) return undefined
    const identity = identityOf(folder)
    if (identity === undefined) return undefined
    const watcher = watch(folder, { persistent: false })
    const watched: WatchedFolder = { watcher, identity, changes: ++changes, lookedAt: now() }
    watcher.on('change', () => {
      watched.changes = ++changes
    })
    watcher.on('error', () => end(folder, watched))
    watchedFolders.set(folder, watched)
    const [[oldest, ended] = []] = watchedFolders.size > MOST_WATCHED ? watchedFolders : []
    if (oldest !== undefined && ended) end(oldest, ended)
    return watched
  } catch {
    return undefined
  }
}

function end(folder: string, { watcher }: WatchedFolder): void {
  watchedFolders.delete(folder)
  watcher.close()
}

/** Returns what tells the folder from another one that has its name now. */
function identityOf(folder: string): string | undefined {
  const stats = statSync(folder, { throwIfNoEntry: false })
  return stats && `${stats.dev} ${stats.ino}`
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
