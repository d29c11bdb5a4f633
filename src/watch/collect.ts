/**
 * Turns file system events into notifications of saved files. A burst of events, a save in two halves, a swap file or a
 * checkout each counts as one change.
 */
import { existsSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { type FSWatcher, watch } from 'chokidar'

export interface Saved {
  /** File names without the folder. */
  readonly files: readonly string[]
  /** Time of the last write, in milliseconds since 1970. */
  readonly at: number
}

export interface Collector {
  /** Resolves once the folder is being watched. All later changes are reported. */
  readonly ready: Promise<void>
  close(): Promise<void>
}

export interface CollectOptions {
  /** `true`: check the files ten times a second instead of waiting for file system events. */
  readonly poll: boolean
  /** Called once if events are unavailable and the files are polled instead. */
  readonly onPolling: (why: string) => void
  /** `true`: leave out subfolders. */
  readonly isFlat?: boolean
  /** Returns `true` for the files to report; omitted: all. @param file absolute path */
  readonly only?: (file: string) => boolean
}

/**
 * Returns the name of the folder's file system if it sends no events for changes made from outside: a bind mount of a
 * container, a network share, a Windows drive in WSL. Returns undefined if it sends events, or if the system does not
 * report the type of the file system.
 */
function lacksEvents(folder: string): string | undefined {
  try {
    return SILENT[statfsSync(folder).type]
  } catch {
    return undefined
  }
}

/** Watches a folder and reports saved files. @param path the folder, absolute or relative to the working directory */
export function collect(path: string, options: CollectOptions, onSaved: (saved: Saved) => void): Collector {
  // Paths in events begin with the watched path, so we use one absolute base for all of them.
  const folder = resolve(path)
  /** Paths of changed files, with what was noticed of each. */
  const changed = new Map<string, string>()
  const seen = new Map<string, string>()
  let timer: NodeJS.Timeout | undefined
  let first = 0
  const fire = () => {
    const waited = performance.now() - first
    // A file is empty for a moment while it is being written. If it stays empty, that is intended.
    const unfinished = waited < EMPTY_MS && [...changed.keys()].some((path) => sizeOf(path) === 0)
    const isLocked = waited < LOCKED_MS && isGitBusy(folder)
    if (unfinished || isLocked) {
      timer = setTimeout(fire, SETTLE_MS)
      return
    }
    for (const path of changed.keys()) seen.set(path, stampOf(path))
    const files = [...changed.keys()].filter((file) => file === folder || isOfInterest(file))
    changed.clear()
    timer = undefined
    if (files.length === 0) return
    const at = Math.max(...files.map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0))
    onSaved({ files: files.map((path) => basename(path)), at: at > 0 && at <= Date.now() ? at : Date.now() - waited })
  }
  const notice = (name: string) => {
    const path = resolve(folder, name)
    if (path !== folder && options.only?.(path) === false) return
    // One save causes several events, and some of them arrive late: only another write lets us wait again.
    const stamp = stampOf(path)
    if (seen.get(path) === stamp || changed.get(path) === stamp) return
    if (timer === undefined) first = performance.now()
    changed.set(path, stamp)
    clearTimeout(timer)
    timer = setTimeout(fire, SETTLE_MS)
  }
  const begin = (usePolling: boolean): FSWatcher => {
    const watcher = watch(folder, {
      ignoreInitial: true,
      ignored: (name) => isPassing(name),
      atomic: false,
      ...(options.isFlat && { depth: 0 }),
      usePolling,
      interval: POLL_MS,
    })
    for (const event of ['add', 'change', 'unlink'] as const) watcher.on(event, notice)
    // chokidar reports a second change within 50 ms only as a raw event.
    watcher.on('raw', (_, name, details) => {
      const { watchedPath = folder } = (details ?? {}) as { watchedPath?: string }
      const whole = basename(watchedPath) === name ? watchedPath : resolve(watchedPath, name ?? '')
      if (name && !isPassing(whole)) notice(whole)
    })
    watcher.on('error', (error) => {
      const { code = '' } = error as NodeJS.ErrnoException
      if (!usePolling && OUT_OF_WATCHES.has(code)) {
        options.onPolling(`the system has no file watches left (${code})`)
        void watcher.close()
        current = begin(true)
        current.once('ready', isReady)
        // Changes made before polling began were not reported, so report one for the whole folder.
        notice(folder)
        return
      }
      // If the folder cannot be watched any more, the next run fails to read it and reports that.
      notice(folder)
    })
    return watcher
  }
  let isReady: () => void = () => undefined
  const ready = new Promise<void>((done) => {
    isReady = done
  })
  const silent = options.poll ? undefined : lacksEvents(folder)
  if (silent !== undefined) options.onPolling(`${silent} does not report changes that are made from outside`)
  let current = begin(options.poll || silent !== undefined)
  current.once('ready', () => isReady())
  return {
    ready,
    close: async () => {
      clearTimeout(timer)
      await current.close()
    },
  }
}

// --- internal ---

/**
 * Milliseconds without an event after which a save counts as complete. The writes of one save are closer together than
 * this. If a run saw only the first half, another run follows for the second.
 */
const SETTLE_MS = 6
const EMPTY_MS = 150
const POLL_MS = 100
const OUT_OF_WATCHES = new Set(['ENOSPC', 'EMFILE'])

/** File systems that send no events for changes made elsewhere, by magic number (Linux, statfs(2) and magic.h). */
const SILENT: Readonly<Record<number, string>> = {
  26985: 'NFS',
  20859: 'SMB',
  4283649346: 'CIFS',
  4266872130: 'SMB',
  16914839: '9P (a Windows drive in WSL, or a mount of a virtual machine)',
  1702057286: 'FUSE (a mount of Docker Desktop or of a virtual machine)',
  2020557398: 'a shared folder of VirtualBox',
}

/** Milliseconds to wait for git to release its index lock. The limit is needed because the lock may be a leftover. */
const LOCKED_MS = 30_000

/**
 * Returns `true` for files that editors and tools write temporarily: vim's 4913 and swap files, emacs' locks, backups,
 * partial downloads.
 */
function isPassing(path: string): boolean {
  const name = basename(path)
  return (
    /^(?:4913|\.DS_Store|node_modules|\.git)$/.test(name) ||
    /^\.#|^#.*#$|~$|\.(?:sw[a-z]|tmp|temp|part|bak|orig|crswap)$|___jb_(?:tmp|old)___$/i.test(name)
  )
}

/**
 * Returns `true` if a change of this file can affect migrations. Any existing file counts. A removed file counts only
 * if its extension is one that a migration can have, because editors create and remove files with all kinds of names.
 */
function isOfInterest(path: string): boolean {
  return existsSync(path) || /\.(?:sql|[cm]?[jt]s|json)$/i.test(path)
}

/** Returns modification time, size and inode of a file as text; empty if the file is gone. */
function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true })
  return stat?.isFile() ? `${stat.mtimeNs} ${stat.size} ${stat.ino}` : ''
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size
}

/** Returns `true` while git holds its index lock, as it does while it checks out files of another branch. */
function isGitBusy(folder: string): boolean {
  const git = gitFolder(resolve(folder))
  return git !== undefined && existsSync(join(git, 'index.lock'))
}

function gitFolder(folder: string): string | undefined {
  const found = join(folder, '.git')
  const stat = statSync(found, { throwIfNoEntry: false })
  if (stat?.isDirectory()) return found
  // In a git worktree, .git is a file that contains the path of the actual git folder.
  if (stat) return resolve(folder, /^gitdir: (.*)$/m.exec(readFileSync(found, 'utf8'))?.[1] ?? '.git')
  const up = dirname(folder)
  return up === folder ? undefined : gitFolder(up)
}
