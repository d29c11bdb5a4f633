/** Faults that were met on MySQL and MariaDB: each has a test. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from 'mysql2/promise'
import { createConnection, createPool } from 'mysql2/promise'
import { test as base, describe, expect, onTestFinished } from 'vitest'
import { openClient, openUrl } from '../../src/database/mysql/connection.ts'
import { mysqlDriver } from '../../src/database/mysql/driver.ts'
import { openDatabase } from '../../src/database/open.ts'
import {
  CancelledError,
  ConnectionError,
  DirtyError,
  EditedMigrationError,
  LockedError,
  LockLostError,
  MigrationFailedError,
  UsageError,
} from '../../src/migrate/errors.ts'
import { Migrator } from '../../src/migrate/migrator.ts'
import { memory } from '../../src/source/memory.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import { failure } from '../support/database.ts'
import { mysqlScratch } from '../support/mysqlDatabase.ts'
import { describeOnDatabases } from '../support/servers.ts'

describeOnDatabases(['MySQL', 'MariaDB'], ({ name: kind, server: anyServer }) => {
  const server = anyServer as TestServer<Connection>
  const test = base.extend('db', async ({ task: _ }) => mysqlScratch(server))

  describe('half-applied migrations', () => {
    const three = (second: string) => ({
      '1_a.up.sql': `create table a (id int);\n${second};\ncreate table c (id int)`,
      '1_a.down.sql': 'drop table a; drop table c',
    })

    test('an error in the first statement leaves everything as it was, clean', async ({ db }) => {
      const migrator = await db.migrator({ '1_a.up.sql': 'create table a (id int, nope);\ncreate table b (id int)' })
      const error = await failure<MigrationFailedError>(migrator.up())
      expect(error).toBeInstanceOf(MigrationFailedError)
      expect(error.message).toMatch(/The migration left no changes: .* is at version nil, clean\./)
      expect([error.line, error.column]).toEqual([1, 29])
      expect(await migrator.version()).toEqual({ version: -1, dirty: false })
      await (await db.migrator({ '1_a.up.sql': 'create table a (id int)' })).up()
      expect(await db.tables()).toEqual(['a'])
    })

    test('an error in the middle says file, line, statement of how many, what stands and what to do; resume goes on', async ({
      db,
    }) => {
      const migrator = await db.migrator(three('alter table a add column (x int, y nonsense)'))
      const error = await failure<MigrationFailedError>(migrator.up())
      expect(error.message).toMatch(/^1_a\.up\.sql:2:\d+: (You have an error in your SQL syntax|Unknown data type)/)
      expect(error.message).toMatch(
        /Statement 2 of 3 failed outside a transaction\. Statement 1 took effect; .* dirty at version 1\./,
      )
      expect(error.message).toMatch(/> 2 \| alter table a add column \(x int, y nonsense\)/)
      expect(error.message).toContain('"migratest resume"')
      expect(await failure(migrator.up())).toBeInstanceOf(DirtyError)
      expect(await db.tables()).toEqual(['a'])
      const mended = await db.migrator(three('alter table a add column (x int, y int)'))
      expect((await mended.resume()).to).toBe(1)
      expect(await mended.version()).toEqual({ version: 1, dirty: false })
      expect(await db.tables()).toEqual(['a', 'c'])
      await mended.down('all')
      expect(await db.tables()).toEqual([])
    })

    test('what the file has set ends with it, also if resume has set it again', async ({ db }) => {
      const files = (last: string) => ({
        '1_set.up.sql': `set sql_mode = 'ANSI_QUOTES';\ncreate table "a" (id int);\n${last}`,
        '2_after.up.sql': 'create table b (name varchar(9) default "text")',
      })
      await failure((await db.migrator(files('create table "a" (id int)'))).up())
      const again = await db.migrator(files('create table "c" (id int)'))
      await again.resume()
      await again.up()
      expect(await again.version()).toEqual({ version: 2, dirty: false })
    })

    test('what the file has set ends, also if resume fails', async ({ db }) => {
      const files = (last: string) => ({
        '1_set.up.sql': `set sql_mode = 'ANSI_QUOTES';\ncreate table "a" (id int);\n${last}`,
      })
      await failure((await db.migrator(files('create table "a" (id int)'))).up())
      const [before] = await db.rows('select @@sql_mode as mode')
      const database = await mysqlDriver(await openClient(db.client))
      await failure(new Migrator({ source: memory(files('nonsense')), database }).resume())
      expect(await db.rows('select @@sql_mode as mode')).toEqual([before])
    })

    test('after an error in the last statement, resume refuses a file whose completed statements were edited', async ({
      db,
    }) => {
      const files = (last: string, first = 'create table a (id int)') => ({
        '1_a.up.sql': `${first};\ninsert into a values (1);\n${last}`,
      })
      await failure((await db.migrator(files('create table a (id int)'))).up())
      const edited = await db.migrator(files('create table b (id int)', 'create table a (id int, more int)'))
      expect(await failure(edited.resume())).toBeInstanceOf(EditedMigrationError)
      await (await db.migrator(files('create table b (id int)'))).resume()
      expect(await db.rows('select id from a')).toEqual([{ id: 1 }])
      expect(await db.tables()).toEqual(['a', 'b'])
    })

    test('force sets the version of a half-applied migration', async ({ db }) => {
      const migrator = await db.migrator(three('select nonsense'))
      await failure(migrator.up())
      await db.rows('drop table a')
      await migrator.force(-1)
      expect(await migrator.version()).toEqual({ version: -1, dirty: false })
      await (await db.migrator(three('select 1'))).up()
      expect(await db.tables()).toEqual(['a', 'c'])
    })

    test('rows alone are one transaction: all of a file, or nothing', async ({ db }) => {
      const files = (last: string) => ({
        '1_a.up.sql': 'create table a (id int primary key)',
        '2_rows.up.sql': `insert into a values (1);\nupdate a set id = 2;\n${last}`,
      })
      const error = await failure<MigrationFailedError>((await db.migrator(files('insert into a values (2)'))).up())
      expect(error.message).toMatch(/^2_rows\.up\.sql:3:.*Duplicate entry '2'/)
      expect(error.message).toMatch(/The migration left no changes: .* is at version 1, clean/)
      expect(await db.rows('select * from a')).toEqual([])
      await (await db.migrator(files('insert into a values (3)'))).up()
      expect(await db.rows('select id from a order by id')).toEqual([{ id: 2 }, { id: 3 }])
    })

    test('a session that was killed while a statement ran: whether it took effect is found by looking', async ({
      db,
    }) => {
      await db.rows('create table big (id int primary key auto_increment, t varchar(200))')
      await db.rows(
        `insert into big (t) select repeat('x', 200) from (select 1 from information_schema.columns limit 400) a, (select 1 from information_schema.columns limit 400) b`,
      )
      const alter = 'alter table big add column more int, algorithm=copy'
      const files = { '1_a.up.sql': `create table a (id int);\n${alter};\ncreate table c (id int)` }
      const running = failure((await db.migrator(files)).up())
      await killWhile(db, 'alter table big')
      expect(await running).toBeInstanceOf(ConnectionError)
      const again = await db.migrator(files, { lockTimeoutMs: 20_000 })
      expect(await again.version()).toEqual({ version: 1, dirty: true })
      expect((await again.resume()).to).toBe(1)
      expect(await db.tables()).toEqual(['a', 'big', 'c'])
      expect(
        await db.rows(
          "select column_name as n from information_schema.columns where table_name = 'big' and table_schema = database() order by ordinal_position",
        ),
      ).toEqual(['id', 't', 'more'].map((n) => ({ n })))
    })

    test('a session that was killed behind quick migrations: their ends were not written, and are known', async ({
      db,
    }) => {
      await db.rows('create table held (id int)')
      const other = await db.connect()
      await other.query('start transaction; select * from held')
      const files = {
        '1_a.up.sql': 'create table a (id int)',
        '2_more.up.sql': 'alter table a add column more int',
        '3_two.up.sql': 'create table b (id int);\ncreate table c (id int)',
        '4_rows.up.sql': 'insert into a values (1, 2)',
        '5_index.up.sql': 'create index a_id on a (id)',
        '6_held.up.sql': 'alter table held add column more int',
        '7_last.up.sql': 'create table d (id int)',
      }
      const running = failure((await db.migrator(files)).up())
      await killWhile(db, 'alter table held')
      expect(await running).toBeInstanceOf(ConnectionError)
      await other.query('rollback')
      const again = await db.migrator(files, { lockTimeoutMs: 20_000 })
      expect(await again.version()).toEqual({ version: 6, dirty: true })
      const { migrations } = await again.status()
      expect(migrations.filter(({ state }) => state === 'applied').map(({ version }) => version)).toEqual([
        1, 2, 3, 4, 5,
      ])
      expect((await again.resume()).to).toBe(6)
      await again.up()
      expect(await db.rows('select version from schema_migrations_history where running is not null')).toEqual([])
      expect(await db.rows('select * from schema_migrations_journal')).toEqual([])
      expect(await db.rows('select version, dirty from schema_migrations')).toEqual([{ version: 7, dirty: 0 }])
      expect(await db.tables()).toEqual(['a', 'b', 'c', 'd', 'held'])
      expect(await db.rows('select * from a')).toEqual([{ id: 1, more: 2 }])
    })

    describe('a failure behind quick migrations', () => {
      const quick = {
        '1_a.up.sql': 'create table a (id int)',
        '2_more.up.sql': 'alter table a add column more int',
        '3_rows.up.sql': 'insert into a values (1, 2)',
        '4_b.up.sql': 'create table b (id int primary key)',
      }
      test.for<[what: string, sql: string, version: number, dirty: number]>([
        [
          'in the middle leaves that one dirty',
          'create table c (id int);\nalter table c add column (x nonsense)',
          5,
          1,
        ],
        ['in the first statement leaves all clean', 'alter table b add column (x nonsense)', 4, 0],
        ['of rows leaves all clean', 'insert into b values (1), (1)', 4, 0],
        ['of rows before a change of the schema', 'insert into b values (1), (1);\ncreate table c (id int)', 4, 0],
      ])('%s', async ([, sql, version, dirty], { db }) => {
        await failure((await db.migrator({ ...quick, '5_fails.up.sql': sql })).up())
        expect(await db.rows('select version, dirty from schema_migrations')).toEqual([{ version, dirty }])
        expect(await db.rows('select version from schema_migrations_history where running is not null')).toEqual(
          dirty ? [{ version: 5 }] : [],
        )
        const mended = await db.migrator({
          ...quick,
          '5_fails.up.sql': sql.replace('x nonsense', 'x int').replace('(1), (1)', '(1)'),
        })
        expect(await mended.version()).toEqual({ version, dirty: dirty === 1 })
        if (dirty) expect((await mended.resume()).to).toBe(5)
        await mended.up()
        expect(await mended.version()).toEqual({ version: 5, dirty: false })
        const { migrations } = await mended.status()
        expect(migrations.map(({ state }) => state)).toEqual(Array(5).fill('applied'))
      })
    })

    test('of what cannot be looked at, resume asks; applied and notApplied answer', async ({ db }) => {
      await db.rows('create procedure slow() begin do sleep(20); end')
      const files = { '1_a.up.sql': 'create table a (id int);\ncall slow();\ncreate table c (id int)' }
      const running = failure((await db.migrator(files)).up())
      await killWhile(db, 'sleep')
      await running
      const again = await db.migrator(files)
      const error = await failure(again.resume())
      expect(error).toBeInstanceOf(UsageError)
      expect(error.message).toMatch(/It is not known whether statement 2 of 3 of 1_a took effect/)
      expect(error.message).toMatch(/"migratest resume --applied 2" .*"migratest resume --not-applied 2"/s)
      await db.rows('drop procedure slow; create procedure slow() begin end')
      await again.resume({ notApplied: 2 })
      expect(await db.tables()).toEqual(['a', 'c'])
    })

    test('cancelling ends the running statement', async ({ db }) => {
      const cancel = new AbortController()
      const migrator = await db.migrator(
        {
          '1_a.up.sql':
            'create table a (id int);\ncreate table b as select count(*) as n from information_schema.collations a, information_schema.collations b, information_schema.collations c, information_schema.collations d',
        },
        { signal: cancel.signal },
      )
      const running = failure(migrator.up())
      await whenRunning(db, 'create table b')
      cancel.abort()
      const error = await running
      expect(error).toBeInstanceOf(CancelledError)
      expect(error.message).toMatch(/Statement 2 of 2 failed/)
      expect(await db.tables()).toEqual(['a'])
    })

    test('cancelled before its first statement, a migration leaves everything clean', async ({ db }) => {
      for (const when of ['started', 'sent'] as const) {
        const cancel = new AbortController()
        const migrator = await db.migrator(
          { '1_a.up.sql': 'create table a (id int);\ncreate table b (id int)' },
          {
            signal: cancel.signal,
            onEvent: ({ type }) =>
              type === 'started' && (when === 'started' ? cancel.abort() : setImmediate(() => cancel.abort())),
          },
        )
        const error = await failure(migrator.up())
        expect(error).toBeInstanceOf(CancelledError)
        const { version, dirty } = await (await db.migrator({})).version()
        const said = /is at version nil, clean|Cancelled: .* clean/.test(error.message)
        expect([version, dirty]).toEqual(said ? [-1, false] : [1, true])
        if (when === 'started') expect(said).toBe(true)
        await migrator.force(-1).catch(async () => (await db.migrator({})).force(-1))
        await db.rows('drop table if exists a, b')
      }
    })

    test('what runs others is never taken for done, nor for not begun', async ({ db }) => {
      await db.rows(
        "create procedure p() begin select 1; create table made (id int); signal sqlstate '45000' set message_text = 'no!'; end",
      )
      for (const [sql, what] of [
        ['call p()', /no!/],
        [
          'set @a = 1; start transaction; create table part (x int); insert into nope values (1); commit; set @a = 2',
          /nope/,
        ],
      ] as const) {
        const migrator = await db.migrator({ '1_a.up.sql': sql })
        const error = await failure(migrator.up())
        expect(error.message).toMatch(what)
        expect(await migrator.version()).toEqual({ version: 1, dirty: true })
        expect((await failure(migrator.resume())).message).toMatch(/not known (?:whether|how much)/)
        await migrator.force(-1)
      }
      expect(await db.tables()).toEqual(['made', 'part'])
    })

    test('rows of tables without transactions are said to be there', async ({ db }) => {
      const files = (rows: string) => ({
        '1_a.up.sql': `create table m (a int unique) engine=MyISAM;\ninsert into m values ${rows}`,
      })
      const error = await failure((await db.migrator(files('(1), (2), (1)'))).up())
      expect(error.message).toMatch(/rows that it wrote to tables without transactions .* are there/)
      expect((await failure((await db.migrator(files('(3)'))).resume())).message).toMatch(
        /not known whether statement 2/,
      )
      await (await db.migrator({ '2_b.up.sql': 'select 1' })).force(-1)
      const alone = await failure((await db.migrator({ '3_c.up.sql': 'insert into m values (7), (7)' })).up())
      expect(alone.message).toMatch(/version nil, clean; but rows that it wrote to tables without transactions/)
    })

    test.for([
      ['select 7 into @x', '@x'],
      ["set sql_mode = ''", '1'],
      ['use mysql', '1'],
    ] as const)('what the session lost is made again: %s', async ([prelude, value], { db }) => {
      const files = (last: string) => ({ '1_a.up.sql': `create table ${db.name}.z (id int);\n${prelude};\n${last}` })
      await failure((await db.migrator(files(`insert into ${db.name}.z values (nope)`))).up())
      await (await db.migrator(files(`insert into ${db.name}.z values (${value})`))).resume()
      expect(await db.rows('select id from z')).toEqual([{ id: prelude.includes('7') ? 7 : 1 }])
    })

    test.for([
      ['create temporary table tt (id int)', 'insert into z values (1)'],
      ['select count(*) from z into @x', 'insert into z values (@x)'],
    ] as const)('what would be another now is asked to be repeated: %s', async ([prelude, last], { db }) => {
      const files = (text: string) => ({
        '1_a.up.sql': `create table z (id int);\n${prelude};\ninsert into z values (5);\n${text}`,
      })
      await failure((await db.migrator(files('insert into z values (nope)'))).up())
      expect((await failure((await db.migrator(files(last))).resume())).message).toContain(
        `"${prelude}" ran before the migration stopped`,
      )
    })

    test('LOAD DATA LOCAL is refused before anything runs', async ({ db }) => {
      const migrator = await db.migrator({
        '1_a.up.sql': "create table z (a int);\nload data local infile '/etc/hosts' into table z",
      })
      expect((await failure(migrator.up())).message).toMatch(
        /1_a\.up\.sql:2:1: LOAD DATA LOCAL needs a client with access to files/,
      )
      expect(await db.tables()).toEqual([])
    })

    test('a file of many megabytes runs, though no message may be that long', async ({ db }) => {
      const rows = Array.from({ length: 1500 }, (_, i) => `insert into z values (${i}, '${'é'.repeat(6000)}')`).join(
        ';\n',
      )
      const migrator = await db.migrator(
        { '1_a.up.sql': 'create table z (id int primary key, t text)', '2_rows.up.sql': rows },
        { record: 'fingerprint' },
      )
      await migrator.up()
      expect(await db.rows('select count(*) as n from z')).toEqual([{ n: 1500 }])
    })

    test('a statement that names several objects may take effect in part', async ({ db }) => {
      const files = (second: string) => ({ '1_a.up.sql': `create table a (id int);\n${second}` })
      const error = await failure((await db.migrator(files('drop table a, missing'))).up())
      expect(error.message).toMatch(/^1_a\.up\.sql:2:15: Unknown table/)
      // MariaDB drops those that are there; MySQL none of them.
      expect(await db.tables()).toEqual(kind === 'MariaDB' ? [] : ['a'])
      if (kind === 'MariaDB') expect(error.message).toMatch(/Statement 2 took effect in part/)
      else expect(error.message).toMatch(/Statement 1 took effect/)
    })
  })

  describe('files as people have them', () => {
    test('DELIMITER, bodies with semicolons, quotes and emoji in names', async ({ db }) => {
      // MariaDB has no names beyond the basic plane.
      const sign = kind === 'MariaDB' ? '★' : '🍕'
      const migrator = await db.migrator({
        '1_odd.up.sql': `create table \`it's "${sign}" \`\`here\`\`\` (id int, n int);
DELIMITER //
create trigger tr before insert on \`it's "${sign}" \`\`here\`\`\` for each row begin
  if new.n is null then set new.n = 1; end if;
end//
create procedure p() begin select 1; select 2; end//
DELIMITER ;
insert into \`it's "${sign}" \`\`here\`\`\` (id) values (1);
call p();`,
        '1_odd.down.sql': `drop table \`it's "${sign}" \`\`here\`\`\`; drop procedure p`,
      })
      await migrator.up()
      expect(await db.rows(`select * from \`it's "${sign}" \`\`here\`\`\``)).toEqual([{ id: 1, n: 1 }])
      await migrator.down('all')
      expect(await db.tables()).toEqual([])
    })

    test('ANSI_QUOTES and NO_BACKSLASH_ESCAPES, set in the file, end with it', async ({ db }) => {
      const before = await db.rows('select @@sql_mode as m')
      const migrator = await db.migrator({
        '1_ansi.up.sql': `set sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES';
create table "a;\\" ("x""y" varchar(20));
insert into "a;\\" values ('it\\'), ('two');`,
        '2_next.up.sql': `create table b as select "text" as t, 'it\\'s' as s, @@sql_mode as m`,
      })
      await migrator.up()
      expect(await db.rows('select * from `a;\\`')).toEqual([{ 'x"y': 'it\\' }, { 'x"y': 'two' }])
      expect(await db.rows('select * from b')).toEqual([{ t: 'text', s: "it's", m: before[0]?.m }])
    })

    test('what mysqldump writes: conditional comments, locked tables, keys off', async ({ db }) => {
      const migrator = await db.migrator({
        '1_dump.up.sql': `/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!50503 SET NAMES utf8mb4 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
DROP TABLE IF EXISTS \`users\`;
CREATE TABLE \`users\` (\`id\` int NOT NULL AUTO_INCREMENT, \`team\` int, PRIMARY KEY (\`id\`), CONSTRAINT \`f\` FOREIGN KEY (\`team\`) REFERENCES \`teams\` (\`id\`));
LOCK TABLES \`users\` WRITE;
/*!40000 ALTER TABLE \`users\` DISABLE KEYS */;
INSERT INTO \`users\` VALUES (1,1),(2,NULL);
/*!40000 ALTER TABLE \`users\` ENABLE KEYS */;
UNLOCK TABLES;
CREATE TABLE \`teams\` (\`id\` int PRIMARY KEY);
INSERT INTO teams VALUES (1);`,
        '2_checks.up.sql': 'create table checks as select @@foreign_key_checks as c',
      })
      await migrator.up()
      expect(await db.rows('select * from users')).toHaveLength(2)
      expect(await db.rows('select c from checks')).toEqual([{ c: 1 }])
    })

    test('a BEGIN … COMMIT around a file with DDL is taken out; autocommit and USE do no harm', async ({ db }) => {
      const migrator = await db.migrator({
        '1_a.up.sql': 'begin;\ncreate table a (id int);\ninsert into a values (1);\ncommit;',
        '2_b.up.sql': `set autocommit = 0;\ninsert into a values (2);\ncreate table b (id int);\ninsert into a values (3);\nuse mysql;\ninsert into ${db.name}.a values (4)`,
        '3_c.up.sql': 'set @a = @@autocommit; create table c as select database() as d, @a as a',
      })
      await migrator.up()
      expect(await db.rows('select id from a order by id')).toEqual([1, 2, 3, 4].map((id) => ({ id })))
      expect(await db.rows('select * from c')).toEqual([{ d: db.name, a: 1 }])
      expect(await migrator.version()).toEqual({ version: 3, dirty: false })
    })

    test('what would remove the version table is refused before it runs', async ({ db }) => {
      for (const sql of [`drop database ${db.name}`, 'drop table `schema_migrations`']) {
        const error = await failure((await db.migrator({ '1_a.up.sql': `create table a (id int); ${sql}` })).up())
        expect(error).toBeInstanceOf(UsageError)
        expect(error.message).toMatch(/would remove the version table/)
      }
      expect(await db.tables()).toEqual([])
    })

    test.for<[string, string, string]>([
      ['a syntax error on a later line', 'create table a (\n  id int,\n  name varchr(20)\n)', '3:8'],
      ['at the end', 'create table a (id int', '1:23'],
      ['a column that is not there', 'insert into t\n  (id, nope) values (1, 2)', '2:8'],
      ['a table that is not there', 'insert into  missing values (1)', '1:14'],
      ['behind a statement of several lines', 'insert into t values (1);\n\n  select\n  1 frm t', '4:9'],
    ])('the place of %s', async ([, sql, place], { db }) => {
      await db.rows('create table t (id int)')
      const error = await failure((await db.migrator({ '1_a.up.sql': sql })).up())
      expect(error.message).toMatch(new RegExp(`^1_a\\.up\\.sql:${place}: `))
      expect(error.message).not.toContain('check the manual')
    })
  })

  describe('sessions', () => {
    test.for(['a connection', 'a callback connection', 'a pool', 'a callback pool'])(
      '%s of the caller’s',
      async (what, { db }) => {
        const mysql = await import('mysql2')
        const opened =
          what === 'a connection'
            ? await createConnection(db.url)
            : what === 'a pool'
              ? createPool(db.url)
              : what === 'a callback pool'
                ? mysql.createPool(db.url)
                : mysql.createConnection(db.url)
        const migrator = await db.migrator(
          {
            '1_a.up.sql': 'create table a (id int); insert into a values (1); insert into a values (2)',
            '2_b.up.sql': 'insert into a values (3); insert into a values (4)',
            '3_c.up.sql': "set sql_mode = 'ANSI_QUOTES'; lock tables a write; insert into a values (5); unlock tables",
          },
          { database: await openDatabase(opened) },
        )
        await migrator.up()
        expect(await db.rows('select count(*) as n from a')).toEqual([{ n: 5 }])
        const promised = 'promise' in opened ? (opened as { promise(): Connection }).promise() : (opened as Connection)
        const [modes] = await promised.query('select @@sql_mode as m')
        expect((modes as { m: string }[])[0]?.m).not.toContain('ANSI_QUOTES')
        await promised.end()
      },
    )

    test('two migrators at once: one waits, and the other’s statement is named where it waits for too long', async ({
      db,
    }) => {
      const files = { '1_a.up.sql': 'create table a as select sleep(3) as s' }
      const first = (await db.migrator(files)).up()
      await whenRunning(db, 'sleep')
      const second = await db.migrator(files, { lockTimeoutMs: 200 })
      const error = await failure(second.up())
      expect(error).toBeInstanceOf(LockedError)
      expect(error.message).toMatch(
        /connection \d+, user root from .*running for \d s: .*create table a as select sleep\(3\)/,
      )
      const third = (await db.migrator(files, { lockTimeoutMs: 20_000 })).up()
      expect((await first).steps).toHaveLength(1)
      expect((await third).steps).toEqual([])
    })

    test('a driver that keeps the lock holds it between its runs, and tells with the run in which it was lost', async ({
      db,
    }) => {
      const files = {
        '1_a.up.sql': 'create table a (id int)',
        '1_a.down.sql': 'drop table a',
        '2_b.up.sql': 'do release_all_locks()',
      }
      const database = await mysqlDriver(await openUrl(db.url), { keepsLock: true })
      onTestFinished(() => database.close())
      const migrator = new Migrator({ source: memory(files), database })
      await migrator.to(1)
      const other = await db.migrator(files, { lockTimeoutMs: 0 })
      expect(await failure(other.to('nil'))).toBeInstanceOf(LockedError)
      await migrator.to('nil')
      expect((await migrator.to(1)).from).toBe(-1)
      expect(await failure(migrator.to(2))).toBeInstanceOf(LockLostError)
      expect((await migrator.version()).version).toBe(2)
      await migrator.drop()
      expect((await migrator.to(1)).from).toBe(-1)
      await database.close()
      expect((await other.to('nil')).from).toBe(1)
    })

    test('lock: "table" holds without named locks', async ({ db }) => {
      const one = await db.open({ lock: 'table' })
      const two = await db.open({ lock: 'table' })
      const signal = new AbortController().signal
      await one.lock({ timeout: 100, signal })
      expect(await failure(two.lock({ timeout: 100, signal }))).toBeInstanceOf(LockedError)
      await one.unlock()
      await two.lock({ timeout: 1000, signal })
      await two.unlock()
    })

    test('a wrong password, no database, a missing one: each says what to do, without the password', async ({ db }) => {
      const with_ = (change: (url: URL) => void) => {
        const url = new URL(db.url)
        change(url)
        return failure(openDatabase(url.href))
      }
      const wrong = await with_((url) => {
        url.password = 'hunter2'
      })
      expect(wrong).toBeInstanceOf(ConnectionError)
      expect(wrong.message).toMatch(/Access denied for user 'root'[\s\S]*The password or the user is wrong/)
      expect(wrong.message).not.toContain('hunter2')
      const none = await with_((url) => {
        url.pathname = ''
      })
      expect(none.message).toMatch(/names no database/)
      const missing = await with_((url) => {
        url.pathname = '/missing'
      })
      expect(missing.message).toMatch(/Unknown database 'missing'[\s\S]*Create the database first/)
    })

    test('golang-migrate’s URL and tables are understood', async ({ db }) => {
      await db.rows(
        'create table `migrations` (version bigint not null primary key, dirty boolean not null); insert into migrations values (2, 0)',
      )
      const { username, password, host } = new URL(db.url)
      const url = `mysql://${username}:${password}@tcp(${host})/${db.name}?multiStatements=true&x-migrations-table=migrations`
      const files = {
        '1_a.up.sql': 'create table a (id int)',
        '2_b.up.sql': 'create table b (id int)',
        '3_c.up.sql': 'create table c (id int)',
      }
      const migrator = await db.migrator(files, { url })
      expect((await migrator.up()).steps.map((step) => step.version)).toEqual([3])
      expect(await db.rows('select * from migrations')).toEqual([{ version: 3, dirty: 0 }])
    })

    test('drop empties a database: views, triggers, routines, events, tables that refer to each other', async ({
      db,
    }) => {
      const migrator = await db.migrator({
        '1_all.up.sql': `create table a (id int primary key); create table b (id int primary key, a int, foreign key (a) references a (id));
alter table a add column b int, add constraint back foreign key (b) references b (id);
create view v as select * from a; create trigger t before insert on a for each row set new.id = 1;
create function f() returns int deterministic return 1; create procedure p() select 1;
create event e on schedule every 1 day do delete from a;`,
      })
      await migrator.up()
      await migrator.drop()
      expect(await db.rows('show tables')).toEqual([])
      for (const what of [
        'routines where routine_schema',
        'events where event_schema',
        'triggers where trigger_schema',
      ])
        expect(await db.rows(`select 1 from information_schema.${what} = '${db.name}'`)).toEqual([])
    })
  })

  describe('code', () => {
    const code = (up: (context: { sql: (text: string) => Promise<unknown[]> }) => Promise<void>) => ({
      '1_a.up.sql': 'create table a (id int)',
      '2_code.ts': { up },
    })
    test('that changes rows only is all or nothing', async ({ db }) => {
      const migrator = await db.migrator(
        code(async ({ sql }) => {
          await sql('insert into a values (1)')
          throw new Error('mine')
        }) as never,
      )
      const error = await failure(migrator.up())
      expect(error.message).toMatch(/mine[\s\S]*The migration left no changes/)
      expect(await migrator.version()).toEqual({ version: 1, dirty: false })
      expect(await db.rows('select * from a')).toEqual([])
    })
    test('that defines something and fails leaves the database dirty', async ({ db }) => {
      const migrator = await db.migrator(
        code(async ({ sql }) => {
          await sql('create table made (id int)')
          throw new Error('mine')
        }) as never,
      )
      const error = await failure(migrator.up())
      expect(error.message).toMatch(/mine[\s\S]*what it did before remains, and the database is dirty at version 2/)
      expect(await db.tables()).toEqual(['a', 'made'])
    })
  })

  /** Waits until a statement with that text runs. */
  async function whenRunning(db: Awaited<ReturnType<typeof mysqlScratch>>, text: string): Promise<number> {
    for (let tries = 0; tries < 1000; tries++) {
      const all = await db.rows('show full processlist')
      const found = all.find(
        ({ Info, db: name }) =>
          name === db.name &&
          String(Info).includes(text) &&
          // Our own statements that record the migration contain its text as well.
          !/processlist|schema_migrations|START TRANSACTION/i.test(String(Info)),
      )
      if (found) return Number(found.Id)
      await sleep(2)
    }
    throw new Error(`nothing ran ${text}`)
  }

  async function killWhile(db: Awaited<ReturnType<typeof mysqlScratch>>, text: string): Promise<void> {
    const id = await whenRunning(db, text)
    await db.rows(`kill connection ${id}`)
  }
})
