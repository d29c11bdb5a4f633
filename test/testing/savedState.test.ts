/** `db.snapshot()`: a state that one test saves and later tests begin with. */
import pg from 'pg'
import { expect, test as plain } from 'vitest'
import { createMigratedDatabase, type DatabaseSnapshot, memory, migrateTo, withMigratedDatabase } from '../../index.ts'
import { offerAll } from '../../src/testing/lease/pool.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import { failure } from '../support/database.ts'
import { anyPostgres, describeOnDatabases } from '../support/servers.ts'

describeOnDatabases(['PostgreSQL', 'PGlite', 'MySQL', 'MariaDB'], ({ server, id, name }) => {
  const migrations = memory({
    '1_users.up.sql': `create table users (${id}, name varchar(40))`,
    '1_users.down.sql': 'drop table users',
    '2_email.up.sql': 'alter table users add email varchar(40)',
    '2_email.down.sql': 'alter table users drop column email',
  })
  const options = { server, migrations }
  const names = async (db: { query(sql: string): Promise<{ name?: string }[]> }) =>
    (await db.query('select name from users order by id')).map((row) => row.name)

  let signedUp: DatabaseSnapshot | undefined
  const test = plain.extend('db', withMigratedDatabase(options))
  const later = plain.extend('db', withMigratedDatabase({ ...options, from: () => signedUp }))

  test('a test saves its state and goes on', async ({ db }) => {
    await migrateTo(db, 1)
    await db.query("insert into users (name) values ('Ada')")
    signedUp = await db.snapshot()
    expect(signedUp.version).toBe(1)
    await db.query("insert into users (name) values ('Eve')")
    expect(await names(db)).toEqual(['Ada', 'Eve'])
  })

  for (const nth of ['first', 'second', 'third']) {
    later(`the ${nth} test after it begins there and changes only its own copy`, async ({ db }) => {
      expect(await names(db)).toEqual(['Ada'])
      expect((await db.version()).version).toBe(1)
      await db.query("insert into users (name) values ('Bob')")
      const [row] = await db.query<{ id: number }>("select id from users where name = 'Bob'")
      expect(row?.id).toBe(2)
    })
  }

  later('it migrates like any other', async ({ db }) => {
    await migrateTo(db, 2)
    await db.query("update users set email = 'ada@example.org'")
    await migrateTo(db, 'nil')
    expect((await db.version()).version).toBe(-1)
  })

  test('and a test without it begins with the migrations alone', async ({ db }) => {
    expect((await db.version()).version).toBe(2)
    expect(await names(db)).toEqual([])
  })

  plain('one state can be saved on top of another', async () => {
    await using first = await createMigratedDatabase({ ...options, from: () => signedUp })
    await first.query("insert into users (name) values ('Eve')")
    const both = await first.snapshot()
    await using second = await createMigratedDatabase({ ...options, from: () => both })
    expect(await names(second)).toEqual(['Ada', 'Eve'])
  })

  plain('tests that share a database in transactions can begin there, too', async () => {
    for (const _ of [1, 2]) {
      await using db = await createMigratedDatabase({ ...options, from: () => signedUp, isolation: 'transaction' })
      expect(await names(db)).toEqual(['Ada'])
      await db.query("insert into users (name) values ('Eve')")
      expect(await failure(db.snapshot())).toMatchObject({ code: 'MIGRATEST_SHARED_DATABASE' })
    }
  })

  plain('what cannot be is an error that says so', async () => {
    const unset = createMigratedDatabase({ ...options, from: () => undefined })
    expect(await failure(unset)).toMatchObject({
      code: 'MIGRATEST_USAGE',
      message: expect.stringContaining('has not run'),
    })
    const both = createMigratedDatabase({ ...options, from: () => signedUp, version: 1 })
    expect((await failure(both)).message).toContain('"from" and "version" exclude each other')
    await using db = await createMigratedDatabase(options)
    await db.query(name === 'MySQL' || name === 'MariaDB' ? 'start transaction' : 'begin')
    await db.query("insert into users (name) values ('Ada')")
    expect(await failure(db.snapshot())).toMatchObject({ code: 'MIGRATEST_OPEN_TRANSACTION' })
    await db.query('rollback')
    expect((await db.snapshot()).version).toBe(2)
  })

  plain('it is dropped when the tests of its file are over', async () => {
    await using db = await createMigratedDatabase(options)
    const saved = await db.snapshot()
    const snapshots = await (server as TestServer<unknown>).snapshots?.()
    expect(await snapshots?.look([saved.key])).toMatchObject({ nearest: saved.key })
    await offerAll()
    expect(await snapshots?.look([saved.key])).toMatchObject({ nearest: undefined })
    const late = createMigratedDatabase({ ...options, from: () => saved })
    expect((await failure(late)).message).toContain('not on the server any more')
  })
})

plain('a connection that the test opened itself is named', async () => {
  await using db = await createMigratedDatabase({ server: anyPostgres, migrations: memory({}), version: 'nil' })
  const own = new pg.Client(db.url)
  await own.connect()
  await own.query('select 42')
  const error = await failure(db.snapshot())
  expect(error.message).toContain('A connection is open on this database')
  expect(error.message).toContain('select 42')
  await own.end()
  expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
  expect((await db.snapshot()).version).toBe(-1)
})
