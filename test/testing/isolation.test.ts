/** A test may have a transaction or a server for itself, and leaves nothing in them. */
import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { describe, expect, test, vi } from 'vitest'
import {
  createMigratedDatabase,
  memory,
  migrateTo,
  type SeedTarget,
  SharedDatabaseError,
  UsageError,
} from '../../index.ts'
import { pglite } from '../../presets/pglite.ts'
import { postgres } from '../../presets/postgres.ts'
import { settled } from '../../src/testing/lease/migratedDatabase.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import { failure } from '../support/database.ts'

const files = (tag = randomBytes(4).toString('hex')) =>
  memory({
    '1_users.up.sql': `-- ${tag}\ncreate table users (id int primary key, name text default '${tag}')`,
    '2_more.up.sql': 'create table more ()',
  })

const servers: [string, TestServer<unknown>][] = [
  ['PostgreSQL', postgres() as TestServer<unknown>],
  ['PGlite', pglite() as TestServer<unknown>],
]

describe.each(servers)("isolation: 'transaction' on %s", { timeout: 30_000 }, (kind, server) => {
  const options = { server, migrations: files(), isolation: 'transaction' } as const

  test('tests share a database, and none sees the rows of another', async () => {
    const names = new Set<string>()
    for (let i = 0; i < 4; i++) {
      await using db = await createMigratedDatabase(options)
      names.add(db.name)
      expect(await db.query('select * from users')).toEqual([])
      await db.query("insert into users values (1, 'Ada')")
      expect(await db.query('select name from users')).toEqual([{ name: 'Ada' }])
      // After a failure, too.
      if (i === 2) await failure(db.query('select nonsense'))
    }
    expect(names.size).toBe(1)
  })

  test('a seed that is a function has the client', async () => {
    const seeds = {
      2: async (db: SeedTarget<{ query(sql: string): Promise<unknown> }>) => {
        expect(db.dialect).toBe('postgres')
        await db.client.query("insert into users values (7, 'client')")
        await db.query('insert into users values ($1, $2)', [8, 'query'])
      },
    }
    await using db = await createMigratedDatabase({ ...options, migrations: files('seeded'), seeds })
    expect(await db.query('select id, name from users order by id')).toEqual([
      { id: 7, name: 'client' },
      { id: 8, name: 'query' },
    ])
  })

  test('two at once', async () => {
    const work = async (id: number) => {
      await using db = await createMigratedDatabase(options)
      await db.query(`insert into users values (${id}, 'x')`)
      return (await db.query('select * from users')).length
    }
    expect(await Promise.all([work(1), work(2), work(3)])).toEqual([1, 1, 1])
  })

  test('what leads out of the transaction is refused, with the reason', async () => {
    await using db = await createMigratedDatabase(options)
    const error = await failure(migrateTo(db, 1))
    expect(error).toBeInstanceOf(SharedDatabaseError)
    expect(error.message).toMatch(/migrateTo\(\) would change it for all of them/)
    expect((await failure(db.connect())).message).toMatch(/would not see the rows/)
    expect((await failure(db.keep())).message).toMatch(/nothing to keep/)
    expect(() => db.url).toThrow(/past the transaction/)
  })

  test('a test that ends the transaction fails, and the next one has another database', async () => {
    const db = await createMigratedDatabase({ ...options, migrations: files('ended') })
    await db.query("insert into users values (1, 'Ada')")
    await db.query('commit')
    expect((await failure(db[Symbol.asyncDispose]())).message).toMatch(/ended the transaction it runs in/)
    await using next = await createMigratedDatabase({ ...options, migrations: files('ended') })
    // The source is another object with the same texts.
    expect(await next.query('select * from users')).toEqual([])
  })

  test('schema() shows what the transaction changed, to two callers at once', async () => {
    await using db = await createMigratedDatabase(options)
    await db.query('create table made_here ()')
    const [one, two] = await Promise.all([db.schema(), db.schema()])
    expect(String(one)).toContain('made_here')
    expect(String(two)).toBe(String(one))
  })

  test('a test that closes its client spoils it for no other', async () => {
    const own = { ...options, migrations: files('closed') }
    const db = await createMigratedDatabase(own)
    const client = db.client as { end?(): Promise<void>; close?(): Promise<void> }
    await (client.end ?? client.close)?.call(client)
    await db[Symbol.asyncDispose]().catch(() => undefined)
    await using next = await createMigratedDatabase(own)
    expect(await next.query('select * from users')).toEqual([])
  })

  test('savepoints are fine', async () => {
    await using db = await createMigratedDatabase(options)
    await db.query("savepoint s; insert into users values (1, 'Ada'); rollback to s; release s")
    await db.query('savepoint s')
    await db.query('rollback to s')
    expect(await db.query('select * from users')).toEqual([])
  })

  if (kind !== 'PostgreSQL') return
  test('a statement that fails warns nobody of the inside of the client', async () => {
    const warned: Error[] = []
    const listener = (warning: Error) => warned.push(warning)
    process.on('warning', listener)
    await using db = await createMigratedDatabase(options)
    await expect(db.query('select nonsense')).rejects.toThrow(/nonsense/)
    await new Promise(setImmediate)
    process.off('warning', listener)
    expect(warned).toEqual([])
  })

  test('a commit in the midst of other statements is noticed', async () => {
    for (const sql of [
      'commit; begin',
      'rollback; begin',
      "insert into users values (9, 'x'); commit; begin; select 1",
    ]) {
      const db = await createMigratedDatabase({ ...options, migrations: files(`c ${sql}`.replace(/\W/g, '')) })
      await db.query(sql)
      await expect(db[Symbol.asyncDispose](), sql).rejects.toThrow(SharedDatabaseError)
    }
  })
})

describe("isolation: 'server'", { timeout: 60_000 }, () => {
  test('each test has a server, with roles of its own, and it is gone afterwards', async () => {
    const server = postgres({ from: 'embedded' })
    const migrations = memory({
      '1_role.up.sql': 'create role app_of_this_test; create table t (); grant select on t to app_of_this_test',
    })
    const options = { server, migrations, isolation: 'server' } as const
    const [one, two] = await Promise.all([createMigratedDatabase(options), createMigratedDatabase(options)])
    expect(new URL(one.url ?? '').port).not.toBe(new URL(two.url ?? '').port)
    const { url = '' } = one
    await Promise.all([one[Symbol.asyncDispose](), two[Symbol.asyncDispose]()])
    await vi.waitFor(async () => {
      await expect(new Client(url).connect()).rejects.toThrow()
    })
  })

  test('where there is none to be started, the error says so', async () => {
    const error = await failure(createMigratedDatabase({ server: pglite(), migrations: files(), isolation: 'server' }))
    expect(error).toBeInstanceOf(UsageError)
  })

  test("without isolation: 'server', a migration that makes a role a second time is told what roles are", async () => {
    const role = `app_${randomBytes(4).toString('hex')}`
    const options = { server: postgres(), migrations: memory({ '1_role.up.sql': `create role ${role}` }) }
    await using first = await createMigratedDatabase(options)
    const error = await failure(createMigratedDatabase(options))
    expect(error.message).toMatch(/Roles belong to the whole server[\s\S]*isolation: 'server'/)
    await first.query(`drop role ${role}`)
  })
})

describe('what a test leaves open', () => {
  test('is named once; a connection that the test opened itself is not ended', async () => {
    const said: string[] = []
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0)
    try {
      for (let i = 0; i < 2; i++) {
        const db = await createMigratedDatabase({ server: postgres(), migrations: files('open') })
        const own = new Client({ connectionString: db.url, application_name: `my app ${db.name}` })
        own.on('error', () => undefined)
        await own.connect()
        await own.query('begin; insert into users values (1)')
        await db.query("begin; insert into users values (2, 'x')")
        await db[Symbol.asyncDispose]()
        await settled()
        expect((await own.query('select 1 as one')).rows).toEqual([{ one: 1 }])
        await own.end()
      }
    } finally {
      write.mockRestore()
    }
    const lines = said.filter((line) => line.includes(' left '))
    expect(lines.join('')).toMatch(
      /left a connection of "my app \S+" open, with a transaction: its database stays until this process ends; close it in the test; its last statement: begin; insert into users values \(1\)/,
    )
    expect(lines.join('')).toMatch(
      /left a transaction open: it was rolled back; its last statement: begin; insert into users values \(2, 'x'\)/,
    )
  })
})
