/** Following saves on MySQL and MariaDB, where nothing holds schema changes together: rehearsed, with a copy to go back to. */
import { expect, onTestFinished, test } from 'vitest'
import { mariadb } from '../../presets/mariadb.ts'
import { mysql } from '../../presets/mysql.ts'
import { openRowReader } from '../../src/database/open.ts'
import type { WatchEvent } from '../../src/watch/events.ts'
import { failure } from '../support/database.ts'
import { type MysqlScratch, mysqlScratch } from '../support/mysqlDatabase.ts'
import { describeOnServers } from '../support/servers.ts'
import { Watched } from '../support/watch.ts'

interface Case {
  readonly name: string
  readonly first: Readonly<Record<string, string>>
  readonly rows: readonly string[]
  /** Files as they are saved; without a name, what somebody does in the database. */
  readonly edits: readonly (readonly [file: string, text: string])[]
  readonly query: string
  readonly expected: readonly object[]
  readonly left?: readonly object[] | 'failed'
  readonly only?: 'mysql' | 'mariadb'
}

const DOWN = { '1_n.down.sql': 'drop table n' }

const CASES: readonly Case[] = [
  {
    name: 'columns that come back have their values again, whatever their default',
    first: {
      '1_n.up.sql':
        'create table n (id int primary key, up timestamp not null default current_timestamp on update current_timestamp)',
      ...DOWN,
      '2_c.up.sql':
        "alter table n add age int not null, add made timestamp not null default current_timestamp, add j varchar(9) default (concat('a', 'b'))",
      '2_c.down.sql': 'alter table n drop age, drop made, drop j',
    },
    rows: ["insert into n values (1, '2001-01-01', 41, '2002-02-02', 'x')"],
    edits: [
      [
        '2_c.up.sql',
        "alter table n add age int not null, add made timestamp not null default current_timestamp, add j varchar(9) default (concat('a', 'b')); create table extra (id int)",
      ],
    ],
    query: "select age, date_format(made, '%Y-%m-%d') as made, date_format(up, '%Y-%m-%d') as up, j from n",
    expected: [{ age: 41, made: '2002-02-02', up: '2001-01-01', j: 'x' }],
  },
  {
    name: 'one value that does not fit takes no other with it, and waits',
    first: {
      '1_n.up.sql': 'create table n (id int primary key)',
      ...DOWN,
      '2_c.up.sql': 'alter table n add nick varchar(10)',
      '2_c.down.sql': 'alter table n drop nick',
    },
    rows: ["insert into n values (1, 'longnick'), (2, 'ab')"],
    edits: [
      ['2_c.up.sql', 'alter table n add nick varchar(3)'],
      ['2_c.up.sql', 'alter table n add nick varchar(4)'],
      ['2_c.up.sql', 'alter table n add nick varchar(12)'],
    ],
    query: 'select * from n order by id',
    expected: [
      { id: 1, nick: 'longnick' },
      { id: 2, nick: 'ab' },
    ],
  },
  {
    name: 'zeros are numbers, large numbers and fine times are keys',
    first: {
      '1_n.up.sql':
        'create table n (id int primary key auto_increment, v varchar(9)); create table b (id bigint, at datetime(6), v varchar(9), primary key (id, at))',
      '1_n.down.sql': 'drop table n, b',
    },
    rows: [
      "set session sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
      "insert into n values (0, 'a'), (1, 'b')",
      "insert into b values (9007199254740993, '2026-01-02 03:04:05.678901', 'ok'), (9007199254740995, '2026-01-02 03:04:05.678902', 'too long'), (9007199254740994, '2026-01-02 03:04:05.678901', 'ok')",
    ],
    edits: [
      [
        '1_n.up.sql',
        'create table n (id int primary key auto_increment, v varchar(9), x int); create table b (id bigint, at datetime(6), v varchar(3), primary key (id, at))',
      ],
    ],
    query:
      'select (select group_concat(id order by id) from n) as n, (select group_concat(id order by id) from b) as b',
    expected: [{ n: '0,1', b: '9007199254740993,9007199254740994' }],
    left: [{ table: 'b', rows: 1 }],
  },
  {
    name: 'a waiting row whose key is taken goes on waiting',
    first: { '1_n.up.sql': 'create table n (id int primary key, v int)', ...DOWN },
    rows: ['insert into n values (1, 111), (2, 222)'],
    edits: [
      ['1_n.up.sql', 'create table n (id int primary key, v int, w int not null)'],
      ['', 'insert into n values (1, 5, 5)'],
      ['1_n.up.sql', 'create table n (id int primary key, v int, w int not null default 4)'],
      ['', 'delete from n where id = 1'],
      ['1_n.up.sql', 'create table n (id int primary key, v int, w int not null default 6)'],
    ],
    query: 'select id, v from n order by id',
    expected: [
      { id: 1, v: 111 },
      { id: 2, v: 222 },
    ],
  },
  {
    name: 'circles, self references, another collation, zero dates',
    first: {
      '1_n.up.sql':
        'create table n (id varchar(9) collate utf8mb4_unicode_ci primary key, other varchar(9) collate utf8mb4_unicode_ci, d date, foreign key (other) references n (id)); create table a (id int primary key, b int); create table b (id int primary key, a int, foreign key (a) references a (id)); alter table a add constraint ab foreign key (b) references b (id)',
      '1_n.down.sql': 'alter table a drop foreign key ab; drop table b, a, n',
    },
    rows: [
      "set session sql_mode = ''",
      'set session foreign_key_checks = 0',
      "insert into n values ('x', 'y', '0000-00-00'), ('y', 'x', null)",
      'insert into a values (1, 1)',
      'insert into b values (1, 1)',
    ],
    edits: [
      [
        '1_n.up.sql',
        'create table n (id varchar(9) collate utf8mb4_general_ci primary key, other varchar(9) collate utf8mb4_general_ci, d date, foreign key (other) references n (id)); create table a (id int primary key, b int); create table b (id int primary key, a int, foreign key (a) references a (id)); alter table a add constraint ab foreign key (b) references b (id)',
      ],
    ],
    query:
      'select group_concat(id order by id) as ids, group_concat(cast(d as char)) as d, (select count(*) from a join b on a.b = b.id and b.a = a.id) as round from n',
    expected: [{ ids: 'x,y', d: '0000-00-00', round: 1 }],
  },
  {
    name: 'a database of other letters, a text that names it, and one that goes back whole',
    first: {
      '1_n.up.sql': 'alter database character set latin1; create table `té日` (v varchar(9) character set utf8mb4)',
      '1_n.down.sql': 'drop table `té日`',
    },
    rows: [
      "insert into `té日` values ('ü日'), ('ü日')",
      'create trigger hand before insert on `té日` for each row set new.v = concat(new.v, database())',
    ],
    edits: [['2_u.up.sql', 'alter table `té日` add unique (v)']],
    query:
      "select count(*) as n, min(hex(v)) as v, (select count(*) from information_schema.triggers where trigger_name = 'hand' and trigger_schema = database()) as t from `té日`",
    expected: [{ n: 2, v: 'C3BCE697A5', t: 1 }],
    left: 'failed',
  },
  {
    name: 'a sequence goes on behind a move that failed',
    first: { '1_n.up.sql': 'create table n (v int)', ...DOWN },
    rows: ['create sequence sq nocache', 'select nextval(sq), nextval(sq)', 'insert into n values (1), (1)'],
    edits: [['2_u.up.sql', 'alter table n add unique (v)']],
    query: 'select cast(nextval(sq) as char) as v',
    expected: [{ v: '3' }],
    left: 'failed',
    only: 'mariadb',
  },
]

for (const [kind, preset] of [
  ['mysql', mysql],
  ['mariadb', mariadb],
] as const) {
  describeOnServers(
    ['container'],
    `watch on ${kind}`,
    () => {
      const server = preset({ from: 'container' })

      async function watched(): Promise<{ db: MysqlScratch; watch: Watched }> {
        const db = await mysqlScratch(server as never)
        const watch = new Watched(db.url)
        onTestFinished(async () => {
          await watch.close()
          for (const what of ['before', 'kept']) await db.rows(`drop database if exists ${db.name}_${what}_watch`)
        })
        return { db, watch }
      }

      const USERS = 'create table users (id int primary key auto_increment, name varchar(20) not null) engine=InnoDB'

      test('an edit is rehearsed, rows are carried, numbers go on', async () => {
        const { db, watch } = await watched()
        watch.write('1_users.up.sql', `${USERS}; insert into users values (100, 'made')`)
        watch.write('1_users.down.sql', 'drop table users')
        watch.write(
          '2_orders.up.sql',
          'create table orders (id int primary key, user_id int not null, note text, foreign key (user_id) references users (id))',
        )
        watch.write('2_orders.down.sql', 'drop table orders')
        await watch.start()
        await db.rows("insert into users values (1, 'Ada'), (2, 'Bob'), (7, 'Cy')")
        await db.rows("insert into orders values (1, 7, 'x')")
        const applied = await watch.save(
          '1_users.up.sql',
          `${USERS.replace(') engine', ', mail varchar(20)) engine')}; insert into users values (100, 'MADE', null), (1, 'New', null)`,
        )
        expect(applied, JSON.stringify(applied)).toMatchObject({
          type: 'applied',
          how: 'rehearsed',
          carried: {
            back: [
              { table: 'users', rows: 2 },
              { table: 'orders', rows: 1 },
            ],
            left: [],
          },
        })
        expect(await db.rows('select * from users order by id')).toEqual([
          { id: 1, name: 'New', mail: null },
          { id: 2, name: 'Bob', mail: null },
          { id: 7, name: 'Cy', mail: null },
          { id: 100, name: 'MADE', mail: null },
        ])
        await db.rows("insert into users (name) values ('next')")
        expect(await db.rows('select max(id) as id from users')).toEqual([{ id: 101 }])
        const databases = await db.rows("show databases like '%before_watch'")
        expect(databases).toEqual([])
      })

      test('what fails is found in the rehearsal; what fails in earnest is taken back', async () => {
        const { db, watch } = await watched()
        watch.write('1_users.up.sql', USERS)
        watch.write('1_users.down.sql', 'drop table users')
        await watch.start()
        await db.rows("insert into users values (1, 'Ada'), (2, 'Ada')")
        const failed = await watch.save('1_users.up.sql', `${USERS}; create table b (id nothing)`)
        expect(failed).toMatchObject({
          type: 'failed',
          error: { line: 1, message: expect.stringContaining('database and its rows are unchanged') },
        })
        expect(await db.rows('select name from users')).toEqual([{ name: 'Ada' }, { name: 'Ada' }])
        expect(await watch.save('1_users.up.sql', USERS)).toMatchObject({ type: 'unchanged' })
        // The empty copy has no rows that could be alike.
        watch.write('2_unique.down.sql', 'alter table users drop index n')
        const earnest = await watch.save(
          '2_unique.up.sql',
          'create table c (id int); alter table users add unique index n (name)',
        )
        expect(earnest).toMatchObject({ type: 'failed', error: { message: expect.stringContaining('Duplicate') } })
        expect(await db.rows('show tables like "c"')).toEqual([])
        expect(await db.rows('select version, dirty from schema_migrations')).toMatchObject([{ version: 1, dirty: 0 }])
        expect(await db.rows('select name from users')).toHaveLength(2)
        expect(await watch.save('2_unique.up.sql', 'create table c (id int)')).toMatchObject({ type: 'applied', to: 2 })
      })

      test('rows and values without a place wait for one; triggers stay quiet', async () => {
        const { db, watch } = await watched()
        const ups =
          'create table a (id int primary key, v int); create table log (id int); create trigger t after insert on a for each row insert into log values (new.id)'
        watch.write('1_a.up.sql', ups)
        watch.write('1_a.down.sql', 'drop table if exists a; drop table if exists log')
        watch.write('2_b.up.sql', 'alter table a add column nick varchar(10)')
        watch.write('2_b.down.sql', 'alter table a drop column nick')
        await watch.start()
        await db.rows("insert into a values (1, 10, 'x'), (2, 20, null)")
        await db.rows('delete from log')
        expect(await watch.save('2_b.up.sql', 'alter table a add column age int')).toMatchObject({
          carried: { left: [{ table: 'a', column: 'nick', rows: 1 }] },
        })
        const rows = await openRowReader(watch.url)
        expect(await rows.waiting()).toEqual([
          {
            table: 'a',
            whole: false,
            columns: ['id', 'nick'],
            rows: [{ values: ['1', 'x'], why: 'its column is gone' }],
            total: 1,
          },
        ])
        expect(await watch.save('2_b.down.sql', 'alter table a drop column age')).toMatchObject({
          type: 'applied',
          steps: [],
        })
        const gone = watch.next('applied')
        watch.remove('2_b.up.sql')
        watch.remove('2_b.down.sql')
        await gone
        await watch.quiet()
        expect(await watch.save('1_a.up.sql', 'create table log (id int)')).toMatchObject({
          carried: { left: [{ table: 'a', rows: 2 }] },
        })
        const whole = (await rows.waiting()).find((store) => store.whole)
        expect(whole).toMatchObject({ table: 'a', columns: ['id', 'v'], total: 2 })
        expect(whole?.rows[1]).toEqual({ values: ['2', '20'], why: 'its table is gone' })
        expect(await watch.save('1_a.up.sql', ups.replace('v int', 'v int, nick varchar(10)'))).toMatchObject({
          type: 'applied',
        })
        expect(await db.rows('select * from a order by id')).toEqual([
          { id: 1, v: 10, nick: 'x' },
          { id: 2, v: 20, nick: null },
        ])
        expect(await db.rows('select * from log')).toEqual([])
        await db.rows('insert into a (id) values (3)')
        expect(await db.rows('select * from log')).toEqual([{ id: 3 }])
        expect(await rows.waiting()).toEqual([])
        await rows.close()
      })

      for (const { name, first, rows, edits, query, expected, left = [], only = kind } of CASES) {
        if (only !== kind) continue
        test(name, async () => {
          const { db, watch } = await watched()
          for (const [file, text] of Object.entries(first)) watch.write(file, text)
          await watch.start()
          for (const sql of rows) await db.rows(sql)
          let last: WatchEvent | undefined
          for (const [file, text] of edits) {
            if (file === '') await db.rows(text)
            else last = await watch.save(file, text)
          }
          if (left !== 'failed')
            expect(last, JSON.stringify(last)).toMatchObject({ type: 'applied', carried: { left } })
          else expect(last).toMatchObject({ type: 'failed' })
          const client = await db.connect()
          expect(JSON.parse(JSON.stringify((await client.query(query))[0]))).toEqual(expected)
        })
      }

      test('no way back: from nothing, rows carried; a second watch is told', async () => {
        const { db, watch } = await watched()
        watch.write('1_users.up.sql', USERS)
        await watch.start({ onIrreversible: 'rebuild' })
        await db.rows("insert into users values (1, 'Ada')")
        expect(
          await watch.save('1_users.up.sql', USERS.replace(') engine', ', mail varchar(20)) engine')),
        ).toMatchObject({
          type: 'applied',
          how: 'rebuilt',
        })
        expect(await db.rows('select * from users')).toEqual([{ id: 1, name: 'Ada', mail: null }])
        const second = new Watched(db.url)
        expect(await failure(second.start())).toMatchObject({ code: 'MIGRATEST_ALREADY_WATCHED' })
        await second.close()
      })
    },
    kind,
  )
}
