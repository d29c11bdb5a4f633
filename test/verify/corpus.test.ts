/**
 * Folders of migrations, each with one realistic defect and the findings that it must raise, and sound ones that look
 * suspicious and must raise none. `expected.json` lists findings as `rule version object`. The safe way that a finding proposes
 * is run as it is written: it ends, and raises no finding itself.
 */
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

/** Told once a run, whatever the folder. */
const ONCE = ['no-lock-timeout', 'waits-for-transactions']

async function findingsIn(
  migrations: VerifyOptions<unknown>['migrations'],
  server: unknown,
  leaveOut = ONCE,
): Promise<Finding[]> {
  const made = await verification({ server, migrations, groups: ['live'] } as VerifyOptions<unknown>)
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
  return findings.filter(({ rule }) => !leaveOut.includes(rule))
}

/** A batch changes all of a few rows, too. */
const OF_A_SAFE_WAY = [...ONCE, 'rows-locked']

/** Each comment of a safe way begins a migration of its own. */
function migrationsOf(sql: string): string[] {
  return sql
    .split(/^--.*$/m)
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** Returns the migrations before the finding, and then its safe way in the place of the statement. */
function withSafeWay(folder: string, { version, statement }: Finding, sql: string): Record<string, string> {
  const names = globSync('*.up.sql', { cwd: folder }).toSorted()
  const files = names.map(
    (name) => [Number.parseInt(name, 10), name, readFileSync(join(folder, name), 'utf8')] as const,
  )
  const before = files.filter(([own]) => own < Number(version)).map(([, name, text]) => [name, text])
  // What precedes the statement is a migration of its own.
  const whole = files.find(([own]) => own === Number(version))?.[2] ?? ''
  const preceding = whole.slice(0, whole.indexOf(statement ?? '')).trim()
  const steps = [preceding, ...migrationsOf(sql)].filter((text) => text !== '')
  return Object.fromEntries([...before, ...steps.map((text, n) => [`${100 + n}_safe.up.sql`, text])])
}

describe.for([
  ['postgres', anyPostgres],
  ['mysql', mysql()],
  ['mariadb', mariadb()],
] as const)('%s', ([kind, server]) => {
  const folders = globSync('*', { cwd: join(ROOT, kind) }).map((name) => join(ROOT, kind, name))
  test.for(folders.toSorted().map((folder) => [basename(folder), folder] as const))(
    '%s',
    { timeout: 120_000 },
    async ([, folder]) => {
      const expected: string[] = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'))
      const found = await findingsIn(folder, server)
      const said = found.map(({ rule, version, objects }) => `${rule} ${version} ${objects[0]}`)
      expect(said.toSorted()).toEqual(expected.toSorted())
      // Each finding has a place in its file, and says what to do. If there is no gentler statement, words say it.
      for (const { line, file, message, fix } of found) {
        expect(file && line && message).toBeTruthy()
        expect(fix?.text).toMatch(/\w{3,}/)
      }
      const isSql = ({ file, rule }: Finding) => file?.endsWith('.up.sql') === true && rule !== 'rows-locked'
      const finding = found.find((one) => isSql(one) && one.fix?.sql !== undefined)
      if (!finding?.fix?.sql) return
      const safe = memory(withSafeWay(folder, finding, finding.fix.sql))
      const again = await findingsIn(safe, server, OF_A_SAFE_WAY)
      expect(again.map(({ rule, statement, message }) => `${rule}: ${statement}: ${message}`)).toEqual([])
    },
  )
})
