/** The way that a finding proposes, run as it is written: it ends, and raises no finding itself. */
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { mariadb } from '../../presets/mariadb.ts'
import { mysql } from '../../presets/mysql.ts'
import { memory } from '../../src/source/memory.ts'
import type { Finding } from '../../src/verify/finding.ts'
import { type VerifyOptions, verification } from '../../src/verify/verify.ts'
import { anyPostgres } from '../support/servers.ts'

const ROOT = join(import.meta.dirname, '..', 'corpus', 'live')

/** Told once a run, or of a few rows, of which a batch changes all. */
const OF_EVERY_FOLDER = ['no-lock-timeout', 'waits-for-transactions', 'rows-locked']

async function findingsOf(server: unknown, files: Readonly<Record<string, string>>): Promise<Finding[]> {
  const made = await verification({ server, migrations: memory(files), groups: ['live'] } as VerifyOptions<unknown>)
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
  return findings.filter(({ rule }) => !OF_EVERY_FOLDER.includes(rule))
}

/** Each comment of a safe way begins a migration of its own. */
function migrationsOf(sql: string): string[] {
  return sql
    .split(/^--.*$/m)
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

describe.for([
  ['postgres', anyPostgres],
  ['mysql', mysql()],
  ['mariadb', mariadb()],
] as const)('%s', ([kind, server]) => {
  const folders = globSync('*', { cwd: join(ROOT, kind) }).filter((name) => !name.startsWith('sound-'))
  test.for(folders.toSorted())('%s', { timeout: 60_000 }, async (folder) => {
    const names = globSync('*.up.sql', { cwd: join(ROOT, kind, folder) }).toSorted()
    const files = Object.fromEntries(
      names.map((name) => [basename(name), readFileSync(join(ROOT, kind, folder, name), 'utf8')]),
    )
    const all = await findingsOf(server, files)
    // If there is no gentler statement, words say what to do.
    for (const { fix } of all) expect(fix?.text).toMatch(/\w{3,}/)
    const found = all.find(({ fix }) => fix?.sql !== undefined)
    if (!found?.fix?.sql) return
    const before = Object.entries(files).filter(([name]) => Number.parseInt(name, 10) < Number(found.version))
    // The proposal takes the place of the statement; what precedes that is a migration of its own.
    const file = Object.entries(files).find(([name]) => Number.parseInt(name, 10) === Number(found.version))
    const preceding = file?.[1].slice(0, file[1].indexOf(found.statement ?? '')).trim() ?? ''
    const steps = [preceding, ...migrationsOf(found.fix.sql)]
      .filter((sql) => sql !== '')
      .map((sql, n) => [`${100 + n}_safe.up.sql`, sql] as const)
    const again = await findingsOf(server, Object.fromEntries([...before, ...steps]))
    expect(again.map(({ rule, statement, message }) => `${rule}: ${statement}: ${message}`)).toEqual([])
  })
})
