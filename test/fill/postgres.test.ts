import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from 'pg'
import { test as base, describe, expect } from 'vitest'
import { withMigratedDatabase } from '../../fixtures/withMigratedDatabase.ts'
import { fill } from '../../index.ts'
import { memory } from '../../src/source/memory.ts'
import { failure } from '../support/database.ts'
import { anyPostgres } from '../support/servers.ts'

const everything = readFileSync(join(import.meta.dirname, 'everything.postgres.sql'), 'utf8')
const names = [...everything.matchAll(/^create table (\w+) (?!partition)/gm)].map(([, name = '']) => name)
const wanted = Object.fromEntries(names.map((name) => [name, name === 'settings' ? 1 : 8]))

const test = base.extend(
  'db',
  withMigratedDatabase({ server: anyPostgres, migrations: memory({ '1_everything.up.sql': everything }) }),
)

describe('PostgreSQL', () => {
  test.for(['plain', 'sparse', 'edge'] as const)('%s rows for every type and constraint', async (rows, { db }) => {
    expect(await fill(db, wanted, { rows })).toMatchObject(wanted)
    for (const name of names) {
      expect(await db.query(`select count(*)::int as count from ${name}`)).toEqual([{ count: wanted[name] }])
    }
  })

  test('plain rows are filled, sparse ones NULL where they may be, and edges are long and empty', async ({ db }) => {
    await fill(db, { soft: 6 })
    expect(await db.query('select count(*)::int as n from soft where deleted_at is null or name = $1', [''])).toEqual([
      { n: 0 },
    ])
    await db.query('truncate soft, cat')
    await fill(db, { cat: 3 }, { rows: 'sparse' })
    expect(await db.query('select distinct parent, name from cat')).toEqual([{ parent: null, name: '' }])
    await db.query('truncate cat')
    await fill(db, { cat: 12 }, { rows: 'edge' })
    const [edges] = await db.query<{ longest: number; empty: boolean; different: number }>(
      `select max(length(name)) as longest, bool_or(name = '') as empty, count(distinct name)::int as different from cat`,
    )
    expect(edges).toMatchObject({ longest: 300, empty: true })
    expect(edges?.different).toBeLessThan(12)
  })

  test('one row for each of another table, though a key of several columns refuses some of them', async ({ db }) => {
    await db.query(`create table configs (id char(26) primary key);
      create table owners (id char(26) primary key, config char(26) not null unique references configs,
        namespace varchar not null, is_default boolean not null default false, deleted_at timestamptz);
      create unique index on owners (namespace, is_default) where deleted_at is null`)
    const wanted = { configs: 5, owners: 5 }
    expect(await fill(db, wanted, { rows: 'edge' })).toEqual(wanted)
  })

  test('the same values in another database', async ({ db }) => {
    await fill(db, { profiles: 5 })
    const first = await db.query('select handle, email, ref from profiles join users on id = user_id order by handle')
    await db.query('truncate users cascade')
    await db.query('alter table users alter id restart')
    await fill(db, { profiles: 5 })
    const second = await db.query('select handle, email, ref from profiles join users on id = user_id order by handle')
    expect(second).toEqual(first)
    expect(new Set(first.map((row) => (row as { handle: string }).handle)).size).toBe(5)
  })

  test('what a row must refer to is added, what it may refer to is not', async ({ db }) => {
    expect(await fill(db, { profiles: 30 })).toEqual({ users: 30, profiles: 30 })
    expect(await fill(db, { users: 1 })).toEqual({ users: 1 })
    expect(await db.query('select count(*)::int as count from countries')).toEqual([{ count: 0 }])
    // Rows that are there are used.
    expect(await fill(db, { memberships: 4, countries: 2 })).toEqual({ countries: 2, memberships: 4 })
  })

  test('numbers go on behind those that were given explicitly', async ({ db }) => {
    await db.query('create table self (id serial primary key, parent int not null references self)')
    await fill(db, { self: 4 })
    expect(await db.query('insert into self (parent) values (1) returning id')).toEqual([{ id: 5 }])
  })

  test('a trigger that refuses rows is on again afterwards', async ({ db }) => {
    await fill(db, { refused: 3 })
    await expect(db.query("insert into refused (name) values ('x')")).rejects.toThrow('rows only through the api')
  })

  test('conditions that fail for most values, on one column and on two', async ({ db }) => {
    await db.query(`
      create table codes (id int primary key, code text not null check (code::int between 5 and 9));
      create table spans (id int primary key, kind text not null, amount text not null, check (kind = 'share' and amount::numeric <= 12.5 or kind = 'none' and amount::date > '2020-01-01'))`)
    expect(await fill(db, { codes: 5, spans: 4 })).toEqual({ codes: 5, spans: 4 })
    expect(await fill(db, { codes: 3, spans: 3 }, { rows: 'edge' })).toEqual({ codes: 3, spans: 3 })
  })

  test('a trigger that refuses some rows stays on for the others', async ({ db }) => {
    await db.query(`
      create table picky (id int primary key, name text not null);
      create function pick() returns trigger language plpgsql as $$ begin if new.id % 3 = 0 then raise 'not a third'; end if; return new; end $$;
      create trigger pick before insert on picky for each row execute function pick()`)
    expect(await fill(db, { picky: 40 })).toEqual({ picky: 40 })
    expect(await db.query('select count(*)::int as n from picky where id % 3 = 0')).toEqual([{ n: 0 }])
  })

  test('in an open transaction the rows are part of it', async ({ db }) => {
    await db.query('begin')
    await fill(db, { countries: 3 })
    await failure(fill(db, { settings: 2 }))
    expect(await db.query('select count(*)::int as count from countries')).toEqual([{ count: 3 }])
    await db.query('rollback')
    expect(await db.query('select count(*)::int as count from countries')).toEqual([{ count: 0 }])
  })

  test('a client and a pool can be filled, too', async ({ db }) => {
    const { Pool } = await import('pg')
    const pool = new Pool({ connectionString: db.url, max: 1 })
    expect(await fill(pool, { countries: 2 })).toEqual({ countries: 2 })
    expect(await fill(db.client as Client, { countries: 2 })).toEqual({ countries: 2 })
    expect((await pool.query('select count(*)::int as count from countries')).rows).toEqual([{ count: 4 }])
    await pool.end()
  })

  test('values of the caller', async ({ db }) => {
    const at = new Date('2024-05-06T07:08:09Z')
    const users = { mood: 'ok', meta: { a: [1] }, bio: (n: number) => `n${n}`, age: 40 }
    await fill(db, { users: 3, schedule: 1 }, { values: { users, schedule: { starts_at: at } } })
    expect(await db.query('select mood, meta, bio, age from users order by id')).toEqual([
      { mood: 'ok', meta: { a: [1] }, bio: 'n0', age: 40 },
      { mood: 'ok', meta: { a: [1] }, bio: 'n1', age: 40 },
      { mood: 'ok', meta: { a: [1] }, bio: 'n2', age: 40 },
    ])
    expect(await db.query('select starts_at from schedule')).toEqual([{ starts_at: at }])
    const error = await failure(fill(db, { users: 1 }, { values: { users: { moood: 'ok' } } }))
    expect(error.message).toContain('users has no column moood.\n\nDid you mean mood?')
    const refused = await failure(fill(db, { users: 1 }, { values: { users: { age: 7 } } }))
    expect(refused.message).toContain('users_age_check')
  })

  test('a table that does not exist', async ({ db }) => {
    const error = await failure(fill(db, { user: 1 }))
    expect(error).toMatchObject({ code: 'MIGRATEST_FILL', table: 'user' })
    expect(error.message).toContain('Did you mean users?')
  })

  test('a table that cannot be filled: nothing is inserted, and the reason is told', async ({ db }) => {
    await db.query('create table never (id int primary key, n int not null check (n > 3 and n < 3))')
    await db.query('create table child (id serial, never int not null references never)')
    const error = await failure(fill(db, { countries: 2, child: 3 }))
    expect(error).toMatchObject({ code: 'MIGRATEST_FILL', table: 'child' })
    expect(error.message).toContain('child: never has to refer to a row of never, which has none that fits')
    expect(error.message).toMatch(/never: no value for n was found that satisfies never_n_check/)
    expect(await db.query('select * from countries')).toEqual([])
  })

  test('a unique constraint with too little room', async ({ db }) => {
    const error = await failure(fill(db, { settings: 2 }))
    expect(error.message).toContain('only 1 of 2 rows: id must be unique, and there are no more different values')
    expect(await failure(fill(db, { settings: -1 }))).toMatchObject({ code: 'MIGRATEST_USAGE' })
  })
})
