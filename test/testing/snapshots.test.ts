// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the code of a migration, written out.
/** Databases that are copied instead of migrated: when, when not, and that nobody can tell the difference. */
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Kysely, sql } from 'kysely'
import pg from 'pg'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createMigratedDatabase, type MigratedDatabaseOptions, migrateTo, type SeedTarget } from '../../index.ts'
import { pglite } from '../../presets/pglite.ts'
import { postgres } from '../../presets/postgres.ts'
import { kysely } from '../../presets/sources.ts'
import type { Source } from '../../src/migrate/source.ts'
import { memory } from '../../src/source/memory.ts'
import { fingerprintChain } from '../../src/testing/lease/chain.ts'
import { folder } from '../support/cli.ts'
import { failure } from '../support/database.ts'

/** Texts that no other run has; slow enough to be worth a copy. */
function files(tag = randomBytes(6).toString('hex')): Record<string, string> {
  return {
    '1_users.up.sql': `-- ${tag}\ncreate table users (id int generated always as identity, name text default '${tag}'); select pg_sleep(0.03)`,
    '1_users.down.sql': 'drop table users',
    '2_email.up.sql': 'alter table users add email text; select pg_sleep(0.03)',
    '2_email.down.sql': 'alter table users drop email',
    '3_orders.up.sql': 'create table orders (id int); select pg_sleep(0.03)',
    '3_orders.down.sql': 'drop table orders',
  }
}

async function chainOf(source: Source, environment: readonly string[] = []) {
  const migrations = await source.list()
  const rows = { seeded: new Map(), prepared: undefined }
  const { links } = await fingerprintChain({ source, migrations, dialect: 'postgres', ...rows, environment })
  return links
}

describe('snapshots', () => {
  const server = postgres()
  type Options = Partial<MigratedDatabaseOptions<never>>

  /** When each migration of a new database was applied: of a copy, when it was for the first one. */
  async function appliedAt(migrations: MigratedDatabaseOptions<never>['migrations'], options: Options = {}) {
    await using db = await createMigratedDatabase({ server, migrations, ...(options as object) })
    const rows = await db.query<{ v: number; at: Date }>(
      'select version::int as v, applied_at as at from schema_migrations_history order by version',
    )
    return rows.map(({ v, at }) => `${v} ${at.getTime()}`)
  }

  test('the second database at a version is a copy of the first, and a third at another begins from it', async () => {
    const migrations = memory(files())
    const first = await appliedAt(migrations, { version: 2 })
    expect(await appliedAt(migrations, { version: 2 })).toEqual(first)
    const third = await appliedAt(migrations)
    expect(third.slice(0, 2)).toEqual(first)
    expect(third).toHaveLength(3)
    expect(await appliedAt(migrations, { version: { justBefore: 3 } })).toEqual(first)
  })

  test('a copy goes up and down like any other, and is its test’s own', async () => {
    const migrations = memory(files())
    await appliedAt(migrations, { version: 2 })
    const options = { server, migrations, version: 2 }
    await using one = await createMigratedDatabase(options)
    await using two = await createMigratedDatabase(options)
    await one.query('insert into users (email) values ($1)', ['a@example.org'])
    expect(await two.query('select * from users')).toEqual([])
    await migrateTo(one, 3)
    await migrateTo(one, 'nil')
    expect((await one.version()).version).toBe(-1)
    expect((await two.version()).version).toBe(2)
    expect(String(await two.schema())).toContain('email text')
  })

  test('is the same as a database whose migrations ran', async () => {
    const migrations = memory(files())
    await appliedAt(migrations)
    await using copy = await createMigratedDatabase({ server, migrations })
    await using run = await createMigratedDatabase({ server, migrations, snapshots: false })
    expect(String(await copy.schema())).toBe(String(await run.schema()))
    const history =
      'select version, name, fingerprint, down_fingerprint, up, down, baseline from schema_migrations_history order by version'
    expect(await copy.query(history)).toEqual(await run.query(history))
    expect(await copy.query('select * from schema_migrations')).toEqual(
      await run.query('select * from schema_migrations'),
    )
  })

  test('an edit anywhere makes what is above it anew, and only that', async () => {
    const path = folder(files())
    const first = await appliedAt(path, { version: 1 })
    const all = await appliedAt(path)
    writeFileSync(join(path, '2_email.up.sql'), 'alter table users add mail text; select pg_sleep(0.03)')
    const edited = await appliedAt(path)
    expect(edited[0]).toBe(first[0])
    expect(edited.slice(1)).not.toEqual(all.slice(1))
    // Put back, what was made before serves again; a comment is no edit.
    writeFileSync(join(path, '2_email.up.sql'), 'alter table users /* so */ add email text; select pg_sleep(0.03)')
    expect(await appliedAt(path)).toEqual(all)
    // The down is in the history, so it counts too.
    writeFileSync(join(path, '2_email.down.sql'), 'alter table users drop if exists email')
    expect((await appliedAt(path))[1]).not.toBe(all[1])
    await using db = await createMigratedDatabase({ server, migrations: path })
    await migrateTo(db, 1)
    expect(String(await db.schema())).not.toContain('email')
  })

  test('seeds are copied too, each with its own text; a seed that is a function runs once', async () => {
    const migrations = memory(files())
    const below = await appliedAt(migrations, { version: 1 })
    const seeded = (name: string) => ({ seeds: { 2: { users: [{ name }] } } })
    for (const name of ['Ada', 'Eve']) {
      const applied = await appliedAt(migrations, seeded(name))
      expect(applied[0]).toBe(below[0])
      expect(await appliedAt(migrations, seeded(name))).toEqual(applied)
      await using db = await createMigratedDatabase({ server, migrations, ...seeded(name) })
      expect(await db.query('select name from users')).toEqual([{ name }])
    }
    let runs = 0
    const counted = (name: string) => ({
      seeds: { 2: (db: SeedTarget) => db.query(`insert into users (name) values ('${name} ${++runs}')`) },
    })
    for (const [i, options] of [counted('Ada'), counted('Eve')].entries()) {
      for (const _ of [1, 2, 3]) {
        await using db = await createMigratedDatabase({ server, migrations, ...options })
        expect(await db.query('select name from users')).toEqual([{ name: `${['Ada', 'Eve'][i]} ${i + 1}` }])
      }
    }
    await using without = await createMigratedDatabase({ server, migrations })
    expect(await without.query('select name from users')).toEqual([])
  })

  test('prepare() runs once, at the version, and every test has a copy of its own', async () => {
    const migrations = memory(files())
    const remembered: number[] = []
    const prepare = async (db: SeedTarget) => {
      const { rows } = await (db.client as pg.Client).query("insert into users (email) values ('a@b.c') returning id")
      const other = new pg.Client(db.url)
      await other.connect()
      await other.query("insert into users (email) values ('d@e.f')")
      await other.end()
      remembered.push(rows[0].id)
    }
    const options = { server, migrations, version: 2, prepare }
    const [one, two] = await Promise.all([createMigratedDatabase(options), createMigratedDatabase(options)])
    await using first = one
    await using second = two
    await first.query('delete from users where id = $1', remembered)
    expect(await first.query('select email from users')).toEqual([{ email: 'd@e.f' }])
    expect(await second.query('select email from users')).toEqual([{ email: 'a@b.c' }, { email: 'd@e.f' }])
    expect(remembered).toEqual([1])
    await migrateTo(second, 3)
    expect(remembered).toEqual([1])
    await using without = await createMigratedDatabase({ server, migrations, version: 2 })
    expect(await without.query('select * from users')).toEqual([])
    await using transaction = await createMigratedDatabase({ ...options, isolation: 'transaction' })
    expect(await transaction.query('select id from users')).toEqual([{ id: 1 }, { id: 2 }])
  })

  test.for([
    ['the migrations run', { snapshots: false }],
    ['there are none', { version: 'nil' }],
  ] as const)('prepare() runs for each database where %s', async ([, how]) => {
    const migrations = memory(files())
    let runs = 0
    const prepare = (db: SeedTarget) => db.query(`create table prepared as select ${++runs} as run`)
    for (const run of [1, 2]) {
      await using db = await createMigratedDatabase({ server, migrations, prepare, ...how })
      expect(await db.query('select run from prepared')).toEqual([{ run }])
    }
  })

  test('prepare() that fails or leaves a connection open says so', async () => {
    const migrations = memory(files())
    let left: pg.Client | undefined
    const leaving = async (db: SeedTarget) => {
      left = new pg.Client(db.url)
      left.on('error', () => undefined)
      await left.connect()
    }
    const error = await failure(createMigratedDatabase({ server, migrations, prepare: leaving }))
    await left?.end().catch(() => undefined)
    expect(error).toMatchObject({ code: 'MIGRATEST_USAGE', message: expect.stringContaining('End its pool or client') })
    const failing = () => Promise.reject(new Error('no factory'))
    expect(await failure(createMigratedDatabase({ server, migrations, prepare: failing }))).toMatchObject({
      message: 'no factory',
    })
  })

  test.for([
    ['code that reads what nothing follows', { '4_code.ts': 'export async function up() { process.argv }' }],
    ['code that says so', { '4_code.ts': 'export const snapshot = false\nexport async function up() {}' }],
    [
      'a comment on the database',
      {
        '4_say.up.sql':
          "do $$ begin execute format('comment on database %I is %L', current_database(), 'x'); end $$; select pg_sleep(0.03)",
      },
    ],
  ] as const)('what a copy would lack or its text does not tell is run again: %s', async ([, more]) => {
    const path = folder({ ...files(), ...more })
    const last = async () => (await appliedAt(path)).at(-1)
    const [before, after] = [await last(), await last()]
    expect(after).not.toBe(before)
    // The migrations below it are still copied.
    expect((await appliedAt(path, { version: 3 })).at(-1)).toBe((await appliedAt(path, { version: 3 })).at(-1))
  })

  test('a variable or a file that code reads makes another snapshot when it changes', async () => {
    const path = folder({
      ...files(),
      'city.txt': 'Rome',
      '4_code.ts': `import { readFileSync } from 'node:fs'
import { join } from 'node:path'
export async function up({ sql }) {
  await sql('insert into users (name) values ($1)', [process.env.MIGRATEST_CITY ?? readFileSync(join(import.meta.dirname, 'city.txt'), 'utf8')])
  await sql('select pg_sleep(0.03)')
}`,
    })
    const city = async () => {
      await using db = await createMigratedDatabase({ server, migrations: path })
      return (await db.query<{ name: string }>('select name from users')).map(({ name }) => name).join()
    }
    const first = await appliedAt(path)
    expect(await appliedAt(path)).toEqual(first)
    expect(await city()).toBe('Rome')
    writeFileSync(join(path, 'city.txt'), 'Oslo')
    expect(await city()).toBe('Oslo')
    vi.stubEnv('MIGRATEST_CITY', 'Bern')
    onTestFinished(() => void vi.unstubAllEnvs())
    expect(await city()).toBe('Bern')
    expect(await appliedAt(path)).toEqual(await appliedAt(path))
    vi.stubEnv('MIGRATEST_CITY', 'Wien')
    expect(await city()).toBe('Wien')
    vi.unstubAllEnvs()
    writeFileSync(join(path, 'city.txt'), 'Rome')
    expect(await appliedAt(path)).toEqual(first)
  })

  test('code that cannot be copied is named, once, if it takes time', async () => {
    const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    onTestFinished(() => told.mockRestore())
    const slow = "export async function up({ sql }) { process.argv; await sql('select pg_sleep(0.15)') }"
    const path = folder({ ...files(), '4_slow.ts': slow, '5_more.up.sql': 'select 1' })
    for (const _ of [1, 2]) await appliedAt(path)
    const lines = told.mock.calls.map(([line]) => String(line)).filter((line) => line.includes('4_slow.ts'))
    expect(lines).toEqual([
      expect.stringMatching(
        /4_slow\.ts: it uses process, so it and the migrations after it run for every test instead of being copied \(\d+ ms\)\.\n$/,
      ),
    ])
  })

  test('functions that are in no file are copied, too, as long as they are the same ones', async () => {
    const tag = randomBytes(6).toString('hex')
    const table = (name: string) => async (on: Kysely<never>) => {
      await on.schema.createTable(`${name}_${tag}`).execute()
      await sql`select pg_sleep(0.03)`.execute(on)
    }
    const [users, orders] = [table('users'), table('orders')]
    const both = () => kysely({ getMigrations: async () => ({ '1_users': { up: users }, '2_orders': { up: orders } }) })
    const other = () =>
      kysely({ getMigrations: async () => ({ '1_users': { up: users }, '2_orders': { up: table('o') } }) })
    const when = (migrations: Source) => appliedAt(migrations, { schema: 'public' })
    const first = await when(both())
    // A list that is made anew for each test would leave a snapshot behind each of them.
    const second = await when(both())
    expect(second).not.toEqual(first)
    expect(await when(both())).toEqual(second)
    expect(await when(other())).not.toEqual(await when(other()))
    expect(await when(both())).toEqual(second)
  })

  test('code is copied like SQL, until it or something that it imports changes', async () => {
    const path = folder({
      ...files(),
      '4_code.ts':
        "import { names } from './helper.ts'\nexport const up = ({ sql }) => sql(`insert into users (name) values ('${names}')`)\nexport const down = () => {}",
      'helper.ts': "import { one } from './deeper.ts'\nexport const names = one",
      'deeper.ts': "export const one = 'Ada'",
      '5_more.up.sql': 'create table more (id int); select pg_sleep(0.03)',
      '5_more.down.sql': 'drop table more',
    })
    const options = { server, migrations: path }
    const names = async () => {
      await using db = await createMigratedDatabase(options)
      return (await db.query<{ name: string }>('select name from users')).map(({ name }) => name)
    }
    const before = await appliedAt(path)
    expect(await appliedAt(path)).toEqual(before)
    expect(await names()).toEqual(['Ada'])
    writeFileSync(join(path, 'deeper.ts'), "export const one = 'Eve'")
    expect(await names()).toEqual(['Eve'])
    expect((await appliedAt(path)).at(-1)).not.toEqual(before.at(-1))
    writeFileSync(join(path, 'deeper.ts'), "export const one = 'Ada'")
    expect(await names()).toEqual(['Ada'])
  })

  test('a copy has what the database itself has: settings, privileges, owner, connection limit', async () => {
    const server = postgres({ roles: ['copied_owner'], idleMinutes: 0.05 })
    const migrations = memory({
      ...files(),
      '4_own.up.sql': `do $$ begin
        execute format('alter database %I set search_path = public, "$user", pg_catalog', current_database());
        execute format('alter role copied_owner in database %I set work_mem = %L', current_database(), '8MB');
        execute format('grant create on database %I to copied_owner with grant option', current_database());
        execute format('revoke temporary on database %I from public', current_database());
        execute format('alter database %I connection limit 50', current_database());
        execute format('alter database %I owner to copied_owner', current_database());
      end $$; select pg_sleep(0.03)`,
    })
    const read = async () => {
      await using db = await createMigratedDatabase({ server, migrations })
      const [own] = await db.query<object>(
        `select pg_get_userbyid(datdba) as owner, datconnlimit, (select array_agg(a::text order by a::text) from unnest(datacl) a) as acl,
           (select json_agg(s.setconfig order by setrole) from pg_db_role_setting s where setdatabase = d.oid) as settings, current_setting('search_path') as path
         from pg_database d where datname = current_database()`,
      )
      const history = await db.query('select applied_at from schema_migrations_history')
      return { own, history }
    }
    const [made, copied] = [await read(), await read()]
    expect(copied).toEqual(made)
    expect(made.own).toMatchObject({ owner: 'copied_owner', datconnlimit: 50, path: 'public, "$user", pg_catalog' })
  })

  test('a file above the version asked for is neither loaded nor looked at', async () => {
    const path = folder({ ...files(), '4_code.ts': 'throw new Error("loaded")', '5_bad.up.sql': "select 'open" })
    expect(await appliedAt(path, { version: 3 })).toEqual(await appliedAt(path, { version: 3 }))
    await expect(appliedAt(path)).rejects.toThrow(/loaded/)
  })

  test('texts that change while they run are not kept under their old key', async () => {
    const old = files()
    const fresh = { ...old, '1_users.up.sql': 'create table users (other int); select pg_sleep(0.03)' }
    let reads = 0
    const source = {
      ...memory(old),
      read: (...args: Parameters<ReturnType<typeof memory>['read']>) => memory(reads++ < 6 ? old : fresh).read(...args),
    }
    await appliedAt(source)
    await using db = await createMigratedDatabase({ server, migrations: memory(old) })
    expect(String(await db.schema())).not.toContain('other integer')
  })

  test('somebody else who connects to test databases does no harm', async () => {
    const path = folder(files())
    await using watcher = await createMigratedDatabase({ server, migrations: memory({}), version: 'nil' })
    const seen = new Set<string>([watcher.name])
    // Only those of this process: together, the tests that run beside it have more databases than the server takes connections.
    const ours = watcher.name.replace(/\d+$/, '')
    const clients: { end(): Promise<void> }[] = []
    const { Client } = await import('pg')
    const timer = setInterval(async () => {
      // The last question may still be open when the test is over.
      const rows = await watcher
        .query<{ datname: string }>('select datname from pg_database where starts_with(datname, $1) and datallowconn', [
          ours,
        ])
        .catch(() => [])
      for (const { datname } of rows) {
        if (seen.has(datname)) continue
        seen.add(datname)
        const url = new URL(watcher.url ?? '')
        url.pathname = `/${datname}`
        const client = new Client(url.href)
        client.on('error', () => undefined)
        clients.push(client)
        await client.connect().catch(() => undefined)
      }
    }, 5)
    onTestFinished(async () => {
      clearInterval(timer)
      for (const client of clients) await client.end().catch(() => undefined)
    })
    for (let i = 0; i < 3; i++) expect(await appliedAt(path)).toHaveLength(3)
    expect(clients.length).toBeGreaterThan(0)
  })

  test('who listens to the migrations hears them run', async () => {
    const migrations = memory(files())
    await appliedAt(migrations)
    const heard: string[] = []
    await appliedAt(migrations, { onEvent: (event) => heard.push(event.type) })
    expect(heard.filter((type) => type === 'finished')).toHaveLength(3)
  })

  test('many at once: all are right, whoever makes the snapshot', async () => {
    const migrations = memory(files())
    const options = { server, migrations }
    const all = await Promise.all(Array.from({ length: 8 }, () => createMigratedDatabase(options)))
    for (const db of all) expect((await db.query('select * from orders')).length).toBe(0)
    await Promise.all(all.map((db) => db[Symbol.asyncDispose]()))
  })

  test('a snapshot that goes meanwhile is made again', async () => {
    const migrations = memory(files())
    const first = await appliedAt(migrations)
    const snapshots = await server.snapshots?.()
    const keys = (await chainOf(migrations, snapshots?.environment)).map(({ key }) => key)
    expect((await snapshots?.look(keys))?.nearest).toBe(keys.at(-1))
    expect(await snapshots?.clone('nothing')).toBeUndefined()
    await using admin = await createMigratedDatabase({ server, migrations: memory({}), version: 'nil' })
    await admin.query(`drop database if exists migratest_snapshot_${keys.at(-1)}`)
    const again = await appliedAt(migrations)
    expect(again).not.toEqual(first)
    expect(await appliedAt(migrations)).toEqual(again)
  })

  test('within their budget: those that were not used for longest go first', async () => {
    const small = postgres({ flags: { 'migratest.test': 'budget' }, snapshotMegabytes: 40, idleMinutes: 0.05 })
    const at = async (migrations: Source) => {
      await using db = await createMigratedDatabase({ server: small, migrations, version: 1 })
      return String(
        (await db.query<{ at: Date }>('select applied_at as at from schema_migrations_history'))[0]?.at.getTime(),
      )
    }
    const used = memory(files())
    const first = await at(used)
    for (let i = 0; i < 8; i++) {
      await at(memory(files()))
      expect(await at(used)).toBe(first)
    }
    await using admin = await createMigratedDatabase({ server: small, migrations: memory({}), version: 'nil' })
    const [row] = await admin.query<{ mb: number }>(
      "select sum(pg_database_size(oid))::float / 1048576 as mb from pg_database where starts_with(datname, 'migratest_snapshot_')",
    )
    expect(row?.mb).toBeLessThanOrEqual(40)
    expect(row?.mb).toBeGreaterThan(20)
  }, 60_000)
})

describe('the chain', () => {
  const chain = (texts: Record<string, string>, environment: string[] = []) => chainOf(memory(texts), environment)
  const base = files('x')

  test.for([
    ['an up', { ...base, '2_email.up.sql': 'select 1' }, 1],
    ['a down', { ...base, '2_email.down.sql': 'select 1' }, 1],
    ['no down', Object.fromEntries(Object.entries(base).filter(([name]) => name !== '2_email.down.sql')), 1],
    ['an empty down', { ...base, '2_email.down.sql': '' }, 1],
    [
      'a name',
      Object.fromEntries(Object.entries(base).map(([name, text]) => [name.replace('2_email', '2_mail'), text])),
      1,
    ],
    [
      'a number',
      Object.fromEntries(Object.entries(base).map(([name, text]) => [name.replace('3_orders', '4_orders'), text])),
      2,
    ],
    ['one between', { ...base, '02_a.up.sql': '', '2_email.up.sql': undefined as unknown as string }, 1],
  ] as const)('another text is another key from there on: %s', async ([, changed, at]) => {
    const before = await chain(base)
    const texts = Object.fromEntries(Object.entries(changed).filter(([, text]) => text !== undefined))
    delete (texts as Record<string, string>)['02_a.up.sql']
    const after = await chain(texts)
    expect(after.slice(0, at)).toEqual(before.slice(0, at))
    for (const [i, link] of after.entries()) if (i >= at) expect(link.key).not.toBe(before[i]?.key)
  })

  test('the environment counts; comments and white space do not', async () => {
    const before = await chain(base)
    expect((await chain(base, ['create extension x']))[0]?.key).not.toBe(before[0]?.key)
    expect(
      await chain({
        ...base,
        '2_email.up.sql': `-- hello
${base['2_email.up.sql']}`,
      }),
    ).toEqual(before)
    expect(await chain({ ...base, '2_email.up.sql': 'commit' })).toHaveLength(1)
    expect(await chain({ ...base, '2_email.down.sql': 'drop owned by x' })).toHaveLength(1)
    expect(await chain({ ...base, '2_email.up.sql': 'select user, role from groups' })).toHaveLength(3)
  })
})

describe('snapshots of PGlite', () => {
  test('the migrations run once in a process; each test has a copy, and an edit runs only what is above it', async () => {
    const server = pglite({ init: "create table ready as select 'yes' as yes" })
    const path = folder(files())
    const appliedAt = async (migrations: string, options: object = {}) => {
      await using db = await createMigratedDatabase({ server, migrations, ...options })
      await db.query("insert into users (name) values ('a row of this test only')")
      const rows = await db.query<{ at: Date }>(
        'select applied_at as at from schema_migrations_history order by version',
      )
      expect(await db.query('select count(*)::int as count, yes from users, ready group by yes')).toEqual([
        { count: 1, yes: 'yes' },
      ])
      return rows.map(({ at }) => at.getTime())
    }
    const first = await appliedAt(path)
    expect(await appliedAt(path)).toEqual(first)
    writeFileSync(join(path, '3_orders.up.sql'), 'create table orders (id bigint); select pg_sleep(0.03)')
    const edited = await appliedAt(path)
    expect(edited.slice(0, 2)).toEqual(first.slice(0, 2))
    expect(edited[2]).not.toBe(first[2])
    let runs = 0
    const prepare = () => ++runs
    await appliedAt(path, { prepare })
    await appliedAt(path, { prepare })
    expect(runs).toBe(1)
  })
})
