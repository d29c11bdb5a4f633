/** Verification finds the fault of migrations that each have one. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { pglite } from '../../presets/pglite.ts'
import { memory } from '../../src/source/memory.ts'
import { type VerifyOptions, verification } from '../../src/verify/verify.ts'
import { anyPostgres } from '../support/servers.ts'

type Files = Parameters<typeof memory>[0]

const SOUND: Files = {
  '1_users.up.sql': 'create table users (id int primary key, name text not null)',
  '1_users.down.sql': 'drop table users',
}

/** Names of checks with what they said: `ok`, a remark, or the whole error. */
async function verify(options: Partial<VerifyOptions<unknown>>): Promise<Record<string, string>> {
  const made = await verification({
    server: anyPostgres,
    migrations: memory(SOUND),
    ...options,
  } as VerifyOptions<unknown>)
  const said: Record<string, string> = {}
  try {
    for (const check of made.checks) {
      said[check.name] = await check.run().then(
        (remark) => remark ?? 'ok',
        (error: Error) => error.message,
      )
    }
  } finally {
    await made.dispose()
  }
  return said
}

const SNAPSHOT = { 'a copy of a snapshot: the same schema, rows and next numbers': 'ok' }
const IN_MEMORY = 'not compared with a base branch (the migrations are not in a folder)'
const FIRST = { 'order of versions': IN_MEMORY }

describe.for([
  ['PostgreSQL', anyPostgres],
  ['PGlite', pglite()],
] as const)('%s', ([, server]) => {
  test('sound migrations pass', async () => {
    const files = { ...SOUND, '3_nothing.up.sql': '' }
    expect(await verify({ server, migrations: memory(files) })).toEqual({
      ...FIRST,
      'nil → 3': 'ok',
      '1_users: up, down, up': 'ok',
      '3_nothing: up, down, up': 'ok',
      'step by step to 3: same schema as nil → 3': 'ok',
      ...SNAPSHOT,
      '3 → nil, and nothing left': 'ok',
    })
  })
})

test('a down that does not give back what was', async () => {
  const said = await verify({
    migrations: memory({
      ...SOUND,
      '2_email.up.sql':
        'alter table users add email text; alter table users drop name; create index by_email on users (email)',
      '2_email.down.sql': 'alter table users drop email; alter table users add name text',
    }),
  })
  expect(said['2_email: up, down, up']).toMatchInlineSnapshot(`
    "2_email.down.sql: does not restore the schema of version 1:

        CREATE TABLE users (
      -   name text NOT NULL
      +   name text
        );

      (- at 1, + after up and down)"
  `)
  // At the end nothing is left all the same.
  expect(said['2 → nil, and nothing left']).toBe('ok')
})

test('no down, though the up made something', async () => {
  const said = await verify({
    migrations: memory({ ...SOUND, '2_view.up.sql': 'create view v as select 1 as x; comment on view v is $$it$$' }),
  })
  expect(said['2_view: up, down, up']).toMatchInlineSnapshot(`
    "2_view has no down, so its changes remain:

      + CREATE VIEW v AS
      +  SELECT 1 AS x;
      + COMMENT ON VIEW v IS 'it';

      (- at 1, + after up and down)

    Write a down, or a down file that states why there is none: -- migrate: irreversible REASON"
  `)
  expect(said['2 → nil, and nothing left']).toMatch(/^After undoing every migration, .*\n\n {2}\+ CREATE VIEW v AS/)
})

describe('what no down removes besides objects', () => {
  const set = (setting: string) =>
    `do $$ begin execute format('alter database %I set ${setting}', current_database()); end $$`

  test('is told at the migration that made it', async () => {
    const made = await verification({
      server: anyPostgres,
      groups: ['schema'],
      migrations: memory({
        ...SOUND,
        '2_settings.up.sql': set('work_mem = 5000'),
        '2_settings.down.sql': '-- nothing',
        '3_more.up.sql': 'create table t (id int)',
        '3_more.down.sql': 'drop table t',
      }),
    })
    onTestFinished(() => made.dispose())
    const findings = []
    for (const check of made.checks) findings.push(...(await check.examine()).findings)
    const objects = ['the setting work_mem=5000 of the database']
    expect(findings).toMatchObject([
      { rule: 'nil-left', version: 2, half: 'down', file: '2_settings.down.sql', objects },
    ])
  })

  test('is told with the migration of each, where there are several', async () => {
    const said = await verify({
      groups: ['schema'],
      migrations: memory({
        '1_object.up.sql': 'select lo_create(0)',
        '1_object.down.sql': '-- nothing',
        '2_settings.up.sql': set('work_mem = 5000'),
        '2_settings.down.sql': '-- nothing',
      }),
    })
    expect(said['2 → nil, and nothing left']).toMatch(
      /: the large object \d+ \(1_object\), the setting work_mem=5000 of the database \(2_settings\)\./,
    )
  })
})

test('a down that fails only after later migrations', async () => {
  const said = await verify({
    migrations: memory({
      ...SOUND,
      '2_email.up.sql': 'alter table users add email text',
      '2_email.down.sql': 'alter table users drop email',
      '3_no_email.up.sql': 'alter table users drop email',
      '3_no_email.down.sql': 'select 1',
    }),
  })
  expect(said['2_email: up, down, up']).toBe('ok')
  expect(said['3_no_email: up, down, up']).toMatch(/^3_no_email.down.sql: does not restore the schema of version 2/)
  expect(said['3 → nil, and nothing left']).toMatch(
    /^2_email.down.sql:1:1: column "email" of relation "users" does not exist/,
  )
})

test('an up that fails, and all behind it', async () => {
  const said = await verify({
    migrations: memory({ ...SOUND, '2_typo.up.sql': 'alter table user add x int', '3_c.up.sql': '' }),
  })
  expect(said['nil → 3']).toMatch(/^2_typo.up.sql:1:1/)
  expect(said['1_users: up, down, up']).toBe('ok')
  expect(said['3_c: up, down, up']).toBe('Not reached: the up of 2_typo fails.')
  expect(said['3 → nil, and nothing left']).toBe('Not reached: the up of 2_typo fails.')
  expect(said['2_typo: up, down, up']).toMatch(/^2_typo.up.sql:1:1/)
})

test('up a second time is not as the first time', async () => {
  const files = {
    '1_a.up.sql':
      "do $$ begin if to_regclass('was_here') is null then create table t (id int); else create table t (id bigint); end if; end $$; create table if not exists was_here ()",
    '1_a.down.sql': 'drop table t',
  }
  const said = await verify({ migrations: memory({ '0_marker.up.sql': '', ...files }) })
  expect(said['1_a: up, down, up']).toMatch(
    /does not restore the schema of version 0:\n\n {2}\+ CREATE TABLE was_here \(\);/,
  )
  // Where what tells the second time apart is no schema, only the second up shows it.
  const sequence = {
    '1_s.up.sql': 'create sequence s',
    '1_s.down.sql': 'drop sequence s',
    '2_a.up.sql':
      "do $$ begin if nextval('s') = 1 then create table t (id int); else create table t (id bigint); end if; end $$",
    '2_a.down.sql': 'drop table t',
  }
  const second = await verify({ migrations: memory(sequence) })
  expect(second['2_a: up, down, up']).toMatch(
    /^2_a.up.sql: the second up gives a different schema[^+-]*- {3}id integer\n {2}\+ {3}id bigint/,
  )
})

test('step by step gives another schema than straight', async () => {
  const files = {
    '1_s.up.sql': 'create sequence s',
    '1_s.down.sql': 'drop sequence s',
    '2_a.up.sql': "select nextval('s')",
    '3_b.up.sql':
      "do $$ begin if nextval('s') = 2 then create table t (id int); else create table t (id bigint); end if; end $$",
    '3_b.down.sql': "drop table t; select setval('s', currval('s') - 1)",
  }
  const said = await verify({ migrations: memory(files) })
  expect(said['3_b: up, down, up']).toBe('ok')
  expect(said['step by step to 3: same schema as nil → 3']).toMatch(
    /^Version 3 has a different schema .*\n[^+-]*- {3}id integer/,
  )
})

test('steps without a way back say why, in the down or in an option', async () => {
  const files = {
    ...SOUND,
    '2_gone.up.sql': 'alter table users drop name',
    '2_gone.down.sql': '-- migrate: irreversible the names are gone',
    '3_more.up.sql': 'alter table users add x int',
    '3_more.down.sql': 'alter table users drop x',
    '4_kind.up.sql': "create type kind as enum ('a')",
  }
  expect(await verify({ migrations: memory(files), irreversible: { 4: 'no down was written' } })).toEqual({
    ...FIRST,
    'nil → 4': 'ok',
    '1_users: up, down, up': 'ok',
    '2_gone: up, down, up': 'irreversible: the names are gone',
    '3_more: up, down, up': 'ok',
    '4_kind: up, down, up': 'irreversible: no down was written',
    'step by step to 4: same schema as nil → 4': 'ok',
    'one move over several versions: the same schema as on the way up': 'ok',
    ...SNAPSHOT,
    '4 → nil, and nothing left': 'not undone, because irreversible: 2_gone, 4_kind',
  })
  await expect(verify({ irreversible: { 9: 'x' } })).rejects.toThrow('irreversible: there is no version 9')
})

test('what means the same is a remark: columns in another order, white space in a function', async () => {
  const body = (text: string) => `create or replace function f() returns int language plpgsql as $$ ${text} $$`
  const said = await verify({
    migrations: memory({
      '1_t.up.sql': `create table t (a int, b int, c int); ${body('begin return 1; end')}`,
      '1_t.down.sql': 'drop table t; drop function f()',
      '2_u.up.sql': `alter table t drop a; ${body('begin return 2; end')}`,
      '2_u.down.sql': `alter table t add a int; ${body('begin\n  return 1; -- one\nend')}`,
    }),
  })
  expect(said['2_u: up, down, up']).toBe(
    'the down changes white space or comments of routine f(); the position of a in table t',
  )
})

describe('many migrations, of which the upper half has a database of its own', () => {
  /** Twenty-four migrations, some of which are others. */
  function many(others: Files): Files {
    const tables = Array.from({ length: 24 }, (_, i) => [
      [`${i + 1}_t.up.sql`, `create table t${i + 1} (id int primary key)`],
      [`${i + 1}_t.down.sql`, `drop table t${i + 1}`],
    ])
    return { ...Object.fromEntries(tables.flat()), ...others }
  }

  const failed = (said: Record<string, string>) =>
    Object.entries(said).flatMap(([name, text]) => (text === 'ok' || text === IN_MEMORY ? [] : [name]))

  test('sound ones pass', async () => {
    const said = await verify({ migrations: memory(many({})) })
    expect(failed(said)).toEqual([])
    expect(Object.keys(said).filter((name) => name.endsWith('up, down, up'))).toHaveLength(24)
  })

  test('the fault of each half is found where it is', async () => {
    const said = await verify({ migrations: memory(many({ '5_t.down.sql': '', '20_t.down.sql': '' })) })
    const trips = failed(said).filter((name) => name.endsWith('up, down, up'))
    expect(trips).toEqual(['5_t: up, down, up', '20_t: up, down, up'])
  })

  test('what the lower half cannot reach, the upper one cannot either', async () => {
    const said = await verify({ migrations: memory(many({ '5_t.up.sql': 'create table t1 (id int)' })) })
    expect(said['5_t: up, down, up']).toContain('relation "t1" already exists')
    expect(said['20_t: up, down, up']).toBe('Not reached: the up of 5_t fails.')
  })

  test('what a step of the lower half leaves is found by one of the upper half', async () => {
    const said = await verify({
      migrations: memory(
        many({
          '2_t.up.sql': 'create table t2 (id int); insert into t1 values ((select count(*) from t1))',
          '23_t.up.sql': `create table t23 (id int primary key);
            do $$ begin if (select count(*) from t1) > 1 then alter table t23 add odd int; end if; end $$`,
        }),
      ),
    })
    expect(failed(said)).toEqual(['step by step to 24: same schema as nil → 24'])
    expect(said['step by step to 24: same schema as nil → 24']).toContain('odd integer')
  })
})

test('each check can be run alone', async () => {
  const files = {
    ...SOUND,
    '2_gone.up.sql': 'alter table users drop name',
    '2_gone.down.sql': '-- migrate: irreversible the names are gone',
  }
  const count = (await verification({ server: anyPostgres, migrations: memory(files) })).checks.length
  expect(count).toBeGreaterThan(4)
  for (let i = 0; i < count; i++) {
    const made = await verification({ server: anyPostgres, migrations: memory(files) })
    await made.checks[i]?.run()
    await made.dispose()
  }
})

test('roles and temporary tables of migrations are no findings', async () => {
  const role = `verify_role_${process.pid}`
  const files = {
    '1_role.up.sql': `do $$ begin if not exists (select from pg_roles where rolname = '${role}') then create role ${role}; end if; end $$; create table t (a int); grant select on t to ${role}`,
    '1_role.down.sql': `drop table t; drop role ${role}`,
    '2_temp.up.sql': 'create temp table backfill as select * from t; alter table t add b int',
    '2_temp.down.sql': 'alter table t drop b',
  }
  const said = await verify({ migrations: memory(files) })
  expect(Object.values(said).filter((text) => text !== 'ok')).toEqual([IN_MEMORY])
})

test('a database that cannot be dropped does not hide what failed', async () => {
  const files = {
    '1_s.up.sql': "create subscription s connection 'dbname=x' publication y with (connect = false)",
    '1_s.down.sql': 'selec 1',
  }
  const made = await verification({ server: anyPostgres, migrations: memory(files) })
  await expect(made.checks[2]?.run()).rejects.toThrow(/1_s.down.sql:1:1: syntax error/)
  await made.dispose().catch(() => undefined)
})

describe('against the base branch', () => {
  function repository(onMain: Files, here: Files): string {
    const root = mkdtempSync(join(tmpdir(), 'migratest-base-'))
    onTestFinished(() => rmSync(root, { recursive: true }))
    const folder = join(root, 'db', 'migrations')
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@example.org', ...args], { cwd: root })
    mkdirSync(folder, { recursive: true })
    git('init', '-q', '-b', 'main')
    for (const [name, text] of Object.entries(onMain)) writeFileSync(join(folder, name), String(text))
    git('add', '.')
    git('commit', '-q', '--allow-empty', '-m', 'main')
    git('checkout', '-q', '-b', 'feature')
    for (const [name, text] of Object.entries(here)) writeFileSync(join(folder, name), String(text))
    return folder
  }

  async function late(folder: string, base?: string | false): Promise<string | undefined> {
    const made = await verification({ server: anyPostgres, migrations: folder, ...(base !== undefined && { base }) })
    return made.checks[0]?.run()
  }

  test('a new migration comes after those on the base branch', async () => {
    const folder = repository({ ...SOUND, '5_last.up.sql': '' }, { '6_new.up.sql': '' })
    expect(await late(folder)).toBe('compared with main')
    writeFileSync(join(folder, '3_late.up.sql'), '')
    await expect(late(folder)).rejects.toThrow(
      /3_late.up.sql is new, but comes before version 5, which is already on main/,
    )
    expect(await late(folder, false)).toBe('not compared with a base branch (base is false)')
  })

  test('a branch that has none there yet, one that is not fetched, and a git hook', async () => {
    const folder = repository({}, SOUND)
    expect(await late(folder, 'main')).toBe('main has no migrations in this folder yet')
    const other = repository({ ...SOUND, '9_x.up.sql': '' }, { '5_z.up.sql': '' })
    vi.stubEnv('GITHUB_BASE_REF', 'dev')
    onTestFinished(() => void vi.unstubAllEnvs())
    expect(await late(other)).toBe('not compared with a base branch (origin/dev is not fetched)')
    vi.stubEnv('GITHUB_BASE_REF', '')
    vi.stubEnv('GIT_DIR', '.git')
    await expect(late(other)).rejects.toThrow(/5_z.up.sql is new/)
  })

  test('a number that the branch has given to another', async () => {
    const folder = repository(SOUND, {})
    rmSync(join(folder, '1_users.up.sql'))
    rmSync(join(folder, '1_users.down.sql'))
    writeFileSync(join(folder, '1_people.up.sql'), '')
    await expect(late(folder, 'main')).rejects.toThrow(/1_people.up.sql: version 1 is 1_users on main/)
  })

  test('a branch that was named must be there', async () => {
    const folder = repository(SOUND, {})
    await expect(late(folder, 'origin/main')).rejects.toThrow('git knows no revision "origin/main"')
  })
})
