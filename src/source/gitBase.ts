/** The branch that this one will be merged into, as far as git can tell. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

export interface GitBase {
  /** As `origin/main`. */
  readonly revision: string
  /** The migrations' folder from the root of the repository. */
  readonly path: string
  /** A folder in the repository. */
  readonly cwd: string
}

/**
 * `revision`: where it is known. Else what GitHub Actions or GitLab says a pull request is for, the remote's default
 * branch, or a branch called main or master. Undefined where the folder is in no repository, or there is no such branch.
 */
export function findGitBase(folder: string, revision?: string): GitBase | undefined {
  if (!existsSync(folder)) return undefined
  const prefix = git(folder, ['rev-parse', '--show-prefix'])
  if (prefix === undefined) return undefined
  const place = { path: prefix.replace(/\/$/, '') || '.', cwd: folder }
  if (revision !== undefined) return { revision, ...place }
  const { GITHUB_BASE_REF, CI_MERGE_REQUEST_TARGET_BRANCH_NAME } = process.env
  const target = GITHUB_BASE_REF || CI_MERGE_REQUEST_TARGET_BRANCH_NAME
  const candidates = [
    ...(target ? [`origin/${target}`] : []),
    ...[git(folder, ['symbolic-ref', '--quiet', '--short', 'refs/remotes/origin/HEAD'])].filter(
      (name) => name !== undefined,
    ),
    'origin/main',
    'origin/master',
    'main',
    'master',
  ]
  const found = candidates.find(
    (name) => git(folder, ['rev-parse', '--verify', '--quiet', `${name}^{commit}`]) !== undefined,
  )
  return found === undefined ? undefined : { revision: found, ...place }
}

// --- internal ---

/** Undefined where git is not there or says no. */
function git(cwd: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  return status === 0 ? stdout.trim() : undefined
}
