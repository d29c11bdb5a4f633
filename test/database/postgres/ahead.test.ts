/** Migrations that are sent before the answer to the one before them: a failure stops them, and is told as ever. */
import { describe, expect } from 'vitest'
import { openUrl } from '../../../src/database/postgres/connection.ts'
import type { Driver } from '../../../src/migrate/driver.ts'
import { CancelledError, MigrationFailedError } from '../../../src/migrate/errors.ts'
import { Migrator } from '../../../src/migrate/migrator.ts'
import { NEVER } from '../../../src/migrate/never.ts'
import { dbmateFormat } from '../../../src/source/formats/dbmate.ts'
import { sourceOfFormat } from '../../../src/source/formats/format.ts'
import { memoryFolder } from '../../source/formats/memoryFolder.ts'
import { failure, type Scratch, test } from '../../support/database.ts'

/** Ten tables, as if the server were far away: all of them are sent at once. */
const files = (changed: Record<number, string> = {}) =>
  Object.fromEntries(
    Array.from({ length: 10 }, (_, i) => [`${i + 1}_m.up.sql`, changed[i + 1] ?? `create table t${i + 1} (id int)`]),
  )

async function farAway(db: Scratch, unanswered: number[] = []): Promise<Driver> {
  const driver = await db.open()
  const applyNext = driver.applyNext?.bind(driver)
  let now = 0
  Object.defineProperty(driver, 'window', { get: () => 16 })
  driver.applyNext = (step, signal) => {
    const sent = applyNext?.(step, signal)
    if (!sent) return undefined
    unanswered.push(++now)
    return sent.finally(() => now--)
  }
  return driver
}

const tables = async (db: Scratch) =>
  (await db.rows("select relname from pg_class where relname ~ '^t[0-9]+$' order by oid")).map(({ relname }) => relname)

describe('sent ahead', () => {
  test('many are unanswered at once; history and events are as if one followed the other', async ({ db }) => {
    const unanswered: number[] = []
    const raise = (n: number) => `create table t${n} (id int); do $$ begin raise notice 'n${n}'; end $$`
    const texts = files({ 3: raise(3), 4: raise(4), 9: raise(9) })
    const migrator = await db.migrator(texts, { database: await farAway(db, unanswered) })
    expect((await migrator.up()).steps.map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(Math.max(...unanswered)).toBeGreaterThan(5)
    const told = db.events.map((event) => ('step' in event ? `${event.type} ${event.step.version}` : event.type))
    expect(told).toEqual([
      'planned',
      ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].flatMap((v) =>
        [3, 4, 9].includes(v) ? [`started ${v}`, `notice ${v}`, `finished ${v}`] : [`started ${v}`, `finished ${v}`],
      ),
    ])
    expect(
      await db.rows('select version::int as v from schema_migrations_history where up is not null order by 1'),
    ).toHaveLength(10)
  })

  test.for([
    ['a statement that fails', 'create table t6 (id int);\n  select no_such_column', /no_such_column/],
    ['a text that the server cannot read', 'create table t6 (id int);\n  create tabel u ()', /tabel/],
    [
      'a constraint that only the commit checks',
      'create table t6 (id int unique deferrable initially deferred);\n  insert into t6 values (1), (1)',
      /duplicate key/,
    ],
    ['a transaction that is aborted by the code in it', "do $$ begin raise exception 'stop'; end $$", /stop/],
  ] as const)('%s: none after it has run', async ([, text, message], { db }) => {
    const migrator = await db.migrator(files({ 6: text }), { database: await farAway(db) })
    const error = await failure<MigrationFailedError>(migrator.up())
    expect(error).toBeInstanceOf(MigrationFailedError)
    expect(error.message).toMatch(message)
    expect(error.message).toMatch(/6_m\.up\.sql/)
    expect(error.message).toMatch(/is at version 5, clean/)
    expect(await tables(db)).toEqual(['t1', 't2', 't3', 't4', 't5'])
    expect(await migrator.version()).toEqual({ version: 5, dirty: false })
    // The session is as it was: the same migrator goes on once the file is mended.
    const again = await db.migrator(files(), { edited: 'ignore' })
    expect((await again.up()).steps.map(({ version }) => version)).toEqual([6, 7, 8, 9, 10])
  })

  test.for([
    ['takes our prepared statements away', 'deallocate all; create table t4 (id int)', 'public'],
    [
      'removes the version table',
      'drop schema public cascade; create schema public; create table t4 (id int)',
      'public',
    ],
    ['is refused in a transaction', 'create index concurrently on t1 (id)', 'public'],
    ['sets its transaction up', 'set transaction isolation level serializable; create table t4 (id int)', 'public'],
    [
      'changes the settings',
      "set search_path = ''; set role pg_monitor; reset role; create table public.t4 (id int)",
      'public',
    ],
    ['is long', `create table t4 (id int); -- ${'x'.repeat(70_000)}`, 'public'],
    ['is empty', '', 'public'],
  ] as const)('one that %s: all are applied', async ([, text], { db }) => {
    const migrator = await db.migrator(files({ 4: text }), { database: await farAway(db) })
    expect((await migrator.up()).steps).toHaveLength(10)
    expect((await tables(db)).slice(-6)).toEqual(['t5', 't6', 't7', 't8', 't9', 't10'])
    expect(await migrator.version()).toEqual({ version: 10, dirty: false })
    expect(await db.rows('select version::int as v from schema_migrations_history order by 1')).toHaveLength(10)
  })

  test('in a folder of another tool, too, the version row is followed where some are sent again', async ({ db }) => {
    const names = (n: number) => `2024010100${String(n).padStart(4, '0')}_m.sql`
    const texts = Object.entries(files({ 4: 'deallocate all; create table t4 (id int)' })).map(([, up], i) => [
      names(i + 1),
      `-- migrate:up\n${up};\n-- migrate:down\ndrop table t${i + 1};\n`,
    ])
    const source = sourceOfFormat(dbmateFormat(), memoryFolder(Object.fromEntries(texts)))
    const migrator = new Migrator({ source, database: await farAway(db) })
    expect((await migrator.up()).steps).toHaveLength(10)
    expect((await migrator.status()).migrations.map(({ state }) => state)).toEqual(Array(10).fill('applied'))
    expect((await migrator.down(10)).steps).toHaveLength(10)
    expect(await tables(db)).toEqual([])
  })

  test('stop() sends no more; what was sent is applied and told', async ({ db }) => {
    const unanswered: number[] = []
    const migrator = await db.migrator(files({ 3: 'select pg_sleep(0.3)' }), {
      database: await farAway(db, unanswered),
    })
    const running = migrator.up()
    await db.underWay('pg_sleep')
    const sent = unanswered.length
    migrator.stop()
    const { to, steps } = await running
    // Migration 1 is always sent alone.
    expect(steps).toHaveLength(sent + 1)
    expect(await migrator.version()).toEqual({ version: to, dirty: false })
  })

  test('a signal cancels the running one, and those behind it do nothing', async ({ db }) => {
    const controller = new AbortController()
    const migrator = await db.migrator(files({ 4: 'select pg_sleep(60)', 6: 'select pg_sleep(60)' }), {
      database: await farAway(db),
      signal: controller.signal,
    })
    const running = failure(migrator.up())
    await db.underWay('pg_sleep')
    controller.abort()
    const error = await running
    expect(error).toBeInstanceOf(CancelledError)
    expect(error.message).toMatch(/4_m\.up\.sql.*is at version 3, clean/s)
    expect(await tables(db)).toEqual(['t1', 't2', 't3'])
  })

  test('a session that ends: the first unanswered one is told', async ({ db }) => {
    const migrator = await db.migrator(files({ 4: 'select pg_sleep(60)' }), { database: await farAway(db) })
    const running = failure(migrator.up())
    await db.underWay('pg_sleep')
    await db.client.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'migratest' and datname = current_database()",
    )
    expect((await running).message).toMatch(/connection .* broke/)
    const again = await db.migrator(files(), { edited: 'ignore' })
    expect(await again.version()).toEqual({ version: 3, dirty: false })
  })

  test('reading the state meanwhile waits until everything sent is answered', async ({ db }) => {
    const database = await farAway(db)
    const versions: Promise<unknown>[] = []
    const migrator = await db.migrator(files(), {
      database,
      onEvent: (event) => event.type === 'started' && versions.push(database.state()),
    })
    expect((await migrator.up()).steps).toHaveLength(10)
    await Promise.all(versions)
    expect(await tables(db)).toHaveLength(10)
  })

  test("a client of the caller's gets one message at a time", async ({ db }) => {
    const { openDatabase } = await import('../../../src/database/open.ts')
    const database = await openDatabase(await db.connect())
    expect(database.window).toBe(1)
    const migrator = await db.migrator(files(), { database })
    expect((await migrator.up()).steps).toHaveLength(10)
  })
})

describe('sent ahead in one transaction, down and up again', () => {
  /** Ten tables with their downs. `changed`: the text of single downs. */
  const pairs = (changed: Record<number, string> = {}, third = 'create table t3 (id int)') => ({
    ...files({ 3: third }),
    ...Object.fromEntries(
      Array.from({ length: 10 }, (_, i) => [`${i + 1}_m.down.sql`, changed[i + 1] ?? `drop table t${i + 1}`]),
    ),
  })
  const edited = 'create table t3 (id int, name text)'

  /** Undoes what is above the edited third migration, and applies it again, in one transaction. */
  async function follow(db: Scratch, downs: Record<number, string>, unanswered: number[] = []) {
    const database = await farAway(db, unanswered)
    await (await db.migrator(pairs(downs), { database })).up()
    unanswered.length = 0
    const migrator = await db.migrator(pairs(downs, edited), { database })
    const followed = migrator.follow(async ({ driver, down, up }) =>
      driver.inOneTransaction?.(async () => {
        await down()
        await up()
      }),
    )
    return { migrator, followed }
  }

  test('downs go ahead, too', async ({ db }) => {
    const unanswered: number[] = []
    const { migrator, followed } = await follow(db, {}, unanswered)
    await followed
    expect(Math.max(...unanswered.slice(0, 7))).toBeGreaterThan(3)
    const told = db.events.map((event) => ('step' in event ? `${event.step.direction} ${event.step.version}` : ''))
    expect([...new Set(told.slice(-32))].filter(Boolean)).toEqual([
      ...[10, 9, 8, 7, 6, 5, 4, 3].map((v) => `down ${v}`),
      ...[3, 4, 5, 6, 7, 8, 9, 10].map((v) => `up ${v}`),
    ])
    expect(await migrator.version()).toEqual({ version: 10, dirty: false })
    expect(await tables(db)).toEqual(['t1', 't2', 't3', 't4', 't5', 't6', 't7', 't8', 't9', 't10'])
    expect(
      await db.rows("select 1 from pg_attribute where attrelid = 't3'::regclass and attname = 'name'"),
    ).toHaveLength(1)
    expect(await db.rows('select 1 from schema_migrations_history')).toHaveLength(10)
  })

  test.for([
    ['fails', 'drop table no_such_table', /no_such_table/],
    ['cannot be read', 'drop tabel t6', /tabel/],
    ['breaks a deferred constraint', 'insert into late values (1), (1); drop table t6', /duplicate key/],
  ] as const)('one that %s: nothing stays', async ([, text, message], { db }) => {
    await db.client.query('create table late (id int unique deferrable initially deferred)')
    const { migrator, followed } = await follow(db, { 6: text })
    const error = await failure<MigrationFailedError>(followed)
    expect(error.message).toMatch(message)
    expect(error.message).toMatch(/6_m\.down\.sql/)
    expect(await tables(db)).toEqual(['t1', 't2', 't3', 't4', 't5', 't6', 't7', 't8', 't9', 't10'])
    expect(await migrator.version()).toEqual({ version: 10, dirty: false })
    expect(await db.rows('select 1 from schema_migrations_history')).toHaveLength(10)
  })

  test.for([
    ['takes our prepared statements away', 'deallocate all; drop table t6'],
    ['removes the version table', 'drop table t6; drop table schema_migrations, schema_migrations_history'],
    ['changes the settings', "drop table t6; set search_path = ''; set role pg_monitor"],
  ] as const)('one that %s: all are undone and applied', async ([, text], { db }) => {
    const { migrator, followed } = await follow(db, { 6: text })
    await followed
    expect(await migrator.version()).toEqual({ version: 10, dirty: false })
    expect((await tables(db)).slice(-3)).toEqual(['t8', 't9', 't10'])
    expect(await db.rows('select 1 from schema_migrations_history')).toHaveLength(10)
  })
})

test('a text without a statement is answered once, like any other', async ({ db }) => {
  const session = await openUrl(db.url)
  try {
    await Promise.all([session.script('', NEVER), session.script('select 1', NEVER), session.script('-- no', NEVER)])
    expect(await session.query('select $1::int as two', [2])).toEqual([{ two: 2 }])
    await session.script('', NEVER)
    expect(await session.query('select $1::int as three', [3])).toEqual([{ three: 3 }])
  } finally {
    await session.close()
  }
})
