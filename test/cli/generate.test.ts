/** `generate` and `diff`, as they are typed. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { cli, folder } from '../support/cli.ts'
import { test } from '../support/database.ts'

const USERS = {
  'migrations/0001_users.up.sql': 'create table users (id integer primary key, name text)',
  'migrations/0001_users.down.sql': 'drop table users',
}
const WANTED = 'create table users (id integer primary key, full_name text);'

// First what has a database: later commands run in this process's time, and its connection would wait too long.
describe('diff', () => {
  test('finds nothing after up, and then what was done by hand', async ({ db }) => {
    const cwd = folder({
      ...USERS,
      'migrations/0002_more.up.sql': 'create table more (id integer)',
      'migrations/0002_more.down.sql': 'drop table more',
    })
    const env = { DATABASE_URL: db.url }
    cli(['up', '1'], env, cwd)
    expect(cli(['diff'], env, cwd)).toMatchObject({
      code: 0,
      out: 'No difference between the database and the migrations at version 1.\n',
    })
    await db.rows('alter table users add note text; create index on users (name)')
    const { out, code } = cli(['diff'], env, cwd)
    expect(code).toBe(1)
    expect(out).toBe(`  CREATE TABLE users (
+   note text
  );
+ CREATE INDEX users_name_idx ON users USING btree (name);

2 objects differ (- migrations at version 1, + the database).
`)
    expect(cli(['diff', '--sql'], env, cwd).out).toBe(`DROP INDEX users_name_idx;

-- migrate: destroys column users.note
ALTER TABLE users DROP COLUMN note;
`)
    const captured = cli(['generate', 'by_hand', '--from-database', db.url, '--dry-run', '--destroy'], env, cwd)
    expect(captured.out).toContain('ADD COLUMN note text')
  })

  test('says how many rows of the database would go', async ({ db }) => {
    const cwd = folder({ ...USERS, 'schema.sql': 'create table users (id integer primary key)' })
    const env = { DATABASE_URL: db.url }
    cli(['up'], env, cwd)
    await db.rows("insert into users values (1, 'Ada'), (2, null)")
    const asked = cli(['generate', '--schema', 'schema.sql'], env, cwd)
    expect(asked.code).toBe(3)
    expect(asked.err).toMatch(/column users\.name goes,.*Column users\.name has 1 value in the database /)
    const dropped = cli(['generate', '--schema', 'schema.sql', '--dry-run', '--destroy', 'drop'], env, cwd)
    expect(dropped.err).toMatch(/^drops rows: column users\.name has 1 value in the database /m)
    expect(dropped.out).toBe(`-- up: drop_users_name
-- migrate: destroys column users.name
ALTER TABLE users DROP COLUMN name;

-- down
-- migrate: does-not-restore column users.name

ALTER TABLE users ADD COLUMN name text;
`)
  })

  test('compares the wanted schema with all migrations', () => {
    const cwd = folder({ ...USERS, 'schema.sql': 'create table users (id integer primary key)' })
    const { out, code } = cli(['diff', '--schema', 'schema.sql', '--json'], {}, cwd)
    expect(code).toBe(1)
    expect(JSON.parse(out).changes).toMatchObject([{ change: 'changed', object: 'table users' }])
  })
})

describe('generate', () => {
  test('writes both halves with the next number, and finds nothing to do then', () => {
    const cwd = folder({
      ...USERS,
      'schema.sql': 'create table users (id integer primary key, name text, age integer)',
    })
    const { out, code } = cli(['generate', '--schema', 'schema.sql'], {}, cwd)
    expect(out).toBe(
      'migrations/0002_add_users_age.up.sql\nmigrations/0002_add_users_age.down.sql\n1 statement up, 1 statement down; proven up, down and up again.\n',
    )
    expect(code).toBe(0)
    expect(readFileSync(join(cwd, 'migrations/0002_add_users_age.up.sql'), 'utf8')).toBe(
      'ALTER TABLE users ADD COLUMN age integer;\n',
    )
    expect(cli(['generate', '--schema', 'schema.sql'], {}, cwd).out).toMatch(/^Nothing to do/)
    expect(cli(['verify'], {}, cwd).code).toBe(0)
  })

  test('what was answered stands in the files, so verify does not ask again', () => {
    const table = 'create table users (id integer primary key, '
    const cwd = folder({
      'migrations/0001_init.up.sql': `create type mood as enum ('ok', 'lost'); ${table} old text, country text, mood mood, nick text, "Note" varchar(300)); create table gone (id integer primary key)`,
      'migrations/0001_init.down.sql': 'drop table gone; drop table users; drop type mood',
      'schema.sql': `create type mood as enum ('ok'); ${table} country text not null, mood mood, nick varchar(3), "Note" varchar(3));`,
    })
    const answers = ['--destroy', 'drop', '--fill', "users.country='DE'", '--map', 'mood.lost=ok', '--no-renames']
    const using = ['--using', 'users.nick=left(nick, 3)', '--using', 'users."Note"=left("Note", 3)']
    const written = cli(['generate', 'all', '--schema', 'schema.sql', ...answers, ...using], {}, cwd)
    expect(written).toMatchObject({ code: 0 })
    const file = (half: string) => join('migrations', `0002_all.${half}.sql`)
    const read = (half: string) => readFileSync(join(cwd, file(half)), 'utf8')
    const columns = ['country', 'mood', 'nick', '"Note"'].map((name) => `column users.${name}`)
    expect(read('up').split('\n').slice(0, 4)).toEqual(columns.map((name) => `-- migrate: overwrites ${name}`))
    expect(read('down').split('\n').slice(0, 6)).toEqual(
      ['table gone', 'column users.old', ...columns].map((name) => `-- migrate: does-not-restore ${name}`),
    )
    const verify = () => cli(['verify', '--only', 'rows', '--fail-on', 'notice', '--json'], {}, cwd)
    const report = verify()
    expect(JSON.parse(report.out).summary).toMatchObject({ errors: 0, warnings: 0, notices: 0 })
    expect(JSON.parse(report.out).summary.allowed).toBeGreaterThan(4)
    // Without the lines, the same is found.
    for (const half of ['up', 'down']) {
      writeFileSync(join(cwd, file(half)), read(half).replaceAll(/^-- migrate: .*\n/gm, ''))
    }
    expect(verify().code).toBe(1)
  })

  test('writes nothing while a question is open, and ends with 3', () => {
    const cwd = folder({ ...USERS, 'schema.sql': WANTED })
    const { err, code } = cli(['generate', '--schema', 'schema.sql'], {}, cwd)
    expect(err).toContain("--rename 'column users.name = users.full_name' or --no-renames")
    expect(code).toBe(3)
    expect(readdirSync(join(cwd, 'migrations'))).toHaveLength(2)
  })

  test('takes the questions back with their answers', () => {
    const cwd = folder({ ...USERS, 'schema.sql': WANTED })
    const { out } = cli(['generate', '--schema', 'schema.sql', '--json'], {}, cwd)
    const { questions } = JSON.parse(out)
    writeFileSync(
      join(cwd, 'answers.json'),
      JSON.stringify({ questions: [{ ...questions[0], answer: 'users.full_name' }] }),
    )
    const { code } = cli(['generate', 'full name', '--schema', 'schema.sql', '--answers', 'answers.json'], {}, cwd)
    expect(code).toBe(0)
    const up = readFileSync(join(cwd, 'migrations/0002_full_name.up.sql'), 'utf8')
    expect(up).toBe('ALTER TABLE users RENAME COLUMN name TO full_name;\n')
  })

  test('takes the wanted schema from the configuration, a command or standard input', () => {
    const cwd = folder({
      ...USERS,
      'migrations/0001_users.up.sql':
        "create table users (id integer primary key, name text); create function one() returns integer language sql as 'select 1'",
      'migrations/0001_users.down.sql': 'drop table users; drop function one()',
      'tables/users.sql': 'create table users (id integer primary key, name text, a text)',
      'migratest.config.ts': "export default { wanted: 'tables' }",
    })
    // An SQL file says everything: the function goes.
    expect(cli(['generate', '--dry-run'], {}, cwd).out).toContain('DROP FUNCTION one();')
    // What a command prints need not: it may know no functions.
    const { out, err } = cli(['generate', '--dry-run', '--from-command', 'cat tables/users.sql'], {}, cwd)
    expect(out).toContain('ADD COLUMN a text')
    expect(out).not.toContain('FUNCTION')
    expect(err).toContain('left alone, because the command knows none: routine one()')
  })

  test('--check ends with 1 and shows what is missing', () => {
    const cwd = folder({ ...USERS, 'schema.sql': `${WANTED} create table more (id integer)` })
    const { out, code } = cli(['generate', '--schema', 'schema.sql', '--check'], {}, cwd)
    expect(code).toBe(1)
    expect(out).toContain('+   full_name text')
    expect(readdirSync(join(cwd, 'migrations'))).toHaveLength(2)
    writeFileSync(join(cwd, 'schema.sql'), USERS['migrations/0001_users.up.sql'])
    expect(cli(['generate', '--schema', 'schema.sql', '--check'], {}, cwd).code).toBe(0)
  })

  test.for([
    [
      'dbmate',
      'm/20240101000000_a.sql',
      '-- migrate:up\ncreate table users (id integer);\n-- migrate:down\ndrop table users;\n',
      /^-- migrate:up\nALTER TABLE users ADD COLUMN a text;\n\n-- migrate:down\n(?:-- .*\n)?ALTER TABLE users DROP COLUMN a;\n$/,
    ],
    [
      'goose',
      'm/20240101000000_a.sql',
      '-- +goose Up\ncreate table users (id integer);\n-- +goose Down\ndrop table users;\n',
      /^-- \+goose Up\nALTER TABLE users ADD COLUMN a text;\n\n-- \+goose Down\n(?:-- .*\n)?ALTER TABLE users DROP COLUMN a;\n$/,
    ],
    [
      'Prisma',
      'm/20240101000000_a/migration.sql',
      'create table users (id integer);\n',
      /^ALTER TABLE users ADD COLUMN a text;\n$/,
    ],
  ] as const)('writes in the format of %s', ([, file, text, written]) => {
    const cwd = folder({
      [file]: text,
      ...(file.endsWith('migration.sql') && { 'm/migration_lock.toml': 'provider = "postgresql"\n' }),
      'schema.sql': 'create table users (id integer, a text)',
    })
    const { out, err, code } = cli(['generate', 'more', '--path', 'm', '--schema', 'schema.sql'], {}, cwd)
    expect({ code, err }).toMatchObject({ code: 0 })
    expect(readFileSync(join(cwd, out.split('\n')[0] ?? ''), 'utf8')).toMatch(written)
    expect(cli(['generate', '--path', 'm', '--schema', 'schema.sql'], {}, cwd).out).toMatch(/^Nothing to do/)
  })
})
