/** A folder of Kysely as it is, and the app's own typed Kysely on each test's database. */

import { type ColumnType, type Generated, Kysely, PostgresDialect } from 'kysely'
import { justBefore, migrateTo, withMigratedDatabase } from 'migratest'
import { postgres } from 'migratest/presets/postgres'
import { describeMigrations, describeTransitions } from 'migratest/vitest'
import pg from 'pg'
import { test as base, expect } from 'vitest'

/** The tables at the newest version. */
interface Tables {
  users: {
    id: Generated<number>
    first_name: string
    last_name: string | null
    created_at: ColumnType<Date, never, never>
  }
}

const app = { server: postgres(), migrations: new URL('./migrations', import.meta.url) }

const withDatabase = base.extend('db', withMigratedDatabase(app))
const test = withDatabase.extend('kysely', async ({ db }, { onCleanup }) => {
  const pool = new pg.Pool({ connectionString: db.url })
  const kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  onCleanup(() => kysely.destroy())
  return kysely
})

test('a new user has the time of its creation', async ({ kysely }) => {
  const ada = { first_name: 'Ada', last_name: 'Lovelace' }
  const { created_at, ...created } = await kysely
    .insertInto('users')
    .values(ada)
    .returningAll()
    .executeTakeFirstOrThrow()
  expect(created).toEqual({ id: 1, ...ada })
  expect(created_at).toBeInstanceOf(Date)
})

const beforeSplit = base.extend('db', withMigratedDatabase({ ...app, version: justBefore('2024-06-12_split_names') }))

beforeSplit('the split keeps every user, and its down gives them back', async ({ db }) => {
  await db.query("insert into users (name) values ('Ada Lovelace'), ('Plato')")
  await migrateTo(db, '2024-06-12_split_names')
  expect(await db.query('select first_name, last_name from users order by id')).toEqual([
    { first_name: 'Ada', last_name: 'Lovelace' },
    { first_name: 'Plato', last_name: null },
  ])
  await migrateTo(db, '2024-06-01_users')
  expect(await db.query('select name from users order by id')).toEqual([{ name: 'Ada Lovelace' }, { name: 'Plato' }])
})

describeTransitions(app, [{ from: 'nil', to: 'latest' }])

describeMigrations(app)
