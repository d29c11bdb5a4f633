/** A folder of Drizzle as it is: each migration is tested with rows that were there before it. */

import { justBefore, migrateTo, withMigratedDatabase } from 'migratest'
import { postgres } from 'migratest/presets/postgres'
import { describeMigrations, describeTransitions } from 'migratest/vitest'
import { test as base, expect } from 'vitest'

const app = { server: postgres(), migrations: new URL('./drizzle', import.meta.url) }

const test = base.extend('db', withMigratedDatabase({ ...app, version: justBefore('0001_split_names') }))

test('the split keeps every user', async ({ db }) => {
  // This project does not install drizzle-orm. With it: const orm = drizzle({ client: db.client, schema })
  await db.query("insert into users (email, name) values ('ada@example.org', 'Ada Lovelace')")

  await migrateTo(db, '0001_split_names')

  expect(await db.query('select first_name, last_name from users')).toEqual([
    { first_name: 'Ada', last_name: 'Lovelace' },
  ])
})

test("Drizzle's own table has a row for each migration, with the time that the journal states", async ({ db }) => {
  await migrateTo(db, 'latest')
  expect(await db.query('select created_at from drizzle.__drizzle_migrations order by id')).toEqual([
    { created_at: '1717243200000' },
    { created_at: '1718184600000' },
    { created_at: '1718895600000' },
  ])
})

describeTransitions(app, [
  { from: 'nil', to: 'latest' },
  {
    from: justBefore('0001_split_names'),
    to: '0001_split_names',
    name: 'a single name stays without a last name',
    given: { users: [{ email: 'plato@example.org', name: 'Plato' }] },
    expect: { users: [{ first_name: 'Plato', last_name: null }] },
  },
])

describeMigrations(app)
