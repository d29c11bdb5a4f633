/** Questions are asked before a migration is written, and answered by options or by a person. */
import { describe, expect, test } from 'vitest'
import { isMigratestError } from '../../src/errors.ts'
import type { GivenAnswers } from '../../src/generate/questions/answers.ts'
import { generated } from '../support/generating.ts'

const ASKING = { askRenames: true, destroy: false } as const

describe('a question', () => {
  test.for([
    [
      'about a table',
      'create table people (id integer, name text)',
      'create table persons (id integer, name text)',
      'rename table people',
      ['persons'],
    ],
    [
      'about a column, the likeliest first',
      'create table t (id integer, mail text)',
      'create table t (id integer, note text, email text)',
      'rename column t.mail',
      ['t.email', 't.note'],
    ],
    [
      'about a value of an enum',
      "create type m as enum ('a', 'b')",
      "create type m as enum ('a', 'c')",
      "rename value m.'b'",
      ["m.'c'"],
    ],
    [
      'about rows of a new column',
      'create table t (id integer)',
      'create table t (id integer, a text not null)',
      'fill t.a',
      undefined,
    ],
    [
      'about rows without a value',
      'create table t (a text)',
      'create table t (a text not null)',
      'fill t.a',
      undefined,
    ],
    [
      'about rows with a value that goes',
      "create type m as enum ('a', 'b'); create table t (m m)",
      "create type m as enum ('a'); create table t (m m)",
      "map m.'b'",
      ["'a'"],
    ],
    [
      'about what goes with its rows',
      'create table t (a text, b integer)',
      'create table t (b integer)',
      'destroy column t.a',
      ['drop', 'aside', 'leave'],
    ],
  ] as const)('%s', async ([, from, to, id, candidates]) => {
    const { questions, up } = await generated({ from, to, answers: ASKING })
    expect(questions.map((question) => question.id)).toEqual([id])
    expect(questions[0]?.candidates).toEqual(candidates)
    expect(up).toEqual([])
  })

  test.for([
    ['a new name', { 'rename column t.mail': 't.email' }, 'ALTER TABLE t RENAME COLUMN mail TO email;\n'],
    [
      'no',
      { 'rename column t.mail': 'no', 'destroy column t.mail': 'drop' },
      '-- migrate: destroys column t.mail\nALTER TABLE t\n  DROP COLUMN mail,\n  ADD COLUMN email text;\n',
    ],
  ] as const)('is answered with %s', async ([, byId, text]) => {
    const wish = { from: 'create table t (id integer, mail text)', to: 'create table t (id integer, email text)' }
    expect((await generated({ ...wish, answers: { ...ASKING, byId } })).upText).toBe(text)
  })
})

test('a name may have its schema, public', async () => {
  const { upText } = await generated({
    from: 'create table t (a text)',
    to: 'create table t (b text, c integer not null)',
    answers: { ...ASKING, renames: ['column public.t.a = public.t.b'], fill: ['public.t.c=1'] },
  })
  expect(upText).toContain('ALTER TABLE t RENAME COLUMN a TO b;')
})

test('rows get the values of the answers', async () => {
  const { upText } = await generated({
    from: "create type m as enum ('a', 'b'); create table t (m m, n text, o text)",
    to: "create type m as enum ('a'); create table t (m m, n text not null, o integer, p text not null)",
    rows: "insert into t values ('b', null, 'seven')",
    answers: { map: ['m.b=a'], fill: ["t.n='none'", 't.p=gen_random_uuid()'], using: ['t.o=length(o)'] },
  })
  expect(upText).toContain("(CASE m::text WHEN 'b' THEN 'a' ELSE m::text END)::m")
  expect(upText).toContain("UPDATE t SET n = 'none' WHERE n IS NULL;")
  expect(upText).toContain(
    'ADD COLUMN p text NOT NULL DEFAULT gen_random_uuid();\nALTER TABLE t ALTER COLUMN p DROP DEFAULT;',
  )
  expect(upText).toContain('ALTER COLUMN o TYPE integer USING length(o)')
})

describe('an answer is refused', () => {
  test.for([
    ['that says no rename', { renames: ['users.name'] }, /says no rename/],
    [
      'about a column that the migrations do not make',
      { renames: ['column t.x = t.b'] },
      /make no column t\.x\.\n\nDid you mean t\.a/,
    ],
    ['about a column that nobody wants', { renames: ['column t.a = t.c'] }, /has no column t\.c/],
    ['without a value', { fill: ['t.a'] }, /not NAME=VALUE/],
    ['to what was not asked', { byId: { 'what t.a': 'x' } }, /not a question/],
  ] as const)('%s', async ([, answers, message]) => {
    const wish = { from: 'create table t (a integer)', to: 'create table t (b integer)' }
    const error = await generated({ ...wish, answers: answers as GivenAnswers }).catch((thrown) => thrown)
    expect(isMigratestError(error, 'MIGRATEST_USAGE')).toBe(true)
    expect(error.message).toMatch(message)
  })
})

describe('the wanted SQL', () => {
  test('may stand in any order', async () => {
    const to = 'create view v as select id from t; create index on t (id); create table t (id integer)'
    expect((await generated({ from: 'select 1', to })).up).toHaveLength(3)
  })

  test('is refused with its place', async () => {
    const error = await generated({ from: 'select 1', to: 'create table t (\n  id integr\n)' }).catch(
      (thrown) => thrown,
    )
    expect(isMigratestError(error, 'MIGRATEST_WANTED_SQL')).toBe(true)
    expect(error.message).toMatch(/^wanted\.sql:2:6: type "integr" does not exist/)
  })

  test('is refused if there is none, for that would drop everything', async () => {
    const error = await generated({ from: 'create table t (a integer)', to: '-- nothing\n' }).catch((thrown) => thrown)
    expect(isMigratestError(error, 'MIGRATEST_NOTHING_WANTED')).toBe(true)
  })
})

test('rows that no cast takes over are an error with the statement', async () => {
  const error = await generated({
    from: 'create table t (a text)',
    to: 'create table t (a integer)',
    rows: "insert into t values ('seven')",
  }).catch((thrown) => thrown)
  expect(isMigratestError(error, 'MIGRATEST_CANNOT_GENERATE')).toBe(true)
  expect(error.message).toContain('invalid input syntax for type integer: "seven"')
})

test('what fails with generated rows only is said, and written all the same', async () => {
  const { upText, remark } = await generated({
    from: 'create table t (id integer primary key, a text)',
    to: 'create table t (id integer primary key, a integer)',
  })
  expect(upText).toBe('ALTER TABLE t ALTER COLUMN a TYPE integer USING a::integer;\n')
  expect(remark).toMatch(/^With generated rows in t, it fails: invalid input syntax for type integer/)
})

test('a column that comes back with the down gets values that mean nothing, apart from each other where they must be', async () => {
  const { downText, remark } = await generated({
    from: 'create table t (id integer primary key, a text not null, "user" varchar(9) not null unique)',
    to: 'create table t (id integer primary key)',
  })
  expect(remark).toBeUndefined()
  expect(downText).toContain("ADD COLUMN a text NOT NULL DEFAULT '';")
  expect(downText).toContain(
    'ADD COLUMN "user" character varying(9) NOT NULL DEFAULT left(gen_random_uuid()::text, 9);',
  )
})
