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
  /** Whether the folder is there in that revision. */
  readonly present: boolean
}

/**
 * `revision`: where it is known. Else what GitHub Actions or GitLab says a pull request is for, the remote's default
 * branch, or a branch called main or master. A sentence where there is none.
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
    // Another branch would be the wrong one to compare with.
    const found = [`origin/${target}`, target].find(exists)
    return found === undefined ? `origin/${target} is not fetched` : at(found)
  }
  const remote = git(folder, ['symbolic-ref', '--quiet', '--short', 'refs/remotes/origin/HEAD'])
  const candidates = [...(remote ? [remote] : []), 'origin/main', 'origin/master', 'main', 'master']
  const found = candidates.find(exists)
  return found === undefined ? 'no branch that it could be merged into' : at(found)
}

/** Without what a git hook sets: those variables would be about another folder. */
export function gitEnvironment(): NodeJS.ProcessEnv {
  const { GIT_DIR: _, GIT_WORK_TREE: __, GIT_INDEX_FILE: ___, GIT_PREFIX: ____, ...rest } = process.env
  return rest
}

// --- internal ---

/** Undefined where git is not there or says no. */
function git(cwd: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, {
    cwd,
    env: gitEnvironment(),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return status === 0 ? stdout.trim() : undefined
}
