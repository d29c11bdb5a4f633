/** Relations that migrations declare between each other, on a real database. */
import { describe, expect } from 'vitest'
import { FakeOrderError, GraphError, MultipleHeadsError, SquashedError } from '../../src/migrate/errors.ts'
import { failure, test } from '../support/database.ts'

const table = (name: string) => ({ up: `create table ${name} (id int);`, down: `drop table ${name};` })
const following = (names: string, sql: string) => `-- migrate: depends-on ${names}\n${sql}`

const LINE = { '1_a.up.sql': table('a').up, '1_a.down.sql': table('a').down }
const OURS = { ...LINE, '3_ours.up.sql': following('1_a', table('ours').up), '3_ours.down.sql': table('ours').down }
const BOTH = {
  ...OURS,
  '2_theirs.up.sql': following('a', table('theirs').up),
  '2_theirs.down.sql': table('theirs').down,
}
const MERGED = { ...BOTH, '4_merge.up.sql': '-- migrate: depends-on 2_theirs, 3_ours\n' }

describe('branches', () => {
  test('two heads are refused by up and "latest", with the way out; a version is still reached', async ({ db }) => {
    const migrator = await db.migrator(BOTH)
    for (const move of [() => migrator.up(), () => migrator.to('latest')]) {
      const error = await failure<MultipleHeadsError>(move())
      expect(error).toBeInstanceOf(MultipleHeadsError)
      expect(error.message).toBe(
        'Multiple heads: no migration follows any of these 2:\n  2_theirs\n  3_ours\n\nJoin them with "migratest merge", or declare which one follows which with "-- migrate: depends-on …".',
      )
    }
    expect((await migrator.version()).version).toBe(-1)
    await migrator.to(3)
    expect((await migrator.up()).steps).toEqual([])
  })

  test('a migration merged late from another branch runs when nothing applied follows it, and the version row does not go back', async ({
    db,
  }) => {
    await (await db.migrator(OURS)).up()
    const migrator = await db.migrator(MERGED)
    const { steps, to } = await migrator.up()
    expect(steps.map(({ version, from, to }) => [version, from, to])).toEqual([
      [2, 3, 3],
      [4, 3, 4],
    ])
    expect(to).toBe(4)
    const status = await migrator.status()
    expect([status.problems, status.migrations.map(({ state }) => state)]).toEqual([
      [],
      ['applied', 'applied', 'applied', 'applied'],
    ])
    await migrator.down('all')
    expect(
      await db.rows("select tablename from pg_tables where schemaname = 'public' and tablename !~ 'migrations'"),
    ).toEqual([])
  })

  test('a migration merged late that something applied follows is refused', async ({ db }) => {
    const files = { ...LINE, '3_b.up.sql': table('b').up }
    await (await db.migrator(files)).up()
    const error = await failure((await db.migrator({ ...files, '2_c.up.sql': following('1', table('c').up) })).up())
    expect(error.code).toBe('MIGRATEST_LATE')
    expect(error.message).toContain('depends-on')
  })

  test('all that is wrong is told at once, before anything runs', async ({ db }) => {
    const migrator = await db.migrator({
      ...LINE,
      '2_b.up.sql': following('nobody', ''),
      '3_c.up.sql': following('4', ''),
      '4_d.up.sql': '',
    })
    const error = await failure<GraphError>(migrator.up())
    expect(error).toBeInstanceOf(GraphError)
    expect(error.problems).toEqual([
      '2_b depends on nobody: there is no such migration.',
      expect.stringContaining('Circular dependency: 3_c → 4_d → 3_c'),
    ])
    expect((await migrator.version()).version).toBe(-1)
    expect((await migrator.status()).problems).toHaveLength(2)
  })

  test('depends-on is no edit: adding it to what was applied changes nothing', async ({ db }) => {
    await (await db.migrator({ ...LINE, '2_b.up.sql': table('b').up })).up()
    const status = await (await db.migrator({ ...LINE, '2_b.up.sql': following('1', table('b').up) })).status()
    expect(status.migrations.map(({ state }) => state)).toEqual(['applied', 'applied'])
  })

  test('a code migration says it in what it exports', async ({ db }) => {
    const up = async () => undefined
    const migrator = await db.migrator({
      '1_a.ts': { up },
      '2_b.ts': { up, dependsOn: ['1_a'] },
      '3_c.ts': { up, dependsOn: [1] },
    })
    expect((await failure<MultipleHeadsError>(migrator.up())).heads).toEqual(['2_b', '3_c'])
  })
})

describe('a squashed migration', () => {
  const PARTS = {
    '1_a.up.sql': table('a').up,
    '1_a.down.sql': table('a').down,
    '2_b.up.sql': table('b').up,
    '2_b.down.sql': table('b').down,
    '3_c.up.sql': table('c').up,
    '3_c.down.sql': table('c').down,
  }
  const SQUASHED = {
    '3_all.up.sql': `-- migrate: replaces 1_a, 2_b,\n-- migrate: replaces 3_c\n${['a', 'b', 'c'].map((name) => table(name).up).join('\n')}`,
    '3_all.down.sql': 'drop table c, b, a;',
    '4_d.up.sql': table('d').up,
    '4_d.down.sql': table('d').down,
  }
  const names = async (db: { rows(sql: string): Promise<Record<string, unknown>[]> }) =>
    (await db.rows('select version, name from schema_migrations_history order by version')).map(
      (row) => `${row.version}_${row.name}`,
    )

  test('runs on a database that has none of them', async ({ db }) => {
    const migrator = await db.migrator(SQUASHED)
    expect((await migrator.up()).steps.map(({ version }) => version)).toEqual([3, 4])
    await migrator.down('all')
    expect((await migrator.version()).version).toBe(-1)
  })

  test('is recorded, not run, on one that has all of them; then it goes down in one step and up again', async ({
    db,
  }) => {
    await (await db.migrator(PARTS)).up()
    const migrator = await db.migrator(SQUASHED)
    expect((await migrator.status()).migrations.map(({ version, state }) => [version, state])).toEqual([
      [3, 'applied'],
      [4, 'pending'],
    ])
    expect((await migrator.up()).steps.map(({ version }) => version)).toEqual([4])
    expect(db.warnings()).toContain(
      '3_all replaces 3 migrations that are all applied, so it is now recorded as applied.',
    )
    expect(await names(db)).toEqual(['3_all', '4_d'])
    expect((await migrator.down(2)).steps.map(({ version, to }) => [version, to])).toEqual([
      [4, 3],
      [3, -1],
    ])
    await migrator.up()
    expect(await names(db)).toEqual(['3_all', '4_d'])
  })

  test('is recorded where a baseline counts some of them as applied', async ({ db }) => {
    const parts = await db.migrator(PARTS)
    await parts.to(2)
    await parts.force(2)
    await parts.up()
    const migrator = await db.migrator(SQUASHED)
    await migrator.up()
    expect(await names(db)).toEqual(['3_all', '4_d'])
    expect((await migrator.status()).migrations.map(({ state }) => state)).toEqual(['applied', 'applied'])
  })

  test('is undone whole, or not at all, by one that has not recorded it yet', async ({ db }) => {
    const parts = await db.migrator(PARTS)
    await parts.to(2)
    await db.rows('create table c (id int)')
    await parts.force(3)
    const migrator = await db.migrator(SQUASHED)
    expect((await migrator.down(1)).steps.map(({ version, to }) => [version, to])).toEqual([[3, -1]])
    expect(
      await db.rows("select tablename from pg_tables where schemaname = 'public' and tablename !~ 'migrations'"),
    ).toEqual([])
    await migrator.up()
  })

  test('goes by what was recorded on one that has some, going down', async ({ db }) => {
    await (await db.migrator(PARTS)).to(2)
    const migrator = await db.migrator(SQUASHED)
    expect((await migrator.down('all')).steps.map(({ version, origin }) => [version, origin])).toEqual([
      [2, 'record'],
      [1, 'record'],
    ])
    await migrator.up()
  })

  test('is known where another tool went on, or went back', async ({ db }) => {
    await (await db.migrator(PARTS)).to(2)
    await db.rows('create table c (id int); update schema_migrations set version = 3')
    const migrator = await db.migrator(SQUASHED)
    await migrator.up()
    expect(await names(db)).toEqual(['3_all', '4_d'])
    await db.rows('drop table d, c, b; update schema_migrations set version = 1')
    expect(
      (await failure<SquashedError>((await db.migrator({ ...SQUASHED, '1_a.up.sql': '' })).to('latest'))).code,
    ).toBe('MIGRATEST_GRAPH')
  })

  test('keeps the recorded downs where its own cannot run', async ({ db }) => {
    await (await db.migrator(PARTS)).up()
    const irreversible = { ...SQUASHED, '3_all.down.sql': '-- migrate: irreversible no way' }
    expect((await failure((await db.migrator(irreversible)).down(1))).code).toBe('MIGRATEST_IRREVERSIBLE')
    expect(await names(db)).toEqual(['1_a', '2_b', '3_c'])
  })

  test('is neither faked nor unfaked before it is recorded', async ({ db }) => {
    await (await db.migrator(PARTS)).to(1)
    expect((await failure((await db.migrator(SQUASHED)).fake(3))).code).toBe('MIGRATEST_SQUASHED')
    await (await db.migrator(PARTS)).up()
    expect((await failure((await db.migrator(SQUASHED)).unfake(3))).message).toContain('"migratest up" first')
  })

  test('four at once record it once', async ({ db }) => {
    await (await db.migrator(PARTS)).up()
    const migrators = await Promise.all([1, 2, 3, 4].map(() => db.migrator(SQUASHED)))
    const runs = await Promise.all(migrators.map((migrator) => migrator.up()))
    expect(runs.flatMap(({ steps }) => steps)).toHaveLength(1)
    expect(await names(db)).toEqual(['3_all', '4_d'])
  })

  test.for([
    [
      'a file of what it replaces that is still there',
      { '1_a.up.sql': '' },
      '3_all replaces 1_a, whose file still exists.',
    ],
    ['two that replace the same', { '5_e.up.sql': '-- migrate: replaces 2_b, 5_x' }, '5_e and 3_all both replace 2_b.'],
    [
      'a name of its own',
      { '5_e.up.sql': '-- migrate: replaces 5_e' },
      '5_e replaces a migration with its own name; give it another name.',
    ],
    [
      'a name without a version',
      { '5_e.up.sql': '-- migrate: replaces users' },
      '5_e replaces "users", which does not begin with a version.',
    ],
  ] as const)('%s is told', async ([, files, problem], { db }) => {
    const migrator = await db.migrator({ ...SQUASHED, ...files })
    expect((await failure<GraphError>(migrator.up())).problems).toContain(problem)
  })

  test('is refused on one that has some, with those that are missing', async ({ db }) => {
    await (await db.migrator(PARTS)).to(1)
    const migrator = await db.migrator(SQUASHED)
    const error = await failure<SquashedError>(migrator.up())
    expect(error).toBeInstanceOf(SquashedError)
    expect(error.missing).toEqual(['2_b', '3_c'])
    expect(error.message).toContain(
      'Only 1 of the 3 migrations that 3_all.up.sql replaces are applied to this database. Not applied:\n  2_b\n  3_c',
    )
    expect((await migrator.status()).problems.join()).toContain('Only 1 of the 3 migrations')
  })

  test('is known to a database that only golang-migrate has used', async ({ db }) => {
    await db.rows('create table schema_migrations (version bigint primary key, dirty boolean not null)')
    await db.rows('insert into schema_migrations values (3, false)')
    expect((await (await db.migrator(SQUASHED)).up()).steps.map(({ version }) => version)).toEqual([4])
  })
})

describe('fake and unfake', () => {
  const FILES = { ...LINE, '2_b.up.sql': table('b').up, '2_b.down.sql': table('b').down, '3_c.up.sql': table('c').up }

  test('fake records a migration as applied without running it', async ({ db }) => {
    const migrator = await db.migrator(FILES)
    await migrator.to(1)
    expect(await migrator.fake(2)).toEqual({ from: 1, to: 2, steps: [] })
    expect(await migrator.version()).toEqual({ version: 2, dirty: false })
    expect((await migrator.status()).migrations.map(({ state }) => state)).toEqual(['applied', 'applied', 'pending'])
    expect((await migrator.up()).steps.map(({ version }) => version)).toEqual([3])
    await expect(db.rows('select 1 from b')).rejects.toThrow('does not exist')
  })

  test('faking out of order is refused, with what comes first', async ({ db }) => {
    const migrator = await db.migrator(FILES)
    const error = await failure<FakeOrderError>(migrator.fake(3))
    expect(error).toBeInstanceOf(FakeOrderError)
    expect(error.message).toContain('3_c follows migrations that are not applied:\n  1_a\n  2_b')
    expect((await migrator.version()).version).toBe(-1)
  })

  test('what is in another branch is no hindrance', async ({ db }) => {
    const migrator = await db.migrator(BOTH)
    await migrator.to(1)
    await migrator.fake(3)
    expect((await migrator.version()).version).toBe(3)
    await migrator.fake(2)
    expect((await migrator.version()).version).toBe(3)
    await migrator.unfake(3)
    expect((await migrator.version()).version).toBe(2)
  })

  test('unfake takes the record back and leaves what is there', async ({ db }) => {
    const migrator = await db.migrator(FILES)
    await migrator.to(2)
    expect((await failure<FakeOrderError>(migrator.unfake(1))).others).toEqual(['2_b'])
    await migrator.unfake(2)
    expect((await migrator.version()).version).toBe(1)
    expect(await db.rows('select count(*)::int from b')).toEqual([{ count: 0 }])
    await migrator.unfake(1)
    expect(await migrator.version()).toEqual({ version: -1, dirty: false })
  })

  test('fake refuses what is applied, unfake refuses what is not', async ({ db }) => {
    const migrator = await db.migrator(FILES)
    await migrator.to(1)
    expect((await failure(migrator.fake(1))).message).toBe('1_a is applied already.')
    expect((await failure(migrator.unfake(2))).message).toBe('Version 2 is not applied.')
    expect((await failure(migrator.fake(9))).code).toBe('MIGRATEST_VERSION_NOT_FOUND')
  })
})

describe('what the Go original gets wrong', () => {
  test('a target that is not there, or is applied already, does not apply everything after it', async ({ db }) => {
    const migrator = await db.migrator({ ...LINE, '2_b.up.sql': table('b').up, '3_c.up.sql': table('c').up })
    expect((await failure(migrator.to(7))).code).toBe('MIGRATEST_VERSION_NOT_FOUND')
    await migrator.to(2)
    expect((await migrator.to(2)).steps).toEqual([])
    expect((await migrator.version()).version).toBe(2)
  })

  test('down goes to the target, not one step', async ({ db }) => {
    const migrator = await db.migrator({
      ...BOTH,
      '2_theirs.up.sql': table('theirs').up,
      '3_ours.up.sql': table('ours').up,
    })
    await migrator.up()
    expect((await migrator.to(1)).steps.map(({ version }) => version)).toEqual([3, 2])
  })

  test('a migration that creates and then drops or renames can be undone', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql':
        'create table t (id int); create table gone (id int); drop table gone; alter table t rename to kept;',
      '1_a.down.sql': 'drop table kept;',
    })
    await migrator.up()
    await migrator.down('all')
    await migrator.up()
    expect(await db.rows('select count(*)::int from kept')).toEqual([{ count: 0 }])
  })

  test('a migration whose file is gone is shown', async ({ db }) => {
    await (await db.migrator({ ...LINE, '2_b.up.sql': table('b').up })).up()
    const { migrations } = await (await db.migrator(LINE)).status()
    expect(migrations.map(({ version, state }) => [version, state])).toEqual([
      [1, 'applied'],
      [2, 'missing'],
    ])
  })

  test('two at once do not collide', async ({ db }) => {
    const files = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`${i}_t.up.sql`, table(`t${i}`).up]))
    const runs = await Promise.all([(await db.migrator(files)).up(), (await db.migrator(files)).up()])
    expect(runs.map(({ steps }) => steps.length).sort()).toEqual([0, 20])
  })

  test('CONCURRENTLY is possible', async ({ db }) => {
    await (await db.migrator({ ...LINE, '2_i.up.sql': 'create index concurrently i on a (id)' })).up()
    expect(await db.rows("select indexname from pg_indexes where indexname = 'i'")).toHaveLength(1)
  })
})
