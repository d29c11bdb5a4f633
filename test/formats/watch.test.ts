/** A watch over another tool's folder: it rebuilds, carries rows, and keeps the tool's table in step. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { supabase } from '../../presets/sources.ts'
import { ASIDE_SCHEMA } from '../../src/database/ownTables.ts'
import { hiddenBy } from '../../src/migrate/source.ts'
import { openFolder } from '../../src/source/open.ts'
import { test, type Watched } from '../support/watch.ts'

function save(watched: Watched, name: string, sql: string): void {
  mkdirSync(join(watched.folder, name), { recursive: true })
  writeFileSync(join(watched.folder, name, 'migration.sql'), sql)
}

async function start(watched: Watched): Promise<void> {
  writeFileSync(join(watched.folder, 'migration_lock.toml'), 'provider = "postgresql"\n')
  const source = openFolder(watched.folder)
  await watched.start({
    source,
    onIrreversible: 'rebuild',
    open: { schema: ASIDE_SCHEMA, hidden: hiddenBy(source, 'postgres') },
  })
}

const USERS = '20240101000000_users'
const EMAIL = '20240102000000_email'

test('an edited migration of Prisma is applied by rebuilding, and all rows stay', async ({ watched, db }) => {
  save(watched, USERS, 'CREATE TABLE users (id serial PRIMARY KEY, name text);')
  save(watched, EMAIL, 'ALTER TABLE users ADD email text;')
  await start(watched)
  expect(watched.of('ready')).toEqual([{ type: 'ready', version: EMAIL }])
  await db.rows("INSERT INTO users (name) VALUES ('Ada'), ('Bea')")
  const applied = watched.next('applied', 'failed')
  save(watched, EMAIL, 'ALTER TABLE users ADD mail varchar(100);')
  expect(await applied).toMatchObject({
    type: 'applied',
    how: 'rebuilt',
    to: EMAIL,
    changes: [{ version: EMAIL, name: EMAIL, what: 'edited' }],
    carried: { back: [{ table: 'users', rows: 2 }], left: [] },
  })
  expect(await db.rows('SELECT id, name, mail FROM users ORDER BY id')).toEqual([
    { id: 1, name: 'Ada', mail: null },
    { id: 2, name: 'Bea', mail: null },
  ])
  expect(await db.rows('SELECT migration_name AS name FROM _prisma_migrations ORDER BY 1')).toEqual([
    { name: USERS },
    { name: EMAIL },
  ])
  expect(
    await db.rows(
      "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1",
    ),
  ).toEqual([{ relname: '_prisma_migrations' }, { relname: 'users' }])
})

test('a migration that arrives in the middle is applied, and one that is removed is undone by rebuilding', async ({
  watched,
  db,
}) => {
  save(watched, USERS, 'CREATE TABLE users (id serial PRIMARY KEY, name text);')
  save(watched, EMAIL, 'ALTER TABLE users ADD email text;')
  await start(watched)
  await db.rows("INSERT INTO users (name) VALUES ('Ada')")
  const added = watched.next('applied', 'failed')
  save(watched, '20240101120000_between', 'CREATE TABLE between_them (id int);')
  expect(await added).toMatchObject({ type: 'applied', changes: [{ name: '20240101120000_between', what: 'late' }] })
  const removed = watched.next('applied', 'failed')
  rmSync(join(watched.folder, EMAIL), { recursive: true })
  expect(await removed).toMatchObject({
    type: 'applied',
    how: 'rebuilt',
    to: '20240101120000_between',
    changes: [{ name: EMAIL, what: 'gone' }],
    carried: { back: [{ table: 'users', rows: 1 }] },
  })
  expect(await db.rows('SELECT * FROM users')).toEqual([{ id: 1, name: 'Ada' }])
})

test('a half-written file fails, leaves everything as it was, and the next save goes on', async ({ watched, db }) => {
  save(watched, USERS, 'CREATE TABLE users (id serial PRIMARY KEY, name text);')
  await start(watched)
  await db.rows("INSERT INTO users (name) VALUES ('Ada')")
  const failed = watched.next('applied', 'failed')
  save(watched, USERS, 'CREATE TABLE users (id serial PRIMARY KEY, na')
  expect(await failed).toMatchObject({ type: 'failed' })
  expect(await db.rows('SELECT name FROM users')).toEqual([{ name: 'Ada' }])
  const applied = watched.next('applied', 'unchanged')
  save(watched, USERS, 'CREATE TABLE users (id serial PRIMARY KEY, name text, age int);')
  expect(await applied).toMatchObject({ type: 'applied' })
  expect(await db.rows('SELECT name, age FROM users')).toEqual([{ name: 'Ada', age: null }])
})

test('a new database gets what the platform of Supabase has, also when it is built again', async ({ watched, db }) => {
  const source = supabase(watched.folder)
  watched.write('20240101000000_profiles.sql', 'create table profiles (id uuid references auth.users);')
  await watched.start({
    source,
    before: source.format?.before() ?? [],
    onIrreversible: 'rebuild',
    open: { schema: ASIDE_SCHEMA, hidden: hiddenBy(source, 'postgres') },
  })
  expect(watched.of('failed')).toEqual([])
  await db.rows("insert into auth.users (id) values ('11111111-1111-1111-1111-111111111111')")
  await db.rows("insert into profiles values ('11111111-1111-1111-1111-111111111111')")
  const applied = await watched.save(
    '20240101000000_profiles.sql',
    'create table profiles (id uuid references auth.users, name text default uuid_generate_v4()::text);',
  )
  expect(applied).toMatchObject({ type: 'applied', how: 'rebuilt', carried: { left: [] } })
  expect(await db.rows('select id from profiles')).toEqual([{ id: '11111111-1111-1111-1111-111111111111' }])
})

test('a file of dbmate has both halves, and the down is not the up', async ({ watched, db }) => {
  const file = (column: string) =>
    `-- migrate:up\ncreate table users (id serial primary key${column});\n-- migrate:down\ndrop table users;\n`
  watched.write('20240101000000_users.sql', file(''))
  const source = openFolder(watched.folder)
  await watched.start({ source, open: { schema: ASIDE_SCHEMA, hidden: hiddenBy(source, 'postgres') } })
  await db.rows('insert into users default values')
  // A file that is a moment old is kept in memory.
  await new Promise((resolve) => setTimeout(resolve, 150))
  await watched.save('20240101000000_users.sql', file(', name text'))
  await new Promise((resolve) => setTimeout(resolve, 150))
  expect(await watched.save('20240101000000_users.sql', file(', name text, age int'))).toMatchObject({
    type: 'applied',
    how: 'atomic',
    carried: { back: [{ table: 'users', rows: 1 }] },
  })
  expect(await db.rows('select * from users')).toEqual([{ id: 1, name: null, age: null }])
  expect(await db.rows('select down from migratest.schema_migrations_history')).toMatchObject([
    { down: expect.stringContaining('drop table users') },
  ])
})
