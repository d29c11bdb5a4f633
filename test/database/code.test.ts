/** Migrations in TypeScript, on a real database. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { openDatabase } from '../../src/database/open.ts'
import type { MigrationFailedError, SourceProblemsError } from '../../src/migrate/errors.ts'
import type { Migrator, MigratorOptions } from '../../src/migrate/migrator.ts'
import type { MigrationContext } from '../../src/migrate/source.ts'
import { directory } from '../../src/source/directory.ts'
import { folder as folderOf, write } from '../support/cli.ts'
import { failure, test } from '../support/database.ts'

/** A source of files that can be edited. */
function folder(files: Record<string, string>) {
  const path = folderOf(files)
  return {
    path,
    write: (name: string, text: string) => write(path, name, text),
    remove: (name: string) => rmSync(join(path, name)),
    over: (options: Partial<MigratorOptions> = {}) => ({ source: directory(path), ...options }),
  }
}

const USERS = {
  '1_users.up.sql':
    "create table users (id int primary key, name text); insert into users values (1, 'Ada Lovelace'), (2, 'Grace Hopper')",
  '1_users.down.sql': 'drop table users',
}
const SPLIT = {
  'names.ts': "export const split = (name: string) => name.split(' ')",
  '2_split.ts': `import type { Client } from 'pg'
import { defineMigration } from 'migratest'
import { split } from './names.ts'

interface User { id: number; name: string }

export default defineMigration<Client>({
  async up({ sql, client, log }) {
    await sql('alter table users add first_name text')
    for (const { id, name } of await sql<User>('select id, name from users'))
      await client.query('update users set first_name = $1 where id = $2', [split(name)[0], id])
    log('done')
  },
  async down({ sql }) {
    await sql('alter table users drop first_name')
  },
})
`,
}

test('code and SQL go up and down together', async ({ db }) => {
  const { over } = folder({ ...USERS, ...SPLIT })
  const migrator = await db.migrator({}, over())
  await migrator.up()
  expect(await db.rows('select first_name from users order by id')).toEqual([
    { first_name: 'Ada' },
    { first_name: 'Grace' },
  ])
  expect(db.events.filter(({ type }) => type === 'log')).toMatchObject([{ message: 'done', step: { version: 2 } }])
  await migrator.down('all')
  await migrator.up()
})

describe('a failure', () => {
  test('in a helper has its place there, and nothing of the migration is kept', async ({ db }) => {
    const { path, over } = folder({
      ...USERS,
      'h.ts': 'type A = 1\n\nexport function fail(): never {\n  throw new RangeError("too far")\n}\n',
      '2_b.ts':
        "import { fail } from './h.ts'\nexport async function up({ sql }: any) {\n  await sql('drop table users')\n  fail()\n}\n",
    })
    const error = await failure<MigrationFailedError>((await db.migrator({}, over())).up())
    expect(error.message).toContain(`${path}/h.ts:4:9: RangeError: too far\n\n  2 |`)
    expect(error.message).toContain('The migration left no changes: ')
    expect([error.code, error.version, error.line, error.column]).toEqual(['MIGRATEST_MIGRATION_FAILED', 2, 4, 9])
    expect(error.message).toContain(`In: up of ${path}/2_b.ts`)
    expect((error.cause as Error).stack).toContain('2_b.ts:4:3')
    expect(await db.rows('select count(*)::int from users')).toEqual([{ count: 2 }])
  })

  test.for([
    ['sql', "await sql('select nonsense')"],
    ['the client', "await client.query('select nonsense')"],
    ['a helper', 'await query(sql)'],
  ] as const)('of SQL run by %s has the place of the call', async ([, call], { db }) => {
    const { path, over } = folder({
      'h.ts': "type A = 1\nexport const query = async (sql: any) => {\n  await sql('select nonsense')\n}\n",
      '1_b.ts': `import { query } from './h.ts'\nenum E { a }\nexport async function up({ sql, client }: any) {\n  ${call}\n}\n`,
    })
    const error = await failure<MigrationFailedError>((await db.migrator({}, over())).up())
    const place = call.includes('query(sql)')
      ? `${path}/h.ts:3:9`
      : `${path}/1_b.ts:4:${call.includes('client') ? 3 : 9}`
    expect(error.message).toContain(`${place}: column "nonsense" does not exist (42703)`)
  })

  test('of several files is told at once; status and the others go on', async ({ db }) => {
    const { over } = folder({
      ...USERS,
      '2_b.ts': 'const x: = 1',
      '3_c.ts': "import './nowhere.ts'\nexport const up = 1",
      '4_d.up.sql': 'select 1',
    })
    const migrator = await db.migrator({}, over())
    const error = await failure<SourceProblemsError>(migrator.up())
    expect(error.errors.map(({ code }) => code)).toEqual(['MIGRATEST_SCRIPT', 'MIGRATEST_SCRIPT'])
    const { migrations } = await migrator.status()
    expect(
      migrations.map(({ version, state, problem }) => [
        version,
        state,
        problem?.replace(/^.*\//, '').split('\n')[0] ?? null,
      ]),
    ).toEqual([
      [1, 'pending', null],
      [2, 'pending', '2_b.ts:1:10: Unexpected token'],
      [3, 'pending', "nowhere.ts')"],
      [4, 'pending', null],
    ])
    expect((await migrator.to(1)).to).toBe(1)
  })
})

describe('a down', () => {
  test('that is written later is used, and is no edit', async ({ db }) => {
    const { write, over } = folder({
      ...USERS,
      '2_b.ts': "export async function up({ sql }: any) { await sql('create table b ()') }",
    })
    await (await db.migrator({}, over())).up()
    write(
      '2_b.ts',
      "export async function up({ sql }: any) { await sql('create table b ()') }\nexport async function down({ sql }: any) { await sql('drop table b') }",
    )
    const migrator = await db.migrator({}, over())
    expect((await migrator.status()).migrations.map(({ state }) => state)).toEqual(['applied', 'applied'])
    await migrator.to(1)
    expect(await db.rows("select to_regclass('b') as b")).toEqual([{ b: null }])
  })

  test('of a file that is gone, or was edited, runs from the record where that is allowed, and only then', async ({
    db,
  }) => {
    const { write, remove, over } = folder({ ...USERS, ...SPLIT })
    await (await db.migrator({}, over())).up()
    for (const change of [
      () => write('names.ts', 'export const split = (s: string) => [s]'),
      () => ['2_split.ts', 'names.ts'].forEach(remove),
    ]) {
      change()
      const refused = await failure((await db.migrator({}, over())).to(1))
      expect([refused.code, refused.message]).toEqual([
        'MIGRATEST_NO_WAY_DOWN',
        expect.stringContaining("recordedCode: 'run'"),
      ])
    }
    const { steps } = await (await db.migrator({}, over({ recordedCode: 'run' }))).to(1)
    expect(steps).toMatchObject([{ version: 2, direction: 'down', origin: 'record', code: true }])
    expect(Object.keys((await db.rows('select * from users limit 1'))[0] ?? {})).toEqual(['id', 'name'])
  })

  test('that was never recorded is refused', async ({ db }) => {
    const { remove, over } = folder({ ...USERS, ...SPLIT })
    await (await db.migrator({}, over({ record: 'fingerprint' }))).up()
    remove('2_split.ts')
    expect((await failure((await db.migrator({}, over({ recordedCode: 'run' }))).to(1))).code).toBe(
      'MIGRATEST_NO_WAY_DOWN',
    )
  })
})

describe('what code leaves behind', () => {
  test.for([
    [
      'a query that nobody waits for',
      "sql('select pg_sleep(0.05)')",
      'It ended while "select pg_sleep(0.05)" was still running: await it.',
    ],
    ['one that fails', "sql('select 1/0'); await null", 'It ended while "select 1/0" was still running: await it.'],
    [
      'a failure that it swallows',
      "try { await sql('select nonsense') } catch {}\n  await sql('select 1')",
      'since "select nonsense" failed: column "nonsense" does not exist',
    ],
  ] as const)('%s: is told, and nothing of it is kept', async ([, body, message], { db }) => {
    const { over } = folder({
      '1_a.ts': `export async function up({ sql }: any) {\n  await sql('create table a ()')\n  ${body}\n}`,
    })
    const migrator = await db.migrator({}, over())
    expect((await failure(migrator.up())).message).toContain(message)
    expect(await db.rows("select to_regclass('a') as a")).toEqual([{ a: null }])
    expect(await migrator.version()).toEqual({ version: -1, dirty: false })
  })

  test('a query after its end is refused', async ({ db }) => {
    const late: Promise<unknown>[] = []
    const up = ({ sql }: MigrationContext) => {
      const query = new Promise((done) => setTimeout(done, 20)).then(() => sql('create table late ()'))
      // It may be refused before the run has ended, which is when the test looks.
      query.catch(() => undefined)
      late.push(query)
    }
    await (await db.migrator({ '1_a.ts': { up } })).up()
    expect((await failure(Promise.all(late))).message).toBe(
      'The migration ran "create table late ()" after it had ended: await everything it does.',
    )
  })

  test.for([
    ['and comes to its end', ''],
    ['and fails', "throw new Error('later')"],
    ['and runs what fails', "await sql('select nonsense')"],
    ['and begins another', "await sql('begin; create table more ()')"],
  ] as const)('a transaction that it committed itself is told as what it is: %s', async ([, more], { db }) => {
    const { over } = folder({
      '1_a.ts': `export async function up({ sql }: any) {\n  await sql('create table kept (); commit')\n  ${more}\n}`,
    })
    const error = await failure((await db.migrator({}, over())).up())
    expect(error.message).toContain('what it did up to there stays')
    expect(error.message).not.toContain('The migration left no changes')
    expect(await db.rows("select to_regclass('kept') is not null as kept")).toEqual([{ kept: true }])
  })

  test('code that rolls back the transaction itself is refused, and nothing is kept', async ({ db }) => {
    const up = async ({ sql }: MigrationContext) => void (await sql('create table gone (); rollback'))
    const error = await failure((await db.migrator({ '1_a.ts': { up } })).up())
    expect(error.message).toContain('The migration left no changes')
  })

  test('RESET ALL is no end of a transaction', async ({ db }) => {
    const up = async ({ sql }: MigrationContext) =>
      void (await sql("create table a (); set statement_timeout = '1min'; reset all"))
    expect((await (await db.migrator({ '1_a.ts': { up } })).up()).to).toBe(1)
  })

  /** One migration in code after the other: the transaction of the next begins with the end of the one before. */
  const makes = (table: string, more = '') => ({
    up: async ({ sql }: MigrationContext) => void (await sql(`create table ${table} (); ${more}`)),
  })

  test('code that removes the prepared statements is recorded, and so is what follows', async ({ db }) => {
    const files = { '1_a.ts': makes('a'), '2_b.ts': makes('b', 'deallocate all'), '3_c.ts': makes('c') }
    const migrator = await db.migrator(files)
    expect((await migrator.up()).to).toBe(3)
    expect((await migrator.status()).migrations.map(({ state }) => state)).toEqual(['applied', 'applied', 'applied'])
  })

  test('a run that stops between two leaves no transaction open', async ({ db }) => {
    const client = await db.connect()
    const database = await openDatabase(client)
    const stop = async ({ sql }: MigrationContext) => {
      await sql('create table a ()')
      void migrator.stop()
    }
    const migrator: Migrator = await db.migrator({ '1_a.ts': { up: stop }, '2_b.ts': makes('b') }, { database })
    expect((await migrator.up()).to).toBe(1)
    const { rows } = await client.query(
      'select txid_current_if_assigned() as id, now() = statement_timestamp() as alone',
    )
    expect(rows).toEqual([{ id: null, alone: true }])
    await client.query('create table beside ()')
    expect(await db.rows("select to_regclass('beside') is not null as there")).toEqual([{ there: true }])
  })

  test('a failure in the second keeps the first, and the third runs after it is mended', async ({ db }) => {
    const { write, over } = folder({
      '1_a.ts': "export const up = ({ sql }: any) => sql('create table a ()')",
      '2_b.ts': "export const up = ({ sql }: any) => sql('create table a ()')",
      '3_c.ts': "export const up = ({ sql }: any) => sql('create table c ()')",
    })
    const migrator = await db.migrator({}, over())
    expect((await failure(migrator.up())).message).toContain('is at version 1, clean')
    write('2_b.ts', "export const up = ({ sql }: any) => sql('create table b ()')")
    expect((await migrator.up()).to).toBe(3)
    expect(await db.rows("select count(*)::int as n from pg_tables where tablename in ('a', 'b', 'c')")).toEqual([
      { n: 3 },
    ])
  })

  test('what code did outside a transaction before it failed stays, and resume asks', async ({ db }) => {
    const { write, over } = folder({
      '1_a.ts':
        "export const transaction = false\nexport async function up({ sql }: any) {\n  await sql('create table a ()')\n  throw new TypeError('no')\n}",
    })
    const migrator = await db.migrator({}, over())
    const error = await failure<MigrationFailedError>(migrator.up())
    expect(error.message).toContain('1_a.ts:4:9: TypeError: no')
    expect(error.message).toContain('It failed outside a transaction: what it did before remains')
    expect((await failure(migrator.resume())).message).toContain('It is not known how much of 1_a took effect')
    write(
      '1_a.ts',
      "export const transaction = false\nexport async function up({ sql }: any) { await sql('create table if not exists a ()') }",
    )
    expect((await migrator.resume({ applied: 0 })).to).toBe(1)
  })
})

test('a migration whose up was edited goes down by its own down, which is as it was recorded', async ({ db }) => {
  const { write, over } = folder({ ...USERS, ...SPLIT })
  await (await db.migrator({}, over())).up()
  write('2_split.ts', SPLIT['2_split.ts'].replace('add first_name text', 'add first_name text default null'))
  const migrator = await db.migrator({}, over())
  expect((await migrator.to(1)).steps).toMatchObject([{ origin: 'file', version: 2 }])
  await migrator.up()
})

test('a helper that is edited after the migration was applied makes it an edited one', async ({ db }) => {
  const { write, over } = folder({ ...USERS, ...SPLIT })
  await (await db.migrator({}, over())).up()
  write('names.ts', "export const split = (name: string) => name.split('-')")
  const error = await failure((await db.migrator({}, over())).up())
  expect([error.code, error.message]).toEqual(['MIGRATEST_EDITED', expect.stringContaining('2_split.ts')])
})

test('what reads the clock while it is loaded is told before it runs', async ({ db }) => {
  const { over } = folder({ '1_a.ts': 'const now = Date.now()\nexport const up = () => {}' })
  await (await db.migrator({}, over())).up()
  expect(db.warnings()).toEqual([expect.stringContaining('1_a.ts:1:18 reads the clock while it is loaded')])
})

test('its SQL is shown without a database being touched', async ({ db }) => {
  const { over } = folder({
    '1_a.ts': `export async function up({ sql, client }: any) {
  await sql('insert into t values ($1, $2, $3, $10)', [1, "O'Hara", null])
  await client.query({ text: 'select $1::jsonb', values: [{ a: [1] }] })
  const { rows } = await client.query('select 1')
  if (rows.length > 0) await sql('never')
}
export async function down({ sql }: any) {
  const [first] = await sql('select name from t')
  await sql('drop table ' + first.name)
}`,
  })
  const migrator = await db.migrator({}, over())
  const up = await migrator.plan('latest', { texts: true })
  expect(up.steps).toMatchObject([
    {
      text: `insert into t values ('1', 'O''Hara', NULL, $10);\nselect '{"a":[1]}'::jsonb;\nselect 1;`,
      notes: [expect.stringContaining('code of'), 'depends on the rows of "select 1", shown as if there were no rows'],
    },
  ])
  const down = await migrator.plan('nil', { from: 1, texts: true })
  expect(down.steps[0]?.notes).toEqual([
    expect.stringContaining('code of'),
    'depends on the rows of "select name from t", shown as if there were no rows',
    expect.stringContaining('stopped here, since there is no database: '),
  ])
  expect(await db.rows("select to_regclass('schema_migrations') as t")).toEqual([{ t: null }])
})
