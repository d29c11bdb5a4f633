/** What was met on real servers: each a test of that name. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, Pool } from 'pg'
import { describe, expect } from 'vitest'
import { openDatabase } from '../../src/database/open.ts'
import { migrationLockIds } from '../../src/database/postgres/lock.ts'
import { tablesIn } from '../../src/database/postgres/tables.ts'
import {
  CancelledError,
  ConnectionError,
  LockedError,
  type MigrationFailedError,
  ScriptError,
  StateMovedError,
  UsageError,
} from '../../src/migrate/errors.ts'
import type { MigrationContext } from '../../src/migrate/source.ts'
import { failure, test } from '../support/database.ts'

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

  test('its isolation level is kept', async ({ db }) => {
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

  test('beside others it is an error before the first statement', async ({ db }) => {
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
      /Statement 3 of 4 failed outside a transaction\. Statements 1 to 2 stand; the database is dirty at version 1/,
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

  test('also when its text does not show it', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql': 'select 1',
      '1_a.down.sql': "do $$ begin execute 'drop ' || 'schema public cascade'; end $$",
    })
    await migrator.up()
    expect((await migrator.down('all')).to).toBe(-1)
    expect(await migrator.version()).toEqual({ version: -1, dirty: false })
  })
})

describe('errors', () => {
  test('positions are counted in characters, not in UTF-16 units', async ({ db }) => {
    const migrator = await db.migrator({ '1_a.up.sql': "select '😀😀😀', 'ü';\nselect '😀', nope" })
    const error = await failure<MigrationFailedError>(migrator.up())
    expect([error.line, error.column, error.sqlState]).toEqual([2, 14, '42703'])
    expect(error.message).toContain("> 2 | select '😀', nope\n    |              ^^^^")
  })

  test('many errors carry no position: the statement is found by counting completed ones', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql':
        'create table a (id int primary key);\n;;\n-- and now\ninsert into a values (1);\ninsert into a values (1);\nselect 1',
    })
    const error = await failure<MigrationFailedError>(migrator.up())
    expect([error.line, error.column]).toEqual([5, 1])
    expect(error.message).toMatch(/duplicate key.*\(23505\)/)
    expect(error.message).toMatch(/Detail: Key \(id\)=\(1\) already exists/)
    expect(error.message).toMatch(/Nothing of it was kept: "migratest_\w+" on \S+ is at version nil, clean/)
  })

  test('an error inside a function body points at the call and says where inside', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql':
        'create function f() returns int language plpgsql as $$ begin\n perform 1/0;\n return 1; end $$;\nselect f()',
    })
    const error = await failure<MigrationFailedError>(migrator.up())
    expect(error.line).toBe(4)
    expect(error.message).toMatch(/In: .*PL\/pgSQL function f\(\) line 2 at PERFORM/s)
  })

  test('a constraint that is checked at the end still names the file', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql':
        'create table a (id int primary key, b int references a deferrable initially deferred);\ninsert into a values (1, 2)',
    })
    const error = await failure<MigrationFailedError>(migrator.up())
    expect(error.message).toMatch(/^1_a\.up\.sql: .*foreign key.*\(23503\)/)
  })

  test('a file with CRLF has the editor’s lines', async ({ db }) => {
    const migrator = await db.migrator({ '1_a.up.sql': 'select 1;\r\n\r\nselect\r\n  nope;\r\n' })
    const error = await failure<MigrationFailedError>(migrator.up())
    expect([error.line, error.column]).toEqual([4, 3])
  })

  test('a role that another test’s database made: it says that roles are the server’s, and the ways out', async ({
    db,
  }) => {
    const role = `shared_${process.pid}_${Date.now()}`
    await db.client.query(`create role ${role}`)
    try {
      const migrator = await db.migrator({ '1_a.up.sql': `create role ${role}` })
      expect((await failure(migrator.up())).message).toMatch(
        /already exists \(42710\).*Roles belong to the whole server.*IF NOT EXISTS/s,
      )
    } finally {
      await db.client.query(`drop role ${role}`)
    }
  })

  test('passwords in the migration are masked', async ({ db }) => {
    const migrator = await db.migrator({ '1_a.up.sql': "create role somebody login password 'sekret' nonsense" })
    const error = await failure(migrator.up())
    expect(error.message).toContain('password ********')
    expect(error.message).not.toContain('sekret')
  })

  test('no permission says so, and leaves the database as it was', async ({ db }) => {
    const user = `weak_${process.pid}_${Date.now()}`
    await db.client.query(`create role ${user} login password 'weak'`)
    try {
      const url = new URL(db.url)
      url.username = user
      url.password = 'weak'
      const migrator = await db.migrator(
        { '1_a.up.sql': 'create table a (id int)' },
        { database: await db.open({ url: url.href }) },
      )
      const error = await failure(migrator.up())
      expect(error.message).toMatch(/permission denied for schema public/)
      expect(error.message).toMatch(/GRANT CREATE, USAGE ON SCHEMA public/)
    } finally {
      await db.client.query(`drop role ${user}`)
    }
  })

  test.for([
    [
      'wrong password',
      { password: 'wrong-sekret' },
      /password authentication failed.*\n\nThe password or the user is wrong/s,
    ],
    ['unknown host', { hostname: 'no-such-host.invalid' }, /host name cannot be resolved/],
    ['nobody listens', { port: '1' }, /ECONNREFUSED.*Nothing listens there/s],
    ['no such database', { pathname: '/nowhere' }, /database "nowhere" does not exist.*Create the database first/s],
  ] as const)('connecting: %s', async ([, change, message], { db }) => {
    const url = new URL(db.url)
    const { password } = url
    Object.assign(url, change)
    const error = await failure(openDatabase(url.href))
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error.message).toMatch(message)
    expect(error.message).not.toContain(password)
    expect(error.message).not.toContain('sekret')
  })

  test('a URL that is none does not show what it was', async () => {
    const error = await failure(openDatabase('postgres://user:pa/ss@host:port:5/db'))
    expect(error).toBeInstanceOf(UsageError)
    expect(error.message).not.toContain('pa/ss')
  })
})

describe('the lock', () => {
  test('golang-migrate and we exclude each other, however it was opened', async ({ db }) => {
    const migrator = await db.migrator({ '1_a.up.sql': 'select 1' }, { lockTimeoutMs: 60 })
    const [{ name } = { name: '' }] = (await db.rows('select current_database() as name')) as { name: string }[]
    for (const key of migrationLockIds(name, tablesIn('public', 'schema_migrations'))) {
      await db.client.query('select pg_advisory_lock($1)', [key.toString()])
      const error = await failure(migrator.up())
      expect(error).toBeInstanceOf(LockedError)
      expect(error.message).toMatch(
        /server process \d+ "migratest test", user postgres from .* connected since \d{4}-\d\d-\d\d/,
      )
      await db.client.query('select pg_advisory_unlock($1)', [key.toString()])
    }
    expect((await migrator.up()).to).toBe(1)
  })

  test('two at once apply each migration once', async ({ db }) => {
    const files = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`${i + 1}_t.up.sql`, `create table t${i} (id int)`]),
    )
    const migrators = await Promise.all([db.migrator(files), db.migrator(files), db.migrator(files)])
    const runs = await Promise.all(migrators.map((migrator) => migrator.up()))
    expect(runs.map((run) => run.steps.length).sort((a, b) => a - b)).toEqual([0, 0, 30])
  })

  test('waiting for it does not deadlock with CREATE INDEX CONCURRENTLY', async ({ db }) => {
    const files = {
      '1_a.up.sql': 'create table a as select g as id from generate_series(1, 20000) g',
      '2_b.up.sql': 'create index concurrently a_id on a (id)',
    }
    const [first, second] = await Promise.all([db.migrator(files), db.migrator(files)])
    const runs = await Promise.all([first.up(), second.up()])
    expect(runs.map((run) => run.to)).toEqual([2, 2])
    expect(await db.rows("select indisvalid from pg_index where indexrelid = 'a_id'::regclass")).toEqual([
      { indisvalid: true },
    ])
  })

  test('it is given back after a failure', async ({ db }) => {
    const migrator = await db.migrator({ '1_a.up.sql': 'select nope' })
    await failure(migrator.up())
    const other = await db.migrator({ '1_a.up.sql': 'select 1' }, { lockTimeoutMs: 0 })
    expect((await other.up()).to).toBe(1)
  })

  test('a lost lock cannot apply twice: the row moves only from where it was read', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql': 'select pg_sleep(0.3)',
      '2_b.up.sql': 'create table b (id int)',
    })
    const running = failure(migrator.up())
    await sleep(150)
    await db.client.query('insert into schema_migrations values (9, false)')
    const error = await running
    expect(error).toBeInstanceOf(StateMovedError)
    expect(error.message).toMatch(/expected nil, found 9/)
    expect(await db.rows('select * from schema_migrations_history')).toEqual([])
  })

  test.for([
    ['another version', 'update schema_migrations set version = 9', '9'],
    ['dirty', 'update schema_migrations set dirty = true', '1 (dirty)'],
    ['no row', 'delete from schema_migrations', 'nil'],
  ])('a row that somebody moves while a migration runs is noticed: %s', async ([, change = '', found], { db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql': 'select 1',
      '2_b.up.sql': 'create table b (id int); select pg_sleep(0.3)',
    })
    const running = failure(migrator.up())
    await sleep(200)
    await db.client.query(change)
    const error = await running
    expect(error).toBeInstanceOf(StateMovedError)
    expect(error.message).toContain(`expected 1, found ${found}.`)
    expect(
      await db.rows("select to_regclass('b') as b, (select count(*)::int from schema_migrations_history) as n"),
    ).toEqual([{ b: null, n: 1 }])
  })

  test('table: a row held by a second connection keeps others out and ends with it', async ({ db }) => {
    const options = { lock: 'table', lockTimeoutMs: 50 } as const
    const migrator = await db.migrator({ '1_a.up.sql': 'select pg_sleep(0.4)' }, { ...options })
    const other = await db.migrator({ '1_a.up.sql': 'select pg_sleep(0.4)' }, { ...options })
    const running = migrator.up()
    await sleep(200)
    expect(await failure(other.up())).toBeInstanceOf(LockedError)
    expect((await running).to).toBe(1)
    expect((await other.up()).steps).toEqual([])
  })
})

describe('ending early', () => {
  test('stop() ends after the running migration', async ({ db }) => {
    const migrator = await db.migrator(
      { '1_a.up.sql': 'select pg_sleep(0.2)', '2_b.up.sql': 'select 1' },
      { onEvent: (event) => event.type === 'started' && migrator.stop() },
    )
    expect((await migrator.up()).to).toBe(1)
    expect(await migrator.version()).toEqual({ version: 1, dirty: false })
  })

  test('a signal cancels the running statement', async ({ db }) => {
    const controller = new AbortController()
    const migrator = await db.migrator(
      { '1_a.up.sql': 'create table a (id int)', '2_b.up.sql': 'create table b (id int); select pg_sleep(60)' },
      { signal: controller.signal },
    )
    const running = failure(migrator.up())
    await sleep(300)
    const begun = performance.now()
    controller.abort()
    const error = await running
    expect(performance.now() - begun).toBeLessThan(20_000)
    expect(error).toBeInstanceOf(CancelledError)
    expect(error.message).toMatch(/2_b\.up\.sql.*is at version 1, clean/s)
    expect(await migrator.version()).toEqual({ version: 1, dirty: false })
  })

  test('a connection that dies half-way leaves the version before, and says what to do', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql': 'create table a (id int)',
      '2_b.up.sql': 'create table b (id int); select pg_sleep(60)',
    })
    const running = failure(migrator.up())
    await sleep(300)
    await db.client.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'migratest' and datname = current_database()",
    )
    const error = await running
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error.message).toMatch(/The server rolls back what was open/)
    const again = await db.migrator(
      { '1_a.up.sql': 'create table a (id int)', '2_b.up.sql': 'create table b (id int)' },
      { edited: 'ignore' },
    )
    expect((await again.up()).steps.map((step) => step.version)).toEqual([2])
  })

  test('no-transaction and a connection that dies: dirty, and it is not known whether the statement took effect', async ({
    db,
  }) => {
    const files = {
      '1_a.up.sql':
        '-- migrate: no-transaction\ncreate table a (id int);\nselect pg_sleep(60);\ncreate table b (id int)',
    }
    const migrator = await db.migrator(files)
    const running = failure(migrator.up())
    await sleep(300)
    await db.client.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'migratest' and datname = current_database()",
    )
    await running
    const again = await db.migrator({ '1_a.up.sql': files['1_a.up.sql'].replace('60', '0') })
    expect((await failure(again.up())).message).toMatch(
      /1 of 3 statements done, and whether statement 2 took effect is not known/,
    )
    expect((await failure(again.resume())).message).toMatch(
      /If it did: "migratest resume --applied 2" or .*If not: "migratest resume --not-applied 2" or resume\(\{ notApplied: 2 \}\)/,
    )
    await again.resume({ notApplied: 2 })
    expect(await again.version()).toEqual({ version: 1, dirty: false })
  })
})

describe('with golang-migrate', () => {
  test('its databases are continued', async ({ db }) => {
    await db.client.query(
      'create table schema_migrations (version bigint not null primary key, dirty boolean not null); insert into schema_migrations values (2, false); create table a (id int); create table b (id int)',
    )
    const files = {
      '1_a.up.sql': 'create table a (id int)',
      '1_a.down.sql': 'drop table a',
      '2_b.up.sql': 'create table b (id int)',
      '2_b.down.sql': 'drop table b',
      '3_c.up.sql': 'create table c (id int)',
    }
    const migrator = await db.migrator(files)
    expect((await migrator.status()).migrations.map((m) => m.state)).toEqual(['unrecorded', 'unrecorded', 'pending'])
    expect((await migrator.up()).steps.map((step) => step.version)).toEqual([3])
    expect((await migrator.status()).migrations.map((m) => m.state)).toEqual(['unrecorded', 'unrecorded', 'applied'])
    await db.client.query('drop table c')
    const noThird = await db.migrator({ ...files, '3_c.down.sql': 'select 1' })
    expect((await noThird.to(1)).steps.map((step) => [step.version, step.direction])).toEqual([
      [3, 'down'],
      [2, 'down'],
    ])
    expect((await migrator.status()).migrations.map((m) => m.state)).toEqual(['unrecorded', 'pending', 'pending'])
  })

  test('what we write it can read: one row, none at nil; further columns stay', async ({ db }) => {
    await db.client.query(
      'create table schema_migrations (version bigint not null primary key, dirty boolean not null, note text)',
    )
    const migrator = await db.migrator({ '1_a.up.sql': 'select 1', '2_b.up.sql': 'select 1' })
    await migrator.up(1)
    await db.client.query("update schema_migrations set note = 'ours'")
    await migrator.up(1)
    expect(await db.rows('select * from schema_migrations')).toEqual([{ version: '2', dirty: false, note: 'ours' }])
    await migrator.down('all')
    expect(await db.rows('select * from schema_migrations')).toEqual([])
  })

  test('where it moved the row, history above the last agreement is not trusted, and status says so', async ({
    db,
  }) => {
    const files = {
      '1_a.up.sql': 'select 1',
      '2_b.up.sql': 'select 2',
      '3_c.up.sql': 'select 3',
      '4_d.up.sql': 'select 4',
    }
    const migrator = await db.migrator(files)
    await migrator.to(2)
    await db.client.query('update schema_migrations set version = 3')
    const status = await migrator.status()
    expect(status.disagreement).toMatch(/the version row says 3, our history ends at 2\. It is trusted up to 2/)
    expect(status.migrations.map((m) => m.state)).toEqual(['applied', 'applied', 'unrecorded', 'pending'])
    await migrator.up()
    expect((await migrator.status()).migrations.map((m) => m.state)).toEqual([
      'applied',
      'applied',
      'unrecorded',
      'applied',
    ])
    await db.client.query('update schema_migrations set version = 1')
    expect((await migrator.status()).migrations.map((m) => m.state)).toEqual([
      'applied',
      'pending',
      'pending',
      'pending',
    ])
    await migrator.up()
    expect((await migrator.status()).migrations.map((m) => m.state)).toEqual([
      'applied',
      'applied',
      'applied',
      'applied',
    ])
  })

  test('its URLs are understood', async ({ db }) => {
    const url = `${db.url}?sslmode=disable&x-migrations-table=versions&search_path=app`
    await db.client.query('create schema app')
    const migrator = await db.migrator(
      { '1_a.up.sql': 'create table a (id int)' },
      { database: await db.open({ url }) },
    )
    await migrator.up()
    expect(await db.rows('select version from app.versions')).toEqual([{ version: '1' }])
    expect(await db.rows("select to_regclass('app.a') is not null as there")).toEqual([{ there: true }])
  })
})

describe('drop', () => {
  test('empties all that migrations could have made and keeps the schema’s owner and grants', async ({ db }) => {
    await db.client.query("comment on schema public is 'ours'; grant create on schema public to public")
    const before = await db.rows("select nspowner, nspacl::text from pg_namespace where nspname = 'public'")
    const migrator = await db.migrator({
      '1_all.up.sql': `
        create schema app; create table app.t (id int);
        create type mood as enum ('ok'); create domain d as text check (value <> ''); create type pair as (a int, b int);
        create table "we;ird ""t😀" (id serial primary key, m mood, p pair, dd d); create index on "we;ird ""t😀" (m);
        create view v as select * from "we;ird ""t😀"; create materialized view mv as select 1 as x;
        create sequence s; create function f(a int, b text default ';') returns int language sql as 'select 1';
        create procedure pr() language sql as 'select 1'; create aggregate agg(int) (sfunc = int4pl, stype = int);
        create function tf() returns trigger language plpgsql as $$ begin return new; end $$;
        create trigger tr before insert on "we;ird ""t😀" for each row execute function tf();
        create function etf() returns event_trigger language plpgsql as $$ begin end $$;
        create event trigger et on ddl_command_end execute function etf();
        create publication pub for all tables; create collation coll from "C"; create text search configuration ts (copy = simple);
        create operator === (leftarg = int, rightarg = int, function = int4eq);
        create statistics st on id, m from "we;ird ""t😀";
        select lo_create(4711);`,
    })
    await migrator.up()
    await migrator.drop()
    expect(await migrator.version()).toEqual({ version: -1, dirty: false })
    const left = `select (select count(*)::int from pg_depend where refclassid = 'pg_namespace'::regclass and refobjid = 'public'::regnamespace and deptype = 'n') as objects,
      (select count(*)::int from pg_namespace where nspname = 'app') as schemas, (select count(*)::int from pg_publication) as publications,
      (select count(*)::int from pg_event_trigger) as triggers, (select count(*)::int from pg_largeobject_metadata) as large`
    expect(await db.rows(left)).toEqual([{ objects: 0, schemas: 0, publications: 0, triggers: 0, large: 0 }])
    expect(await db.rows("select nspowner, nspacl::text from pg_namespace where nspname = 'public'")).toEqual(before)
    expect((await migrator.up()).to).toBe(1)
  })
})

describe('met in review', () => {
  test('the file’s own transaction in a no-transaction file is one unit: all of it or nothing', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql':
        '-- migrate: no-transaction\ncreate table a (x int);\nbegin;\ninsert into a values (1);\ninsert into a values (1/0);\ncommit;',
    })
    const error = await failure<MigrationFailedError>(migrator.up())
    expect(error.message).toMatch(/Statement 2 of 2 failed/)
    expect(await db.rows('select * from a')).toEqual([])
    expect(await migrator.version()).toEqual({ version: 1, dirty: true })
  })

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

  test('a cancel reaches nothing that comes after it', async ({ db }) => {
    const client = await db.connect()
    for (let i = 0; i < 15; i++) {
      const controller = new AbortController()
      const database = await openDatabase(client)
      const migrator = await db.migrator(
        { '1_a.up.sql': 'select pg_sleep(0.03)' },
        { database, signal: controller.signal },
      )
      const running = migrator.to('latest').catch(() => undefined)
      setTimeout(() => controller.abort(), 25 + i)
      await running
      await database.close()
      expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
      await client.query('drop table if exists schema_migrations, schema_migrations_history')
    }
  })

  test('a code migration is cancelled too', async ({ db }) => {
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

  test('a client of a pool that breaks ends the run, not the process, and is not lent again', async ({ db }) => {
    const pool = new Pool({ connectionString: db.url, max: 1 })
    try {
      const database = await openDatabase(pool)
      const migrator = await db.migrator(
        { '1_a.up.sql': 'select pg_terminate_backend(pg_backend_pid())' },
        { database },
      )
      expect(await failure(migrator.up())).toBeInstanceOf(ConnectionError)
      await database.close()
      expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    } finally {
      await pool.end()
    }
  })

  test('a pooled client comes back as it was lent, though the migration failed half-way', async ({ db }) => {
    const pool = new Pool({ connectionString: db.url, max: 1 })
    try {
      const database = await openDatabase(pool)
      const migrator = await db.migrator(
        { '1_a.up.sql': "-- migrate: no-transaction\nset search_path to '';\nselect 1/0" },
        { database },
      )
      await failure(migrator.up())
      await database.close()
      expect((await pool.query('show search_path')).rows).toEqual([{ search_path: '"$user", public' }])
    } finally {
      await pool.end()
    }
  })

  test('a client that was never connected is refused, not waited for', async ({ db }) => {
    expect((await failure(openDatabase(new Client(db.url)))).message).toMatch(/is not connected/)
  })

  test('lock: table: drop() works, and a schema that is not there yet is made', async ({ db }) => {
    const migrator = await db.migrator(
      { '1_a.up.sql': 'create table public.a (id int)' },
      { lock: 'table', schema: 'app' },
    )
    await migrator.up()
    await migrator.drop()
    expect(await db.rows("select to_regclass('public.a') as a")).toEqual([{ a: null }])
  })

  test('lock: table: many at once', async ({ db }) => {
    const migrators = await Promise.all(
      Array.from({ length: 6 }, () => db.migrator({ '1_a.up.sql': 'create table a (id int)' }, { lock: 'table' })),
    )
    const runs = await Promise.all(migrators.map((migrator) => migrator.up()))
    expect(runs.reduce((sum, run) => sum + run.steps.length, 0)).toBe(1)
  })

  test('a user who owns a schema but not the database can drop it in a down', async ({ db }) => {
    const user = `owner_${process.pid}_${Date.now()}`
    await db.client.query(
      `create role ${user} login password 'own'; create schema app authorization ${user}; create schema legacy authorization ${user}`,
    )
    try {
      const url = new URL(db.url)
      url.username = user
      url.password = 'own'
      const files = {
        '1_a.up.sql': 'create table app.a (id int)',
        '1_a.down.sql': 'drop schema legacy cascade; drop table app.a',
      }
      const migrator = await db.migrator(files, { url: url.href, schema: 'app' })
      await migrator.up()
      expect((await migrator.down('all')).to).toBe(-1)
    } finally {
      await db.client.query(`drop owned by ${user} cascade; drop role ${user}`)
    }
  })

  test('a table of the user’s named as our temporary ones might be is the user’s', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql': 'create table migratest_history (id int)',
      '1_a.down.sql': 'insert into migratest_history (id) values (1); drop schema public cascade',
    })
    await migrator.up()
    expect((await migrator.down('all')).to).toBe(-1)
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

  test('an open parenthesis is told with the place where the file ends', async ({ db }) => {
    const migrator = await db.migrator({ '1_a.up.sql': 'create table a (\n  id int\n' })
    const error = await failure<MigrationFailedError>(migrator.up())
    expect([error.line, error.sqlState]).toEqual([2, '42601'])
  })

  test('golang-migrate’s quoted table', async ({ db }) => {
    await db.client.query('create schema s')
    const url = `${db.url}?x-migrations-table=${encodeURIComponent('"s"."vm"')}&x-migrations-table-quoted=1`
    const migrator = await db.migrator({ '1_a.up.sql': 'select 1' }, { url })
    await migrator.up()
    expect(await db.rows('select version from s.vm')).toEqual([{ version: '1' }])
  })

  test('a plan reads only: a user without the right to write may ask for it', async ({ db }) => {
    const files = { '1_a.up.sql': 'select 1', '1_a.down.sql': 'select 1', '2_b.up.sql': 'select 2' }
    await (await db.migrator(files)).up(1)
    const user = `reader_${process.pid}_${Date.now()}`
    await db.client.query(
      `create role ${user} login password 'read'; grant select on all tables in schema public to ${user}`,
    )
    try {
      const url = new URL(db.url)
      url.username = user
      url.password = 'read'
      const migrator = await db.migrator({ ...files, '1_a.down.sql': 'select 3' }, { url: url.href })
      expect((await migrator.plan('latest')).steps.map((step) => step.version)).toEqual([2])
      expect((await migrator.status()).migrations.map((m) => m.state)).toEqual(['applied', 'pending'])
    } finally {
      await db.client.query(`drop owned by ${user} cascade; drop role ${user}`)
    }
  })
})
