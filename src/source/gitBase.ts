/** Finds the branch into which the current one will be merged, as far as git knows. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

export interface GitBase {
  /** The revision, such as `origin/main`. */
  readonly revision: string
  /** The migrations' folder, relative to the root of the repository. */
  readonly path: string
  /** A folder in the repository. */
  readonly cwd: string
  /** `true` if the folder exists in that revision, or if the revision itself does not exist here. */
  readonly present: boolean
}

/**
 * Returns the base: `revision` if given; else the target of the pull request that GitHub Actions or GitLab names; else
 * the remote's default branch; else a branch called main or master. If there is none, returns the reason as a sentence.
 */
export function findGitBase(folder: string, revision?: string): GitBase | string {
  if (!existsSync(folder)) return `there is no folder ${folder}`
  const prefix = git(folder, ['rev-parse', '--show-prefix'])
  if (prefix === undefined) return 'no git repository'
  const path = prefix.replace(/\/$/, '') || '.'
  const exists = (name: string) => git(folder, ['rev-parse', '--verify', '--quiet', `${name}^{commit}`]) !== undefined
  const at = (name: string): GitBase => ({
    revision: name,
    path,
    cwd: folder,
    present:
      !exists(name) ||
      git(folder, ['rev-parse', '--verify', '--quiet', `${name}:${path === '.' ? '' : path}`]) !== undefined,
  })
  if (revision !== undefined) return at(revision)
  const { GITHUB_BASE_REF, CI_MERGE_REQUEST_TARGET_BRANCH_NAME } = process.env
  const target = GITHUB_BASE_REF || CI_MERGE_REQUEST_TARGET_BRANCH_NAME
  if (target) {
    // Use no other branch: it would be the wrong one to compare with.
    const found = [`origin/${target}`, target].find(exists)
    return found === undefined ? `origin/${target} is not fetched` : at(found)
  }
  const remote = git(folder, ['symbolic-ref', '--quiet', '--short', 'refs/remotes/origin/HEAD'])
  const candidates = [...(remote ? [remote] : []), 'origin/main', 'origin/master', 'main', 'master']
  const found = candidates.find(exists)
  return found === undefined ? 'no branch that it could be merged into' : at(found)
}

/** Returns the environment without the variables that a git hook sets, since those refer to another folder. */
export function gitEnvironment(): NodeJS.ProcessEnv {
  const { GIT_DIR: _, GIT_WORK_TREE: __, GIT_INDEX_FILE: ___, GIT_PREFIX: ____, ...rest } = process.env
  return rest
}

// --- internal ---

/** Runs git; returns undefined if git is missing or fails. */
function git(cwd: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, {
    cwd,
    env: gitEnvironment(),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return status === 0 ? stdout.trim() : undefined
}
