/** The command on folders of other tools, as it is typed. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { cli, folder, write } from '../support/cli.ts'
import { test } from '../support/database.ts'

const PRISMA = {
  'prisma/schema.prisma': 'datasource db { provider = "postgresql" }\n',
  'prisma/migrations/migration_lock.toml': 'provider = "postgresql"\n',
  'prisma/migrations/20240101000000_users/migration.sql': 'CREATE TABLE "User" (id serial PRIMARY KEY, name text);\n',
  'prisma/migrations/20240102000000_email/migration.sql': 'ALTER TABLE "User" ADD COLUMN email text;\n',
}

describe('in a project of Prisma', () => {
  test('the folder is found by the project’s own configuration, and its tool is named', ({ db }) => {
    const cwd = folder(PRISMA)
    const env = { DATABASE_URL: db.url }
    const first = cli(['status'], env, cwd)
    expect(first.err).toBe('prisma/migrations: Prisma, 2 migrations, beside prisma/schema.prisma\n')
    expect(first.out).toBe(
      'Version nil, clean, 2 pending\n  pending     20240101000000_users\n  pending     20240102000000_email\n',
    )
    expect(cli(['goto', '20240101'], env, cwd).out).toMatch(
      /^ {2}up {4}20240101000000_users {2}.*\n"\S+" on \S+ is at version 20240101000000_users: 1 migration in /,
    )
    expect(cli(['plan'], env, cwd).out).toMatch(
      /^20240101000000_users → 20240102000000_email: 1 migration on .*\n {2}up {4}20240102000000_email {2}1 statement\n$/,
    )
    expect(JSON.parse(cli(['up', '--json'], env, cwd).out)).toMatchObject({
      from: '20240101000000_users',
      to: '20240102000000_email',
      steps: [{ version: '20240102000000_email', name: '20240102000000_email' }],
    })
    expect(cli(['version'], env, cwd).out).toBe('20240102000000_email\n')
    expect(cli(['schema'], env, cwd).out).not.toMatch(/_prisma_migrations|schema migratest|schema_migrations/)
    expect(cli(['status', '--exit-code'], env, cwd).code).toBe(0)
  })

  test('new writes a folder as Prisma does', () => {
    const cwd = folder(PRISMA)
    const { out, code } = cli(['new', 'Add', 'posts'], {}, cwd)
    expect(code).toBe(0)
    expect(out).toMatch(/^prisma\/migrations\/\d{14}_add_posts\/migration\.sql\n$/)
    expect(readFileSync(join(cwd, out.trim()), 'utf8')).toBe('')
    expect(cli(['new', 'code', '--ts'], {}, cwd).err).toContain('whose migrations are SQL')
  })

  test('showsql needs no database and prints the files', () => {
    const { out } = cli(['showsql', 'nil..20240101'], {}, folder(PRISMA))
    expect(out).toContain('-- up prisma/migrations/20240101000000_users/migration.sql')
    expect(out).toContain('CREATE TABLE "User"')
  })

  test('down, squash and merge say why they cannot', ({ db }) => {
    const cwd = folder(PRISMA)
    const env = { DATABASE_URL: db.url }
    cli(['up'], env, cwd)
    const down = cli(['down', '1'], env, cwd)
    expect(down.code).toBe(1)
    expect(down.err).toContain('20240102000000_email cannot be undone: Prisma has no downs.')
    for (const args of [['squash', '1..2'], ['merge']]) {
      const { err, code } = cli(args, env, cwd)
      expect(code).not.toBe(0)
      expect(err).toContain(`"migratest ${args[0]}" would change it in a way that Prisma does not understand.`)
    }
  })

  test('verify applies each migration and leaves out what needs a down', ({ db }) => {
    const { out, code } = cli(['verify', '--verbose', '--server', db.url], {}, folder(PRISMA))
    expect(out).toMatch(/✓ 20240102000000_email: up {2}/)
    expect(out).toMatch(/2 migrations: 1 notice; 12 checks/)
    expect(code).toBe(0)
  })

  test('a folder of two tools is an error that names both and what to write', ({ db }) => {
    const cwd = folder({ ...PRISMA, 'prisma/migrations/meta/_journal.json': '{"entries":[]}' })
    const { err, code } = cli(['status'], { DATABASE_URL: db.url }, cwd)
    expect(code).not.toBe(0)
    expect(err).toContain('prisma/migrations could be a folder of Prisma or Drizzle.')
    expect(err).toContain("migrations: prisma('prisma/migrations') or drizzle('prisma/migrations')")
  })

  test('two tools with a folder each are an error until one is named', ({ db }) => {
    const cwd = folder({
      ...PRISMA,
      'drizzle.config.ts': "export default { out: './drizzle' }",
      'drizzle/meta/_journal.json': '{"version":"7","dialect":"postgresql","entries":[]}',
    })
    const env = { DATABASE_URL: db.url }
    expect(cli(['status'], env, cwd).err).toContain(
      'several folders of migrations: prisma/migrations (beside prisma/schema.prisma), drizzle (named in drizzle.config.ts).',
    )
    expect(cli(['status', '--path', 'prisma/migrations'], env, cwd).code).toBe(0)
  })
})

test('new in a folder of Drizzle goes on with its journal, and what it writes runs', ({ db }) => {
  const cwd = folder({
    'drizzle.config.ts': "export default { out: './drizzle', dialect: 'postgresql' }",
    'drizzle/0000_users.sql':
      'CREATE TABLE users (id serial PRIMARY KEY);--> statement-breakpoint\nCREATE INDEX u ON users (id);',
    'drizzle/meta/_journal.json': JSON.stringify({
      version: '7',
      dialect: 'postgresql',
      entries: [{ idx: 0, version: '7', when: 1700000000000, tag: '0000_users', breakpoints: true }],
    }),
    'drizzle/meta/0000_snapshot.json': JSON.stringify({ id: 'a', prevId: '0', version: '7', tables: {} }),
  })
  const { out } = cli(['new', 'more'], {}, cwd)
  expect(out).toContain('drizzle/0001_more.sql')
  expect(JSON.parse(readFileSync(join(cwd, 'drizzle/meta/_journal.json'), 'utf8')).entries).toMatchObject([
    { tag: '0000_users' },
    { idx: 1, tag: '0001_more', breakpoints: true },
  ])
  expect(existsSync(join(cwd, 'drizzle/meta/0001_snapshot.json'))).toBe(true)
  write(cwd, 'drizzle/0001_more.sql', 'ALTER TABLE users ADD name text;')
  const env = { DATABASE_URL: db.url }
  expect(cli(['up'], env, cwd).out).toContain('is at version 0001_more: 2 migrations')
  expect(cli(['status'], env, cwd).out).toContain('Version 0001_more, clean, 0 pending')
})

test('a folder with numbered files could be of several tools, which the error names', ({ db }) => {
  const cwd = folder({ 'migrations/0001_users.sql': 'create table users (id int)' })
  const { err } = cli(['status'], { DATABASE_URL: db.url }, cwd)
  expect(err).toContain('migrations could be a folder of Supabase, postgres-migrations or sqlx.')
  expect(err).toContain('name them 0001_title.up.sql and 0001_title.down.sql')
})

test('new never writes over a file, such as one that a journal does not list', () => {
  const cwd = folder({
    'drizzle.config.ts': "export default { out: './drizzle', dialect: 'postgresql' }",
    'drizzle/0000_users.sql': 'CREATE TABLE users (id int);',
    'drizzle/0001_posts.sql': 'SELECT precious;',
    'drizzle/meta/_journal.json': JSON.stringify({
      version: '7',
      dialect: 'postgresql',
      entries: [{ idx: 0, version: '7', when: 1700000000000, tag: '0000_users', breakpoints: true }],
    }),
    'drizzle/meta/0000_snapshot.json': JSON.stringify({ id: 'a', prevId: '0', version: '7', tables: {} }),
  })
  const { err, code } = cli(['new', 'posts'], {}, cwd)
  expect(code).not.toBe(0)
  expect(err).toContain('drizzle/0001_posts.sql already exists.')
  expect(readFileSync(join(cwd, 'drizzle/0001_posts.sql'), 'utf8')).toBe('SELECT precious;')
})

test('a source in the configuration says whose the folder is, also to new', ({ db }) => {
  const cwd = folder({
    'migrations/0001_users.sql': 'create table users (id int)',
    'migratest.config.mts': `import { sqlx } from ${JSON.stringify(join(import.meta.dirname, '../../presets/sources.ts'))}
export default { migrations: sqlx('migrations') }`,
  })
  expect(cli(['up'], { DATABASE_URL: db.url }, cwd).out).toContain('is at version 0001_users')
  expect(cli(['new', 'posts'], {}, cwd).out).toMatch(/^migrations\/\d+_posts\.sql\n$/)
})
