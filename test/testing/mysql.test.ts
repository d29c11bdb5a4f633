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

type Case = [string, string | ((db: Db) => Promise<unknown>)]

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
    const files = {
      '1_a.up.sql': `create table a (id int primary key auto_increment, x varchar(20) not null, y varchar(20) not null default '', pos int not null);
create table b (id int primary key auto_increment, x int); create table c (id int primary key, a int, foreign key (a) references a (id)); create table f (id int primary key, x float, y double);
create trigger t after insert on b for each row update a set pos = pos where id = 0;
create procedure p() select 1`,
      '2_rows.up.sql':
        "insert into a (id, x, y, pos) values (1, '', 'Hello', 1), (46, 'x', '', 10); insert into c values (1, 46); insert into f values (1, 1.2345671, 0.1)",
      '3_more.up.sql': `create table p (id int primary key auto_increment, x int); insert into p (x) values (1), (2);
create table k (id int primary key auto_increment, p int, foreign key (p) references p (id) on delete cascade on update cascade); insert into k (p) values (1), (2);
create table n (id int primary key, k int, foreign key (k) references k (id) on delete set null); insert into n values (1, 1), (2, 2);
create table keyless (x int, y text); insert into keyless values (1, 'one'), (1, 'one'), (null, null);
create table gen (id int primary key auto_increment, x int, twice int generated always as (x * 2) stored, more int generated always as (x + 1) virtual); insert into gen (x) values (1), (2);
create table parts (id int primary key auto_increment, x int) partition by hash (id) partitions 3; insert into parts (x) values (1), (2);
create table blank (id int primary key auto_increment, x int);
create view v as select id, x from p`,
    }
    const migrations = made(files)
    const more: Case[] = [
      ['rows that go with their parent', 'delete from p where id = 1'],
      ['keys that change with the parent', 'update p set id = 50 where id = 1'],
      ['through a view', 'insert into v (x) values (7)'],
      ['a table without a key', "insert into keyless values (1, 'one'); delete from keyless limit 1"],
      ['generated columns', 'insert into gen (x) values (3); update gen set x = 9 where id = 1'],
      ['partitions', 'insert into parts (x) values (3); delete from parts where id = 2'],
      ['an empty table', 'insert into blank (x) values (3)'],
      ['an empty table, whose rows it removes', 'insert into blank (x) values (3); delete from blank'],
      ['a number that it takes and does not use', 'insert ignore into p (id) values (null), (1)'],
      ['a number far ahead', 'insert into p values (5000, 1); delete from p where id = 5000'],
      ['a row again', 'delete from keyless where x = 1; insert into keyless values (1, null)'],
      ['replace', 'replace into p values (1, 8)'],
      ['many rows', `insert into p (x) values ${Array(1500).fill('(1)').join()}`],
      ['a savepoint', 'begin; insert into p (x) values (5); savepoint s; delete from n; rollback to s; commit'],
      ['two phases', "xa start 'm1'; insert into p (x) values (1); xa end 'm1'; xa prepare 'm1'; xa commit 'm1'"],
      [
        'several connections',
        async (db) => {
          const clients = [await db.connect(), await db.connect()]
          for (const client of clients) await client.query('insert into gen (x) values (3)')
          await clients[1]?.query('begin; delete from k')
        },
      ],
      [
        'a connection whose database is another',
        async (db) => {
          const client = await db.connect()
          await client.query(`use mysql; insert into \`${db.name}\`.keyless values (3, 'x')`)
        },
      ],
      [
        'loads a file',
        async (db) => {
          const [row] = await db.query<{ folder: string }>(
            "select coalesce(nullif(@@secure_file_priv, ''), '/tmp/') as folder",
          )
          const file = `${row?.folder.replace(/\/?$/, '/')}migratest-${kind}-${process.pid}-${Date.now()}`
          await db.query(`select 7, 'x' into outfile '${file}'; load data infile '${file}' into table keyless`)
        },
      ],
      [
        'a temporary table of the same name',
        'create temporary table p (id int); insert into p values (1); drop temporary table p; insert into p (x) values (1)',
      ],
      ['a new name and the old one', 'rename table p to q; update q set x = 9; rename table q to p'],
      [
        'truncates and fills again',
        "truncate keyless; insert into keyless values (1, 'one'), (1, 'one'), (null, null)",
      ],
      ['analyzes', 'analyze table p; insert into p (x) values (1)'],
      ['logs statements', "set session binlog_format = 'STATEMENT'; insert into keyless values (5, 'x')"],
      ['begins another log', 'flush binary logs; insert into keyless values (5, null)'],
      [
        'removes the log',
        `insert into keyless values (5, null); ${kind === 'MySQL' ? 'reset binary logs and gtids' : 'reset master'}; insert into keyless values (6, null)`,
      ],
    ]
    /** The server remembers to the second when a table was written. A database that is older is checked in another way. */
    const withoutTheLog: Case[] = [
      ['rows', "set sql_log_bin = 0; update keyless set y = 'o'; insert into n values (3, null)"],
      ['a column', 'set sql_log_bin = 0; alter table n add column z int'],
      ['a default', 'set sql_log_bin = 0; alter table p alter column x set default 3'],
      ['a trigger', 'set sql_log_bin = 0; drop trigger t'],
      ['a view', 'set sql_log_bin = 0; create or replace view v as select id, 1 as x from p'],
      ['a procedure', 'set sql_log_bin = 0; drop procedure p; create procedure p() select 3'],
      ['the database', 'set sql_log_bin = 0; alter database character set latin1'],
      ['a truncated table', 'set sql_log_bin = 0; truncate keyless'],
    ]
    const read = async (db: Db) => [String(await db.schema()), await contents(db)]
    /** Schema and rows of the first of these databases. */
    let unchanged: ReturnType<typeof read> | undefined
    test.for<Case>([
      ...more,
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
    ])('%s', ([, what]) => isAsBefore(what, migrations))

    // Each has migrations of its own, and so a database that no other test takes while it waits.
    test.concurrent.for(withoutTheLog)('%s without the log', async ([, what]) => {
      const own = made(files)
      for (const pauseMs of [2200, 0]) {
        await (await createMigratedDatabase({ server, migrations: own }))[Symbol.asyncDispose]()
        await settled()
        await sleep(pauseMs)
      }
      await isAsBefore(what, own)
    })

    async function isAsBefore(what: Case[1], migrations: ReturnType<typeof made>): Promise<void> {
      const first = await createMigratedDatabase({ server, migrations })
      unchanged ??= read(first)
      const expected = await unchanged
      if (typeof what === 'string') await first.query(what)
      else await what(first)
      await first[Symbol.asyncDispose]()
      await settled()
      for (let i = 0; i < 4; i++) {
        const next = await createMigratedDatabase({ server, migrations })
        // Later databases cannot show what the test did, except the same one.
        const isSame = next.name === first.name
        if (i === 0 || isSame) expect(await read(next)).toEqual(expected)
        expect(await next.query('select x + 0e0 = 1.2345670461654663 as same from f')).toEqual([{ same: 1 }])
        expect(await next.query("select @@sql_mode <> '' as m, @@foreign_key_checks as f, @x as x")).toEqual([
          { m: 1, f: 1, x: null },
        ])
        await next.query("insert into a (x, pos) values ('mine', 4)")
        expect(await next.query('select max(id) as id from a')).toEqual([{ id: 47 }])
        await next[Symbol.asyncDispose]()
        if (isSame) break
      }
    }
  })

  test.each([
    ['', 'insert into a () values ()'],
    ['insert into a () values (), ()', 'insert into a () values ()'],
    ['insert into a () values (), ()', 'delete from a'],
    ['insert into a () values (), ()', 'update a set id = id + 10 order by id desc'],
    ['insert into a () values (), ()', 'begin; insert into a () values (); rollback'],
    ['insert into a () values (), ()', 'delete from a; insert into a () values ()'],
  ])('a database that had rows is used again (%s; %s)', async (rows, what) => {
    const migrations = made({
      '1_a.up.sql': `create table a (id int primary key auto_increment, twice int generated always as (7 * 2) stored);
create table b (a int, foreign key (a) references a (id) on update cascade on delete set null); ${rows || 'do 0'}; insert into b select id from a`,
    })
    const names: string[] = []
    let expected: unknown
    for (let i = 0; i < 12; i++) {
      const db = await createMigratedDatabase({ server, migrations })
      names.push(db.name)
      expected ??= await contents(db)
      expect(await contents(db)).toEqual(expected)
      await db.query(what)
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

  test('what others write at the same time, and databases that are made, cost no database', async () => {
    const migrations = made({ '1_a.up.sql': 'create table a (id int auto_increment primary key, x int)' })
    await using busy = await createMigratedDatabase({ server, migrations })
    let over = false
    const writing = (async () => {
      while (!over) await busy.query('insert into a (x) values (1)')
    })()
    const making = (async () => {
      while (!over) {
        await busy.query(`create database migratest_t_${process.pid}_${kind}`)
        await busy.query(`drop database migratest_t_${process.pid}_${kind}`)
      }
    })()
    const names = new Set<string>()
    for (let i = 0; i < 40; i++) {
      await using db = await createMigratedDatabase({ server, migrations })
      names.add(db.name)
      await db.query('insert into a (x) values (1)')
    }
    over = true
    await Promise.all([writing, making])
    await settled()
    const there = await busy.query(
      "select schema_name as name from information_schema.schemata where schema_name like 'migratest\\_t\\_%'",
    )
    expect([...names].filter((name) => !there.some((one) => one.name === name))).toEqual([])
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
