/** Copies of MySQL's and MariaDB's databases: the same as the original, and given back as they were. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from 'mysql2/promise'
import { createConnection } from 'mysql2/promise'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  createMigratedDatabase,
  type MigratedDatabase,
  memory,
  migrateTo,
  type SeedTarget,
  SharedDatabaseError,
} from '../../index.ts'
import { mariadb } from '../../presets/mariadb.ts'
import { mysql } from '../../presets/mysql.ts'
import { settled } from '../../src/testing/lease/migratedDatabase.ts'
import { digestOf } from '../../src/testing/server/mysql/database.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import { everything } from '../database/everything.mysql.ts'
import { failure } from '../support/database.ts'
import { describeOnDatabases } from '../support/servers.ts'

type Db = MigratedDatabase<Connection>

/** Rows of all tables, and where their numbers go on. */
async function contents(db: Db): Promise<Record<string, unknown>> {
  const all: Record<string, unknown> = {}
  const tables = await db.query<{ name: string; type: string }>(
    `select table_name as name, table_type as type from information_schema.tables where table_schema = database() and table_type <> 'SEQUENCE' and table_name not like 'schema\\\\_migrations%' order by 1`,
  )
  for (const { name, type } of tables) {
    const quoted = `\`${name.replaceAll('`', '``')}\``
    const columns = await db.query<{ n: string }>(
      `select column_name as n from information_schema.columns where table_schema = database() and table_name = ? order by ordinal_position`,
      [name],
    )
    const list = columns.map(({ n }) => `\`${n.replaceAll('`', '``')}\``).join(', ')
    const rows = await db.query(`select ${list} from ${quoted}`)
    all[name] = rows.map((row) => JSON.stringify(row)).sort()
    if (type !== 'BASE TABLE') continue
    const [shown] = await db.query<Record<string, string>>(`show create table ${quoted}`)
    all[`${name} number`] = / AUTO_INCREMENT=(\d+)/.exec(shown?.['Create Table'] ?? '')?.[1]
  }
  return all
}

describeOnDatabases(['MySQL', 'MariaDB'], ({ name: kind, server: anyServer }) => {
  const server = anyServer as TestServer<Connection>
  /** A preset's own pool and knowledge, on the same server. */
  const fresh = () => (kind === 'MySQL' ? mysql() : mariadb()) as TestServer<Connection>
  let runs = 0
  /** Migrations that no other test has, slow enough to be worth a snapshot. */
  const made = (files: Record<string, string>) =>
    memory({ ...files, [`99_${kind}_${process.pid}_${runs++}.up.sql`]: 'do sleep(0.05)' })

  async function take(migrations: ReturnType<typeof memory>, from = server): Promise<Db> {
    const db = await createMigratedDatabase({ server: from, migrations })
    onTestFinished(() => db[Symbol.asyncDispose]())
    return db
  }

  test('a copy is as the original: every kind of object, rows, and where numbers go on', async () => {
    const migrations = made(everything(kind === 'MariaDB'))
    const original = await take(migrations)
    const [schema, rows] = [String(await original.schema()), await contents(original)]
    expect(schema).toContain('nightly')
    const copy = await take(migrations)
    expect(copy.name).not.toBe(original.name)
    expect(String(await copy.schema())).toBe(schema)
    expect(await contents(copy)).toEqual(rows)
    // Another process compares the digest, sequences or not.
    const digests = [await digestOf(original.url ?? '', original.name), await digestOf(copy.url ?? '', copy.name)]
    expect(digests).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/), digests[0]])
    // Another process knows nothing of it but what is written down.
    const elsewhere = await take(migrations, fresh())
    expect(String(await elsewhere.schema())).toBe(schema)
    expect(await contents(elsewhere)).toEqual(rows)
    await copy.query('call fill(2)')
    expect(await copy.query('select id, name from teams where id > 100')).toEqual([{ id: 101, name: 'team 2' }])
  })

  test('the schema as text makes the same schema in an empty database', async () => {
    const original = await take(made(everything(kind === 'MariaDB')))
    const schema = await original.schema()
    const migrations = memory({ '1_schema.up.sql': String(schema) })
    await using again = await createMigratedDatabase({ server, migrations })
    expect(String(await again.schema())).toBe(String(schema))
  })

  test('what is made in one message is the same as what is made one by one', async () => {
    const migrations = made({
      '1_a.up.sql':
        "set sql_mode = '', @n = 7; create table zero (at datetime default '0000-00-00 00:00:00'); create table a (id int)",
      '2_modes.up.sql': 'create table modes as select @@sql_mode as mode; insert into a (id) values (@@autocommit)',
      '3_rows.up.sql': 'insert into a (id) values (2); update a set id = id + 1',
      '3_rows.down.sql': 'delete from a',
      '4_p.up.sql':
        'delimiter //\ncreate procedure p() begin insert into a (id) values (9); end//\ndelimiter ;\ncall p()',
      '5_p.up.sql': 'start transaction; insert into a (id) values (10); commit; alter table a add b int',
    })
    const together = await take(migrations)
    await using single = await createMigratedDatabase({ server, migrations, snapshots: false })
    expect(String(await together.schema())).toBe(String(await single.schema()))
    for (const sql of [
      'select * from modes',
      'select id, b from a',
      'select version, dirty from schema_migrations',
      'select version, name, fingerprint, down_fingerprint, up, down, baseline, running from schema_migrations_history order by version',
    ]) {
      expect(await together.query(sql)).toEqual(await single.query(sql))
    }
    expect(await together.query("select mode <> '' as strict from modes")).toEqual([{ strict: 1 }])
  })

  test('a failure in one message is told as if it had come one by one', async () => {
    const migrations = made({
      '1_a.up.sql': 'create table a (id int)',
      '2_b.up.sql': 'create table b (id int);\ncreate table a (id int)',
      '3_c.up.sql': 'create table c (id int)',
    })
    const error = await failure(take(migrations))
    expect(error).toMatchObject({ code: 'MIGRATEST_MIGRATION_FAILED' })
    expect(error.message).toContain("Table 'a' already exists")
    expect(error.message).toContain('2_b.up.sql:2:1')
    expect(error.message).toContain('Statement 1 took effect; the database is dirty at version 2.')
  })

  describe('whatever a test does to its database, the next one has it as it should be', () => {
    const migrations = made({
      '1_a.up.sql': `create table a (id int primary key auto_increment, x varchar(20) not null, y varchar(20) not null default '', pos int not null);
create table b (id int primary key auto_increment, x int); create table c (id int primary key, a int, foreign key (a) references a (id)); create table f (id int primary key, x float, y double);
create trigger t after insert on b for each row update a set pos = pos where id = 0;
create procedure p() select 1`,
      '2_rows.up.sql':
        "insert into a (id, x, y, pos) values (1, '', 'Hello', 1), (46, 'x', '', 10); insert into c values (1, 46); insert into f values (1, 1.2345671, 0.1)",
    })
    test.for<[string, string | ((db: Db) => Promise<unknown>)]>([
      ['inserts', "insert into a (x, pos) values ('new', 3); insert into b (x) values (1)"],
      ['inserts that are rolled back', "begin; insert into a (x, pos) values ('new', 3); rollback"],
      ['deletes', 'delete from c; delete from a'],
      ['moves a text to the next column', "update a set x = y, y = '' where id = 1"],
      ['swaps values', 'update a set pos = 11 - pos'],
      ['changes the last digits of a float', 'update f set x = 1.2345678'],
      ['truncates', 'set foreign_key_checks = 0; truncate a'],
      ['adds a column', 'alter table a add column z int'],
      ['drops a trigger', 'drop trigger t'],
      ['makes a table', 'create table d (id int)'],
      ['changes a procedure', 'drop procedure p; create procedure p() select 2'],
      ['changes the database', 'alter database character set latin1'],
      [
        'makes it read only',
        (db) => db.query(kind === 'MySQL' ? `alter database \`${db.name}\` read only = 1` : 'select 1'),
      ],
      ['leaves a transaction open', "begin; insert into a (x, pos) values ('open', 9)"],
      ['leaves a lock held', 'lock tables a write'],
      ['makes a temporary table', 'create temporary table a (id int)'],
      ['sets its session', "set sql_mode = '', foreign_key_checks = 0, @x = 1"],
      [
        'leaves a connection of its own',
        async (db) => (await createConnection(db.url ?? '')).query('insert into b (x) values (5)'),
      ],
      ['migrates', (db) => migrateTo(db, 1)],
    ])('%s', async ([, what]) => {
      const first = await createMigratedDatabase({ server, migrations })
      const expected = [String(await first.schema()), await contents(first)]
      if (typeof what === 'string') await first.query(what)
      else await what(first)
      await first[Symbol.asyncDispose]()
      await settled()
      for (let again = 0; again < 4; again++) {
        const next = await createMigratedDatabase({ server, migrations })
        expect([String(await next.schema()), await contents(next)]).toEqual(expected)
        expect(await next.query('select x + 0e0 = 1.2345670461654663 as same from f')).toEqual([{ same: 1 }])
        expect(await next.query("select @@sql_mode <> '' as m, @@foreign_key_checks as f, @x as x")).toEqual([
          { m: 1, f: 1, x: null },
        ])
        await next.query("insert into a (x, pos) values ('mine', 4)")
        expect(await next.query('select max(id) as id from a')).toEqual([{ id: 47 }])
        await next[Symbol.asyncDispose]()
      }
    })
  })

  test('a database that had rows is used again', async () => {
    const migrations = made({ '1_a.up.sql': 'create table a (id int primary key auto_increment)' })
    const names: string[] = []
    for (let i = 0; i < 12; i++) {
      const db = await createMigratedDatabase({ server, migrations })
      names.push(db.name)
      await db.query('insert into a () values ()')
      expect(await db.query('select id from a')).toEqual([{ id: 1 }])
      await db[Symbol.asyncDispose]()
      await sleep(60)
    }
    expect(new Set(names).size).toBeLessThan(12)
  })

  test("isolation: 'transaction': one database, each test's rows are rolled back, a schema change is said", async () => {
    const migrations = made({ '1_a.up.sql': 'create table a (id int primary key)' })
    const seeds = { 1: (to: SeedTarget<Connection>) => to.client.query('insert into a values (9)') }
    const options = { server, migrations, isolation: 'transaction', seeds } as const
    for (const id of [1, 2]) {
      await using db = await createMigratedDatabase(options)
      await db.query('insert into a values (?)', [id])
      expect(await db.query('select id from a order by id')).toEqual([{ id }, { id: 9 }])
    }
    const db = await createMigratedDatabase(options)
    await db.query('create table b (id int)')
    expect(await failure(db[Symbol.asyncDispose]())).toBeInstanceOf(SharedDatabaseError)
  })

  test('a statement that outlives its test is killed: the next test does not wait for it', async () => {
    const options = { server, migrations: memory({ '1_a.up.sql': 'create table a (id int)' }) }
    const db = await createMigratedDatabase(options)
    const late = failure(db.query('select sleep(20)'))
    await sleep(200)
    const begun = Date.now()
    await db[Symbol.asyncDispose]()
    await settled()
    expect((await late).message).toMatch(/The test was over before query\(\) was/)
    expect(Date.now() - begun).toBeLessThan(15_000)
  })

  test('a prepared transaction keeps its database, and nobody waits for it', async () => {
    const migrations = made({ '1_a.up.sql': 'create table a (id int primary key)' })
    const xid = `x${process.pid}${kind}`
    const db = await createMigratedDatabase({ server, migrations })
    onTestFinished(async () => {
      await using any = await createMigratedDatabase({ server, migrations, version: 'nil' })
      await any.query(`xa rollback '${xid}'`)
    })
    await db.query(`xa start '${xid}'; insert into a values (1); xa end '${xid}'; xa prepare '${xid}'`)
    await db[Symbol.asyncDispose]()
    await using next = await createMigratedDatabase({ server, migrations })
    expect(await next.query('select * from a')).toEqual([])
    expect(next.name).not.toBe(db.name)
  })

  test('what a copy would lack keeps a database from being copied: the migrations run each time', async () => {
    const odd =
      kind === 'MariaDB'
        ? 'create sequence s; do nextval(s); create table v (id int primary key, x int) with system versioning; insert into v values (1, 1); update v set x = 2'
        : 'create table m1 (id int) engine=MyISAM; insert into m1 values (1); create table mm (id int) engine=MERGE union=(m1) insert_method=last'
    const migrations = made({ '1_a.up.sql': odd })
    for (let i = 0; i < 3; i++) {
      await using db = await createMigratedDatabase({ server, migrations })
      if (kind === 'MySQL') expect(await db.query('select * from mm')).toEqual([{ id: 1 }])
      else {
        expect(await db.query('select x from v for system_time all order by x')).toEqual([{ x: 1 }, { x: 2 }])
        expect(await db.query('select nextval(s) as n')).toEqual([{ n: 2 }])
      }
    }
  })

  test('a server whose time zone is another: defaults stay the moments that they are', async () => {
    const zoned = (kind === 'MySQL' ? mysql : mariadb)({ flags: { 'default-time-zone': '+05:00' } })
    const migrations = made({
      '1_t.up.sql': "create table t (id int primary key, ts timestamp not null default '2020-01-01 00:00:00')",
    })
    const moments: unknown[] = []
    for (let i = 0; i < 3; i++) {
      await using db = await createMigratedDatabase({ server: zoned, migrations })
      await db.query('insert into t (id) values (1)')
      moments.push((await db.query('select unix_timestamp(ts) as at from t'))[0]?.at)
    }
    expect(new Set(moments).size).toBe(1)
    expect(Number(moments[0])).toBe(Date.UTC(2019, 11, 31, 19) / 1000)
  })
})
