/** `init --from-database`: the first migration of a database that never had any. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Connection } from 'mysql2/promise'
import { describe, expect, onTestFinished } from 'vitest'
import { postgres } from '../../presets/postgres.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import { cli, folder } from '../support/cli.ts'
import { test } from '../support/database.ts'
import { mysqlScratch } from '../support/mysqlDatabase.ts'
import { describeOnDatabases } from '../support/servers.ts'

const TOOLS = `create table knex_migrations (id serial primary key, name text, batch integer, migration_time timestamptz);
create table knex_migrations_lock (index serial primary key, is_locked integer);
create table _prisma_migrations (id text primary key, checksum text, migration_name text);
create schema drizzle;
create table drizzle.__drizzle_migrations (id serial primary key, hash text, created_at bigint);`

describe('init --from-database on PostgreSQL', () => {
  test('writes the migration and its down, leaves out what belongs to tools, and records it', async ({ db }) => {
    await db.rows(`${TOOLS}
      create type mood as enum ('ok', 'bad');
      create table users (id bigint generated always as identity primary key, name text not null, mood mood);
      create table migrations (id integer primary key, animal text, season text);
      insert into users (name) values ('Ada')`)
    const cwd = folder({ 'package.json': '{"type":"module"}' })
    const { out, err, code } = cli(['init', '--from-database', db.url, '--record'], {}, cwd)
    expect({ code, err }).toMatchObject({ code: 0 })
    for (const table of [
      'knex_migrations (Knex)',
      '_prisma_migrations (Prisma)',
      'drizzle.__drizzle_migrations (Drizzle)',
    ])
      expect(err).toContain(table)
    expect(out).toContain('proven up, down and up again')
    expect(readdirSync(join(cwd, 'migrations'))).toEqual(['0001_baseline.down.sql', '0001_baseline.up.sql'])
    const up = readFileSync(join(cwd, 'migrations/0001_baseline.up.sql'), 'utf8')
    // A table whose name alone is that of a tool is the app's.
    expect(up).toContain('CREATE TABLE migrations (')
    expect(up).not.toMatch(/knex|prisma|drizzle/)
    expect(readFileSync(join(cwd, 'migratest.config.ts'), 'utf8')).toContain("migrations: 'migrations',")
    const env = { DATABASE_URL: db.url }
    expect(cli(['version'], env, cwd).out).toBe('1\n')
    expect(cli(['up'], env, cwd)).toMatchObject({ code: 0 })
    expect(await db.rows('select name from users')).toEqual([{ name: 'Ada' }])
    // `init` left these tables out, so `diff` and `generate` leave them out, too.
    const compared = cli(['diff'], env, cwd)
    expect(compared).toMatchObject({ code: 0, err: expect.stringContaining('knex_migrations (Knex)') })
    expect(cli(['generate', '--from-database', db.url], {}, cwd).out).toMatch(/^Nothing to do/)
  })

  test("gives our table another name where schema_migrations is another tool's", async ({ db }) => {
    await db.rows(`create table schema_migrations (version varchar primary key);
      insert into schema_migrations values ('20240101000000');
      create table ar_internal_metadata (key varchar primary key, value varchar);
      create table users (id integer)`)
    const cwd = folder({})
    const { err, code } = cli(['init', '--from-database', db.url, '--record'], {}, cwd)
    expect({ code, err }).toMatchObject({
      code: 0,
      err: expect.stringContaining('schema_migrations (Rails or dbmate)'),
    })
    expect(readFileSync(join(cwd, 'migratest.config.mts'), 'utf8')).toContain("table: 'migratest_versions',")
    expect(await db.rows('select version from schema_migrations')).toEqual([{ version: '20240101000000' }])
    expect(cli(['version'], { DATABASE_URL: db.url }, cwd).out).toBe('1\n')
  })

  test('names the roles of the schema in the configuration, for the test server', async () => {
    const server = postgres({ roles: ['reader', 'Owner of it'] })
    const database = await server.create()
    onTestFinished(() => database.drop())
    const client = await database.connect()
    await database.query(client, `create table users (id integer); grant select on users to reader`)
    await database.query(client, `create table orders (id integer); alter table orders owner to "Owner of it"`)
    await database.disconnect(client)
    const cwd = folder({})
    expect(cli(['init', '--from-database', database.url ?? ''], {}, cwd)).toMatchObject({ code: 0 })
    expect(readFileSync(join(cwd, 'migratest.config.mts'), 'utf8')).toContain(
      "server: postgres({ roles: ['Owner of it', 'reader'] }),",
    )
  })

  test('refuses what would overwrite something, and writes nothing for an empty database', async ({ db }) => {
    const full = folder()
    expect(cli(['init', '--from-database', db.url, '-p', '.'], {}, full).err).toContain('has 2 migrations already')
    const cwd = folder({})
    const { err, code } = cli(['init', '--from-database', db.url], {}, cwd)
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining('is empty') })
    expect(readdirSync(cwd)).toEqual([])
    expect(cli(['init', '--record'], {}, cwd).err).toContain('only used together with --from-database')
  })
})

describeOnDatabases(['MySQL', 'MariaDB'], ({ name, server }) => {
  test('writes the migration, its down and the dialect, and records it', async () => {
    const db = await mysqlScratch(server as TestServer<Connection>)
    await db.rows(
      'create table knex_migrations (id int auto_increment primary key, name varchar(255), batch int, migration_time timestamp)',
    )
    await db.rows(
      'create table users (id int primary key auto_increment, name varchar(50) not null, key by_name (name))',
    )
    await db.rows('create table posts (id int primary key, author int, foreign key (author) references users (id))')
    const cwd = folder({})
    const { out, err, code } = cli(['init', '--from-database', db.url, '--record'], {}, cwd)
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining('knex_migrations (Knex)') })
    expect(out).toContain('proven up, down and up again')
    expect(readFileSync(join(cwd, 'migratest.config.mts'), 'utf8')).toContain(`dialect: '${name.toLowerCase()}',`)
    expect(readFileSync(join(cwd, 'migrations/0001_baseline.up.sql'), 'utf8')).not.toContain('knex')
    expect(existsSync(join(cwd, 'migrations/0001_baseline.down.sql'))).toBe(true)
    expect(cli(['version'], { DATABASE_URL: db.url }, cwd).out).toBe('1\n')
    expect(cli(['diff'], { DATABASE_URL: db.url }, cwd)).toMatchObject({ code: 0 })
  })
})
