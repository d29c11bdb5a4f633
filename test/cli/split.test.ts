/** `generate --split` and `--merge`, as they are typed. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { cli, folder, write } from '../support/cli.ts'
import { test } from '../support/database.ts'

const table = (columns: string) => `create table users (id integer primary key, ${columns})`
const FILES = {
  'migrations/0001_users.up.sql': table('name text not null'),
  'migrations/0001_users.down.sql': 'drop table users',
  'schema.sql': table('first_name text not null, last_name text not null'),
  'migratest.config.mjs': "export default { wanted: 'schema.sql' }",
}
const FILE = 'migrations/0002_split_users_name.ts'

test('an unanswered question names the option, which writes a file to fill in, and then it runs', async ({ db }) => {
  const cwd = folder(FILES)
  const env = { DATABASE_URL: db.url }
  const asked = cli(['generate', '--json'], {}, cwd)
  expect(asked.code).toBe(3)
  const { questions } = JSON.parse(asked.out)
  expect(questions).toMatchObject([
    { id: 'rename column users.name', conversions: ['split users.name = users.first_name, users.last_name'] },
  ])
  const [, option = ''] = /--split '([^']+)'/.exec(questions[0].flag) ?? []
  const dry = cli(['generate', '--split', option, '--dry-run', '--json'], {}, cwd)
  expect(JSON.parse(dry.out)).toMatchObject({ title: 'split_users_name', code: expect.stringContaining('fillIn(') })
  // The document of the questions with an answer is taken, too.
  write(cwd, 'answers.json', JSON.stringify({ questions: [{ ...questions[0], answer: questions[0].conversions[0] }] }))
  expect(cli(['generate', '--answers', 'answers.json'], {}, cwd)).toMatchObject({
    code: 0,
    out: `${FILE}
3 statements up, 3 statements down; proven up, down and up again.
Fill in newValues (line 16) and oldValues (line 19): until then, the file cannot be loaded. Then "migratest verify" runs it with rows.
`,
  })
  expect(readdirSync(join(cwd, 'migrations'))).toHaveLength(3)

  cli(['up', '1'], env, cwd)
  await db.rows("insert into users values (1, 'Ada Lovelace'), (2, 'Bob')")
  expect(cli(['up'], env, cwd).err).toMatch(
    /0002_split_users_name\.ts:16:38: .*what a row gets in first_name and last_name/,
  )
  const text = readFileSync(join(cwd, FILE), 'utf8')
  write(
    cwd,
    FILE,
    text
      .replace(
        /fillIn\('.* first_name .*'\)/,
        "({ name }) => ({ first_name: name.split(' ')[0] ?? '', last_name: name.split(' ')[1] ?? '' })",
      )
      .replace(
        /fillIn\('.* name'\)/,
        "({ first_name, last_name }) => ({ name: (first_name + ' ' + last_name).trim() })",
      ),
  )
  expect(cli(['up'], env, cwd)).toMatchObject({ code: 0 })
  expect(await db.rows('select first_name, last_name from users order by id')).toEqual([
    { first_name: 'Ada', last_name: 'Lovelace' },
    { first_name: 'Bob', last_name: '' },
  ])
  expect(cli(['generate'], {}, cwd).out).toMatch(/^Nothing to do/)
  expect(cli(['generate', '--check'], {}, cwd).code).toBe(0)
  expect(cli(['down', '1', '--yes'], env, cwd)).toMatchObject({ code: 0 })
  expect(await db.rows('select name from users order by id')).toEqual([{ name: 'Ada Lovelace' }, { name: 'Bob' }])
})

test('--amend puts the file in the place of the newest migration, which was SQL', () => {
  const cwd = folder({ ...FILES, 'schema.sql': table('name text not null, age integer') })
  expect(cli(['generate'], {}, cwd).code).toBe(0)
  write(cwd, 'schema.sql', table('first_name text not null, last_name text not null, age integer'))
  const { out, code } = cli(['generate', '--amend', '--split', 'users.name = first_name, last_name'], {}, cwd)
  expect({ out, code }).toMatchObject({ code: 0, out: expect.stringContaining('Fill in newValues (line 16)') })
  expect(readdirSync(join(cwd, 'migrations')).sort()).toEqual([
    '0001_users.down.sql',
    '0001_users.up.sql',
    '0002_add_users_age.ts',
  ])
  expect(readFileSync(join(cwd, 'migrations/0002_add_users_age.ts'), 'utf8')).toContain('age integer')
})
