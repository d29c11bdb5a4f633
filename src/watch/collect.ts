/** From what the file system says to "look now": bursts, saves in two halves, swap files and checkouts are one change each. */
import { existsSync, readFileSync, statSync } from 'node:fs'
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

export function collect(folder: string, onSaved: (saved: Saved) => void): Collector {
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
    const files = [...changed]
    for (const path of files) seen.set(path, stampOf(path))
    changed.clear()
    timer = undefined
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
  const watcher: FSWatcher = watch(folder, { ignoreInitial: true, ignored: (path) => isPassing(path), atomic: false })
  for (const event of ['add', 'change', 'unlink'] as const) watcher.on(event, notice)
  // A second change within 50 ms is told here only.
  watcher.on('raw', (_, path, details) => {
    const { watchedPath = folder } = (details ?? {}) as { watchedPath?: string }
    const whole = basename(watchedPath) === path ? watchedPath : join(watchedPath, path ?? '')
    if (path && !isPassing(whole)) notice(whole)
  })
  // A folder that cannot be watched any more is told by the next run, which cannot read it.
  watcher.on('error', () => notice(folder))
  return {
    ready: new Promise((done) => watcher.once('ready', () => done())),
    close: async () => {
      clearTimeout(timer)
      await watcher.close()
    },
  }
}

// --- internal ---

/** The parts of one save come closer to each other than this. A run that saw half of it is run again for the other. */
const SETTLE_MS = 6
const EMPTY_MS = 150
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
