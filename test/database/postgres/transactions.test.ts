/** A migration's SQL runs on a real server: its transaction, its session, and what a file may do with them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import { openDatabase } from '../../../src/database/open.ts'
import { CancelledError, type MigrationFailedError, ScriptError, UsageError } from '../../../src/migrate/errors.ts'
import type { MigrationContext } from '../../../src/migrate/source.ts'
import { failure, test } from '../../support/database.ts'

describe('one transaction and one round trip', () => {
  test('body, version and history change together or not at all', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql': 'create table a (id int); insert into a values (1); select 1/0',
    })
    await failure(migrator.up())
    expect(await migrator.version()).toEqual({ version: -1, dirty: false })
    expect(await db.rows("select to_regclass('a') as a")).toEqual([{ a: null }])
    expect(await db.rows('select * from schema_migrations_history')).toEqual([])
  })

  test('a migration is one query to the server', async ({ db }) => {
    const files = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [
        `${i + 1}_t.up.sql`,
        `create table t${i} (id int); insert into t${i} values (1)`,
      ]),
    )
    const client = await db.connect()
    let queries = 0
    const { connection } = client as unknown as { connection: NodeJS.EventEmitter }
    const count = () => queries++
    connection.on('readyForQuery', count)
    const migrator = await db.migrator(files, { database: await openDatabase(client) })
    await migrator.up()
    // Opening, lock, tables (looked for and made), state, tidying the caller's session, unlock; then one each.
    expect(queries).toBeLessThanOrEqual(20 + 7)
    expect(await db.rows('select count(*)::int as n from schema_migrations_history')).toEqual([{ n: 20 }])
  })

  test('a literal goes on behind a comment and a line break, as the lexer believes', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql': "create table a as select E'one;' -- it's\n '\\';two' as t; select 1",
    })
    await migrator.up()
    expect(await db.rows('select t from a')).toEqual([{ t: "one;';two" }])
  })

  test('a file that ends in a comment without a newline, and one without a semicolon', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql': 'create table a (id int) -- done',
      '2_b.up.sql': 'create table b (id int)\n/* end */',
      '3_c.up.sql': '\uFEFFcreate table c (id int);\r\n-- ü',
    })
    expect((await migrator.up()).to).toBe(3)
  })

  test.for(["insert into a values ('never ends", 'do $$ begin', '/* never ends'])(
    'a file that does not end cleanly is refused before anything runs: %s',
    async (sql, { db }) => {
      const migrator = await db.migrator({ '1_a.up.sql': 'create table a (t text)', '2_b.up.sql': sql })
      const error = await failure<ScriptError>(migrator.up())
      expect(error).toBeInstanceOf(ScriptError)
      expect([error.file, error.line]).toEqual(['2_b.up.sql', 1])
      expect((await migrator.version()).version).toBe(-1)
    },
  )
})

describe('a file’s own transaction', () => {
  test('one BEGIN … COMMIT around the whole file runs in ours', async ({ db }) => {
    const migrator = await db.migrator({ '1_a.up.sql': 'BEGIN;\ncreate table a (id int);\nselect 1/0;\nCOMMIT;\n' })
    const error = await failure<MigrationFailedError>(migrator.up())
    expect(error.line).toBe(3)
    expect(await db.rows("select to_regclass('a') as a")).toEqual([{ a: null }])
  })

  test('the isolation level of the file’s own transaction is kept', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql':
        "begin isolation level serializable; create table a as select current_setting('transaction_isolation') as level; commit",
    })
    await migrator.up()
    expect(await db.rows('select level from a')).toEqual([{ level: 'serializable' }])
  })

  test('COMMIT in the middle is an error before the first statement', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql': 'create table a (id int)',
      '2_b.up.sql': 'create table b (id int);\ncommit;\ncreate table c (id int)',
    })
    const error = await failure<ScriptError>(migrator.up())
    expect(error.message).toMatch(/^2_b\.up\.sql:2:1: COMMIT would end/)
    expect((await migrator.version()).version).toBe(-1)
  })

  test('CREATE INDEX CONCURRENTLY alone runs without one by itself', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql': 'create table a (id int)',
      '2_b.up.sql': '-- why\ncreate index concurrently a_id on a (id);\n',
      '2_b.down.sql': 'drop index concurrently a_id',
    })
    const run = await migrator.up()
    expect(run.steps.map((step) => step.atomic)).toEqual([true, false])
    expect((await migrator.down(1)).to).toBe(1)
    expect(await migrator.version()).toEqual({ version: 1, dirty: false })
  })

  test('CREATE INDEX CONCURRENTLY beside other statements is an error before the first statement', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql': 'create table a (id int);\ncreate index concurrently a_id on a (id)',
    })
    expect((await failure(migrator.up())).message).toMatch(
      /1_a\.up\.sql:2:1: CREATE INDEX CONCURRENTLY cannot run in a transaction/,
    )
  })

  test('no-transaction: a failure says which statement of how many, what stands, and how to go on; resume goes on', async ({
    db,
  }) => {
    const broken =
      '-- migrate: no-transaction\ncreate table a (id int);\nvacuum a;\nselect 1/0;\ncreate table b (id int)'
    const migrator = await db.migrator({ '1_a.up.sql': broken })
    const error = await failure(migrator.up())
    expect(error.message).toMatch(/1_a\.up\.sql:4:1: division by zero \(22012\)/)
    expect(error.message).toMatch(
      /Statement 3 of 4 failed outside a transaction\. Statements 1 to 2 took effect; the database is dirty at version 1/,
    )
    expect(error.message).toMatch(/migratest resume.*migratest force/)
    expect(await migrator.version()).toEqual({ version: 1, dirty: true })
    expect((await failure(migrator.up())).message).toMatch(/up of 1_a stopped with 2 of 4 statements done/)

    const edited = await db.migrator({
      '1_a.up.sql': broken.replace('create table a (id int)', 'create table a (id bigint)'),
    })
    expect((await failure(edited.resume())).code).toBe('MIGRATEST_EDITED')
    const mended = await db.migrator({ '1_a.up.sql': broken.replace('1/0', '1/1') })
    await mended.resume()
    expect(await mended.version()).toEqual({ version: 1, dirty: false })
    expect(await db.rows("select to_regclass('b') is not null as b")).toEqual([{ b: true }])
  })

  test('the file’s own transaction in a no-transaction file is one unit: all of it or nothing', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql':
        '-- migrate: no-transaction\ncreate table a (x int);\nbegin;\ninsert into a values (1);\ninsert into a values (1/0);\ncommit;',
    })
    const error = await failure<MigrationFailedError>(migrator.up())
    expect(error.message).toMatch(/Statement 2 of 2 failed/)
    // The server gives no position, but has answered the statements before.
    expect(error.line).toBe(5)
    expect(await db.rows('select * from a')).toEqual([])
    expect(await migrator.version()).toEqual({ version: 1, dirty: true })
  })
})

describe('a migration without a transaction', () => {
  test('without a transaction, a statement that may remove the version table is refused', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql': '-- migrate: no-transaction\nselect 1;\ndrop schema public cascade',
    })
    expect((await failure(migrator.up())).message).toMatch(/may remove the version table/)
    expect(await migrator.version()).toEqual({ version: -1, dirty: false })
  })

  test('the mended text is what is recorded after resume', async ({ db }) => {
    const text = '-- migrate: no-transaction\ncreate table a (id int);\nselect 1/0'
    await failure((await db.migrator({ '1_a.up.sql': text })).up())
    const mended = await db.migrator({ '1_a.up.sql': text.replace('1/0', '1') })
    expect(await failure(mended.resume({ applied: 9 }))).toBeInstanceOf(UsageError)
    await mended.resume()
    expect((await mended.up()).steps).toEqual([])
  })

  test('resume goes on behind a transaction of the file’s own', async ({ db }) => {
    const text =
      '-- migrate: no-transaction\nbegin;\ncreate table a (id int);\ninsert into a values (1);\ncommit;\nselect 1/0'
    await failure((await db.migrator({ '1_a.up.sql': text })).up())
    const changed = await db.migrator({ '1_a.up.sql': text.replace('values (1)', 'values (2)').replace('1/0', '1') })
    expect((await failure(changed.resume())).code).toBe('MIGRATEST_EDITED')
    await (await db.migrator({ '1_a.up.sql': text.replace('1/0', '1') })).resume()
    expect(await db.rows('select id from a')).toEqual([{ id: 1 }])
  })

  test('a down of an adopted version that stops half-way can be resumed', async ({ db }) => {
    await db.client.query(
      'create table schema_migrations (version bigint primary key, dirty boolean not null); insert into schema_migrations values (1, false); create table a (id int)',
    )
    const files = {
      '1_a.up.sql': 'create table a (id int)',
      '1_a.down.sql': '-- migrate: no-transaction\ndrop table a;\nselect 1/0',
    }
    await failure((await db.migrator(files)).down('all'))
    const mended = await db.migrator({ ...files, '1_a.down.sql': files['1_a.down.sql'].replace('1/0', '1') })
    await mended.resume()
    expect(await mended.version()).toEqual({ version: -1, dirty: false })
  })
})

describe('session state', () => {
  test.for([
    [
      'an emptied search_path, as pg_dump writes it',
      "select pg_catalog.set_config('search_path', '', false); create table public.a (id int)",
    ],
    [
      'another role',
      'create role r_ROLE; grant create on schema public to r_ROLE; set role r_ROLE; create table public.a (id int)',
    ],
    [
      'another session user',
      'create role r_ROLE; grant create on schema public to r_ROLE; set session authorization r_ROLE; create table public.a (id int)',
    ],
    ['read only by default', 'create table public.a (id int); set default_transaction_read_only = on'],
    ['a timeout of a millisecond', 'create table public.a (id int); set statement_timeout = 1'],
  ])('%s ends with the migration', async ([, sql = ''], { db }) => {
    const role = `t${process.pid}_${db.url.slice(-3).replace(/\W/g, '')}`
    const migrator = await db.migrator({
      '1_a.up.sql': sql.replaceAll('r_ROLE', role),
      '2_b.up.sql':
        "create table b as select current_setting('search_path') as path, current_user::text as who, current_setting('statement_timeout') as timeout",
    })
    try {
      await migrator.up()
      expect(await db.rows('select * from b')).toEqual([{ path: '"$user", public', who: 'postgres', timeout: '0' }])
    } finally {
      await db.client.query(`drop owned by ${role} cascade`).catch(() => undefined)
      await db.client.query(`drop role if exists ${role}`)
    }
  })

  test('the caller’s own settings on a borrowed client are put back', async ({ db }) => {
    const client = await db.connect()
    await client.query("create schema app; set search_path to app, public; set lock_timeout = '7s'")
    const migrator = await db.migrator(
      { '1_a.up.sql': "set search_path to ''; set lock_timeout = 0; create table public.a (id int)" },
      { database: await openDatabase(client) },
    )
    await migrator.up()
    const { rows } = await client.query(
      "select current_setting('search_path') as path, current_setting('lock_timeout') as timeout",
    )
    expect(rows).toEqual([{ path: 'app, public', timeout: '7s' }])
    expect(await db.rows('select version from app.schema_migrations')).toEqual([{ version: '1' }])
  })

  test('a borrowed client with a transaction open is refused', async ({ db }) => {
    const client = await db.connect()
    await client.query('begin')
    expect(await failure(openDatabase(client))).toBeInstanceOf(UsageError)
  })

  test('a migration without a transaction keeps its settings from statement to statement, and the journal is ours', async ({
    db,
  }) => {
    const migrator = await db.migrator({
      '1_a.up.sql':
        "-- migrate: no-transaction\nset search_path to ''; set default_transaction_read_only = off;\nselect public.nothing();\n".replace(
          'select public.nothing();',
          "create table public.a as select current_setting('search_path') as path;",
        ),
      '2_b.up.sql': "create table b as select current_setting('search_path') as path",
    })
    await migrator.up()
    expect(await db.rows('select path from a')).toEqual([{ path: '""' }])
    expect(await db.rows('select path from b')).toEqual([{ path: '"$user", public' }])
  })

  test('a down that drops the schema gets our tables back in the same transaction', async ({ db }) => {
    const files = {
      '1_a.up.sql': 'create table a (id int)',
      '1_a.down.sql': 'select 1',
      '2_b.up.sql': 'create table b (id int)',
      '2_b.down.sql': 'drop schema public cascade; create schema public',
    }
    const migrator = await db.migrator(files)
    await migrator.up()
    expect((await migrator.down(1)).to).toBe(1)
    expect(await migrator.version()).toEqual({ version: 1, dirty: false })
    const { migrations } = await migrator.status()
    expect(migrations.map((m) => [m.version, m.state])).toEqual([
      [1, 'applied'],
      [2, 'pending'],
    ])
  })

  test('a down that drops the schema by EXECUTE, which its text does not show, gets our tables back', async ({
    db,
  }) => {
    const migrator = await db.migrator({
      '1_a.up.sql': 'select 1',
      '1_a.down.sql': "do $$ begin execute 'drop ' || 'schema public cascade'; end $$",
    })
    await migrator.up()
    expect((await migrator.down('all')).to).toBe(-1)
    expect(await migrator.version()).toEqual({ version: -1, dirty: false })
  })

  test('DEALLOCATE ALL and our tables gone in one migration', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql': 'select 1',
      '2_b.up.sql': 'select 2',
      '3_c.up.sql': 'deallocate all; drop schema public cascade; create schema public',
    })
    expect((await migrator.up()).to).toBe(3)
    expect(await db.rows('select count(*)::int as n from schema_migrations_history')).toEqual([{ n: 3 }])
  })

  test('DEALLOCATE ALL in a migration harms nobody', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql': 'select 1',
      '2_b.up.sql': 'select 2',
      '3_c.up.sql': 'deallocate all',
      '4_d.up.sql': 'select 4',
    })
    expect((await migrator.up()).to).toBe(4)
    expect(await db.rows('select count(*)::int as n from schema_migrations_history')).toEqual([{ n: 4 }])
  })

  test('a table of the user’s named as our temporary ones might be is the user’s', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql': 'create table migratest_history (id int)',
      '1_a.down.sql': 'insert into migratest_history (id) values (1); drop schema public cascade',
    })
    await migrator.up()
    expect((await migrator.down('all')).to).toBe(-1)
  })
})

describe('code', () => {
  test('a signal cancels a code migration', async ({ db }) => {
    const controller = new AbortController()
    const up = async ({ sql }: { sql: (text: string) => Promise<unknown> }) => void (await sql('select pg_sleep(60)'))
    const migrator = await db.migrator({ '1_a.ts': { up } }, { signal: controller.signal })
    const running = failure(migrator.up())
    setTimeout(() => controller.abort(), 200)
    expect(await running).toBeInstanceOf(CancelledError)
    expect(await migrator.version()).toEqual({ version: -1, dirty: false })
  })

  test('code runs in the migration’s transaction, and may not end it', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.ts': { up: async ({ sql }) => void (await sql('create table a (id int)')) },
      '2_b.ts': { up: async ({ sql }) => void (await sql('create table b (id int); commit')) },
    })
    expect((await failure(migrator.up())).message).toMatch(/2_b\.ts: The migration ended the transaction it runs in/)
    expect(await migrator.version()).toEqual({ version: 1, dirty: false })
    const edited = await db.migrator({ '1_a.ts': { up: async () => undefined } })
    await edited.down('all')
    expect(db.warnings()).toEqual([expect.stringMatching(/was edited after it was applied, and it had no down/)])
  })

  test('reading ahead does not disturb a code migration that is running', async ({ db }) => {
    const files = {
      '1_a.up.sql': 'create table a (id int)',
      '1_a.down.sql': 'drop table a',
      '2_b.ts': {
        up: async () => undefined,
        down: async ({ sql }: MigrationContext) => {
          await sql('set local role pg_monitor')
          await sleep(50)
          await sql('select 1')
        },
      },
    }
    await (await db.migrator(files)).up()
    const edited = await db.migrator({ ...files, '1_a.up.sql': 'create table a (id bigint)' })
    expect((await edited.down('all')).steps.map((step) => step.origin)).toEqual(['file', 'record'])
  })
})
