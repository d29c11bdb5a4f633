/** Following saves on MySQL and MariaDB, where nothing holds schema changes together: rehearsed, with a copy to go back to. */
import { expect, onTestFinished, test } from 'vitest'
import { mariadb } from '../../presets/mariadb.ts'
import { mysql } from '../../presets/mysql.ts'
import { failure } from '../support/database.ts'
import { type MysqlScratch, mysqlScratch } from '../support/mysqlDatabase.ts'
import { describeOnServers } from '../support/servers.ts'
import { Watched } from '../support/watch.ts'

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
          error: { line: 1, message: expect.stringContaining('as they were') },
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
        const whole =
          'create table a (id int primary key, v int); create table log (id int); create trigger t after insert on a for each row insert into log values (new.id)'
        watch.write('1_a.up.sql', whole)
        watch.write('1_a.down.sql', 'drop table if exists a; drop table if exists log')
        watch.write('2_b.up.sql', 'alter table a add column nick varchar(10)')
        watch.write('2_b.down.sql', 'alter table a drop column nick')
        await watch.start()
        await db.rows("insert into a values (1, 10, 'x'), (2, 20, null)")
        await db.rows('delete from log')
        expect(await watch.save('2_b.up.sql', 'alter table a add column age int')).toMatchObject({
          carried: { left: [{ table: 'a', column: 'nick', rows: 1 }] },
        })
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
        expect(await watch.save('1_a.up.sql', whole.replace('v int', 'v int, nick varchar(10)'))).toMatchObject({
          type: 'applied',
        })
        expect(await db.rows('select * from a order by id')).toEqual([
          { id: 1, v: 10, nick: 'x' },
          { id: 2, v: 20, nick: null },
        ])
        expect(await db.rows('select * from log')).toEqual([])
        await db.rows('insert into a (id) values (3)')
        expect(await db.rows('select * from log')).toEqual([{ id: 3 }])
      })

      test('no way back: from nothing, rows carried; a second watch is told', async () => {
        const { db, watch } = await watched()
        watch.write('1_users.up.sql', USERS)
        await watch.start({ onIrreversible: 'snapshot' })
        await db.rows("insert into users values (1, 'Ada')")
        expect(
          await watch.save('1_users.up.sql', USERS.replace(') engine', ', mail varchar(20)) engine')),
        ).toMatchObject({
          type: 'applied',
          how: 'from nothing',
        })
        expect(await db.rows('select * from users')).toEqual([{ id: 1, name: 'Ada', mail: null }])
        const second = new Watched(db.url)
        expect(await failure(second.start())).toMatchObject({ code: 'MIGRATEST_WATCHED' })
        await second.close()
      })
    },
    kind,
  )
}
