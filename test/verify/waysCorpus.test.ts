/**
 * Folders of migrations for the groups that compare ways: each has one realistic defect and the findings that it must
 * raise, or is sound, looks suspicious, and must raise none. `expected.json` lists findings as `rule version object`. A
 * folder with `before/` and `after/` is a release and what became of it.
 */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { mariadb } from '../../presets/mariadb.ts'
import { mysql } from '../../presets/mysql.ts'
import type { Finding } from '../../src/verify/finding.ts'
import type { RuleGroup } from '../../src/verify/rules.ts'
import { type VerifyOptions, verification } from '../../src/verify/verify.ts'
import { gitRepository } from '../support/gitRepository.ts'
import { anyPostgres } from '../support/servers.ts'

const ROOT = join(import.meta.dirname, '..', 'corpus')
const GROUPS: readonly RuleGroup[] = ['release', 'compat', 'session', 'interrupt']
const SERVERS = { postgres: [anyPostgres], mysql: [mysql(), mariadb()] } as const
const NAMES = { postgres: ['PostgreSQL'], mysql: ['MySQL', 'MariaDB'] } as const

describe.for(GROUPS.flatMap((group) => (['postgres', 'mysql'] as const).map((kind) => [group, kind] as const)))(
  '%s, %s',
  ([group, kind]) => {
    const root = join(ROOT, group, kind)
    const folders = globSync('*', { cwd: root }).toSorted()
    const cases = folders.flatMap((name) => SERVERS[kind].map((server, n) => [name, NAMES[kind][n], server] as const))
    test.for(cases)('%s, on %s', { timeout: 120_000 }, async ([name, , server]) => {
      const folder = join(root, name)
      const expected: string[] = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'))
      const found = await findingsIn(folder, server, group)
      const said = found.map(({ rule, version = '-', objects }) => `${rule} ${version} ${objects[0] ?? '-'}`)
      expect(said.toSorted()).toEqual(expected.toSorted())
      for (const { version, file, message, fix } of found) {
        // Each finding about a migration has its file; all say what was observed and what to do.
        expect(version === undefined || file).toBeTruthy()
        expect(message && fix?.text).toBeTruthy()
      }
    })
  },
)

async function findingsIn(folder: string, server: unknown, group: RuleGroup): Promise<Finding[]> {
  let migrations = folder
  let release: string | undefined
  if (existsSync(join(folder, 'before'))) {
    const repository = gitRepository()
    repository.copy(join(folder, 'before'), 'migrations')
    repository.commit('v1')
    repository.copy(join(folder, 'after'), 'migrations')
    migrations = join(repository.root, 'migrations')
    release = 'v1'
  }
  const options = { server, migrations, groups: [group], ...(release && { release }) } as VerifyOptions<unknown>
  const made = await verification(options)
  const findings: Finding[] = []
  try {
    for (const check of made.checks) {
      const result = await check.examine()
      expect(result.notRun).toBeUndefined()
      findings.push(...result.findings)
    }
  } finally {
    await made.dispose()
  }
  return findings
}
