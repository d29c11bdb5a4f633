/** `diff` between any two sides, as it is typed. */
import { execFileSync } from 'node:child_process'
import type { Connection } from 'mysql2/promise'
import { describe, expect } from 'vitest'
import type { TestServer } from '../../src/testing/testServer.ts'
import { cli, folder, write } from '../support/cli.ts'
import { test } from '../support/database.ts'
import { mysqlScratch } from '../support/mysqlDatabase.ts'
import { describeOnDatabases } from '../support/servers.ts'

const SHOP = {
  'migrations/0001_users.up.sql': 'create table users (id integer primary key, name text)',
  'migrations/0001_users.down.sql': 'drop table users',
  'migrations/0002_orders.up.sql': 'create table orders (id integer primary key)',
  'migrations/0002_orders.down.sql': 'drop table orders',
}

describe('diff between two databases', () => {
  test('shows what one has and the other lacks, and the SQL of both directions', async ({ db }) => {
    const cwd = folder(SHOP)
    cli(['up', '--database', db.url], {}, cwd)
    await db.rows('alter table users add note text')
    const sides = ['--from', '2', '--to', db.url]
    const { out, code } = cli(['diff', ...sides], {}, cwd)
    expect(code).toBe(1)
    expect(out).toContain('+   note text')
    expect(cli(['diff', ...sides, '--sql'], {}, cwd).out).toBe('ALTER TABLE users ADD COLUMN note text;\n')
    expect(cli(['diff', ...sides, '--sql', '--reverse'], {}, cwd).out).toContain('DROP COLUMN note;')
    // A database as the old side is built from what was read of it.
    expect(cli(['diff', '--from', db.url, '--to', '2', '--sql'], {}, cwd).out).toContain('DROP COLUMN note;')
    expect(cli(['diff', '--from', db.url, '--to', db.url], {}, cwd).code).toBe(0)
  })
})

describe('diff between files, versions, revisions and folders', () => {
  function repository() {
    const cwd = folder(SHOP)
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.email=a@b', '-c', 'user.name=x', ...args], { cwd })
    git('init', '-q', '-b', 'main')
    git('add', '-A')
    git('commit', '-qm', 'shop')
    git('tag', 'v1')
    return { cwd, git }
  }

  test.for([
    ['1', '2', '+ CREATE TABLE orders ('],
    ['2', '1', '- CREATE TABLE orders ('],
    ['nil', '1_users', '+ CREATE TABLE users ('],
    ['v1', 'latest', '+   age integer'],
    ['main@1', 'v1', '+ CREATE TABLE orders ('],
    ['latest', 'schema.sql', '- CREATE TABLE orders ('],
    ['schema.sql', 'tables', '+   name text'],
    ['other', 'latest', '+   name text'],
    ['other@1', 'wanted', '+ CREATE TABLE wanted ('],
  ])('from %s to %s', ([from = '', to = '', shown]) => {
    const { cwd } = repository()
    write(cwd, 'migrations/0003_age.up.sql', 'alter table users add age integer')
    write(cwd, 'schema.sql', 'create table users (id integer primary key)')
    write(cwd, 'tables/users.sql', 'create table users (id integer primary key, name text)')
    write(cwd, 'other/1_users.up.sql', 'create table users (id integer primary key)')
    write(cwd, 'wanted.sql', 'create table wanted (id integer)')
    write(cwd, 'migratest.config.mjs', "export default { wanted: 'wanted.sql' }")
    const { out, err, code } = cli(['diff', '--from', from, '--to', to], {}, cwd)
    expect({ code, err }).toMatchObject({ code: 1 })
    expect(out).toContain(shown)
    expect(cli(['diff', '--from', from, '--to', from], {}, cwd).code).toBe(0)
  })

  test('a name with two meanings is refused, and the prefix says which', () => {
    const { cwd, git } = repository()
    git('tag', '1')
    write(cwd, 'v1', 'create table users (id integer)')
    const { err, code } = cli(['diff', '--from', '1', '--to', '2'], {}, cwd)
    expect(code).toBe(2)
    expect(err).toContain('--from 1 can mean a version of the migrations or a revision in git.')
    expect(err).toContain('Say which: --from version:1, or --from git:1.')
    expect(cli(['diff', '--from', 'version:1', '--to', 'git:1'], {}, cwd).out).toContain('+ CREATE TABLE orders (')
    expect(cli(['diff', '--from', 'v1', '--to', '2'], {}, cwd).err).toContain('--from schema:v1, or --from git:v1')
  })

  test('a name without a meaning is refused with what could be named', () => {
    const cwd = folder(SHOP)
    const { err, code } = cli(['diff', '--from', 'nowhere', '--to', '2'], {}, cwd)
    expect(code).toBe(2)
    expect(err).toContain('--from nowhere means nothing here.')
    expect(cli(['diff', '--from', 'no/such.sql', '--to', '2'], {}, cwd).err).toContain(
      'there is no such file or folder',
    )
    expect(cli(['diff', 'schema.sql', '--to', '2'], {}, cwd).err).toContain('named twice')
    expect(cli(['diff', '--from', 'mysql://u:secret@127.0.0.1:1/x', '--to', '2'], {}, cwd).err).not.toContain('secret')
  })

  test('a folder of another tool has revisions, too', () => {
    const cwd = folder({
      'm/20240101000000_a.sql': '-- migrate:up\ncreate table a (id integer);\n-- migrate:down\ndrop table a;\n',
    })
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.email=a@b', '-c', 'user.name=x', ...args], { cwd })
    git('init', '-q', '-b', 'main')
    git('add', '-A')
    git('commit', '-qm', 'a')
    write(
      cwd,
      'm/20240102000000_b.sql',
      '-- migrate:up\ncreate table b (id integer);\n-- migrate:down\ndrop table b;\n',
    )
    expect(cli(['diff', '--path', 'm', '--from', 'HEAD', '--to', 'latest'], {}, cwd).out).toContain(
      '+ CREATE TABLE b (',
    )
    // As the wanted side of generate, a revision is what to come back to.
    const { out } = cli(['generate', '--path', 'm', '--from-revision', 'HEAD', '--dry-run', '--destroy'], {}, cwd)
    expect(out).toContain('DROP TABLE b;')
  })
})

describeOnDatabases(['MySQL', 'MariaDB'], ({ server }) => {
  test('compares two databases, and says the SQL of both directions', async () => {
    const [one, two] = [
      await mysqlScratch(server as TestServer<Connection>),
      await mysqlScratch(server as TestServer<Connection>),
    ]
    for (const db of [one, two]) await db.rows('create table users (id int primary key, name varchar(50))')
    await two.rows('alter table users add mail varchar(90), add key by_mail (mail)')
    const cwd = folder(SHOP)
    const sides = ['--from', one.url, '--to', two.url]
    const { out, code } = cli(['diff', ...sides, '--json', '--sql'], {}, cwd)
    expect(code).toBe(1)
    const { sql, reverse } = JSON.parse(out)
    expect(sql).toMatch(/ALTER TABLE `?users`?\s+ADD COLUMN/)
    expect(reverse).toMatch(/DROP COLUMN `?mail`?/)
    expect(cli(['diff', '--from', one.url, '--to', one.url], {}, cwd).code).toBe(0)
  })
})
