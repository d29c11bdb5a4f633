/** Migrations of MySQL and MariaDB that are sent together: what runs, what is recorded, and what a failure leaves. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from 'mysql2/promise'
import { test as base, describe, expect } from 'vitest'
import { openUrl } from '../../src/database/mysql/connection.ts'
import { mysqlDriver } from '../../src/database/mysql/driver.ts'
import type { Session } from '../../src/database/mysql/session.ts'
import { CancelledError, ConnectionError, MigrationFailedError } from '../../src/migrate/errors.ts'
import { Migrator } from '../../src/migrate/migrator.ts'
import { memory } from '../../src/source/memory.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import { failure } from '../support/database.ts'
import { mysqlScratch } from '../support/mysqlDatabase.ts'
import { describeOnDatabases } from '../support/servers.ts'

/** Enough for the next ones to be sent together. */
const BEFORE = {
  '01_a.up.sql': 'create table a (id int primary key)',
  '02_b.up.sql': 'create table b (id int primary key)',
  '03_c.up.sql': 'create table c (id int primary key)',
  '04_more.up.sql': 'alter table a add column more int;\nalter table a add column most int',
  '05_rows.up.sql': 'insert into a values (1, 2, 3), (2, 3, 4)',
  '06_index.up.sql': 'create index a_more on a (more)',
  '07_d.up.sql':
    'create table d (id int primary key, a_id int);\nalter table d add constraint d_a foreign key (a_id) references a (id)',
}
const AFTER = {
  '09_after.up.sql': 'create table after_it (id int)',
  '10_rows.up.sql': 'insert into a values (9, 9, 9)',
}

describeOnDatabases(['MySQL', 'MariaDB'], ({ server: anyServer }) => {
  const server = anyServer as TestServer<Connection>
  const test = base.extend('db', async ({ task: _ }) => mysqlScratch(server))

  test('they are one message, and recorded as one by one', async ({ db }) => {
    const messages: string[][] = []
    const migrator = new Migrator({
      source: memory({ ...BEFORE, ...AFTER }),
      database: await mysqlDriver(counting(await openUrl(db.url), messages)),
    })
    await migrator.up()
    const ups = messages.filter((all) =>
      all.some((sql) => /^(create table [a-d]|alter|insert into a|create index)/.test(sql)),
    )
    expect(ups.length).toBeLessThan(6)
    const { migrations } = await migrator.status()
    expect(migrations.map(({ state }) => state)).toEqual(Array(9).fill('applied'))
    const history = await db.rows('select running, duration_ms, up from schema_migrations_history order by version')
    expect(history.map(({ up }) => up)).toEqual(Object.values({ ...BEFORE, ...AFTER }))
    for (const { running, duration_ms } of history) {
      expect(running).toBeNull()
      expect(Number(duration_ms)).toBeGreaterThan(0)
    }
    expect(await db.rows('select * from schema_migrations_journal')).toEqual([])
    expect(await db.rows('select version, dirty from schema_migrations')).toEqual([{ version: 10, dirty: 0 }])
    expect(await db.rows('select * from a')).toHaveLength(3)
  })

  test('events and warnings come in the order of the migrations', async ({ db }) => {
    const migrator = await db.migrator({
      ...BEFORE,
      '08_twice.up.sql': 'insert ignore into a values (1, 1, 1)',
      ...AFTER,
    })
    await migrator.up()
    const said = db.events.flatMap((event) => ('step' in event ? [`${event.type} ${event.step.version}`] : []))
    expect(said).toEqual(
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].flatMap((n) => [
        `started ${n}`,
        ...(n === 8 ? ['notice 8'] : []),
        `finished ${n}`,
      ]),
    )
  })

  describe('a failure', () => {
    test.for<[what: string, sql: string, mended: string, version: number, dirty: number]>([
      ['of the first statement', 'alter table b add column x nonsense', 'alter table b add column x int', 7, 0],
      [
        'of the second',
        'create table e (id int);\nalter table e add column x nonsense',
        'create table e (id int);\nalter table e add column x int',
        8,
        1,
      ],
      ['of rows', 'insert into b values (1), (1)', 'insert into b values (1)', 7, 0],
      ['of a name that is there', 'create table e (id int, id int)', 'create table e (id int)', 7, 0],
    ])('%s stops all behind it', async ([, sql, mended, version, dirty], { db }) => {
      const error = await failure<MigrationFailedError>(
        (await db.migrator({ ...BEFORE, '08_fails.up.sql': sql, ...AFTER })).up(),
      )
      expect(error).toBeInstanceOf(MigrationFailedError)
      expect(error.message).toMatch(/^08_fails\.up\.sql:/)
      expect(error.message).toContain(dirty ? 'Statement 2 of 2 failed' : 'The migration left no changes')
      expect(db.events.filter(({ type }) => type === 'finished')).toHaveLength(7)
      expect(await db.rows('select version, dirty from schema_migrations')).toEqual([{ version, dirty }])
      expect(await db.rows('select version from schema_migrations_history where running is not null')).toEqual(
        dirty ? [{ version: 8 }] : [],
      )
      expect(await db.rows('select * from a')).toHaveLength(2)
      expect(await db.tables()).toEqual(['a', 'b', 'c', 'd', ...(dirty ? ['e'] : [])])
      const again = await db.migrator({ ...BEFORE, '08_fails.up.sql': mended, ...AFTER })
      if (dirty) await again.resume()
      await again.up()
      expect(await again.version()).toEqual({ version: 10, dirty: false })
      expect(await db.rows('select * from a')).toHaveLength(3)
    })

    test('of a part that somebody else has added meanwhile does not count as done', async ({ db }) => {
      await db.rows('create table old (id int, extra int)')
      const files = {
        ...BEFORE,
        '08_old.up.sql': 'create table if not exists old (id int)',
        '09_extra.up.sql': 'alter table old add column extra int',
      }
      const error = await failure((await db.migrator(files)).up())
      expect(error.message).toMatch(/^09_extra\.up\.sql:.*Duplicate column/)
      expect(await db.rows('select version, dirty from schema_migrations')).toEqual([{ version: 8, dirty: 0 }])
    })
  })

  describe('while one of them waits for another session', () => {
    /** The first waits for a lock that the test holds; the second waits for a transaction that has read the table. */
    const held = (name: string) => ({
      '08_gate.up.sql': `insert into c select get_lock('${name}', 30)`,
      '09_held.up.sql': 'alter table a add column held int',
      '10_rows.up.sql': 'insert into b values (9)',
    })

    /** Returns once the second waits. */
    const holding = async (db: Awaited<ReturnType<typeof mysqlScratch>>) => {
      const [gate, reader] = [await db.connect(), await db.connect()]
      await gate.query(`select get_lock('${db.name}', 0)`)
      return async () => {
        await whenRunning(db, 'insert into c select get_lock')
        await reader.query('start transaction; select * from a')
        await gate.query(`select release_lock('${db.name}')`)
        const id = await whenRunning(db, 'alter table a add column held')
        return { id, release: () => reader.query('rollback') }
      }
    }

    test('a session that is killed leaves it unfinished, and those behind it not begun; resume goes on', async ({
      db,
    }) => {
      const untilHeld = await holding(db)
      const files = { ...BEFORE, ...held(db.name) }
      const running = failure((await db.migrator(files)).up())
      const { id, release } = await untilHeld()
      await db.rows(`kill connection ${id}`)
      expect(await running).toBeInstanceOf(ConnectionError)
      await release()
      const again = await db.migrator(files, { lockTimeoutMs: 20_000 })
      expect(await again.version()).toEqual({ version: 9, dirty: true })
      await again.resume()
      await again.up()
      expect(await again.version()).toEqual({ version: 10, dirty: false })
      expect(await db.rows('select id from b')).toEqual([{ id: 9 }])
      expect(await db.rows('select id from c')).toEqual([{ id: 1 }])
    })

    test('a session that is killed while resume looks at the object leaves it open; the next one finds out', async ({
      db,
    }) => {
      const untilHeld = await holding(db)
      const files = { ...BEFORE, ...held(db.name) }
      const running = failure((await db.migrator(files)).up())
      const { id, release } = await untilHeld()
      await db.rows(`kill connection ${id}`)
      await running
      await release()
      const database = await mysqlDriver(killedAtLook(await openUrl(db.url), db))
      const broken = new Migrator({ source: memory(files), database, lockTimeoutMs: 20_000 })
      expect(await failure(broken.resume())).toBeInstanceOf(ConnectionError)
      await database.close()
      const again = await db.migrator(files, { lockTimeoutMs: 20_000 })
      await again.resume()
      await again.up()
      expect(await again.version()).toEqual({ version: 10, dirty: false })
    })

    test('cancelling ends it, and leaves the database clean at the one before', async ({ db }) => {
      const untilHeld = await holding(db)
      const files = { ...BEFORE, ...held(db.name) }
      const cancel = new AbortController()
      const running = failure((await db.migrator(files, { signal: cancel.signal })).up())
      const { release } = await untilHeld()
      cancel.abort()
      expect(await running).toBeInstanceOf(CancelledError)
      await release()
      expect(await db.rows('select version, dirty from schema_migrations')).toEqual([{ version: 8, dirty: 0 }])
      await (await db.migrator(files)).up()
      expect(await db.rows('select id from b')).toEqual([{ id: 9 }])
    })
  })
})

// --- internal ---

/** Returns the session, which notes the statements of each message. */
function counting(session: Session, messages: string[][]): Session {
  return new Proxy(session, {
    get(target, key) {
      const value = Reflect.get(target, key, target)
      if (key !== 'script') return typeof value === 'function' ? value.bind(target) : value
      return (...args: Parameters<Session['script']>) => {
        messages.push([...args[0]])
        return target.script(...args)
      }
    },
  })
}

/** Returns the session, which the server ends as soon as it is about to look at an object. */
function killedAtLook(session: Session, db: Awaited<ReturnType<typeof mysqlScratch>>): Session {
  return new Proxy(session, {
    get(target, key) {
      const value = Reflect.get(target, key, target)
      if (key !== 'queries') return typeof value === 'function' ? value.bind(target) : value
      return async (...args: Parameters<Session['queries']>) => {
        const looks = args[0].some((sql) => sql.startsWith('SHOW CREATE'))
        if (looks) await db.rows(`kill connection ${(target.client as { threadId: number }).threadId}`)
        return target.queries(...args)
      }
    },
  })
}

async function whenRunning(db: Awaited<ReturnType<typeof mysqlScratch>>, text: string): Promise<number> {
  for (let tries = 0; tries < 500; tries++) {
    const found = (await db.rows('show full processlist')).find(
      ({ db: name, Info }) => name === db.name && String(Info).includes(text) && !/processlist/i.test(String(Info)),
    )
    if (found) return Number(found.Id)
    await sleep(10)
  }
  throw new Error(`nobody runs ${text}`)
}
