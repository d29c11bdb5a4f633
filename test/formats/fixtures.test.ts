// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Flyway's placeholders look like this.
/** A test's database from another tool's folder on disk: found, at a version, with seeds, down again. */

import { mkdirSync, mkdtempSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pgcrypto } from '@electric-sql/pglite/contrib/pgcrypto'
import { uuid_ossp } from '@electric-sql/pglite/contrib/uuid_ossp'
import { test as base, describe, expect } from 'vitest'
import { migrateTo } from '../../fixtures/migrateTo.ts'
import { createMigratedDatabase, withMigratedDatabase } from '../../fixtures/withMigratedDatabase.ts'
import { pglite } from '../../presets/pglite.ts'
import { flyway, supabase } from '../../presets/sources.ts'
import { justBefore } from '../../src/migrate/version.ts'
import { anyPostgres, describeOnDatabases } from '../support/servers.ts'

const USERS = '20240101000000_users'
const SPLIT = '20240612000000_split_names'
const POSTS = '20240701000000_posts'

const test = base.extend('project', async ({ task: _ }, { onCleanup }) => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'migratest-format-')))
  onCleanup(() => rmSync(folder, { recursive: true, force: true }))
  return {
    path: (name: string) => join(folder, name),
    write(files: Record<string, string>) {
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, name)), { recursive: true })
        writeFileSync(join(folder, name), text)
      }
    },
  }
})

function prismaProject(provider: 'postgresql' | 'mysql', id: string): Record<string, string> {
  return {
    'migrations/migration_lock.toml': `provider = "${provider}"\n`,
    [`migrations/${USERS}/migration.sql`]: `CREATE TABLE users (${id}, name varchar(200) NOT NULL);\n`,
    [`migrations/${SPLIT}/migration.sql`]: `-- AlterTable
ALTER TABLE users ADD COLUMN first_name varchar(100);
UPDATE users SET first_name = 'Ada' WHERE name LIKE 'Ada %';
ALTER TABLE users DROP COLUMN name;
`,
    [`migrations/${POSTS}/migration.sql`]: `CREATE TABLE posts (${id});\n`,
  }
}

describeOnDatabases(['PostgreSQL', 'PGlite', 'MySQL', 'MariaDB'], ({ server, mysql, id, name }) => {
  test('a folder of Prisma gives a test a database just before a migration, which then keeps its rows', async ({
    project,
  }) => {
    project.write(prismaProject(mysql ? 'mysql' : 'postgresql', id))
    const migrations = project.path('migrations')
    await withMigratedDatabase({ server, migrations, version: justBefore(SPLIT) }, async (db) => {
      expect(await db.version()).toEqual({ version: USERS, dirty: false })
      await db.query("INSERT INTO users (name) VALUES ('Ada Lovelace')")
      const { steps } = await migrateTo(db, '20240612')
      expect(steps.map(({ version }) => version)).toEqual([SPLIT])
      expect(await db.query('SELECT first_name FROM users')).toEqual([{ first_name: 'Ada' }])
      expect(String(await db.schema())).not.toMatch(/_prisma_migrations|migratest/)
    })
  })

  test('a folder of Prisma takes a test’s database down by emptying it and migrating it again', async ({ project }) => {
    project.write(prismaProject(mysql ? 'mysql' : 'postgresql', id))
    await withMigratedDatabase({ server, migrations: project.path('migrations') }, async (db) => {
      const { from, to } = await migrateTo(db, USERS)
      expect({ from, to }).toEqual({ from: POSTS, to: USERS })
      await db.query("INSERT INTO users (name) VALUES ('Grace Hopper')")
      expect((await migrateTo(db, 'latest')).to).toBe(POSTS)
      expect(await db.query('SELECT count(*) AS n FROM users')).toMatchObject([{ n: expect.anything() }])
    })
  })

  test('seeds are inserted at the migrations that their names begin with', async ({ project }) => {
    project.write(prismaProject(mysql ? 'mysql' : 'postgresql', id))
    const seeds = {
      [USERS]: { users: [{ name: 'Ada Lovelace' }] },
      '20240701': "INSERT INTO users (first_name) VALUES ('Bea')",
    }
    const options = { server, migrations: project.path('migrations'), seeds }
    for (let twice = 0; twice < 2; twice++) {
      await withMigratedDatabase(options, async (db) => {
        expect(await db.query('SELECT first_name FROM users ORDER BY first_name')).toEqual([
          { first_name: 'Ada' },
          { first_name: 'Bea' },
        ])
      })
    }
  })

  test('a snapshot’s checksums follow a comment’s edit, though the schema is the same', async ({ project }) => {
    project.write(prismaProject(mysql ? 'mysql' : 'postgresql', id))
    const options = { server, migrations: project.path('migrations') }
    const checksums = () =>
      withMigratedDatabase(options, (db) => db.query('SELECT checksum FROM _prisma_migrations ORDER BY migration_name'))
    const before = await checksums()
    expect(await checksums()).toEqual(before)
    project.write({ [`migrations/${POSTS}/migration.sql`]: `-- a comment\nCREATE TABLE posts (${id});\n` })
    const later = new Date(Date.now() + 5000)
    utimesSync(project.path(`migrations/${POSTS}/migration.sql`), later, later)
    const after = await checksums()
    expect(after.slice(0, 2)).toEqual(before.slice(0, 2))
    expect(after[2]).not.toEqual(before[2])
  })

  test(`a folder of Prisma is refused on ${name} if it was made for another database`, async ({ project }) => {
    project.write(prismaProject(mysql ? 'postgresql' : 'mysql', id))
    await expect(createMigratedDatabase({ server, migrations: project.path('migrations') })).rejects.toThrow(
      /has migrations for (postgresql|mysql) \(migration_lock.toml\)/,
    )
  })
})

describe('a folder of Supabase', () => {
  const FILES = {
    'supabase/config.toml': '[db]\n',
    'supabase/migrations/20240101000000_profiles.sql': `
create extension if not exists "pg_net" with schema extensions;
create extension if not exists "uuid-ossp" with schema extensions;
create table public.profiles (id uuid primary key references auth.users on delete cascade, tag uuid default uuid_generate_v4());
alter table public.profiles enable row level security;
create policy own on public.profiles to authenticated using ((select auth.uid()) = id);
create policy files on storage.objects for select using (bucket_id = 'avatars' and (storage.foldername(name))[1] = auth.uid()::text);
select cron.schedule('nightly', '0 0 * * *', 'select 1');
`,
    'supabase/roles.sql': 'do $$ begin create role reporter; exception when duplicate_object then null; end $$;',
    'supabase/migrations/20240102000000_grant.sql': 'grant select on public.profiles to reporter;',
  }

  for (const [name, server] of [
    ['PostgreSQL', anyPostgres],
    ['PGlite', pglite({ extensions: { pgcrypto, uuid_ossp } })],
  ] as const) {
    test(`finds its platform’s roles, schemas and functions on a plain ${name}`, async ({ project }) => {
      project.write(FILES)
      const options = {
        server: server as typeof anyPostgres,
        migrations: supabase(project.path('supabase/migrations')),
      }
      for (let twice = 0; twice < 2; twice++) {
        await withMigratedDatabase(options, async (db) => {
          await db.query("insert into auth.users (id) values ('11111111-1111-1111-1111-111111111111')")
          await db.query("insert into public.profiles (id) values ('11111111-1111-1111-1111-111111111111')")
          await db.query(
            `begin; set local role authenticated; set local "request.jwt.claims" = '{"sub":"22222222-2222-2222-2222-222222222222"}'`,
          )
          expect(await db.query('select id from public.profiles')).toEqual([])
          await db.query('rollback')
          expect(await db.query('select jobname from cron.job')).toEqual([{ jobname: 'nightly' }])
          expect(await db.query('select version, name from supabase_migrations.schema_migrations order by 1')).toEqual([
            { version: '20240101000000', name: 'profiles' },
            { version: '20240102000000', name: 'grant' },
          ])
        })
      }
    })
  }
})

test('our own tables are where the options put them, for a folder of ours and of another tool', async ({ project }) => {
  project.write(prismaProject('postgresql', 'id serial PRIMARY KEY'))
  project.write({ 'ours/1_users.up.sql': 'create table users (id int)' })
  for (const [migrations, count] of [
    ['migrations', 3],
    ['ours', 1],
  ] as const) {
    const options = { server: anyPostgres, migrations: project.path(migrations), schema: 'internal', table: 'versions' }
    await withMigratedDatabase(options, async (db) => {
      const [row] = await db.query('SELECT count(*)::int AS n FROM internal.versions_history')
      expect(row).toEqual({ n: count })
      expect(await db.query("SELECT to_regclass('migratest.schema_migrations') AS t")).toEqual([{ t: null }])
      expect(String(await db.schema())).not.toContain('versions')
    })
  }
})

test('two sources of one folder with other options are other databases', async ({ project }) => {
  project.write({ 'flyway/V1__t.sql': 'CREATE TABLE ${t} (id int); SELECT pg_sleep(0.03);' })
  for (const t of ['one', 'two', 'one', 'two']) {
    const migrations = flyway(project.path('flyway'), { placeholders: { t } })
    await withMigratedDatabase({ server: anyPostgres, migrations }, async (db) => {
      expect(await db.query('SELECT to_regclass($1) IS NOT NULL AS there', [t])).toEqual([{ there: true }])
    })
  }
})

test('a table of the user’s with the name of a tool’s table in another schema counts as schema', async ({
  project,
}) => {
  project.write({
    'supabase/config.toml': '',
    'supabase/migrations/20240101000000_own.sql': 'create table public.schema_migrations (note text);',
  })
  const migrations = supabase(project.path('supabase/migrations'))
  await withMigratedDatabase({ server: anyPostgres, migrations }, async (db) => {
    expect(String(await db.schema())).toContain('CREATE TABLE schema_migrations')
    expect(String(await db.schema())).not.toContain('supabase_migrations')
  })
})

test('roles of Supabase’s roles.sql may be there already: all databases of a server share them', async ({
  project,
}) => {
  project.write({
    'supabase/config.toml': '',
    'supabase/roles.sql': "create role migratest_app nologin; alter role migratest_app set statement_timeout = '5s';",
    'supabase/migrations/20240101000000_t.sql': 'create table t (id int); grant select on t to migratest_app;',
  })
  const migrations = supabase(project.path('supabase/migrations'))
  for (let twice = 0; twice < 2; twice++) {
    await withMigratedDatabase({ server: anyPostgres, migrations, snapshots: false }, async (db) => {
      expect(await db.query('select * from t')).toEqual([])
    })
  }
})
