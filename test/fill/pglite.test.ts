import { test as base, expect } from 'vitest'
import { withMigratedDatabase } from '../../fixtures/withMigratedDatabase.ts'
import { fill } from '../../index.ts'
import { pglite } from '../../presets/pglite.ts'
import { memory } from '../../src/source/memory.ts'

const schema = `
create table team (id int primary key, captain int not null);
create table player (id int primary key, team int not null references team, shirt int not null check (shirt between 1 and 99), unique (team, shirt));
alter table team add foreign key (captain) references player;
create table result (id uuid primary key, home int not null references team, away int not null references team check (away <> home), played tstzrange, score jsonb not null check (score ? 'home'));
`

const options = { server: pglite(), migrations: memory({ '1_league.up.sql': schema }) }

const test = base.extend('db', withMigratedDatabase(options))

test('PGlite: a circle, two keys to one table, and JSON', async ({ db }) => {
  expect(await fill(db, { team: 4, player: 4, result: 20 })).toEqual({ team: 4, player: 4, result: 20 })
  expect(await fill(db.client, { player: 30 })).toEqual({ player: 30, team: 30 })
  expect(await db.query(`select bool_and(home <> away and score ? 'home') as sound from result`)).toEqual([
    { sound: true },
  ])
})

const shared = base.extend('db', withMigratedDatabase({ ...options, isolation: 'transaction' }))

shared.for([1, 2])('PGlite: within the transaction of a test, %s', async (_, { db }) => {
  await fill(db, { result: 3 })
  expect(await db.query('select count(*)::int as count from result')).toEqual([{ count: 3 }])
})
