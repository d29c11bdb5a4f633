/** The binary log of a MySQL or MariaDB server tells which tables were written; the stamps of the tables tell the rest. */
import type { Connection } from 'mysql2/promise'
import { expect, test } from 'vitest'
import { endOfLog, isLogging, laterOf, loggedSql, readLogged } from '../../src/database/mysql/binaryLog.ts'
import { openClient } from '../../src/database/mysql/connection.ts'
import { changedBetween, readStamps, stampsSql } from '../../src/database/mysql/stamps.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import { mysqlScratch } from '../support/mysqlDatabase.ts'
import { describeOnDatabases } from '../support/servers.ts'

describeOnDatabases(['MySQL', 'MariaDB'], ({ name: kind, server: anyServer }) => {
  const server = anyServer as TestServer<Connection>
  const isMariadb = kind === 'MariaDB'

  async function scratch() {
    const db = await mysqlScratch(server)
    const admin = await openClient(await db.connect())
    await db.rows(
      `create table a (id int primary key auto_increment, x int default 1); insert into a (x) values (1), (2);
create table b (id int primary key, a int, foreign key (a) references a (id) on delete cascade); insert into b values (1, 1);
create table \`odd.näme)x\` (x int); create view v as select * from a;
create procedure p() begin insert into \`odd.näme)x\` values (1); end;
create trigger t after update on a for each row insert into \`odd.näme)x\` values (new.x)`,
    )
    expect(await isLogging(admin)).toBe(true)
    const end = async () => {
      const position = await endOfLog(admin)
      if (!position) throw new Error('there is no log')
      return position
    }
    const stamps = async () => readStamps((await admin.queries(stampsSql(db.name, isMariadb))).at(-1) ?? [])
    return { db, admin, end, stamps }
  }

  test.each<[string, string[], boolean?]>([
    ['select * from a', []],
    ['insert into a (x) values (3)', ['a']],
    ['insert into v (x) values (3)', ['a']],
    // The server adds the tables that refer to it.
    ['replace into a values (1, 7)', ['a', 'b']],
    ['update a set x = 4 where id = 2', ['a', 'odd.näme)x']],
    ['update a set x = 4 where id = 99', []],
    ['start transaction; insert into a (x) values (5); savepoint s; delete from b; rollback to s; commit', ['a']],
    ['start transaction; insert into a (x) values (5); rollback', []],
    ['call p()', ['odd.näme)x']],
    ['create temporary table a (y int); insert into a values (1)', []],
    ['truncate table b', [], true],
    ['alter table a add column y int', [], true],
    ['create table c select * from a', ['c'], true],
    ['create or replace view v as select 1 as one', [], true],
    ['drop trigger t', [], true],
    ['drop procedure p', [], true],
    ['alter database character set latin1', [], true],
    ["prepare s from 'drop view v'; execute s", [], true],
  ])('%s', async (sql, tables, more = false) => {
    const { db, end, admin } = await scratch()
    const since = await end()
    await db.rows(sql)
    const logged = readLogged(await admin.query(loggedSql(since)), db.name, since)
    expect({ tables: [...logged.tables].sort(), more: logged.more }).toEqual({ tables: tables.toSorted(), more })
    // Others may have written since, and may write now.
    const now = await end()
    expect(laterOf(logged.upTo, now)).toEqual(now)
    expect(readLogged(await admin.query(loggedSql(logged.upTo)), db.name, logged.upTo)).toMatchObject({ more: false })
  })

  test('what is done elsewhere concerns this database only if it is named', async () => {
    const [{ db, end, admin }, other] = [await scratch(), await mysqlScratch(server)]
    await other.rows('create table o (id int primary key); create procedure p() insert into o values (9)')
    const logged = async (sql: string) => {
      const since = await end()
      await other.rows(sql)
      const { tables, more } = readLogged(await admin.query(loggedSql(since)), db.name, since)
      return { tables: [...tables], more }
    }
    expect(await logged('insert into o values (1); call p(); alter table o add column x int')).toEqual({
      tables: [],
      more: false,
    })
    expect(await logged(`insert into ${db.name}.a (x) values (1)`)).toEqual({ tables: ['a'], more: false })
    expect((await logged(`drop trigger ${db.name}.t`)).more).toBe(true)
    expect((await logged(`rename table o to ${db.name}.o`)).more).toBe(true)
  })

  test('a log that goes on in another file, is removed, or is too long', async () => {
    const { db, end, admin } = await scratch()
    const since = await end()
    const events = (await admin.query(loggedSql(since))).length
    await db.rows(`${'insert into a (x) values (1);'.repeat(3000)} do 0`)
    const long = await admin.query(loggedSql(since))
    expect(long.length).toBeGreaterThan(events)
    expect(readLogged(long, db.name, since).more).toBe(true)
    const before = await end()
    await db.rows('flush binary logs')
    await db.rows('insert into a (x) values (1)')
    const rotated = readLogged(await admin.query(loggedSql(before)), db.name, before)
    expect(rotated.more).toBe(true)
    expect(laterOf(rotated.upTo, before)).toBe(rotated.upTo)
    expect(readLogged(await admin.query(loggedSql(rotated.upTo)), db.name, rotated.upTo).tables.has('a')).toBe(true)
  })

  test('the stamps tell of rows and numbers that the log does not tell of', async () => {
    /** Returns which tables a statement has changed by the stamps of a database that nothing has written for two seconds. */
    const changed = async (sql: string) => {
      const { db, stamps } = await scratch()
      await new Promise((resolve) => setTimeout(resolve, 2200))
      const before = await stamps()
      expect([...before.fresh], sql).toEqual([])
      await db.rows(sql)
      return { tables: changedBetween(before, await stamps())?.sort(), db, before, stamps }
    }
    const cases = [
      ['select * from a', []],
      ['start transaction; insert into a (x) values (5); rollback', ['a']],
      ['insert ignore into a (id) values (null), (1)', ['a']],
      ['delete from a where id = 1', ['a', 'b']],
      ['set sql_log_bin = 0; insert into b values (7, null); set sql_log_bin = 1', ['b']],
      ['set sql_log_bin = 0; alter table b add column z int; set sql_log_bin = 1', ['b']],
      ['set sql_log_bin = 0; truncate table b; set sql_log_bin = 1', ['b']],
      ['drop view v; create table v (id int)', ['v']],
    ] as const
    const found = await Promise.all(cases.map(([sql]) => changed(sql)))
    expect(found.map(({ tables }, n) => [cases[n]?.[0], tables])).toEqual(cases)
    const last = found.at(-1)
    await last?.db.rows('drop table v')
    expect(last && changedBetween(last.before, await last.stamps())).toBeUndefined()
  })
})
