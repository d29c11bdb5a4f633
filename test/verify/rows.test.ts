/** Small folders with one defect each, and the findings that must come out; and sound ones, of which nothing is said. */
import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { directory } from '../../src/source/directory.ts'
import type { Finding } from '../../src/verify/finding.ts'
import { type VerifyOptions, verification } from '../../src/verify/verify.ts'
import { describeOnDatabases } from '../support/servers.ts'

const CORPUS = join(import.meta.dirname, '../corpus/rows')

describeOnDatabases(['PostgreSQL', 'MySQL', 'MariaDB'], ({ name, server, mysql }) => {
  const folder = join(CORPUS, mysql ? 'mysql' : 'postgres')
  const defects = globSync('defects/*/expected.txt', { cwd: folder }).map((file) => dirname(file))
  const sound = globSync('sound/*/0001*.up.sql', { cwd: folder }).map((file) => dirname(file))
  // These use statements that only MariaDB has.
  if (name === 'MariaDB') {
    defects.push(...globSync('../mariadb/defects/*/expected.txt', { cwd: folder }).map((file) => dirname(file)))
    sound.push(...globSync('../mariadb/sound/*/0001*.up.sql', { cwd: folder }).map((file) => dirname(file)))
  }

  test('there are cases', () => {
    expect(defects.length).toBeGreaterThan(10)
    expect(sound.length).toBeGreaterThan(5)
  })

  test.for(defects.map((path) => [basename(path), path] as const))('%s', { timeout: 60_000 }, async ([, path]) => {
    const expected = readFileSync(join(folder, path, 'expected.txt'), 'utf8')
      .trim()
      .split('\n')
    const findings = await found(server, join(folder, path))
    expect(findings.map(brief)).toEqual(expect.arrayContaining(expected))
    // Rows that a defect concerns may show something else, too, but never anything about the first migration.
    expect(findings.filter(({ version }) => version === 1)).toEqual([])
    for (const { rule, evidence } of findings) {
      if (rule.startsWith('fails-with')) expect(evidence?.insert).toMatch(/^INSERT INTO \w+ \(/)
    }
  })

  test.for(sound.map((path) => [basename(path), path] as const))('sound: %s', { timeout: 60_000 }, async ([, path]) => {
    expect((await found(server, join(folder, path))).map(brief)).toEqual([])
  })
})

// --- internal ---

async function found(server: VerifyOptions<unknown>['server'], folder: string): Promise<Finding[]> {
  const made = await verification({ server, migrations: directory(folder), groups: ['rows'] })
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

function brief({ rule, severity, version, half, objects }: Finding): string {
  return `${rule} ${severity} ${version} ${half} ${objects.join(' ')}`
}
