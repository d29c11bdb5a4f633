/** Objects that are left out of the comparison. */
import { describe, expect, test } from 'vitest'
import type { TestServer } from '../../src/testing/testServer.ts'
import { generated } from '../support/generating.ts'
import { describeOnDatabases } from '../support/servers.ts'

const FROM = `create schema audit; create table audit.log (id integer); create index on audit.log (id);
  create table users (id integer primary key, dropped_name text, "dropped_Odd" text); create table dropped_old (id integer);
  create function one() returns integer language sql as 'select 1'; create view report_users as select id from users`

describe('on PostgreSQL', () => {
  const to = 'create table users (id integer primary key, age integer)'
  test.for([
    [
      'everything that is not wanted',
      ['schema', 'audit.*', 'dropped_*', 'users.dropped_*', 'function', 'view report_*'],
    ],
    ['by kinds', ['schemas', 'table audit.log', 'table dropped_old', 'column *.dropped_*', 'functions', 'views']],
  ] as const)('nothing is said about what is left: %s', async ([, leave]) => {
    const { up, down } = await generated({ from: FROM, to, leave })
    expect(up.map(({ sql }) => sql)).toEqual(['ALTER TABLE users ADD COLUMN age integer;'])
    expect(down.map(({ sql }) => sql)).toEqual(['ALTER TABLE users DROP COLUMN age;'])
  })

  test('nothing else is compared than what is named', async () => {
    const { up } = await generated({
      from: FROM,
      to: `${to}; create table more (id integer)`,
      only: ['more', 'function'],
    })
    expect(up.map(({ sql }) => sql.replace(/\s+/g, ' '))).toEqual([
      'DROP FUNCTION one();',
      'CREATE TABLE more ( id integer );',
    ])
  })

  test('a pattern without a name is refused', async () => {
    await expect(generated({ from: FROM, to, leave: [' '] })).rejects.toThrow(/is empty/)
  })
})

describeOnDatabases(['MySQL', 'MariaDB'], ({ server }) => {
  test('nothing is said about what is left', async () => {
    const { up } = await generated({
      from: 'create table users (id int primary key, dropped_name varchar(9)); create table dropped_old (id int); create view report as select id from users',
      to: 'create table users (id int primary key, age int)',
      leave: ['dropped_*', 'users.dropped_*', 'view'],
      server: server as TestServer<unknown>,
    })
    expect(up.map(({ sql }) => sql.replace(/\s+/g, ' '))).toEqual([
      expect.stringMatching(/^ALTER TABLE `users` ADD COLUMN `age` int\S* DEFAULT NULL;$/),
    ])
  })
})
