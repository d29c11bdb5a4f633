/** All pending migrations in one transaction: what ends a run in the middle, and what is written at its end. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, vi } from 'vitest'
import { kysely } from '../../presets/sources.ts'
import { openDatabase } from '../../src/database/open.ts'
import { MigrationFailedError, SourceChangedError } from '../../src/migrate/errors.ts'
import { Migrator, type MigratorOptions } from '../../src/migrate/migrator.ts'
import { folder, write } from '../support/cli.ts'
import { failure, type Scratch, test } from '../support/database.ts'
import { describeWithTool, withTools } from '../support/tools.ts'

const file = (up: string) => `import { sql } from 'kysely'
export async function up(db) {
  ${up}
}
export async function down(db) {}
`

const table = (name: string) => file(`await db.schema.createTable('${name}').addColumn('id', 'integer').execute()`)

const FOUR = { '1_a.ts': table('a'), '2_b.ts': table('b'), '3_c.ts': table('c'), '4_d.ts': table('d') }

function sourceOf(files: Readonly<Record<string, string>>) {
  return kysely(withTools(folder(files)))
}

async function migratorOf(
  db: Scratch,
  files: Readonly<Record<string, string>>,
  options: Partial<MigratorOptions> = {},
): Promise<Migrator> {
  return new Migrator({ source: sourceOf(files), database: await db.open(), ...options })
}

const tablesIn = async (db: Scratch) =>
  (await db.rows("SELECT tablename FROM pg_tables WHERE tablename IN ('a', 'b', 'c', 'd') ORDER BY 1")).map(
    ({ tablename }) => tablename,
  )
const recorded = (db: Scratch) => db.rows('SELECT name FROM kysely_migration ORDER BY name')
const history = (db: Scratch) =>
  db.rows('SELECT name, duration_ms > 0 AS timed FROM migratest.schema_migrations_history ORDER BY version')

describeWithTool(['kysely', 'pg'], 'one transaction for all', () => {
  test('every migration is recorded, with the time that it took', async ({ db }) => {
    const { steps } = await (await migratorOf(db, FOUR)).up()
    expect(steps).toHaveLength(4)
    const names = ['1_a', '2_b', '3_c', '4_d']
    expect(await recorded(db)).toEqual(names.map((name) => ({ name })))
    expect(await history(db)).toEqual(names.map((name) => ({ name, timed: true })))
    const { migrations } = await (await migratorOf(db, FOUR)).status()
    expect(migrations.map(({ state }) => state)).toEqual(Array(4).fill('applied'))
    await (await migratorOf(db, FOUR)).down('all')
    expect(await history(db)).toEqual([])
  })

  test('texts too long to be kept until the end are written before it', async ({ db }) => {
    const long = Object.fromEntries(
      Object.entries(FOUR).map(([name, text]) => [name, `${text}// ${'x'.repeat(2e5)}\n`]),
    )
    await (await migratorOf(db, long)).up()
    expect(await history(db)).toHaveLength(4)
    const [row] = await db.rows('SELECT version FROM migratest.schema_migrations')
    expect(Number(row?.version)).toBe(4)
  })

  test('stop() keeps what ran before', async ({ db }) => {
    const migrator = await migratorOf(db, FOUR, {
      onEvent: (event) => {
        if (event.type === 'finished' && event.step.name === '2_b') migrator.stop()
      },
    })
    expect((await migrator.up()).steps.map(({ name }) => name)).toEqual(['1_a', '2_b'])
    expect(await tablesIn(db)).toEqual(['a', 'b'])
    expect(await recorded(db)).toEqual([{ name: '1_a' }, { name: '2_b' }])
    expect(await history(db)).toHaveLength(2)
    expect((await (await migratorOf(db, FOUR)).up()).steps).toHaveLength(2)
  })

  test('a cancelled run leaves nothing', async ({ db }) => {
    const aborting = new AbortController()
    const slow = { ...FOUR, '3_c.ts': file('await sql`select pg_sleep(0.3)`.execute(db)') }
    const migrator = await migratorOf(db, slow, {
      signal: aborting.signal,
      onEvent: (event) => {
        if (event.type === 'started' && event.step.name === '3_c') setTimeout(() => aborting.abort(), 50)
      },
    })
    const error = await failure(migrator.up())
    expect(error.code).toBe('MIGRATEST_CANCELLED')
    expect(error.message).toContain('nil')
    expect(await tablesIn(db)).toEqual([])
    expect((await (await migratorOf(db, FOUR)).up()).steps).toHaveLength(4)
  })

  test('a migration whose record fails is the one that the error names, and the next does not run', async ({ db }) => {
    const next = file('globalThis.hasBegun = true')
    const files = { ...FOUR, '2_b.ts': file('await db.schema.dropTable("kysely_migration").execute()'), '3_c.ts': next }
    const error = await failure((await migratorOf(db, files)).up())
    expect(error).toBeInstanceOf(MigrationFailedError)
    expect(error.message).toMatch(/2_b\.ts: relation "kysely_migration" does not exist/)
    expect(error.message).toContain('none of them left changes')
    expect(await tablesIn(db)).toEqual([])
    expect(globalThis).not.toHaveProperty('hasBegun')
  })

  test('the record of a migration goes with the first statement of the next, and comes before it', async ({ db }) => {
    await db.rows(`create table heard (query text, recorded bigint);
create function hear() returns event_trigger language plpgsql as $$ begin
  insert into heard values (current_query(), (select count(*) from kysely_migration));
end $$`)
    await (await migratorOf(db, { '0_none.ts': file('') })).up()
    await db.rows('create event trigger hear on ddl_command_end execute function hear()')
    await (await migratorOf(db, { '0_none.ts': file(''), ...FOUR })).up()
    const heard = await db.rows('select query, recorded::int from heard')
    expect(heard.map(({ recorded }) => recorded)).toEqual([1, 2, 3, 4])
    expect(heard.map(({ query }) => String(query).replace(/VALUES .*/, '…'))).toEqual([
      'create table "a" ("id" integer)',
      ...['b', 'c', 'd'].map(
        (name) => `INSERT INTO "kysely_migration" (name, timestamp) …\ncreate table "${name}" ("id" integer)`,
      ),
    ])
  })

  test('what a statement returns and where it fails is as if no record had gone with it', async ({ db }) => {
    const given = globalThis as { seen?: unknown[] }
    given.seen = []
    const seen = (what: string) => file(`globalThis.seen.push(${what})`)
    const files = {
      '1_a.ts': table('a'),
      '2_rows.ts': seen('(await sql`select count(*)::int as names from kysely_migration`.execute(db)).rows'),
      '3_b.ts': table('b'),
      '4_parameter.ts': seen(`(await sql\`select \${7}::int as seven\`.execute(db)).rows`),
      '5_größe_𝄞.ts': table('c'),
      '6_nothing.ts': file(''),
      '7_place.ts': file(`await sql\`savepoint before\`.execute(db)
  await sql\`create view v as select 1 as größe, nowhere from a\`.execute(db).catch((error) => globalThis.seen.push(error.position))
  await sql\`rollback to before\`.execute(db)`),
      '8_d.ts': table('d'),
      '9_place.ts': file(`await sql\`create view v as select 1 as größe, nowhere from a\`.execute(db).catch((error) => {
    globalThis.seen.push(error.position)
    throw error
  })`),
    }
    const error = await failure((await migratorOf(db, files)).up())
    expect(error.message).toContain('9_place.ts:3:3: column "nowhere" does not exist')
    const position = String('create view v as select 1 as größe, nowhere from a'.indexOf('nowhere') + 1)
    expect(given.seen).toEqual([[{ names: 1 }], [{ seven: 7 }], position, position])
    expect(await tablesIn(db)).toEqual([])
    delete given.seen
  })

  test('where the record fails that goes with a statement, the error names its own migration', async ({ db }) => {
    const files = {
      ...FOUR,
      '2_b.ts': file('await sql`alter table kysely_migration rename to moved`.execute(db)'),
      '3_c.ts': file('await db.schema.createTable("c").addColumn("id", "integer").execute().catch(() => undefined)'),
    }
    const error = await failure((await migratorOf(db, files)).up())
    expect(error.message).toMatch(/2_b\.ts: relation "kysely_migration" does not exist/)
    expect(await tablesIn(db)).toEqual([])
  })

  test('after an error that is caught and no more, the next migration does not run', async ({ db }) => {
    const files = {
      ...FOUR,
      '2_b.ts': file('await sql`alter table nowhere add b int`.execute(db).catch(() => undefined)'),
      '3_c.ts': file('globalThis.hasBegun = true'),
    }
    const error = await failure((await migratorOf(db, files)).up())
    expect(error.message).toMatch(/2_b\.ts: current transaction is aborted/)
    expect(globalThis).not.toHaveProperty('hasBegun')
  })

  test('files are loaded while another process has the lock, and looked for again when it is free', async ({ db }) => {
    const given = globalThis as { loaded?: boolean }
    const path = folder({ '1_a.ts': `${table('a')}\nglobalThis.loaded = true\n` })
    const waiting = new Migrator({ source: kysely(withTools(path)), database: await db.open() })
    const holder = await migratorOf(db, { '1_a.ts': table('a') })
    const running = await holder.follow(async () => {
      const up = waiting.up()
      await vi.waitFor(() => expect(given.loaded).toBe(true), 10_000)
      write(path, '2_b.ts', table('b'))
      await sleep(200)
      return { up }
    })
    expect((await running.up).steps.map(({ name }) => name)).toEqual(['1_a', '2_b'])
    delete given.loaded
  })

  test('the migrations are listed once for a run', async ({ db }) => {
    let lists = 0
    const getMigrations = async () => {
      lists++
      return { '1_a': { up: async () => undefined } }
    }
    await new Migrator({ source: kysely({ getMigrations }), database: await db.open() }).up()
    expect(lists).toBe(1)
  })

  test('a file that is edited while an earlier one runs is refused', async ({ db }) => {
    const path = folder(FOUR)
    write(
      path,
      '2_b.ts',
      `import { appendFileSync } from 'node:fs'\n${file(`appendFileSync(${JSON.stringify(`${path}/4_d.ts`)}, 'export const more = 1')`)}`,
    )
    const migrator = new Migrator({ source: kysely(withTools(path)), database: await db.open() })
    expect(await failure(migrator.up())).toBeInstanceOf(SourceChangedError)
    expect(await tablesIn(db)).toEqual([])
  })

  test('all migrations of a run get one and the same transaction of Kysely, and the next run another', async ({
    db,
  }) => {
    const given = globalThis as { seen?: unknown[] }
    const seen: unknown[] = []
    given.seen = seen
    const see = file('globalThis.seen.push(db)')
    const migrator = await migratorOf(db, { '1_a.ts': see, '2_b.ts': see, '3_c.ts': see, '4_d.ts': see })
    await migrator.to('2_b')
    await migrator.up()
    expect(seen[1]).toBe(seen[0])
    expect(seen[2]).not.toBe(seen[0])
    expect(seen[3]).toBe(seen[2])
    delete given.seen
  })

  test('a constraint that is checked at the commit leaves nothing', async ({ db }) => {
    const files = {
      ...FOUR,
      '2_b.ts':
        file(`await sql\`create table b (id int primary key, of int references b deferrable initially deferred)\`.execute(db)
  await sql\`insert into b values (1, 7)\`.execute(db)`),
    }
    const error = await failure((await migratorOf(db, files)).up())
    expect(error.message).toContain('violates foreign key constraint')
    expect(error.message).toContain('none of them left changes')
    expect(await tablesIn(db)).toEqual([])
    // A later one may repair it before the end.
    const repaired = { ...files, '3_c.ts': file('await sql`insert into b values (7, 1)`.execute(db)') }
    expect((await (await migratorOf(db, repaired)).up()).steps).toHaveLength(4)
  })

  test('a transaction within, a failure that is caught in it, and settings that are left', async ({ db }) => {
    const files = {
      ...FOUR,
      '2_b.ts': file(`await sql\`begin\`.execute(db)
  await sql\`create table b (id int)\`.execute(db)
  await sql\`rollback\`.execute(db)
  await sql\`set search_path to pg_catalog\`.execute(db)
  await sql\`deallocate all\`.execute(db)`),
    }
    expect((await (await migratorOf(db, files)).up()).steps).toHaveLength(4)
    expect(await tablesIn(db)).toEqual(['a', 'c', 'd'])
  })

  test('a new value of an enum can be used when it is committed, and the error says how', async ({ db }) => {
    const files = {
      '1_a.ts': file("await sql`create type mood as enum ('sad')`.execute(db)"),
      '2_b.ts': file("await sql`alter type mood add value 'glad'`.execute(db)"),
      '3_c.ts': file("await sql`create table c (m mood default 'glad')`.execute(db)"),
    }
    await (await migratorOf(db, files)).up(1)
    const error = await failure((await migratorOf(db, files)).up())
    expect(error.message).toContain('apply them one at a time: "migratest up 1"')
    for (const _ of ['2_b', '3_c']) await (await migratorOf(db, files)).up(1)
    expect(await tablesIn(db)).toEqual(['c'])
  })

  test('"each" gives each migration its own', async ({ db }) => {
    const files = { ...FOUR, '3_c.ts': file('throw new Error("no")') }
    await failure((await migratorOf(db, files, { transactions: 'each' })).up())
    expect(await tablesIn(db)).toEqual(['a', 'b'])
  })

  test('on PGlite, too', async () => {
    const { PGlite } = await import('@electric-sql/pglite')
    const client = await PGlite.create()
    const files = { ...FOUR, '3_c.ts': file('await sql`insert into nowhere values (1)`.execute(db)') }
    const upOf = async (given: Readonly<Record<string, string>>) =>
      new Migrator({ source: sourceOf(given), database: await openDatabase(client) }).up()
    expect((await failure(upOf(files))).message).toContain('none of them left changes')
    expect((await upOf(FOUR)).steps).toHaveLength(4)
    await client.close()
  })
})
