/** A split and a merge of columns: the file in TypeScript, the question about it, and what it does once it is filled in. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { placesToFillIn } from '../../src/generate/conversion/codeText.ts'
import { generate } from '../../src/generate/generate.ts'
import { choicesOf, generateAsking } from '../../src/generate/questions/asking.ts'
import { memory } from '../../src/source/memory.ts'
import { MigratedDatabase } from '../../src/testing/lease/migratedDatabase.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import { folder } from '../support/cli.ts'
import { generated, type Wish } from '../support/generating.ts'
import { anyPostgres, describeOnDatabases } from '../support/servers.ts'

const SPLIT: Wish = {
  from: `create table users (id bigint primary key, name text not null unique, born date);
    create view names as select id, name from users`,
  to: `create table users (id bigint primary key, first_name text not null default '', last_name varchar(50), born date);
    create view names as select id, first_name as name from users`,
  answers: { destroy: false, askRenames: true, conversions: ['column users.name = users.first_name, last_name'] },
}

describe('on PostgreSQL', () => {
  test('a split is a file with two functions to fill in, and everything else around them', async () => {
    const { migrations, questions, name, upText, up, downText } = await generated(SPLIT)
    expect([questions, name]).toEqual([[], 'split_users_name'])
    expect(migrations[0]?.code).toBe(`import { convertRows, defineMigration, fillIn } from 'migratest'

// users: name becomes first_name, last_name.
// Put a function in the place of each fillIn(…): it gets the old values of a row and returns the new ones.

interface Old {
  name: string
}

interface New {
  first_name: string
  last_name: string | null
}

/** For the up, such as ({ name }) => ({ first_name: …, last_name: … }) */
const newValues: (row: Old) => New = fillIn('what a row gets in first_name and last_name')

/** For the down, such as ({ first_name, last_name }) => ({ name: … }) */
const oldValues: (row: New) => Old = fillIn('what a row gets in name')

export default defineMigration({
  async up(migration) {
    await migration.sql(\`ALTER TABLE users
  ADD COLUMN first_name text,
  ADD COLUMN last_name character varying(50)\`)
    await convertRows(migration, newValues, {
      table: 'users',
      key: ['id'],
      from: ['name'],
      to: ['first_name', 'last_name'],
    })
    await migration.sql(\`ALTER TABLE users
  DROP CONSTRAINT users_name_key,
  ALTER COLUMN first_name SET DEFAULT ''::text,
  ALTER COLUMN first_name SET NOT NULL\`)
    await migration.sql(\`CREATE OR REPLACE VIEW names AS
 SELECT id,
    first_name AS name
   FROM users\`)
    await migration.sql('ALTER TABLE users DROP COLUMN name')
  },
  async down(migration) {
    await migration.sql('ALTER TABLE users ADD COLUMN name text')
    await convertRows(migration, oldValues, {
      table: 'users',
      key: ['id'],
      from: ['first_name', 'last_name'],
      to: ['name'],
    })
    await migration.sql(\`ALTER TABLE users
  DROP COLUMN last_name,
  ALTER COLUMN name SET NOT NULL,
  ADD CONSTRAINT users_name_key UNIQUE (name)\`)
    await migration.sql(\`CREATE OR REPLACE VIEW names AS
 SELECT id,
    name
   FROM users\`)
    await migration.sql('ALTER TABLE users DROP COLUMN first_name')
  },
})
`)
    expect(placesToFillIn(migrations[0]?.code ?? '')).toBe('newValues (line 16) and oldValues (line 19)')
    // Nothing goes with its values, and no value that stood for the code in the proof is to be run.
    expect(`${upText}${downText}`).not.toMatch(/migrate: |UPDATE/)
    expect(up.map(({ sql }) => sql)).toContain('-- users: name to first_name, last_name, row by row, in TypeScript')
  })

  test('twice from the same schemas, the bytes are the same', async () => {
    const [one, other] = [await generated(SPLIT), await generated(SPLIT)]
    expect(one.migrations[0]?.code).toBe(other.migrations[0]?.code)
  })

  test('tables, keys and types may change beside it', async () => {
    const { migrations, remark } = await generated({
      from: `create table "Person" ("No" integer, part smallint, street text, city text not null, gone text, primary key ("No", part))`,
      to: `create type country as enum ('at', 'de'); create table people ("No" integer, part smallint, "to" text[] not null, "in" country, primary key ("No", part))`,
      rows: `insert into "Person" values (1, 1, 'a', 'b', 'c'), (1, 2, null, 'b', null)`,
      answers: {
        renames: ['table "Person" = people'],
        conversions: ['columns "Person".street, city = people."to", "in"'],
        destroy: true,
      },
    })
    const code = migrations[0]?.code ?? ''
    expect(remark).toBeUndefined()
    expect(code).toContain(`interface Old {\n  street: string | null\n  city: string\n}`)
    expect(code).toContain(`interface New {\n  to: string[]\n  in: 'at' | 'de' | null\n}`)
    expect(code).toContain(`table: '"Person"',\n      key: ['No', 'part'],`)
    expect(code).toContain(`table: 'people',\n      key: ['No', 'part'],\n      from: ['to', 'in'],`)
    expect(code).toContain('// migrate: destroys column people.gone')
    expect(code).toContain('// migrate: does-not-restore column people.gone')
    expect(code).not.toMatch(/(?:destroys|restore).*city|made anew/)
  })

  test('what cannot be a split or a merge is refused, with the reason', async () => {
    const refused = async (conversion: string, wish: Partial<Wish> = {}) =>
      generated({ ...SPLIT, answers: { ...SPLIT.answers, conversions: [conversion] }, ...wish }).then(
        () => 'not refused',
        (error: Error) => error.message.split('\n')[0],
      )
    expect(await refused('users.name')).toMatch(/says neither a split nor a merge/)
    expect(await refused('users.name = users.first_name')).toMatch(/says neither/)
    expect(await refused('users.nam = first_name, last_name')).toMatch(/the migrations make no column users\.nam\.$/)
    expect(await refused('users.name = first_name, surname')).toMatch(
      /the wanted schema has no column users\.surname\.$/,
    )
    expect(await refused('users.born = first_name, last_name')).toMatch(/users\.born stays\.$/)
    expect(await refused('users.name = first_name, born')).toMatch(/users\.born is there already\.$/)
    expect(await refused('users.name = first_name, last_name', { online: true })).toMatch(/--online writes SQL only/)
    const computed = 'create table t (a text, b text generated always as (upper(a)) stored)'
    expect(await refused('t.a, t.b = t.c', { from: computed, to: 'create table t (c text)' })).toMatch(
      /t\.b has no values/,
    )
    expect(
      await refused('t.a = t.b, t.c', { from: 'create table t (a text)', to: 'create table t (b text, c text)' }),
    ).toBe('t has no primary key, so that code cannot tell its rows apart.')
  })

  test('a folder of another tool gets none, and is offered none', async () => {
    const cwd = folder({
      'schema.prisma': '',
      'migrations/0_init/migration.sql': SPLIT.from,
      'migrations/migration_lock.toml': '',
    })
    const wish = (answers: Wish['answers']) =>
      generate({
        server: anyPostgres as TestServer<unknown>,
        migrations: join(cwd, 'migrations'),
        wanted: { sql: [{ name: 'wanted.sql', sql: SPLIT.to }] },
        answers: answers ?? {},
      })
    await expect(wish(SPLIT.answers)).rejects.toThrow(/nothing of the kind is written into a folder of Prisma/)
    const { questions } = await wish({})
    expect(questions.map(({ conversions }) => conversions)).toEqual([undefined])
  })
})

describe('the question', () => {
  const asked = (from: string, to: string, answers: Wish['answers'] = {}) =>
    generated({ from, to, answers: { destroy: false, askRenames: true, ...answers } })

  test('offers a split beside the rename, and the options that say so', async () => {
    const { questions } = await asked(SPLIT.from, SPLIT.to)
    const [question] = questions
    if (!question) throw new Error('nothing was asked')
    expect(question.flag).toBe(
      "--rename 'column users.name = users.first_name' or --split 'column users.name = users.first_name, users.last_name' or --no-renames",
    )
    expect(choicesOf(question).map(({ label }) => label)).toEqual([
      'users.name was renamed to users.first_name',
      'users.name becomes users.first_name and users.last_name, by code that you write (TypeScript)',
      'users.name was not renamed',
    ])
  })

  test.for([
    [
      'a merge of three',
      'id integer primary key, d integer, m integer, y integer',
      'id integer primary key, born date',
      ['merge t.d, t.m, t.y = t.born'],
    ],
    [
      'nothing of another kind where something is alike',
      'id integer primary key, name text',
      'id integer primary key, full_name text, age integer',
      [],
    ],
    [
      'nothing where as many come as go',
      'id integer primary key, a text, b text',
      'id integer primary key, c integer, d integer',
      [],
    ],
    [
      'nothing for columns that the server computes',
      'id integer primary key, a text',
      'id integer primary key, b integer generated always as (id) stored, c integer generated always as (id) stored',
      [],
    ],
  ] as const)('offers %s', async ([, from, to, offers]) => {
    const { questions } = await asked(`create table t (${from})`, `create table t (${to})`)
    expect([...new Set(questions.flatMap(({ conversions = [] }) => conversions))]).toEqual(offers)
  })

  test('is not asked where it was said what becomes of the column', async () => {
    const { questions, up } = await asked(
      'create table t (id integer primary key, a text)',
      'create table t (id integer primary key, b integer, c integer)',
      { destroy: ['drop'] },
    )
    expect([questions, up.length]).toEqual([[], 1])
  })

  test('is answered once for all columns of a merge', async () => {
    const said: string[] = []
    const { result, answers } = await generateAsking(
      (byId) =>
        asked(
          'create table t (id integer primary key, a text, b text)',
          'create table t (id integer primary key, c text not null)',
          { byId },
        ),
      {},
      async ({ id, conversions = [] }) => {
        said.push(id)
        return conversions[0]
      },
    )
    expect(said).toEqual(['rename column t.a'])
    expect(answers).toEqual({ 'rename column t.a': 'merge t.a, t.b = t.c' })
    expect([result.name, result.migrations[0]?.code?.includes('fillIn')]).toEqual(['merge_into_t_c', true])
  })
})

describeOnDatabases(['PostgreSQL', 'PGlite', 'MySQL', 'MariaDB'], ({ server, mysql }) => {
  const text = mysql ? 'varchar(60)' : 'text'
  const stamp = mysql ? ', changed timestamp not null default current_timestamp on update current_timestamp' : ''
  const from = `create table users (id bigint primary key, name ${text} not null, born date${stamp})`
  const to = `create table users (id bigint primary key, first_name ${text} not null, last_name ${text}, born date${stamp})`

  test('filled in, it carries the rows up, down and up again', async () => {
    const { migrations } = await generate({
      server,
      migrations: memory({ '1_users.up.sql': from, '1_users.down.sql': 'drop table users' }),
      wanted: { sql: [{ name: 'wanted.sql', sql: to }] },
      answers: { conversions: ['users.name = users.first_name, users.last_name'] },
    })
    const cwd = folder({ '1_users.up.sql': from, '1_users.down.sql': 'drop table users' })
    const code = migrations[0]?.code ?? ''
    writeFileSync(join(cwd, '2_split.ts'), code)
    const open = () => MigratedDatabase.create({ server, migrations: cwd, version: 1 })
    await using unfinished = await open()
    await expect(unfinished.migrate(2)).rejects.toThrow(/2_split\.ts:16:\d+.*fillIn\(\) stands for a function/)
    expect(await unfinished.version()).toMatchObject({ version: 1, dirty: false })

    const filledIn = code
      .replace(
        /fillIn\('what a row gets in first_name.*'\)/,
        "({ name }) => { const [first, ...rest] = name.split(' '); return { first_name: first ?? '', last_name: rest.length > 0 ? rest.join(' ') : null } }",
      )
      .replace(
        /fillIn\('what a row gets in name'\)/,
        "({ first_name, last_name }) => ({ name: last_name === null ? first_name : [first_name, last_name].join(' ') })",
      )
    expect(filledIn).not.toMatch(/= fillIn\(/)
    writeFileSync(join(cwd, '2_split.ts'), filledIn)
    await using db = await open()
    const rows = Array.from(
      { length: 1234 },
      (_, i) => `(${i}, '${i % 3 === 0 ? 'Ada' : `Ada O''Lovelace ${i}`}', '1815-12-10')`,
    )
    await db.query(`insert into users (id, name, born) values ${rows.join(', ')}`)
    const all = () => db.query('select * from users order by id')
    const before = await all()
    await db.migrate(2)
    expect(await db.query('select first_name, last_name from users where id in (999, 1000) order by id')).toEqual([
      { first_name: 'Ada', last_name: null },
      { first_name: 'Ada', last_name: "O'Lovelace 1000" },
    ])
    const after = await all()
    await db.migrate(1)
    const plain = (list: readonly object[]) => list.map((row) => Object.entries(row).sort())
    expect(plain(await all())).toEqual(plain(before))
    await db.migrate(2)
    expect(await all()).toEqual(after)
  })
})
