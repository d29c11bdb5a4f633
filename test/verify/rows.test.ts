/** Small folders with one defect each, and the findings that must come out; and sound ones, of which nothing is said. */
import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Source } from '../../src/migrate/source.ts'
import { directory } from '../../src/source/directory.ts'
import { memory } from '../../src/source/memory.ts'
import type { Finding } from '../../src/verify/finding.ts'
import { type VerifyOptions, verification } from '../../src/verify/verify.ts'
import { anyPostgres, describeOnDatabases } from '../support/servers.ts'

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
    const findings = await found(server, directory(join(folder, path)))
    expect(findings.map(brief)).toEqual(expect.arrayContaining(expected))
    // Rows that a defect concerns may show something else, too, but never anything about the first migration.
    expect(findings.filter(({ version }) => version === 1)).toEqual([])
    for (const { rule, evidence } of findings) {
      if (rule.startsWith('fails-with')) expect(evidence?.insert).toMatch(/^INSERT INTO \w+ \(/)
    }
  })

  test.for(sound.map((path) => [basename(path), path] as const))('sound: %s', { timeout: 60_000 }, async ([, path]) => {
    expect((await found(server, directory(join(folder, path)))).map(brief)).toEqual([])
  })
})

describe('many migrations, of which the upper ones have rows of their own', () => {
  /** Twenty-four tables, and what else some of the migrations do. */
  function many(more: Readonly<Record<number, string>>): Source {
    const files = Array.from({ length: 24 }, (_, i) => [
      [`${i + 1}_t.up.sql`, `create table t${i + 1} (id int primary key); ${more[i + 1] ?? ''}`],
      [`${i + 1}_t.down.sql`, '-- migrate: irreversible it is only a test'],
    ])
    return memory(Object.fromEntries(files.flat()))
  }

  /** Rows that come to a table get lost. */
  const swallowing = (table: string) => `
    create function of_${table}() returns trigger language plpgsql as $$ begin return null; end $$;
    create trigger guard before insert on ${table} for each row execute function of_${table}()`

  test('the fault of each is found, over rows from all versions', { timeout: 180_000 }, async () => {
    const steps = many({
      3: 'alter table t1 add a int not null',
      // From here on, this table takes no rows, but it has some.
      4: swallowing('t2'),
      20: 'alter table t2 add a int not null',
    })
    expect((await found(anyPostgres, steps)).map(brief)).toEqual([
      'fails-with-rows error 3 up t1',
      'fails-with-rows error 20 up t2',
    ])
  })

  test('what one of the lower ones made has never worked', { timeout: 60_000 }, async () => {
    expect((await found(anyPostgres, many({ 4: swallowing('t2') }))).map(brief)).toEqual([
      'object-broken error 4 up guard',
    ])
  })

  test('what the upper ones mend has worked', { timeout: 60_000 }, async () => {
    const mended = `create or replace function of_t2() returns trigger language plpgsql as $$ begin return new; end $$`
    expect(await found(anyPostgres, many({ 4: swallowing('t2'), 20: mended }))).toEqual([])
  })
})

// --- internal ---

async function found(server: VerifyOptions<unknown>['server'], migrations: Source): Promise<Finding[]> {
  const made = await verification({ server, migrations, groups: ['rows'] })
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
