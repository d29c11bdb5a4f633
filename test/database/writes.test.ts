/** The mark that says that nothing has been written on a whole server changes with everything that a test may do. */
import type { Connection } from 'mysql2/promise'
import { expect, test } from 'vitest'
import { openClient } from '../../src/database/mysql/connection.ts'
import { lookAtServer, writesSql } from '../../src/database/mysql/databases.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import { mysqlScratch } from '../support/mysqlDatabase.ts'
import { describeOnDatabases } from '../support/servers.ts'

describeOnDatabases(['MySQL', 'MariaDB'], ({ name: kind, server: anyServer }) => {
  const server = anyServer as TestServer<Connection>
  const isMariadb = kind === 'MariaDB'

  async function scratch() {
    const db = await mysqlScratch(server)
    const admin = await openClient(await db.connect())
    const writes = async () => (await lookAtServer(admin, writesSql(isMariadb))).writes
    await db.rows(
      `create table a (id int primary key auto_increment, x int default 1); insert into a (x) values (1), (2);
create table m (id int primary key) engine=myisam;
create procedure p() begin create table of_p (id int); end`,
    )
    return { db, writes }
  }

  test.each(
    [
      'insert into a (x) values (3)',
      'update a set x = 4 where id = 1',
      'delete from a where id = 1',
      'start transaction; insert into a (x) values (5); rollback',
      'replace into a values (1, 7)',
      'truncate table a',
      'create table c (id int)',
      'create table c (id int) engine=myisam',
      'create table c select * from a',
      'alter table a alter column x set default 2',
      "alter table a comment = 'other'",
      'alter table a auto_increment = 100',
      'alter table m add column x int',
      'create index a_x on a (x)',
      'rename table a to b',
      'drop table m',
      'create view v as select 1 as one',
      'create trigger t before insert on a for each row set new.x = 1',
      'create procedure q() select 1',
      'drop procedure p',
      'create event e on schedule every 1 day do select 1',
      'alter database character set latin1',
      'call p()',
      "prepare s from 'create view w as select 1 as one'; execute s",
      ...(isMariadb
        ? ['insert into m values (1)', "execute immediate 'create view w as select 1 as one'", 'create sequence s']
        : []),
    ].map((sql) => [sql]),
  )('%s', async (sql) => {
    const { db, writes } = await scratch()
    // The server itself writes for a moment behind the statements above.
    let before = await writes()
    for (let tries = 0, last = ''; tries < 50 && before !== last; tries++) {
      last = before ?? ''
      before = await writes()
    }
    expect(before).toMatch(/^\d+ \d*$/)
    await db.rows(sql)
    expect(await writes()).not.toBe(before)
  })

  test('reading leaves it as it is, unless somebody else writes', async () => {
    const { db, writes } = await scratch()
    // Other tests, and the server itself behind the statements above, may write meanwhile.
    for (let tries = 0; tries < 200; tries++) {
      const before = await writes()
      await db.rows(
        'start transaction; select * from a join m; commit; set @x = 1; show create table a; select count(*) from information_schema.columns where table_schema = database()',
      )
      if ((await writes()) === before) return
    }
    expect.unreachable('it changes all the time')
  })
})
