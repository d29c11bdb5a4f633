/** A folder of Prisma as it is: each migration is tested with rows that were there before it. */

import { justBefore, migrateTo, withMigratedDatabase } from 'migratest'
import { postgres } from 'migratest/presets/postgres'
import { describeMigrations } from 'migratest/vitest'
import { test as base, expect } from 'vitest'

const app = { server: postgres(), migrations: new URL('./prisma/migrations', import.meta.url) }

const beforeTheSplit = base.extend('db', withMigratedDatabase({ ...app, version: justBefore('20240612') }))

beforeTheSplit('the split keeps every user', async ({ db }) => {
  await db.query(
    `insert into "User" (email, name) values ('ada@example.org', 'Ada Lovelace'), ('plato@example.org', 'Plato')`,
  )

  await migrateTo(db, '20240612093000_split_names')

  expect(await db.query('select "firstName", "lastName" from "User" order by id')).toEqual([
    { firstName: 'Ada', lastName: 'Lovelace' },
    { firstName: 'Plato', lastName: null },
  ])
})

const test = base.extend(
  'db',
  withMigratedDatabase({
    ...app,
    // A seed belongs to a version: the migrations above it change its rows, too.
    seeds: { '20240601120000_init': { User: [{ email: 'ada@example.org', name: 'Ada Lovelace' }] } },
  }),
)

test('a post has an author', async ({ db }) => {
  await db.query(`insert into "Post" (title, "authorId") select 'Notes', id from "User"`)
  expect(await db.query('select title, "firstName" from "Post" join "User" u on u.id = "authorId"')).toEqual([
    { title: 'Notes', firstName: 'Ada' },
  ])
})

test("Prisma's own table says that everything is applied", async ({ db }) => {
  const rows = await db.query('select migration_name from _prisma_migrations where finished_at is not null order by 1')
  expect(rows.map(({ migration_name }) => migration_name)).toEqual([
    '20240601120000_init',
    '20240612093000_split_names',
    '20240620150000_add_posts',
  ])
})

describeMigrations(app)
