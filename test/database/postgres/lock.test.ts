import { Client, Pool } from 'pg'
import { describe, expect, onTestFinished } from 'vitest'
import { openDatabase } from '../../../src/database/open.ts'
import { openUrl } from '../../../src/database/postgres/connection.ts'
import { postgresDriver } from '../../../src/database/postgres/driver.ts'
import { migrationLockIds } from '../../../src/database/postgres/lock.ts'
import { tablesIn } from '../../../src/database/postgres/tables.ts'
import {
  CancelledError,
  ConnectionError,
  LockedError,
  LockLostError,
  StateMovedError,
} from '../../../src/migrate/errors.ts'
import { Migrator } from '../../../src/migrate/migrator.ts'
import { memory } from '../../../src/source/memory.ts'
import { failure, test } from '../../support/database.ts'

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

  describe('a driver that keeps it', () => {
    const FILES = {
      '1_a.up.sql': 'create temp table kept (id int); create table a (id int)',
      '1_a.down.sql': 'drop table a',
      '2_b.up.sql': 'select pg_advisory_unlock_all()',
      '3_c.up.sql': 'drop table schema_migrations, schema_migrations_history',
    }
    const keeping = test.extend('migrator', async ({ db }) => {
      const driver = await postgresDriver(await openUrl(db.url), { keepsLock: true })
      onTestFinished(() => driver.close())
      return new Migrator({ source: memory(FILES), database: driver })
    })

    keeping('holds it between its runs, and no longer than it is open', async ({ db, migrator }) => {
      await migrator.to(1)
      const other = await db.migrator(FILES, { lockTimeoutMs: 0 })
      expect(await failure(other.to('nil'))).toBeInstanceOf(LockedError)
      expect((await migrator.to('nil')).steps).toMatchObject([{ direction: 'down', version: 1 }])
    })

    keeping('ends what a session holds with each run', async ({ migrator }) => {
      await migrator.to(1)
      await migrator.to('nil')
      expect((await migrator.to(1)).from).toBe(-1)
    })

    keeping('tells with the run in which it was lost', async ({ migrator }) => {
      await migrator.to(1)
      expect(await failure(migrator.to(2))).toBeInstanceOf(LockLostError)
      expect((await migrator.version()).version).toBe(2)
    })

    test('knows its state after a migration that removes all prepared statements', async ({ db }) => {
      const driver = await postgresDriver(await openUrl(db.url), { keepsLock: true })
      onTestFinished(() => driver.close())
      const files = {
        '1_a.up.sql': 'create table a (id int)',
        '1_a.down.sql': 'drop table a',
        '2_b.up.sql': 'create table b (id int); deallocate all',
        '2_b.down.sql': 'drop table b; deallocate all',
        '3_c.up.sql': 'create table c (id int)',
      }
      const migrator = new Migrator({ source: memory(files), database: driver })
      const moves: (number | 'nil')[] = [1, 2, 1, 2, 'nil', 1, 2, 3]
      for (const [n, to] of moves.entries()) {
        const run = await migrator.to(to)
        expect([run.from, run.to]).toEqual([moves[n - 1], to].map((one) => (typeof one === 'number' ? one : -1)))
      }
      expect(await db.rows('select version::int from schema_migrations_history order by version')).toEqual(
        [1, 2, 3].map((version) => ({ version })),
      )
    })

    keeping('sees its tables again after a migration that drops them, and after drop()', async ({ db, migrator }) => {
      await migrator.to(1)
      await failure(migrator.to(2))
      expect((await migrator.to(3)).from).toBe(2)
      expect((await migrator.version()).version).toBe(3)
      await migrator.drop()
      expect((await migrator.version()).version).toBe(-1)
      expect((await migrator.to(1)).from).toBe(-1)
      expect(await db.rows('select version::int from schema_migrations')).toEqual([{ version: 1 }])
    })
  })

  test('the lock is released after a failed migration', async ({ db }) => {
    const migrator = await db.migrator({ '1_a.up.sql': 'select nope' })
    await failure(migrator.up())
    const other = await db.migrator({ '1_a.up.sql': 'select 1' }, { lockTimeoutMs: 0 })
    expect((await other.up()).to).toBe(1)
  })

  test('a lost lock cannot apply twice: the row moves only from where it was read', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql': 'select pg_sleep(0.6)',
      '2_b.up.sql': 'create table b (id int)',
    })
    const running = failure(migrator.up())
    await db.underWay('pg_sleep')
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
      '2_b.up.sql': 'create table b (id int); select pg_sleep(0.6)',
    })
    const running = failure(migrator.up())
    await db.underWay('pg_sleep')
    await db.client.query(change)
    const error = await running
    expect(error).toBeInstanceOf(StateMovedError)
    expect(error.message).toContain(`expected 1, found ${found}.`)
    expect(
      await db.rows("select to_regclass('b') as b, (select count(*)::int from schema_migrations_history) as n"),
    ).toEqual([{ b: null, n: 1 }])
  })

  test("lock: 'table': a row held by a second connection keeps others out and ends with it", async ({ db }) => {
    const options = { lock: 'table', lockTimeoutMs: 50 } as const
    const migrator = await db.migrator({ '1_a.up.sql': 'select pg_sleep(0.6)' }, { ...options })
    const other = await db.migrator({ '1_a.up.sql': 'select pg_sleep(0.6)' }, { ...options })
    const running = migrator.up()
    await db.underWay('pg_sleep')
    expect(await failure(other.up())).toBeInstanceOf(LockedError)
    expect((await running).to).toBe(1)
    expect((await other.up()).steps).toEqual([])
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
    await db.underWay('pg_sleep')
    controller.abort()
    const error = await running
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
    await db.underWay('pg_sleep')
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
    await db.underWay('pg_sleep')
    await db.client.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'migratest' and datname = current_database()",
    )
    await running
    const again = await db.migrator({ '1_a.up.sql': files['1_a.up.sql'].replace('60', '0') })
    expect((await failure(again.up())).message).toMatch(
      /1 of 3 statements done, and it is not known whether statement 2 took effect/,
    )
    expect((await failure(again.resume())).message).toMatch(
      /If it took effect: "migratest resume --applied 2" or .*If not: "migratest resume --not-applied 2" or resume\(\{ notApplied: 2 \}\)/,
    )
    await again.resume({ notApplied: 2 })
    expect(await again.version()).toEqual({ version: 1, dirty: false })
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
})

describe('clients and pools', () => {
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
})
