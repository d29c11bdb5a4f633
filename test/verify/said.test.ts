import { describe, expect, test } from 'vitest'
import { readScript } from '../../src/sql/script.ts'
import { saidBy } from '../../src/verify/rows/said.ts'

function said(text: string) {
  const { source, statements } = readScript(text, 'postgres')
  return saidBy([
    {
      version: 1,
      half: 'up',
      file: '1.up.sql',
      text: source,
      kind: 'sql',
      statements,
      isUndone: true,
      irreversible: undefined,
    },
  ])
}

function code(text: string) {
  return saidBy([
    {
      version: 1,
      half: 'up',
      file: '1.ts',
      text,
      kind: 'code',
      statements: [],
      isUndone: true,
      irreversible: undefined,
    },
  ])
}

describe('what a file says of rows', () => {
  test.for([
    ['delete from users where id = 1', true],
    ['truncate orders, users', true],
    ['drop table "users"', true],
    ["do $$ begin execute 'delete from users'; end $$", true],
    ['drop schema app cascade', true],
    ['delete from users_old', false],
    ['alter table users add foreign key (team) references teams on delete cascade', false],
    ['update users set deleted = true', false],
    ['-- delete from users\nselect 1', false],
    ['select * from users', false],
  ] as const)('%s', ([sql, names]) => {
    expect(said(sql).deletes(sql.includes('schema') ? 'app.users' : 'users', true)).toBe(names)
  })

  test('that a table or a column is dropped says nothing of some rows that are gone', () => {
    expect(said('drop table users').deletes('users')).toBe(false)
    expect(said('alter table users drop column email').deletes('users')).toBe(false)
    expect(said('alter table users drop partition p1').deletes('users')).toBe(true)
    expect(said('delete from users where email is null').deletes('users')).toBe(true)
  })

  test.for([
    ["update users set name = 'x'", 'all'],
    ["update users set name = 'x' where id = 1", 'some'],
    ["update users set name = coalesce(name, 'x')", 'some'],
    ['alter table users alter name type text using upper(name)', 'some'],
    ["insert into users (name) values ('x')", 'some'],
    ['insert into users_new (id, name) select id, upper(name) from users', 'some'],
    ['insert into users_new select id, coalesce(name, email) as name from users', 'some'],
    ['insert into users_new select id, name, email from users', 'no'],
    ['insert into users_new (id, email) select id, email from users order by name', 'no'],
    ["update users set email = 'x'", 'no'],
    ["update orders set name = 'x'", 'no'],
  ] as const)('%s', ([sql, how]) => {
    expect(said(sql).writes('users', 'name')).toBe(how)
  })

  test('tables and columns that query builders write, drop and rename are recognized', () => {
    const knex = code("knex('users').update({ name: 'x' }); t.dropColumn('email'); t.renameColumn('nick', 'handle')")
    expect([knex.writes('users', 'name'), knex.drops('users', 'email')]).toEqual(['some', true])
    expect(knex.renamedColumn(['users'], 'nick')).toBe('handle')
    expect(code("q.renameColumn('users', 'nick', 'handle')").renamedColumn(['users'], 'nick')).toBe('handle')
    expect(code("db.schema.alterTable('users').renameTo('people')").renamedTable('users')).toBe('people')
  })

  test('a name that needs quotes', () => {
    expect(said('delete from "Order Items"').deletes('Sales.Order Items')).toBe(true)
    expect(said('delete from orders').deletes('Order Items')).toBe(false)
  })

  test('the name that a table had before', () => {
    expect(said('alter table users_new rename to users').formerTable('users')).toBe('users_new')
    expect(said('rename table a to b, users_new to users').formerTable('users')).toBe('users_new')
    expect(said('alter table users_new rename to people').formerTable('users')).toBeUndefined()
  })

  test('renames belong to the table that the statement names', () => {
    const file = said('alter table a rename column x to y; alter table b rename x to "Z"; alter table c rename to d')
    expect(file.renamedColumn(['a'], 'x')).toBe('y')
    expect(file.renamedColumn(['b'], 'x')).toBe('z')
    expect(file.renamedColumn(['c', 'd'], 'x')).toBeUndefined()
    expect([file.renamedTable('c'), file.renamedTable('a')]).toEqual(['d', undefined])
    const mysql = said('alter table `a` change `x` `y` int; rename table a to e, f to g')
    expect([mysql.renamedColumn(['a'], 'x'), mysql.renamedTable('f')]).toEqual(['y', 'g'])
  })
})
