// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Flyway's placeholders look like this.
/** Folders of other tools on a real server: names, order, transactions, the tool's table and ours. */
import { describe, expect } from 'vitest'
import { openDatabase } from '../../src/database/open.ts'
import { Migrator, type MigratorOptions } from '../../src/migrate/migrator.ts'
import { justBefore } from '../../src/migrate/version.ts'
import { flywayFormat } from '../../src/source/formats/flyway.ts'
import { sourceOfFormat } from '../../src/source/formats/format.ts'
import { prismaFormat } from '../../src/source/formats/prisma.ts'
import { memoryFolder } from '../source/formats/memoryFolder.ts'
import { test as base, failure } from '../support/database.ts'

type Files = Record<string, string>

function fail(): never {
  throw new Error('half-written')
}

/** A folder of Prisma: SQL by migration name. */
function prismaFolder(migrations: Files): Files {
  return Object.fromEntries(
    Object.entries(migrations).map(([name, sql]) => [name.includes('/') ? name : `${name}/migration.sql`, sql]),
  )
}

const test = base.extend('prisma', async ({ db }) => {
  return async (migrations: Files, options: Partial<MigratorOptions> = {}) => {
    const source = sourceOfFormat(prismaFormat(), memoryFolder(prismaFolder(migrations), 'prisma/migrations'))
    const database = options.database ?? (await db.open())
    return new Migrator({ onEvent: (event) => db.events.push(event), ...options, source, database })
  }
})

const THREE = {
  '20240101000000_users': 'CREATE TABLE users (id serial PRIMARY KEY, name text);',
  '20240102000000_email': 'ALTER TABLE users ADD email text;',
  '20240103000000_posts': 'CREATE TABLE posts (id serial PRIMARY KEY);',
}

describe('a target in a folder with names', () => {
  test('is a name, a beginning of one, or its number where only one has it', async ({ prisma }) => {
    const migrator = await prisma(THREE)
    expect(await migrator.version()).toEqual({ version: -1, dirty: false })
    expect((await migrator.to('20240101000000_users')).to).toBe('20240101000000_users')
    expect((await migrator.to('20240102')).to).toBe('20240102000000_email')
    const run = await migrator.to(20240103000000)
    expect(run).toMatchObject({ from: '20240102000000_email', to: '20240103000000_posts' })
    expect(run.steps).toMatchObject([{ version: '20240103000000_posts', name: '20240103000000_posts' }])
    expect(await migrator.version()).toEqual({ version: '20240103000000_posts', dirty: false })
    expect((await migrator.plan(justBefore('20240103000000_posts'), { from: 'nil' })).to).toBe('20240102000000_email')
  })

  test('that several names begin with is an error that names them', async ({ prisma }) => {
    const migrator = await prisma(THREE)
    const error = await failure(migrator.to('2024010'))
    expect(error.code).toBe('MIGRATEST_VERSION_NOT_FOUND')
    expect(error.message).toContain('3 migrations in prisma/migrations fit "2024010".')
    expect(error.message).toContain('20240101000000_users, 20240102000000_email, 20240103000000_posts')
  })

  test('that no name begins with is an error that names the nearest', async ({ prisma }) => {
    const error = await failure((await prisma(THREE)).to('20240102000000_emial'))
    expect(error.message).toContain('There is no migration "20240102000000_emial" in prisma/migrations.')
    expect(error.message).toContain('Did you mean 20240102000000_email?')
  })
})

describe('the order of names', () => {
  test('is the tool’s, also where several have one timestamp or none', async ({ prisma, db }) => {
    const migrator = await prisma({
      '20240101000000_b': 'CREATE TABLE made (at int, name text); INSERT INTO made VALUES (2, $$b$$);',
      '0_init': 'CREATE TABLE first (id int);',
      '20240101000000_c': 'INSERT INTO made VALUES (3, $$c$$);',
      '20240101000000_a': 'CREATE TABLE a (id int);',
      no_digits: 'INSERT INTO made VALUES (4, $$d$$);',
    })
    const { steps } = await migrator.up()
    expect(steps.map(({ name }) => name)).toEqual([
      '0_init',
      '20240101000000_a',
      '20240101000000_b',
      '20240101000000_c',
      'no_digits',
    ])
    expect((await db.rows('SELECT name FROM made ORDER BY at')).map(({ name }) => name)).toEqual(['b', 'c', 'd'])
  })

  test('changes for nobody if a migration arrives in the middle', async ({ prisma, db }) => {
    const database = await db.open()
    await (await prisma(THREE, { database })).up()
    const before = await db.rows('SELECT version, name FROM migratest.schema_migrations_history ORDER BY version')
    const grown = { ...THREE, '20240101120000_between': 'CREATE TABLE between_them (id int);' }
    const migrator = await prisma(grown, { database })
    const { migrations } = await migrator.status()
    expect(migrations.map(({ state }) => state)).toEqual(['applied', 'late', 'applied', 'applied'])
    // Prisma applies what is not in its table, wherever it sorts.
    expect((await migrator.up()).steps.map(({ name }) => name)).toEqual(['20240101120000_between'])
    expect(await migrator.version()).toEqual({ version: '20240103000000_posts', dirty: false })
    const after = await db.rows(
      "SELECT version, name FROM migratest.schema_migrations_history WHERE name <> '20240101120000_between' ORDER BY version",
    )
    expect(after).toEqual(before)
    expect((await migrator.status()).migrations.map(({ state }) => state)).toEqual(Array(4).fill('applied'))
  })

  test('leaves a place for applied migrations whose folders are gone', async ({ prisma, db }) => {
    const database = await db.open()
    await (await prisma(THREE, { database })).up()
    const { '20240102000000_email': _, ...rest } = THREE
    const migrator = await prisma(rest, { database })
    expect((await migrator.status()).migrations).toMatchObject([
      { version: '20240101000000_users', state: 'applied' },
      { version: '20240102000000_email', state: 'missing' },
      { version: '20240103000000_posts', state: 'applied' },
    ])
    expect((await migrator.up()).steps).toEqual([])
  })
})

describe('the tool’s own table', () => {
  test('has a row for each migration before the next one runs, and exists before the first', async ({ prisma, db }) => {
    await (
      await prisma({
        '1_looks': 'CREATE TABLE seen AS SELECT count(*)::int AS n FROM _prisma_migrations;',
        '2_looks': 'INSERT INTO seen SELECT count(*) FROM _prisma_migrations;',
      })
    ).up()
    expect(await db.rows('SELECT n FROM seen ORDER BY n')).toEqual([{ n: 0 }, { n: 1 }])
  })

  test('decides what is applied: what the tool took out is pending again', async ({ prisma, db }) => {
    const database = await db.open()
    const migrator = await prisma(THREE, { database })
    await migrator.up()
    await db.rows("DELETE FROM _prisma_migrations WHERE migration_name = '20240103000000_posts'")
    expect((await migrator.status()).migrations.map(({ state }) => state)).toEqual(['applied', 'applied', 'pending'])
    await db.rows('DROP TABLE posts')
    expect((await migrator.up()).steps.map(({ name }) => name)).toEqual(['20240103000000_posts'])
  })

  test('with an unfinished migration stops everything until the tool says that it is solved', async ({
    prisma,
    db,
  }) => {
    const migrator = await prisma(THREE)
    await migrator.to('20240102')
    await db.rows("UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = '20240102000000_email'")
    const error = await failure(migrator.up())
    expect(error.code).toBe('MIGRATEST_UNFINISHED')
    expect(error.message).toContain('Prisma began 20240102000000_email on this database and did not finish')
    expect((await migrator.status()).problems[0]).toContain('Prisma began 20240102000000_email')
    await db.rows('UPDATE _prisma_migrations SET finished_at = now()')
    expect((await migrator.up()).steps).toHaveLength(1)
  })

  test('is written by fake and unfake, and by force', async ({ prisma, db }) => {
    const migrator = await prisma(THREE)
    const names = async () =>
      (await db.rows('SELECT migration_name AS name FROM _prisma_migrations ORDER BY 1')).map(({ name }) => name)
    await migrator.fake('20240101')
    expect(await names()).toEqual(['20240101000000_users'])
    await migrator.unfake('20240101')
    expect(await names()).toEqual([])
    await migrator.force('20240102')
    expect(await names()).toEqual(['20240101000000_users', '20240102000000_email'])
    expect(await migrator.version()).toEqual({ version: '20240102000000_email', dirty: false })
    await migrator.force(-1)
    expect(await names()).toEqual([])
  })

  test('lives beside our own tables, which are in a schema that no migration touches', async ({ prisma, db }) => {
    const migrator = await prisma({
      '1_same_name': 'CREATE TABLE public.schema_migrations (version text PRIMARY KEY);',
      '2_constrains_everything': `DO $$ DECLARE c record; BEGIN
        FOR c IN SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND data_type = 'text' LOOP
          EXECUTE format('ALTER TABLE public.%I ADD CONSTRAINT %I CHECK (length(%I) < 3)', c.table_name, c.column_name || '_length', c.column_name);
        END LOOP; END $$;`,
      '3_more': 'CREATE TABLE more (id int);',
    })
    await migrator.up()
    expect(await db.rows("SELECT to_regclass('migratest.schema_migrations_history') IS NOT NULL AS there")).toEqual([
      { there: true },
    ])
  })

  test('is locked with the tool’s own lock while we migrate', async ({ prisma, db }) => {
    const other = await db.connect()
    await other.query('SELECT pg_advisory_lock(72707369)')
    const migrator = await prisma(THREE, { lockTimeoutMs: 100 })
    expect((await failure(migrator.up())).code).toBe('MIGRATEST_LOCKED')
    await other.query('SELECT pg_advisory_unlock(72707369)')
    expect((await migrator.up()).steps).toHaveLength(3)
    const [held] = await db.rows(
      "SELECT count(*)::int AS n FROM pg_locks JOIN pg_database d ON d.oid = database WHERE locktype = 'advisory' AND granted AND datname = current_database()",
    )
    expect(held).toEqual({ n: 0 })
  })
})

describe('a file runs as its tool runs it', () => {
  test('a transaction of its own in the middle commits an enum value for what follows', async ({ prisma, db }) => {
    const migrator = await prisma({
      '1_enum': "CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE people (m mood);",
      '2_rebuild': `ALTER TABLE people ADD name text;
BEGIN;
ALTER TYPE mood ADD VALUE 'happy';
COMMIT;
BEGIN;
INSERT INTO people (m) VALUES ('happy');
COMMIT;`,
    })
    await migrator.up()
    expect(await db.rows('SELECT m FROM people')).toEqual([{ m: 'happy' }])
  })

  test('a value that is added to an enum can be used further down in the same file', async ({ prisma, db }) => {
    const migrator = await prisma({
      '1_enum': "CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE people (m mood);",
      '2_use': "ALTER TYPE mood ADD VALUE 'happy'; INSERT INTO people VALUES ('happy');",
    })
    await migrator.up()
    expect(await db.rows('SELECT m FROM people')).toEqual([{ m: 'happy' }])
  })

  test('CREATE INDEX CONCURRENTLY runs beside other statements', async ({ prisma, db }) => {
    const migrator = await prisma({
      '1_t': 'CREATE TABLE t (a int);',
      '2_index': 'ALTER TABLE t ADD b int;\nCREATE INDEX CONCURRENTLY t_b ON t (b);\nALTER TABLE t ADD c int;',
    })
    await migrator.up()
    expect(await db.rows("SELECT indexname FROM pg_indexes WHERE tablename = 't'")).toEqual([{ indexname: 't_b' }])
  })

  test('what stands before a lone COMMIT is one transaction, which fails as a whole', async ({ prisma, db }) => {
    const migrator = await prisma({
      '1_climbs': 'CREATE TABLE a (id int);\nCREATE TABLE b (id nonsense);\nCOMMIT;\nCREATE TABLE c (id int);',
    })
    const error = await failure(migrator.up())
    expect(error.message).toContain('prisma/migrations/1_climbs/migration.sql')
    expect(await db.rows("SELECT to_regclass('a') AS a, to_regclass('c') AS c")).toEqual([{ a: null, c: null }])
  })

  test('a file that fails half-way outside a transaction is dirty, and goes on from there', async ({ prisma, db }) => {
    const files = {
      '1_half': 'CREATE TABLE a (id int);\nCREATE INDEX CONCURRENTLY a_id ON a (id);\nCREATE TABLE b (id nonsense);',
    }
    const database = await db.open()
    const error = await failure((await prisma(files, { database })).up())
    expect(error.message).toContain('Statements 1 to 2 took effect; the database is dirty at version 1_half.')
    const again = await prisma({ '1_half': files['1_half'].replace('nonsense', 'int') }, { database })
    expect((await failure(again.up())).code).toBe('MIGRATEST_DIRTY')
    expect((await again.resume()).to).toBe('1_half')
    expect(await again.version()).toEqual({ version: '1_half', dirty: false })
    expect(await db.rows('SELECT migration_name AS name FROM _prisma_migrations')).toEqual([{ name: '1_half' }])
  })

  test('a file that fails in one transaction leaves nothing, and says so with its name', async ({ prisma, db }) => {
    const migrator = await prisma({ ...THREE, '20240104000000_bad': 'CREATE TABLE x (id int); SELECT nothing;' })
    const error = await failure<Error & { version?: string }>(migrator.up())
    expect(error.version).toBe('20240104000000_bad')
    expect(error.message).toContain('is at version 20240103000000_posts, clean.')
    expect(await db.rows("SELECT to_regclass('x') AS x")).toEqual([{ x: null }])
    expect(await db.rows('SELECT count(*)::int AS n FROM _prisma_migrations')).toEqual([{ n: 3 }])
  })

  test('windows line ends, a byte order mark, quotes and emoji in names are no obstacle', async ({ prisma, db }) => {
    const migrator = await prisma({
      "20240101000000_o'brien 🐘": '\uFEFFCREATE TABLE "o\'brien" (\r\n  id int -- a comment\r\n);\r\n',
      '20240102000000_b\\s': 'SELECT 1;',
    })
    await migrator.up()
    expect((await migrator.status()).migrations.map(({ state }) => state)).toEqual(['applied', 'applied'])
    expect(await db.rows('SELECT count(*)::int AS n FROM _prisma_migrations')).toEqual([{ n: 2 }])
  })
})

describe('a way back', () => {
  test('does not exist without a down, and one error says so before anything runs', async ({ prisma }) => {
    const migrator = await prisma(THREE)
    await migrator.up()
    const error = await failure(migrator.down('all'))
    expect(error.code).toBe('MIGRATEST_NO_WAY_DOWN')
    expect(error.message).toBe(
      '20240103000000_posts cannot be undone: Prisma has no downs.\n\nA down.sql beside its migration.sql would be used.',
    )
    expect(await migrator.version()).toEqual({ version: '20240103000000_posts', dirty: false })
  })

  test('is a down.sql beside the migration, if there is one', async ({ prisma, db }) => {
    const migrator = await prisma({
      ...THREE,
      '20240103000000_posts/down.sql': 'DROP TABLE posts;',
      '20240103000000_posts/migration.sql': THREE['20240103000000_posts'],
    })
    await migrator.up()
    expect((await migrator.down()).to).toBe('20240102000000_email')
    expect(await db.rows('SELECT count(*)::int AS n FROM _prisma_migrations')).toEqual([{ n: 2 }])
    expect((await migrator.up()).steps).toHaveLength(1)
  })
})

describe('what a person would not expect, and gets right', () => {
  test('a schema public that was dropped with the tool’s table is a database without migrations', async ({
    prisma,
    db,
  }) => {
    const database = await db.open()
    const migrator = await prisma(THREE, { database })
    await migrator.up()
    await db.rows('DROP SCHEMA public CASCADE')
    await db.rows('CREATE SCHEMA public')
    expect((await migrator.status()).migrations.map(({ state }) => state)).toEqual(Array(3).fill('pending'))
    expect((await migrator.up()).steps).toHaveLength(3)
    expect((await migrator.status()).migrations.map(({ state }) => state)).toEqual(Array(3).fill('applied'))
  })

  test('force solves what the tool left unfinished, and keeps the records of the others', async ({ prisma, db }) => {
    const migrator = await prisma({ ...THREE, '0_late': 'CREATE TABLE late (id int);' })
    await migrator.up()
    await db.rows("UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = '20240103000000_posts'")
    await migrator.force('20240102')
    expect(await migrator.version()).toEqual({ version: '20240102000000_email', dirty: false })
    const { migrations } = await migrator.status()
    expect(migrations.map(({ state, appliedBy }) => [state, appliedBy !== null])).toEqual([
      ['applied', true],
      ['applied', true],
      ['applied', true],
      ['pending', false],
    ])
    await db.rows('DROP TABLE posts')
    expect((await migrator.up()).steps).toHaveLength(1)
  })

  test('a folder that cannot be listed once does not stay so', async ({ db }) => {
    const files = { ...prismaFolder(THREE) }
    const memory = memoryFolder(files, 'prisma/migrations')
    let isHalfWritten = true
    const folder = { ...memory, files: () => (isHalfWritten ? fail() : memory.files()) }
    const source = sourceOfFormat(prismaFormat(), folder)
    const migrator = new Migrator({ source, database: await db.open() })
    expect((await failure(migrator.up())).message).toBe('half-written')
    isHalfWritten = false
    expect((await migrator.up()).steps).toHaveLength(3)
  })

  test('a file that gives the tool its transaction back runs all its parts', async ({ prisma, db }) => {
    const migrator = await prisma({
      '1_t': 'CREATE TABLE t (a int);',
      '2_back': 'COMMIT;\nCREATE INDEX CONCURRENTLY t_a ON t (a);\nBEGIN;\nALTER TABLE t ADD b int;\nLOCK TABLE t;',
    })
    await migrator.up()
    expect(await db.rows('SELECT b FROM t')).toEqual([])
    expect(await db.rows('SELECT migration_name AS name FROM _prisma_migrations ORDER BY 1')).toHaveLength(2)
    const other = await db.connect()
    await other.query("SET lock_timeout = '1s'; LOCK TABLE t")
  })

  test('a client that returns times as texts changes nothing', async ({ prisma, db }) => {
    const migrator = await prisma(THREE)
    await migrator.up()
    const client = await db.connect()
    const { setTypeParser } = client as unknown as {
      setTypeParser(oid: number, parse: (text: string) => unknown): void
    }
    setTypeParser.call(client, 1184, String)
    const same = await prisma(THREE, { database: await openDatabase(client) })
    expect((await same.status()).migrations.map(({ state }) => state)).toEqual(Array(3).fill('applied'))
  })
})

describe('placeholders', () => {
  const flyway = (t: string) =>
    sourceOfFormat(
      flywayFormat({ placeholders: { t } }),
      memoryFolder({
        'V1__t.sql': 'CREATE TABLE ${t} (id int);',
        'V2__u.sql': 'CREATE TABLE u (id int);',
        'U2__u.sql': 'DROP TABLE u;',
      }),
      { placeholders: { t } },
    )

  test('with other values are no edit, and their values are not kept', async ({ db }) => {
    const database = await db.open()
    await new Migrator({ source: flyway('secret_name'), database }).up()
    const migrator = new Migrator({ source: flyway('other'), database })
    expect((await migrator.status()).migrations.map(({ state }) => state)).toEqual(['applied', 'applied'])
    expect(await db.rows("SELECT up FROM migratest.schema_migrations_history WHERE name = 'V1__t'")).toEqual([
      { up: 'CREATE TABLE ${t} (id int);' },
    ])
  })

  test('do not hide that one migration has a down and another has none', async ({ db }) => {
    const migrator = new Migrator({ source: flyway('t'), database: await db.open() })
    await migrator.up()
    expect((await migrator.down()).to).toBe('V1__t')
    const error = await failure(migrator.down())
    expect(error.message).toContain('V1__t cannot be undone: it has no down.')
  })
})

test('two processes that migrate one folder at once apply each migration once', async ({ prisma, db }) => {
  const many = Object.fromEntries(
    Array.from({ length: 30 }, (_, i) => [`${20240101000000 + i}_t${i}`, `CREATE TABLE t${i} (id int);`]),
  )
  const migrators = await Promise.all([prisma(many), prisma(many)])
  const runs = await Promise.all(migrators.map((migrator) => migrator.up()))
  expect(runs.map(({ steps }) => steps.length).sort((a, b) => a - b)).toEqual([0, 30])
  expect(await db.rows('SELECT count(*)::int AS n FROM _prisma_migrations')).toEqual([{ n: 30 }])
})

test('many migrations go in few round trips, and a failure among them names the right one', async ({ prisma }) => {
  const many = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [
      `${20240101000000 + i}_t${i}`,
      `CREATE TABLE t${i} (id ${i === 25 ? 'nonsense' : 'int'});`,
    ]),
  )
  const migrator = await prisma(many, { batch: true })
  const error = await failure<Error & { version?: string }>(migrator.up())
  expect(error.version).toBe('20240101000025_t25')
  expect(await migrator.version()).toEqual({ version: '20240101000024_t24', dirty: false })
})
