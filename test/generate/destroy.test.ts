/** Tables and columns that are not wanted any more: dropped, set aside, or left. */
import { describe, expect, test } from 'vitest'
import type { TestServer } from '../../src/testing/testServer.ts'
import { generated, type Wish } from '../support/generating.ts'
import { describeOnDatabases } from '../support/servers.ts'

const oneLine = (sql: string) => sql.replace(/\s+/g, ' ')

describe('on PostgreSQL', () => {
  const from = `create table teams (id integer primary key);
    create table users (id integer primary key, name text not null default 'x' unique, age integer);
    create table old (id integer generated always as identity primary key, team integer not null references teams)`
  const wish: Wish = {
    from,
    to: 'create table teams (id integer primary key); create table users (id integer primary key, age integer)',
    rows: "insert into teams values (1); insert into users values (1, 'Ada', 3); insert into old (team) values (1), (1)",
  }

  test('set aside, they are out of the way of new rows, and come back with theirs', async () => {
    const { up, down, aside } = await generated({ ...wish, answers: { destroy: ['aside'] } })
    expect(up.map(({ sql }) => oneLine(sql))).toEqual([
      'ALTER TABLE old DROP CONSTRAINT old_team_fkey;',
      'ALTER TABLE old RENAME TO dropped_old;',
      'ALTER TABLE users DROP CONSTRAINT users_name_key;',
      'ALTER TABLE users RENAME COLUMN name TO dropped_name;',
      'ALTER TABLE users ALTER COLUMN dropped_name DROP NOT NULL;',
      'ALTER TABLE users ALTER COLUMN dropped_name DROP DEFAULT;',
    ])
    expect(down.map(({ sql }) => oneLine(sql)).join(' ')).toContain('ALTER TABLE dropped_old RENAME TO old;')
    expect(aside).toEqual(['table old is dropped_old now', 'column users.name is users.dropped_name now'])
  })

  test('each has its own way', async () => {
    const { up } = await generated({ ...wish, answers: { destroy: ['leave', 'aside=users.name'] } })
    expect(up.map(({ sql }) => oneLine(sql))).toEqual([
      'ALTER TABLE users DROP CONSTRAINT users_name_key;',
      'ALTER TABLE users RENAME COLUMN name TO dropped_name;',
      'ALTER TABLE users ALTER COLUMN dropped_name DROP NOT NULL;',
      'ALTER TABLE users ALTER COLUMN dropped_name DROP DEFAULT;',
    ])
  })

  test('a type that a table set aside needs stays, too', async () => {
    const { up } = await generated({
      from: "create type mood as enum ('a'); create table old (m mood); create table gone (m mood)",
      to: 'create table other (id integer)',
      answers: { destroy: ['aside', 'drop=gone'] },
    })
    expect(up.map(({ sql }) => oneLine(sql))).toEqual([
      'DROP TABLE gone;',
      'ALTER TABLE old RENAME TO dropped_old;',
      'CREATE TABLE other ( id integer );',
    ])
  })

  test('a column that goes with its table, which is made anew, is asked about and marked', async () => {
    const wish: Wish = {
      from: 'create table t (id integer, gone text) partition by range (id); create table t1 partition of t default',
      to: 'create table t (id integer)',
      answers: { destroy: false },
    }
    expect((await generated(wish)).questions.map(({ id }) => id)).toEqual(['destroy table t1', 'destroy column t.gone'])
    const { upText } = await generated({ ...wish, answers: { destroy: true } })
    expect(upText).toContain('-- migrate: destroys column t.gone\nDROP TABLE t;')
    await expect(generated({ ...wish, answers: { destroy: ['drop', 'aside=t.gone'] } })).rejects.toThrow(
      'column t.gone cannot be set aside or left: its table is made anew.',
    )
  })

  test('they are asked about one by one, with the three ways', async () => {
    const { questions } = await generated({ ...wish, answers: { destroy: false } })
    expect(questions.map(({ id, candidates }) => [id, candidates])).toEqual([
      ['destroy table old', ['drop', 'aside', 'leave']],
      ['destroy column users.name', ['drop', 'aside', 'leave']],
    ])
    const byId = { 'destroy table old': 'leave', 'destroy column users.name': 'drop' }
    const { up } = await generated({ ...wish, answers: { destroy: false, byId } })
    expect(up.map(({ sql }) => oneLine(sql))).toEqual([
      'ALTER TABLE users DROP CONSTRAINT users_name_key, DROP COLUMN name;',
    ])
  })

  test('something new that has the old name keeps a table from being left', async () => {
    const taken = { from: 'create table t (a integer)', to: 'create view t as select 1 as a' }
    await expect(generated({ ...taken, answers: { destroy: ['leave'] } })).rejects.toThrow(
      /cannot be set aside or left/,
    )
  })
})

describeOnDatabases(['MySQL', 'MariaDB'], ({ server }) => {
  test('set aside, they come back with their rows', async () => {
    const { up, aside } = await generated({
      from: 'create table teams (id int primary key); create table users (id int primary key, name varchar(20) not null, age int); create table old (id int primary key, team int, constraint f foreign key (team) references teams (id))',
      to: 'create table teams (id int primary key); create table users (id int primary key, age int)',
      rows: "insert into teams values (1); insert into users values (1, 'Ada', 3); insert into old values (1, 1)",
      server: server as TestServer<unknown>,
      answers: { destroy: ['aside'] },
    })
    const text = up.map(({ sql }) => oneLine(sql)).join('\n')
    expect(text).toContain('RENAME TABLE `old` TO `dropped_old`;')
    expect(text).toContain('CHANGE COLUMN `name` `dropped_name` varchar(20) NULL')
    expect(aside).toHaveLength(2)
  })
})
