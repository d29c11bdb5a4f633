/** Writes the files of a revision of git into a temporary folder, which goes when it is disposed of, or with the process. */
import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { UsageError } from '../migrate/errors.ts'
import { gitEnvironment } from './gitBase.ts'

/** The signals that end a process, unless it listens. */
export const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export interface Checkout {
  /** The revision as it was named. */
  readonly revision: string
  /** Returns where a path of the repository is in the temporary folder. */
  locate(path: string): string
  /** Removes the folder. */
  dispose(): void
}

/**
 * Writes all files of a revision. Neither the user's work tree nor the index is touched. Installed packages
 * (`node_modules`) are those of the work tree, by links.
 * @param within a folder of the repository
 * @param kind `files`: the files alone; `worktree`: a work tree of git, for commands that ask git
 * @throws UsageError if git does not know the revision
 */
export function checkOut(revision: string, within: string, kind: 'files' | 'worktree'): Checkout {
  const root = rootOf(within)
  const commit = commitOf(revision, within)
  sweep()
  const parent = mkdtempSync(join(realpathSync(tmpdir()), `${PREFIX}${process.pid}-`))
  const folder = join(parent, 'tree')
  const remove = () => {
    if (kind === 'worktree') git(root, ['worktree', 'remove', '--force', '--force', folder])
    rmSync(parent, { recursive: true, force: true })
  }
  const forget = atEndOfProcess(remove)
  const dispose = () => {
    forget()
    remove()
  }
  try {
    if (kind === 'worktree') forgetKilled(root)
    if (kind === 'worktree') must(root, [...NO_HOOKS, 'worktree', 'add', '--detach', '--quiet', folder, commit])
    else {
      const env = { GIT_INDEX_FILE: join(parent, 'index') }
      mkdirSync(folder)
      must(root, ['read-tree', commit], env)
      must(root, ['checkout-index', '--all', '--force', `--prefix=${folder}${sep}`], env)
    }
    linkPackages(root, folder, commit)
  } catch (error) {
    dispose()
    throw error
  }
  return { revision, locate: (path) => join(folder, relative(root, real(path))), dispose }
}

// --- internal ---

const PREFIX = 'migratest-checkout-'
/** A checkout runs the hook post-checkout, which is not meant for this one. */
const NO_HOOKS = ['-c', `core.hooksPath=${process.platform === 'win32' ? 'NUL' : '/dev/null'}`]

/** Returns the commit that a revision names. @throws UsageError if git does not know it */
function commitOf(revision: string, within: string): string {
  const found = git(within, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`])
  if (found !== undefined) return found.trim()
  throw new UsageError(`git knows no revision "${revision}" in ${within}.`, {
    hint: 'In CI, a shallow clone may lack it: fetch it first (git fetch origin tag TAG), or clone with fetch-depth: 0.',
  })
}

function rootOf(within: string): string {
  const root = existsSync(within) ? git(within, ['rev-parse', '--show-toplevel']) : undefined
  if (root === undefined) throw new UsageError(`${within} is in no git repository, so it has no revisions.`)
  return real(root.trim())
}

function real(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}

/** Runs git; returns undefined if git is missing or fails. */
function git(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string | undefined {
  const { status, stdout } = spawnSync('git', args, {
    cwd,
    env: { ...gitEnvironment(), ...env },
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return status === 0 ? stdout : undefined
}

function must(cwd: string, args: readonly string[], env?: NodeJS.ProcessEnv): void {
  if (git(cwd, args, env) !== undefined) return
  throw new UsageError(`git could not write the files of the revision (git ${args[0]} failed in ${cwd}).`)
}

/** Removes folders that processes left which were killed. */
function sweep(): void {
  for (const name of readdirSync(tmpdir())) {
    const owner = name.startsWith(PREFIX) ? Number(name.slice(PREFIX.length).split('-')[0]) : Number.NaN
    if (Number.isNaN(owner) || isAlive(owner)) continue
    rmSync(join(tmpdir(), name), { recursive: true, force: true })
  }
}

/** Lets git forget the work trees of processes that were killed. */
function forgetKilled(root: string): void {
  const listed = git(root, ['worktree', 'list', '--porcelain']) ?? ''
  for (const [, path = ''] of listed.matchAll(/^worktree (.*)$/gm)) {
    if (path.includes(PREFIX) && !existsSync(path)) git(root, ['worktree', 'remove', '--force', '--force', path])
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Calls `remove` if the process ends first, by a signal, too. @returns a function that takes that back */
function atEndOfProcess(remove: () => void): () => void {
  const ends = SIGNALS.map((signal) => {
    const end = () => {
      // Somebody else listens, who ends the process, or what runs in the folder.
      if (process.listenerCount(signal) > 1) return
      forget()
      remove()
      process.kill(process.pid, signal)
    }
    return [signal, end] as const
  })
  const forget = () => {
    process.off('exit', remove)
    for (const [signal, end] of ends) process.off(signal, end)
  }
  process.on('exit', remove)
  for (const [signal, end] of ends) process.on(signal, end)
  return forget
}

/**
 * Links the installed packages, one by one: a command in the folder that removes or replaces packages (`npm ci`) then
 * removes links. A package of the repository itself is linked to its files of that revision.
 */
function linkPackages(root: string, folder: string, commit: string): void {
  const listed = git(root, ['ls-tree', '-r', '-z', '--name-only', commit]) ?? ''
  const places = listed.split('\0').filter((path) => /(?:^|\/)package\.json$/.test(path))
  for (const place of new Set(['.', ...places.map((path) => dirname(path))])) {
    const packages = join(root, place, 'node_modules')
    const there = join(folder, place, 'node_modules')
    if (!existsSync(packages) || existsSync(there)) continue
    // A link that the repository has leads out of the work tree, and nowhere.
    rmSync(there, { force: true })
    linkAll(packages, there, root, folder)
  }
}

function linkAll(from: string, to: string, root: string, folder: string): void {
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from)) {
    const path = join(from, name)
    if (name.startsWith('@') || name === '.bin') {
      if (lstatSync(path).isDirectory()) linkAll(path, join(to, name), root, folder)
      continue
    }
    // Caches and lists of what is installed are not packages.
    if (name.startsWith('.')) continue
    const target = real(path)
    const own = relative(root, target)
    const isOfRepository = !own.startsWith('..') && !own.split(sep).includes('node_modules')
    symlinkSync(isOfRepository ? join(folder, own) : target, join(to, name))
  }
}
