/** The command on MySQL and MariaDB, as it is typed. */
import { spawnSync } from 'node:child_process'
import type { Connection } from 'mysql2/promise'
import { describe, expect, test } from 'vitest'
import { createMigratedDatabase, memory } from '../../index.ts'
import { settled } from '../../src/testing/lease/migratedDatabase.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import { cli, folder, write } from '../support/cli.ts'
import { mysqlScratch } from '../support/mysqlDatabase.ts'
import { describeOnDatabases } from '../support/servers.ts'

const SHOP = {
  '0001_users.up.sql': 'create table users (id int primary key auto_increment, name varchar(200) not null)',
  '0001_users.down.sql': 'drop table users',
  '0002_orders.up.sql':
    'create table orders (id int primary key, user int, foreign key (user) references users (id));\ncreate view busy as select user from orders',
  '0002_orders.down.sql': 'drop view busy; drop table orders',
}

describeOnDatabases(['MySQL', 'MariaDB'], ({ name: kind, server: anyServer }) => {
  const server = anyServer as TestServer<Connection>
  const dialect = kind.toLowerCase()

  test('up, status, goto, redo, down, drop', async () => {
    const db = await mysqlScratch(server)
    const path = folder(SHOP)
    const on = ['--path', path, '--database', db.url]
    expect(cli(['up', ...on]).out).toMatch(
      /up {4}1_users .*\n.*up {4}2_orders .*\n".*" on .* is at version 2: 2 migrations in/,
    )
    expect(cli(['up', ...on]).out).toMatch(/^Nothing to do: .* is at version 2\./)
    const status = cli(['status', ...on, '--json'])
    expect(JSON.parse(status.out)).toMatchObject({ version: 2, dirty: false })
    expect(cli(['goto', '1', ...on]).code).toBe(0)
    expect(await db.tables()).toEqual(['users'])
    expect(cli(['redo', ...on]).code).toBe(0)
    const refused = cli(['drop', ...on])
    expect([refused.code, refused.err]).toEqual([2, expect.stringMatching(/destroys data in ".*"[\s\S]*--/)])
    expect(cli(['drop', ...on, '--confirm', db.name]).code).toBe(0)
    expect(await db.tables()).toEqual([])
  })

  test('a migration that stopped half-way: dirty is said, resume goes on, --not-applied answers', async () => {
    const db = await mysqlScratch(server)
    const path = folder({ '1_a.up.sql': 'create table a (id int);\ncreate table b (nope);\ncreate table c (id int)' })
    const on = ['--path', path, '--database', db.url]
    const failed = cli(['up', ...on])
    expect(failed.code).toBe(1)
    expect(failed.err).toMatch(/Statement 2 of 3 failed outside a transaction\. Statement 1 took effect/)
    expect(cli(['up', ...on]).err).toMatch(/is dirty at version 1/)
    write(path, '1_a.up.sql', 'create table a (id int);\ncreate table b (id int);\ncreate table c (id int)')
    expect(cli(['resume', ...on, '--not-applied', '2']).out).toMatch(/is at version 1/)
    expect(await db.tables()).toEqual(['a', 'b', 'c'])
  })

  test('a rehearsal finds the error before anything stands', async () => {
    const db = await mysqlScratch(server)
    const path = folder({
      ...SHOP,
      '0003_more.up.sql': 'create table more (id int);\nalter table users add column (a int, b nope)',
    })
    const on = ['--path', path, '--database', db.url]
    cli(['goto', '2', ...on])
    const failed = cli(['up', '--rehearse', ...on])
    expect(failed.err).toMatch(
      /0003_more\.up\.sql:2:\d+: [\s\S]*This was a rehearsal on an empty copy of the schema: ".*" on .* has not changed\./,
    )
    expect(await db.tables()).toEqual(['busy', 'orders', 'users'])
    write(path, '0003_more.up.sql', 'create table more (id int);\nalter table users add column (a int, b int)')
    expect(cli(['up', '--rehearse', ...on]).err).toContain(
      'Rehearsal passed: the migration runs on an empty copy of the schema.',
    )
    expect(await db.rows(`show databases like '${db.name}\\_rehearsal%'`)).toEqual([])
    expect(await db.tables()).toContain('more')
  })

  test('a rehearsal reaches nothing but its copy', async () => {
    const db = await mysqlScratch(server)
    const path = folder({
      '1_a.up.sql': 'create table a (id int)',
      '2_b.up.sql': 'create table b (id int); create table nope.c (id int)',
    })
    const url = `${db.url}?x-note=/${db.name}/ca.pem`
    const failed = cli(['up', '--rehearse', '--path', path, '--database', url])
    expect([failed.code, failed.err]).toEqual([
      2,
      expect.stringMatching(/"create table nope\.c \(id int\)" may reach another database: it cannot be rehearsed/),
    ])
    write(path, '2_b.up.sql', `use ${db.name}; create table b (id int)`)
    expect(cli(['up', '--rehearse', '--path', path, '--database', url]).err).toMatch(/cannot be rehearsed/)
    expect(await db.rows('show tables')).toEqual([])
    expect(await db.rows(`show databases like '${db.name}\\_rehearsal%'`)).toEqual([])
  })

  test('schema writes DDL that --check compares, and verify finds a down that leaves something', async () => {
    const db = await mysqlScratch(server)
    const path = folder(SHOP)
    const on = ['--path', path, '--database', db.url]
    cli(['up', ...on])
    const file = `${folder({})}/schema.sql`
    expect(cli(['schema', file, ...on]).out).toMatch(/Wrote/)
    expect(cli(['schema', file, '--check', ...on]).code).toBe(0)
    expect(cli(['schema', file, '--check', '--fresh', '--dialect', dialect, '--path', path]).code).toBe(0)
    await db.rows('alter table users add column drifted int')
    const drifted = cli(['schema', file, '--check', ...on])
    expect([drifted.code, drifted.out]).toEqual([1, expect.stringMatching(/\+ {3}`drifted` int/)])
    const verified = cli(['verify', '--path', path, '--dialect', dialect])
    expect([verified.code, verified.out]).toEqual([0, expect.stringMatching(/2 migrations: nothing found; 15 checks/)])
    write(path, '0002_orders.down.sql', 'drop table orders')
    const found = cli(['verify', '--path', path, '--dialect', dialect])
    expect([found.code, found.out]).toEqual([1, expect.stringContaining('busy')])
  })

  test('showsql reads files as MySQL does', () => {
    const path = folder({ '1_a.up.sql': 'create procedure p() begin select 1; # done;\nend; select "a;b"' })
    const shown = cli(['showsql', '--path', path, '--dialect', dialect, 'nil..1'])
    expect(shown.out).toContain('(2 statements without a transaction)')
    expect(cli(['showsql', '--path', path, '--dialect', 'oracle', 'nil..1']).err).toMatch(
      /Unknown --dialect oracle: use postgres, mysql or mariadb/,
    )
  })

  test('a bundle has its client in it', async () => {
    const db = await mysqlScratch(server)
    const path = folder(SHOP)
    const output = `${folder({})}/migrate.mjs`
    expect(cli(['bundle', '--path', path, '--dialect', dialect, '-o', output]).out).toMatch(
      /2 migrations and the command/,
    )
    const { status, stdout, stderr } = spawnSync(process.execPath, [output, 'up', '--database', db.url], {
      encoding: 'utf8',
      cwd: '/',
    })
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/is at version 2: 2 migrations/)
  })

  describe('databases', () => {
    test('a kept database is listed, opened and removed', async () => {
      const db = await createMigratedDatabase({
        server,
        migrations: memory({ '1_a.up.sql': 'create table a (id int)' }),
      })
      const line = await db.keep()
      await db[Symbol.asyncDispose]()
      await settled()
      expect(line).toBe(`npx migratest databases open ${db.name}`)
      const listed = JSON.parse(cli(['databases', 'list', '--json']).out) as { name: string; sizeBytes: number }[]
      expect(listed.find(({ name }) => name === db.name)?.sizeBytes).toBeGreaterThan(0)
      expect(cli(['databases', 'open', db.name]).out).toMatch(new RegExp(`^mysql://root:.*/${db.name}\n$`))
      expect(cli(['databases', 'gc']).out).toMatch(/Removed \d+ database/)
      expect(cli(['databases', 'list']).out).not.toContain(db.name)
    })
  })
})
