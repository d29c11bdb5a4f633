/** Databases of MySQL and MariaDB as people have them: character sets, packets, binary logs, modes, users who may not see all. */
import type { Connection } from 'mysql2/promise'
import { createConnection } from 'mysql2/promise'
import { test as base, describe, expect, onTestFinished } from 'vitest'
import { endOfLog } from '../../src/database/mysql/binaryLog.ts'
import { openClient } from '../../src/database/mysql/connection.ts'
import { openDatabase } from '../../src/database/open.ts'
import { MigrationFailedError } from '../../src/migrate/errors.ts'
import { Migrator } from '../../src/migrate/migrator.ts'
import { memory } from '../../src/source/memory.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import { cli, folder } from '../support/cli.ts'
import { failure } from '../support/database.ts'
import { mysqlScratch } from '../support/mysqlDatabase.ts'
import { describeOnDatabases } from '../support/servers.ts'

describeOnDatabases(['MySQL', 'MariaDB'], ({ name: kind, server: anyServer }) => {
  const server = anyServer as TestServer<Connection>
  const test = base.extend('db', async ({ task: _ }) => mysqlScratch(server))

  describe('texts reach the server as the bytes of the file', () => {
    test.for(['utf8', 'utf8mb4', 'latin1', 'cp1251', 'gbk', 'binary'])(
      'behind SET NAMES %s',
      async (charset, { db }) => {
        const text = `SET NAMES ${charset};\ncreate table t (id int, s varchar(40) character set utf8mb4); -- party 🎉\ninsert into t values (1, 'hé');\ninsert into t values (2, 'hé');`
        const migrator = await db.migrator({ '1_party.up.sql': text, '1_party.down.sql': 'drop table t' })
        await migrator.up()
        const [wanted] = await db.rows(`select hex(convert(convert(x'68c3a9' using ${charset}) using utf8mb4)) as hex`)
        expect(await db.rows('select hex(s) as hex from t')).toEqual([wanted, wanted])
        // It was recorded as it is, and what is open is as it was.
        expect(await (await db.open()).recorded(1, 'up')).toBe(text)
        await (await db.migrator({ '1_party.up.sql': text, '1_party.down.sql': 'drop table t' })).down('all')
        expect(await db.tables()).toEqual([])
      },
    )
  })

  describe('a character set', () => {
    test('is refused in a file where our tables have names that it would change', async ({ db }) => {
      const files = { '1_a.up.sql': 'create table a (id int);\nset names latin1;\ninsert into a values (1);' }
      const error = await failure<MigrationFailedError>((await db.migrator(files, { table: 'versions_ü' })).up())
      expect(error.message).toMatch(/2:1: this statement changes the character set.*versions_ü.*is not ASCII/s)
      expect(await (await db.open({ table: 'versions_ü' })).state()).toMatchObject({ version: -1, dirty: false })
      expect(await db.tables()).not.toContain('a')
      const utf8 = { '1_a.up.sql': 'set names utf8mb4;\ncreate table a (id int);' }
      await (await db.migrator(utf8, { table: 'versions_ü' })).up()
      expect(await db.tables()).toContain('a')
    })

    test('is refused in code, which sends UTF-8', async ({ db }) => {
      const root = folder({
        '1_a.ts': 'export async function up({ sql }) { await sql("/* x */ set names latin1") }',
      })
      const found = cli(['up', '-d', db.url, '--path', root])
      expect(found.err).toMatch(/Code sends UTF-8/)
      expect(found.code).toBe(1)
    })
  })

  test('our lock table is not part of the schema', async ({ db }) => {
    await (await db.migrator({ '1_a.up.sql': 'create table a (id int)' }, { lock: 'table' })).up()
    expect(cli(['schema', '-d', db.url]).out).not.toMatch(/schema_migrations/)
  })

  describe('what is written beside a migration', () => {
    const rows = (count: number, from = 0) =>
      Array.from({ length: count }, (_, i) => `insert into big values (${i + from}, '${'x'.repeat(400)}');`).join('\n')

    test('the binary log holds little more than the statements', async ({ db }) => {
      const session = await openClient(await db.connect())
      // Other tests write to the same log, so only transactions of this database count.
      const written = async (work: () => Promise<unknown>) => {
        const since = await endOfLog(session)
        if (!since) throw new Error('there is no binary log')
        await work()
        const events = await session.query(`show binlog events in '${since.file}' from ${since.offset}`)
        const begun = events.flatMap(({ Event_type }, i) => (/gtid/i.test(String(Event_type)) ? [i] : []))
        return begun.reduce((sum, from, i) => {
          const next = begun[i + 1]
          const isOurs = events.slice(from, next).some(({ Info }) => String(Info).includes(db.name))
          const end = next === undefined ? events.at(-1)?.End_log_pos : events[next]?.Pos
          return sum + (isOurs ? Number(end) - Number(events[from]?.Pos) : 0)
        }, 0)
      }
      const create = 'create table big (id int primary key, t varchar(500));'
      await db.client.query('create table plain (id int primary key, t varchar(500))')
      const client = await written(async () => {
        for (let i = 0; i < 200; i++) await db.client.query(`insert into plain values (${i}, '${'x'.repeat(400)}')`)
      })
      expect(client).toBeGreaterThan(200 * 400)
      const migrator = await db.migrator({ '1_big.up.sql': `${create}\n${rows(200)}\n-- ${'p'.repeat(120_000)}` })
      const ours = await written(() => migrator.up())
      expect(await db.rows('select count(*) as n from big')).toEqual([{ n: 200 }])
      expect(ours).toBeGreaterThan(200 * 400)
      expect(ours).toBeLessThan(client * 1.5)
    })

    test('a file larger than the largest message, with a backslash in it', async ({ db }) => {
      const [{ packet }] = (await db.rows('select @@max_allowed_packet as packet')) as [{ packet: number }]
      const count = Math.ceil((Math.min(Number(packet), 16 * 2 ** 20) * 1.1) / 440)
      const files = {
        '1_big.up.sql': `create table big (id int primary key, t varchar(500));\ninsert into big values (-1, 'C:\\\\x');\n${rows(count)}`,
      }
      await (await db.migrator(files)).up()
      expect(await db.rows('select count(*) as n from big')).toEqual([{ n: count + 1 }])
    }, 120_000)

    test('the error for a statement larger than a message says how large it may be', async ({ db }) => {
      const [{ packet }] = (await db.rows('select @@max_allowed_packet as packet')) as [{ packet: number }]
      if (Number(packet) > 20 * 2 ** 20) return
      const files = {
        '1_a.up.sql': `create table a (t longtext);\ninsert into a values ('${'x'.repeat(Number(packet))}')`,
      }
      const error = await failure((await db.migrator(files)).up())
      expect(error.message).toMatch(
        /this statement is [\d.]+ MB, and the server takes [\d.]+ MB at most \(max_allowed_packet\)/,
      )
    })

    test('among rows that go together, the one that fails is named, and those before it stand', async ({ db }) => {
      const text = `create table big (id int primary key, t varchar(500));\n${rows(5)}\ninsert into big values (2, 'again');\n${rows(2, 10)}`
      const error = await failure<MigrationFailedError>((await db.migrator({ '1_big.up.sql': text })).up())
      expect(error).toBeInstanceOf(MigrationFailedError)
      expect(error.line).toBe(7)
      expect(error.message).toMatch(/Statement 7 of 9 failed.*Statements 1 to 6 took effect/s)
      expect(await db.rows('select count(*) as n from big')).toEqual([{ n: 5 }])
      await (await db.migrator({ '1_big.up.sql': text.replace("(2, 'again')", "(7, 'new')") })).resume()
      expect(await db.rows('select count(*) as n from big')).toEqual([{ n: 8 }])
    })
  })

  test("the session's own sql_mode says how literals are read", async ({ db }) => {
    const client = await createConnection(db.url)
    onTestFinished(() => client.end())
    await client.query("set session sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'")
    const database = await openDatabase(client)
    const source = memory({
      '1_x.up.sql': `create table "a;b" (p varchar(30));\ninsert into "a;b" values ('C:\\');\ninsert into "a;b" values ('D:\\; x');`,
    })
    await new Migrator({ source, database }).up()
    expect(await db.rows('select p from `a;b` order by p')).toEqual([{ p: 'C:\\' }, { p: 'D:\\; x' }])
    await database.close()
  })

  test('warnings are events of the step', async ({ db }) => {
    await (await db.migrator({ '1_w.up.sql': 'drop table if exists nope; create table w (id int)' })).up()
    expect(db.events.filter(({ type }) => type === 'notice')).toMatchObject([
      { severity: 'Note', message: expect.stringMatching(/Unknown table/) },
    ])
  })

  describe('schema', () => {
    test('what it writes makes routines, events and tables again as they are', async ({ db }) => {
      const oracle =
        kind === 'MariaDB'
          ? 'set sql_mode=oracle; create procedure op(a int) as v int := 1; begin select v; end; set sql_mode=default;'
          : ''
      const files = {
        '1_m.up.sql': `create table t (id int primary key auto_increment) comment='has AUTO_INCREMENT=7 in it, CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, and \`${db.name}\`.';
insert into t values ();
set sql_mode = 'PIPES_AS_CONCAT'; create function cat2(a varchar(10)) returns varchar(30) deterministic return a || 'x';
set sql_mode = 'IGNORE_SPACE'; create procedure isp() select count (*) from information_schema.tables; set sql_mode = default;
set names latin1; create function l1() returns varchar(10) deterministic return 'x'; set names utf8mb4;
set time_zone = '+03:00'; create event ev on schedule at '2035-01-01 00:00:00' disable do select 1; set time_zone = default;
${oracle}`,
      }
      await (await db.migrator(files)).up()
      const again = await mysqlScratch(server)
      const text = cli(['schema', '-d', db.url]).out
      expect(text).toContain(
        `comment='has AUTO_INCREMENT=7 in it, CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, and \`${db.name}\`.'`.replace(
          'comment',
          'COMMENT',
        ),
      )
      await (await again.migrator({ '1_schema.up.sql': text })).up()
      const routines = [
        'function cat2',
        'procedure isp',
        'function l1',
        'event ev',
        'table t',
        ...(oracle ? ['procedure op'] : []),
      ]
      for (const routine of routines) {
        const show = async ({ rows, name }: typeof db) =>
          JSON.stringify(await rows(`show create ${routine}`))
            .replaceAll(db.name, 'db')
            .replaceAll(name, 'db')
            .replace(/ AUTO_INCREMENT=\d+(?= DEFAULT)/, '')
        expect(await show(again)).toBe(await show(db))
      }
    })

    test('a warning names the objects that this user may not see', async ({ db }) => {
      const user = `poor_${Date.now() % 1e9}`
      await db.client.query('create procedure pp() select 1')
      await db.client.query(`create user ${user} identified by 'x'`)
      onTestFinished(async () => {
        const client = await createConnection(new URL('/', db.url).href.replace(/\/$/, '')).catch(() => undefined)
        await client?.query(`drop user if exists ${user}`)
        await client?.end()
      })
      await db.client.query(`grant select, execute, show view, event, trigger on \`${db.name}\`.* to ${user}`)
      const url = new URL(db.url)
      url.username = user
      url.password = 'x'
      const found = cli(['schema', '-d', url.href])
      expect(found.out).toMatch(/-- not visible to this user, so it is left out: procedure pp/)
      expect(found.err).toMatch(/^warning: not visible to this user/m)
      await db.client.query(`revoke show view on \`${db.name}\`.* from ${user}`)
      await db.client.query('create view v as select 1 as one')
      const refused = cli(['schema', '-d', url.href])
      expect(refused.err).not.toContain('    at ')
    })
  })
})
