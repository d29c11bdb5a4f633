/** A repository of git in a temporary folder, which goes with the test. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { gitEnvironment } from '../../src/source/gitBase.ts'

export interface Repository {
  readonly root: string
  git(...args: string[]): string
  /** Writes files, by path. */
  write(files: Readonly<Record<string, string>>): void
  /** Replaces a folder of the repository by a copy of another one. */
  copy(from: string, to: string): void
  /** Commits everything. @param tag the tag of the commit */
  commit(tag?: string): void
}

export function gitRepository(): Repository {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'migratest-repository-')))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  const author = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com']
  const git = (...args: string[]) =>
    execFileSync('git', [...author, ...args], { cwd: root, env: gitEnvironment(), encoding: 'utf8' })
  git('init', '--quiet', '--initial-branch=main')
  return {
    root,
    git,
    write(files) {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(root, path)), { recursive: true })
        writeFileSync(join(root, path), text)
      }
    },
    copy(from, to) {
      rmSync(join(root, to), { recursive: true, force: true })
      cpSync(from, join(root, to), { recursive: true })
    },
    commit(tag) {
      git('add', '--all')
      git('commit', '--quiet', '--message=a change')
      if (tag !== undefined) git('tag', tag)
    },
  }
}
