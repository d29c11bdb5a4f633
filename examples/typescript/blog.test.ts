/** Migrations in TypeScript and on branches, tested as any others. */

import { migrateTo, withMigratedDatabase } from 'migratest'
import { postgres } from 'migratest/presets/postgres'
import { describeMigrations } from 'migratest/vitest'
import { test as base, expect } from 'vitest'

const blog = { server: postgres(), migrations: new URL('./migrations', import.meta.url) }

const test = base.extend('db', withMigratedDatabase({ ...blog, version: 2 }))

test('3 counts the words of every post', async ({ db }) => {
  await db.query("insert into posts (title, body) values ('One', 'a b'), ('Two', 'a b  c d')")
  await migrateTo(db, 3)
  expect(await db.query('select title, words, length from posts order by id')).toEqual([
    { title: 'One', words: 2, length: 'short' },
    { title: 'Two', words: 4, length: 'medium' },
  ])
})

test('a database that has the authors already gets the summaries of the other branch', async ({ db }) => {
  await migrateTo(db, 'latest')
  expect(await db.version()).toEqual({ version: 4, dirty: false })
})

describeMigrations(blog)
