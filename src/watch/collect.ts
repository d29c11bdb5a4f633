/** From what the file system says to "look now": bursts, saves in two halves, swap files and checkouts are one change each. */
import { existsSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { type FSWatcher, watch } from 'chokidar'

export interface Saved {
  /** Names, without the folder. */
  readonly files: readonly string[]
  /** When the last of them was written, in milliseconds since 1970. */
  readonly at: number
}

export interface Collector {
  /** Resolves when nothing can be missed any more. */
  readonly ready: Promise<void>
  close(): Promise<void>
}

export interface CollectOptions {
  /** Looks at the files ten times a second instead of waiting for events of the file system. */
  readonly poll: boolean
  /** Called once where events cannot be had and the files are polled instead. */
  readonly onPolling: (why: string) => void
}

/**
 * Why the file system of a folder gives no events for what is written from outside: a bind mount of a container, a share, a
 * Windows drive in WSL. Undefined where it does, or where the system does not tell.
 */
function lacksEvents(folder: string): string | undefined {
  try {
    return SILENT[statfsSync(folder).type]
  } catch {
    return undefined
  }
}

/** @param path of the folder, absolute or relative to the working directory */
export function collect(path: string, options: CollectOptions, onSaved: (saved: Saved) => void): Collector {
  // Names in events begin with what is watched: one base for all of them.
  const folder = resolve(path)
  const changed = new Set<string>()
  const seen = new Map<string, string>()
  let timer: NodeJS.Timeout | undefined
  let first = 0
  const fire = () => {
    const waited = performance.now() - first
    // A file that is just being written is empty for a moment; one that stays so is meant.
    const unfinished = waited < EMPTY_MS && [...changed].some((path) => sizeOf(path) === 0)
    const isLocked = waited < LOCKED_MS && isGitBusy(folder)
    if (unfinished || isLocked) {
      timer = setTimeout(fire, SETTLE_MS)
      return
    }
    for (const path of changed) seen.set(path, stampOf(path))
    const files = [...changed].filter((file) => file === folder || isOfInterest(file))
    changed.clear()
    timer = undefined
    if (files.length === 0) return
    const at = Math.max(...files.map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0))
    onSaved({ files: files.map((path) => basename(path)), at: at > 0 && at <= Date.now() ? at : Date.now() - waited })
  }
  const notice = (name: string) => {
    const path = resolve(folder, name)
    // One save is told in several events, some of them late.
    if (seen.get(path) === stampOf(path)) return
    if (timer === undefined) first = performance.now()
    changed.add(path)
    clearTimeout(timer)
    timer = setTimeout(fire, SETTLE_MS)
  }
  const begin = (usePolling: boolean): FSWatcher => {
    const watcher = watch(folder, {
      ignoreInitial: true,
      ignored: (name) => isPassing(name),
      atomic: false,
      usePolling,
      interval: POLL_MS,
    })
    for (const event of ['add', 'change', 'unlink'] as const) watcher.on(event, notice)
    // A second change within 50 ms is told here only.
    watcher.on('raw', (_, name, details) => {
      const { watchedPath = folder } = (details ?? {}) as { watchedPath?: string }
      const whole = basename(watchedPath) === name ? watchedPath : resolve(watchedPath, name ?? '')
      if (name && !isPassing(whole)) notice(whole)
    })
    watcher.on('error', (error) => {
      const { code = '' } = error as NodeJS.ErrnoException
      if (!usePolling && OUT_OF_WATCHES.has(code)) {
        options.onPolling(`the system has no more watches to give (${code})`)
        void watcher.close()
        current = begin(true)
        current.once('ready', isReady)
        // What happened meanwhile was told to nobody.
        notice(folder)
        return
      }
      // A folder that cannot be watched any more is told by the next run, which cannot read it.
      notice(folder)
    })
    return watcher
  }
  let isReady: () => void = () => undefined
  const ready = new Promise<void>((done) => {
    isReady = done
  })
  const silent = options.poll ? undefined : lacksEvents(folder)
  if (silent !== undefined) options.onPolling(`${silent} tells of no changes that are made outside`)
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

/** The parts of one save come closer to each other than this. A run that saw half of it is run again for the other. */
const SETTLE_MS = 6
const EMPTY_MS = 150
const POLL_MS = 100
const OUT_OF_WATCHES = new Set(['ENOSPC', 'EMFILE'])

/** File systems that give no events for changes made elsewhere, by their magic numbers (Linux, statfs(2) and magic.h). */
const SILENT: Readonly<Record<number, string>> = {
  26985: 'NFS',
  20859: 'SMB',
  4283649346: 'CIFS',
  4266872130: 'SMB',
  16914839: '9P (a Windows drive in WSL, or a mount of a virtual machine)',
  1702057286: 'FUSE (a mount of Docker Desktop or of a virtual machine)',
  2020557398: 'a shared folder of VirtualBox',
}

/** Somebody may leave a lock behind. */
const LOCKED_MS = 30_000

/** What editors and tools write for a moment: vim's 4913 and swap files, emacs' locks, backups, parts of a download. */
function isPassing(path: string): boolean {
  const name = basename(path)
  return (
    /^(?:4913|\.DS_Store|node_modules|\.git)$/.test(name) ||
    /^\.#|^#.*#$|~$|\.(?:sw[a-z]|tmp|temp|part|bak|orig|crswap)$|___jb_(?:tmp|old)___$/i.test(name)
  )
}

/** Editors make and remove files with names of all kinds; of those that are gone, only what a migration is made of counts. */
function isOfInterest(path: string): boolean {
  return existsSync(path) || /\.(?:sql|[cm]?[jt]s|json)$/i.test(path)
}

/** Empty of a file that is gone. */
function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true })
  return stat?.isFile() ? `${stat.mtimeNs} ${stat.size} ${stat.ino}` : ''
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size
}

/** git holds a lock on its index while it writes the files of another branch. */
function isGitBusy(folder: string): boolean {
  const git = gitFolder(resolve(folder))
  return git !== undefined && existsSync(join(git, 'index.lock'))
}

function gitFolder(folder: string): string | undefined {
  const found = join(folder, '.git')
  const stat = statSync(found, { throwIfNoEntry: false })
  if (stat?.isDirectory()) return found
  // A worktree's says where it is.
  if (stat) return resolve(folder, /^gitdir: (.*)$/m.exec(readFileSync(found, 'utf8'))?.[1] ?? '.git')
  const up = dirname(folder)
  return up === folder ? undefined : gitFolder(up)
}
