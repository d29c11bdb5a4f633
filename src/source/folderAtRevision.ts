/** The migrations of a folder as git has them at a tag, branch or commit, in whichever tool's format. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { SourceNotFoundError, UnreadableFileError, UsageError } from '../migrate/errors.ts'
import type { Source } from '../migrate/source.ts'
import { decode } from './files.ts'
import { type Folder, sourceOfFormat } from './formats/format.ts'
import { gitEnvironment } from './gitBase.ts'
import { gitRevision } from './gitRevision.ts'
import { formatOf } from './open.ts'

/** Returns `true` if git knows the revision in the repository that the folder belongs to. */
export function isRevision(revision: string, path: string): boolean {
  return git(existing(path), ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`]) !== null
}

/**
 * Returns a source of the migrations that a folder had at a revision. The format is the one that the folder has now.
 * @param path absolute, or relative to the working directory
 * @throws SourceNotFoundError outside of a repository, UsageError for migrations that are code of another tool
 */
export function folderAtRevision(revision: string, path: string): Source {
  const cwd = existing(path)
  const root = git(cwd, ['rev-parse', '--show-toplevel'])?.toString().trim()
  if (root === undefined) throw new SourceNotFoundError(`${path} is in no git repository.`)
  const prefix = (git(cwd, ['rev-parse', '--show-prefix'])?.toString().trim() ?? '').replace(/\/$/, '')
  const inside = [prefix, relative(cwd, resolve(path)).replaceAll(sep, '/')].filter(Boolean).join('/') || '.'
  const format = formatOf(path)
  if (!format) return gitRevision(revision, { path: inside, cwd: root })
  if (format.isCode) {
    throw new UsageError(
      `${path} is a folder of ${format.tool}, whose migrations are code: they cannot run from a git revision.`,
      {
        hint: `Check the revision out beside this one (git worktree add ../before ${revision}), and name its folder instead.`,
      },
    )
  }
  return sourceOfFormat(format.make(), folderInGit(revision, inside, root))
}

// --- internal ---

/** The folder, or the nearest one above that exists: a revision may have a folder that is gone now. */
function existing(path: string): string {
  const folder = resolve(path)
  return existsSync(folder) ? folder : existing(dirname(folder))
}

function folderInGit(revision: string, path: string, root: string): Folder {
  const shown = `${revision}:${path}`
  const at = (name: string) => `${revision}:${join(path, name).replaceAll(sep, '/')}`
  const bytes = (name: string) => {
    const found = git(root, ['cat-file', 'blob', at(name)])
    if (found === null) throw new UnreadableFileError(`${shown}/${name} cannot be read from git.`)
    return found
  }
  return {
    shown,
    files: () => {
      const listed = git(root, ['ls-tree', '-r', '-z', '--name-only', '--full-tree', at('.').replace(/:\.$/, ':')])
      if (listed === null) throw new SourceNotFoundError(`There is no folder ${path} in git revision ${revision}.`)
      return listed.toString().split('\0').filter(Boolean).sort()
    },
    bytes,
    text: (name) => decode(bytes(name), `${shown}/${name}`),
    above: (name) => {
      const found = git(root, ['cat-file', 'blob', at(join('..', name))])
      return found === null ? undefined : decode(found, name)
    },
  }
}

/** Returns the output of git; null if git is missing or fails. */
function git(cwd: string, args: readonly string[]): Buffer | null {
  const { status, stdout } = spawnSync('git', args, {
    cwd,
    env: gitEnvironment(),
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 1 << 30,
  })
  return status === 0 ? stdout : null
}
