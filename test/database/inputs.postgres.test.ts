/** Databases of PostgreSQL as people have them: users with a schema of their own, poolers, settings of a database, statements that want no transaction. */
import { spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, onTestFinished } from 'vitest'
import { openSchemaReader } from '../../src/database/open.ts'
import { ConnectionError, MigrationFailedError } from '../../src/migrate/errors.ts'
import { cli, folder } from '../support/cli.ts'
import { failure, test } from '../support/database.ts'
import { anyPostgres } from '../support/servers.ts'

describe('where the version table is', () => {
  test("a user's own schema, made by a migration, is not where the next run looks", async ({ db }) => {
    const user = `own_${Date.now()}`
    await db.rows(`create role ${user} login superuser password 'x'`)
    onTestFinished(async () => {
      const client = await anyPostgres.create()
      await client.drop()
    })
    const url = new URL(db.url)
    url.username = user
    url.password = 'x'
    const files = {
      '1_a.up.sql': 'create table counter (n int)',
      '2_b.up.sql': `create schema ${user}`,
      '3_c.up.sql': 'create table third (id int)',
    }
    await (await db.migrator(files, { url: url.href })).up(2)
    expect((await (await db.migrator(files, { url: url.href })).up()).steps.map(({ version }) => version)).toEqual([3])
    expect(await db.rows("select schemaname as s from pg_tables where tablename = 'schema_migrations'")).toEqual([
      { s: 'public' },
    ])
    await db.rows(`drop schema ${user} cascade; drop owned by ${user} cascade`)
  })

  test('search_path of the URL counts beside its options', async ({ db }) => {
    await db.rows('create schema app')
    const url = `${db.url}?search_path=app&options=-c%20statement_timeout%3D5000`
    await (await db.migrator({ '1_t.up.sql': 'create table t (id int)' }, { url })).up()
    expect(
      await db.rows("select to_regclass('app.t')::text as t, to_regclass('app.schema_migrations')::text as m"),
    ).toEqual([{ t: 'app.t', m: 'app.schema_migrations' }])
  })
})

describe('a statement alone that PostgreSQL refuses in a transaction runs without one', () => {
  const before =
    'create table m (a int) partition by range (a); create table m1 partition of m for values from (0) to (9); create index mi on m (a)'
  test.for([
    'cluster verbose',
    'discard all',
    'reindex table m',
    'reindex index mi',
    'cluster m using mi',
    'alter table if exists public.m detach partition public.m1 concurrently',
  ])('%s', async (sql, { db }) => {
    const files = { '1_m.up.sql': before, '2_alone.up.sql': sql, '3_after.up.sql': 'create table after (id int)' }
    await (await db.migrator(files)).up()
    expect(await db.rows('select version::int, dirty from schema_migrations')).toEqual([{ version: 3, dirty: false }])
  })

  test('a statement that fails outside of a transaction leaves the database clean', async ({ db }) => {
    const migrator = await db.migrator({ '1_a.up.sql': 'create index concurrently i on nosuch (a)' })
    expect((await failure(migrator.up())).message).toMatch(/The migration left no changes: .* is at version nil, clean/)
    expect(await migrator.version()).toEqual({ version: -1, dirty: false })
  })

  test('an index that a failed build left invalid is named', async ({ db }) => {
    const files = {
      '1_d.up.sql': 'create table d (a int); insert into d values (1), (1)',
      '2_i.up.sql': 'create unique index concurrently d_a on d (a)',
    }
    expect((await failure((await db.migrator(files)).up())).message).toMatch(/left an invalid index behind \(d_a\)/)
  })
})

describe('how the server reads and writes', () => {
  test('standard_conforming_strings, set by the file and by the database', async ({ db }) => {
    const file =
      "create table t (s text);\nset standard_conforming_strings = off;\ninsert into t values ('it\\'s; x');\ninsert into t values ('b');"
    await (await db.migrator({ '1_x.up.sql': file })).up()
    expect(await db.rows('select s from t order by s')).toEqual([{ s: 'b' }, { s: "it's; x" }])
    await db.rows(`alter database ${new URL(db.url).pathname.slice(1)} set standard_conforming_strings = off`)
    const error = await failure<MigrationFailedError>(
      (
        await db.migrator({
          '1_x.up.sql': file,
          '2_y.up.sql': "insert into t values ('it\\'s; y');\ninsert into nope values (1);",
        })
      ).up(),
    )
    expect(error).toBeInstanceOf(MigrationFailedError)
    expect([error.line, error.column, error.sqlState]).toEqual([2, 13, '42P01'])
  })

  test('a place in a file that goes in several messages', async ({ db }) => {
    const rows = Array.from({ length: 4000 }, (_, i) => `insert into big values (${i}, '${'é'.repeat(400)}');`).join(
      '\n',
    )
    const files = { '1_big.up.sql': `create table big (id int, t text);\n${rows}\ninsert into big values (1, nope);` }
    const error = await failure<MigrationFailedError>((await db.migrator(files)).up())
    expect([error.line, error.column]).toEqual([4002, 28])
    expect(await db.rows("select to_regclass('big') as big")).toEqual([{ big: null }])
  })

  test('a session that is ended is a broken connection, whatever language the server speaks', async ({ db }) => {
    // Its severity is then another word: the code counts.
    const { isAnswer } = await import('../../src/database/postgres/failure.ts')
    expect(isAnswer(Object.assign(new Error('завершение'), { severity: 'ВАЖНО', code: '57P01' }))).toBe(false)
    expect(isAnswer(Object.assign(new Error('нет'), { severity: 'ОШИБКА', code: '42P01' }))).toBe(true)
    expect(
      await failure((await db.migrator({ '1_k.up.sql': 'select pg_terminate_backend(pg_backend_pid())' })).up()),
    ).toBeInstanceOf(ConnectionError)
  })

  test('notices and warnings are events of the step', async ({ db }) => {
    const migrator = await db.migrator({
      '1_n.up.sql': "do $$ begin raise notice 'hello'; raise warning 'careful'; end $$",
    })
    await migrator.up()
    expect(db.events.filter(({ type }) => type === 'notice')).toMatchObject([
      { severity: 'NOTICE', message: 'hello' },
      { severity: 'WARNING', message: 'careful' },
    ])
  })

  test('a procedure that commits: the hint is a file without a transaction', async ({ db }) => {
    const sql = "create procedure p() language plpgsql as 'begin commit; end'; call p()"
    expect((await failure((await db.migrator({ '1_p.up.sql': sql })).up())).message).toMatch(
      /Begin the file with "-- migrate: no-transaction"/,
    )
  })

  test('a long text is recorded, and undone by what was recorded', async ({ db }) => {
    const comment = `-- ${'long '.repeat(300_000)}`
    await (
      await db.migrator({
        '1_a.up.sql': `create table a (id int);\n${comment}`,
        '1_a.down.sql': `drop table a;\n${comment}`,
      })
    ).up()
    expect(await db.rows('select length(up) < 100000 as short from schema_migrations_history')).toEqual([
      { short: true },
    ])
    await (await db.migrator({ '1_a.up.sql': 'create table other (id int)' })).down(1)
    expect(await db.rows("select to_regclass('a') as a")).toEqual([{ a: null }])
  })
})

describe('through a pooler that hands each transaction to another session', () => {
  const missing =
    spawnSync('pgbouncer', ['--version']).error && process.env.CI !== 'true' ? 'pgbouncer is not installed' : undefined
  test.skipIf(missing !== undefined)(
    `up and down, beside others, and nothing stays on a session${missing ? ` (${missing})` : ''}`,
    async ({ db }) => {
      const url = await pooled(db.url)
      const files = Object.fromEntries(
        [1, 2, 3, 4, 5, 6].flatMap((n) => [
          [`${n}_t.up.sql`, `create table t${n} (id int); select 1`],
          [`${n}_t.down.sql`, `drop table t${n}`],
        ]),
      )
      const noise = Promise.all(
        [1, 2, 3].map(async () => {
          const client = new pg.Client(url)
          await client.connect()
          for (let i = 0; i < 60; i++) await client.query('select pg_sleep(random() * 0.01)')
          await client.end()
        }),
      )
      for (let i = 0; i < 4; i++) {
        await (await db.migrator(files, { url, lock: 'table' })).up()
        await (await db.migrator(files, { url, lock: 'table' })).down('all')
      }
      for (let i = 0; i < 2; i++) {
        const reader = await openSchemaReader(url)
        expect(String(await reader.read())).toContain('CREATE SCHEMA')
        await reader.close()
      }
      await noise
      for (let i = 0; i < 3; i++) {
        const client = new pg.Client(url)
        await client.connect()
        const { rows } = await client.query(
          "select current_setting('search_path') as path, current_setting('jit') as jit, (select count(*)::int from pg_prepared_statements) as prepared",
        )
        expect(rows).toEqual([{ path: '"$user", public', jit: 'on', prepared: 0 }])
        await client.end()
      }
    },
  )
})

describe('the command', () => {
  test('a refusal is told as one, and schema has none of its own', async ({ db }) => {
    const user = `poor_${Date.now()}`
    await db.rows(`create role ${user} login password 'x'; revoke create on schema public from public`)
    const url = new URL(db.url)
    url.username = user
    url.password = 'x'
    const found = cli(['up', '-d', url.href, '-p', folder()])
    expect(found.err).toMatch(
      /^permission denied for schema public\n\nThe user who migrates may not make anything in the schema public\. .*GRANT CREATE/,
    )
    expect(found.err).not.toContain('    at ')
    const slow = cli(['schema', '-d', `${db.url}?statement_timeout=1&options=-c%20statement_timeout%3D1`])
    expect(slow.err).not.toContain('    at ')
    await db.rows(`drop role ${user}`)
  })
})

/** A pgbouncer in front of a database's server, in transaction mode, gone with the test. */
async function pooled(url: string): Promise<string> {
  const { hostname, port, username, password, pathname } = new URL(url)
  const at = folder({})
  const listen = 20_000 + Math.floor(Math.random() * 20_000)
  const config = join(at, 'pgbouncer.ini')
  writeFileSync(join(at, 'users.txt'), `"${decodeURIComponent(username)}" "${decodeURIComponent(password)}"\n`)
  writeFileSync(
    config,
    `[databases]\n* = host=${hostname} port=${port} user=${decodeURIComponent(username)} password=${decodeURIComponent(password)}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${listen}\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 2\nunix_socket_dir =\n`,
  )
  spawnSync('chmod', ['-R', 'a+rX', at])
  const asRoot = process.getuid?.() === 0
  const child = asRoot
    ? spawn('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', 'pgbouncer', config], { stdio: 'ignore' })
    : spawn('pgbouncer', [config], { stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  for (let i = 0; i < 200; i++) {
    const answers = await new Promise<boolean>((resolve) => {
      const socket = connect(listen, '127.0.0.1', () => resolve(true))
      socket.once('error', () => resolve(false))
      socket.unref()
    })
    if (answers) return `postgres://${username}@127.0.0.1:${listen}${pathname}`
    await sleep(25)
  }
  throw new Error('pgbouncer does not answer')
}
