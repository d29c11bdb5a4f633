/**
 * Folders of migrations, each with one realistic defect and the findings that it must raise, and sound ones that look
 * suspicious and must raise none. `expected.json` lists findings as `rule version object`.
 */
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { mariadb } from '../../presets/mariadb.ts'
import { mysql } from '../../presets/mysql.ts'
import type { Finding } from '../../src/verify/finding.ts'
import { type VerifyOptions, verification } from '../../src/verify/verify.ts'
import { anyPostgres } from '../support/servers.ts'

const ROOT = join(import.meta.dirname, '..', 'corpus', 'live')

/** Told once a run, whatever the folder. */
const ONCE = ['no-lock-timeout', 'waits-for-transactions']

async function findingsIn(folder: string, server: unknown): Promise<Finding[]> {
  const options = { server, migrations: folder, groups: ['live'] } as VerifyOptions<unknown>
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
  return findings.filter(({ rule }) => !ONCE.includes(rule))
}

describe.for([
  ['postgres', anyPostgres],
  ['mysql', mysql()],
  ['mariadb', mariadb()],
] as const)('%s', ([kind, server]) => {
  const folders = globSync('*', { cwd: join(ROOT, kind) }).map((name) => join(ROOT, kind, name))
  test.each(folders.toSorted().map((folder) => [basename(folder), folder] as const))('%s', async (_, folder) => {
    const expected: string[] = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'))
    const found = await findingsIn(folder, server)
    const said = found.map(({ rule, version, objects }) => `${rule} ${version} ${objects[0]}`)
    expect(said.toSorted()).toEqual(expected.toSorted())
    // Each finding has a place in its file, and says what to do.
    for (const { line, file, message, fix } of found) {
      expect(file && line && message).toBeTruthy()
      expect(fix?.text).toBeTruthy()
    }
  })
})
