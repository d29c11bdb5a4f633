/** Finds the files that a branch has added or changed. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { UsageError } from '../migrate/errors.ts'
import { gitEnvironment } from './gitBase.ts'

/**
 * Returns the absolute paths of files in a folder that differ from where this branch left `revision`: committed or not,
 * tracked or new.
 * @throws UsageError if git does not know the revision
 */
export function changedSince(revision: string, folder: string): ReadonlySet<string> {
  const root = run(folder, ['rev-parse', '--show-toplevel'])?.trim()
  if (root === undefined) throw new UsageError(`${folder} is in no git repository, so nothing is known of ${revision}.`)
  if (run(folder, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`]) === undefined) {
    throw new UsageError(`git knows no revision "${revision}" in ${folder}.`, {
      hint: 'In CI, a shallow clone may lack it: fetch it first (git fetch origin BRANCH), or clone with fetch-depth: 0.',
    })
  }
  // Without a common ancestor, everything is compared with the revision itself.
  const base = run(folder, ['merge-base', revision, 'HEAD'])?.trim() || revision
  const changed = run(folder, ['diff', '--name-only', '--no-renames', '-z', base, '--', '.'])
  const untracked = run(folder, ['ls-files', '--others', '--exclude-standard', '--full-name', '-z', '--', '.'])
  return new Set(
    [changed, untracked].flatMap((list) =>
      (list ?? '')
        .split('\0')
        .filter(Boolean)
        .map((path) => join(root, path)),
    ),
  )
}

// --- internal ---

/** Runs git; returns undefined if git is missing or fails. */
function run(cwd: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, {
    cwd,
    env: gitEnvironment(),
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return status === 0 ? stdout : undefined
}
