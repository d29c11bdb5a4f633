/** Databases that are used again: nobody can tell, whatever the test before did. */
import { randomBytes } from 'node:crypto'
import type { Client } from 'pg'
import { describe, expect, test } from 'vitest'
import { createMigratedDatabase, type MigratedDatabase, memory, migrateTo } from '../../index.ts'
import { postgres } from '../../presets/postgres.ts'
import { settled } from '../../src/testing/lease/migratedDatabase.ts'

const server = postgres()

const SCHEMA = `
  create schema "odd ""one"" 🐘";
  create table lookup (id int primary key, name text);
  insert into lookup values (1, 'a'), (2, 'b');
  create table users (id bigint generated always as identity primary key, name text, boss bigint references users);
  create table orders (id serial primary key, user_id bigint references users, kind int references lookup);
  create table "odd ""one"" 🐘"."t'1" (id int);
  create sequence countdown increment by -1 minvalue -100 maxvalue 5 start 5 cache 3;
  create table parted (id int, at date) partition by range (at);
  create table parted_1 partition of parted for values from ('2020-01-01') to ('2030-01-01');
  create unlogged table fast (id int);
  create materialized view seen as select * from lookup;
  create table logged (what text);
  create function log() returns trigger language plpgsql as $$ begin insert into logged values (tg_op); return null; end $$;
  create trigger log after insert or delete or truncate on users execute function log();
  select pg_sleep(0.03)`

function optionsFor(schema: string, on = server) {
  const migrations = memory({
    '1_all.up.sql': `-- ${randomBytes(6).toString('hex')}\n${schema}`,
    '2_more.up.sql': 'create table more ()',
  })
  return { server: on, migrations, version: 1 }
}

/** Unlogged tables change without a record in the server's log, so all rows are looked at. */
const options = optionsFor(SCHEMA)
/** On a server of its own: where another test file writes megabytes at the same time, the log is not read. */
const logged = optionsFor(SCHEMA.replace('unlogged', ''), postgres({ flags: { 'migratest.test': 'log' } }))

/** All that a test could see: rows, where sequences are, the schema, settings, large objects. */
async function look(db: MigratedDatabase<Client>): Promise<unknown> {
  const tables = ['lookup', 'users', 'orders', `"odd ""one"" 🐘"."t'1"`, 'parted', 'fast', 'seen', 'logged']
  const rows = []
  for (const table of tables) rows.push([table, await db.query(`select * from ${table}`)])
  return {
    rows,
    sequences: await db.query(
      "select 'u', last_value::int, is_called from users_id_seq union all select 'o', last_value, is_called from orders_id_seq union all select 'c', last_value, is_called from countdown",
    ),
    schema: String(await db.schema()),
    settings: await db.query(
      'select s.setconfig, d.datacl, d.datconnlimit from pg_database d left join pg_db_role_setting s on s.setdatabase = d.oid where datname = current_database()',
    ),
    others: await db.query(
      `select (select count(*)::int from pg_largeobject_metadata) as objects, (select count(*)::int from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())) as locks,
         (select count(*)::int from pg_prepared_xacts where database = current_database()) as prepared, (select count(*)::int from pg_listening_channels()) as channels,
         (select count(*)::int from pg_stat_user_tables where last_analyze is not null) as analyzed, obj_description('users'::regclass) as said, current_setting('search_path') as path, current_user as who`,
    ),
  }
}

/** A pool has about three databases for tests that run one after another: so many tests have met each of them. */
const ROUND = 6

const warm = new Set<object>()

/** Enough of them that the pool has begun to use databases again. It goes on with that after what a test did to one. */
async function warmUp(how = options): Promise<void> {
  const takes = warm.has(how) ? 2 : 2 * ROUND
  warm.add(how)
  for (let i = 0; i < takes; i++) {
    await using db = await createMigratedDatabase(how)
    await db.query('select 1')
  }
  await settled()
}

/** The log is read on servers that we start, from PostgreSQL 17 on. */
async function readsLog(db: MigratedDatabase<Client>): Promise<boolean> {
  const [row] = await db.query<{ version: number }>("select current_setting('server_version_num')::int as version")
  return process.env.MIGRATEST_SERVER_URL === undefined && (row?.version ?? 0) >= 170_000
}

describe('a database that is used again', () => {
  const CHANGES = [
    ['nothing', 'select 1', true],
    [
      'rows in tables that had none',
      "insert into users (name) values ('Ada'); insert into orders (user_id) select id from users",
      true,
    ],
    [
      'rows beside those of a migration',
      "insert into lookup values (3, 'c'); insert into orders (kind) values (3)",
      true,
    ],
    [
      'rows in a partition, an unlogged table, a table with an odd name',
      `insert into parted values (1, '2021-01-01'); insert into fast values (1); insert into "odd ""one"" 🐘"."t'1" values (1)`,
      true,
    ],
    ['rows that refer to each other', "insert into users (name) values ('a'), ('b'); update users set boss = 1", true],
    ['a sequence, by nextval', "select nextval('countdown'), nextval('orders_id_seq')", true],
    [
      'a sequence, by setval that was not called',
      "select setval('countdown', 5, true), setval('orders_id_seq', 1, false), setval('users_id_seq', 40, false)",
      true,
    ],
    ['rows that were rolled back', "begin; insert into users (name) values ('Ada'); rollback", true],
    ['rows of a migration, locked', 'begin; select from lookup for update; commit', true],
    ['rows of a migration, changed and rolled back', "begin; update lookup set name = 'z'; rollback", true],
    ['a table that was made and dropped', 'create table x (id int); drop table x', 'by its rows'],
    [
      'more rows than the log is read for',
      "insert into users (name) select repeat('x', 1000) from generate_series(1, 10000)",
      'by its rows',
    ],
    [
      'a session that has settings, a role, a listener, advisory locks',
      'set search_path = pg_catalog; set role pg_monitor; listen x; select pg_advisory_lock(1)',
      true,
    ],
    ['a transaction that was left open', "begin; insert into users (name) values ('Ada')", true],
    ['rows of a migration, changed', "update lookup set name = 'z' where id = 1", false],
    ['rows of a migration, deleted', 'delete from orders; delete from lookup where id = 2', false],
    [
      'a row of a migration, deleted and put in again',
      "delete from lookup where id = 2; insert into lookup values (2, 'b')",
      false,
    ],
    ['TRUNCATE of rows', 'truncate lookup cascade', false],
    ['TRUNCATE of a table without rows, and its sequence restarted', 'truncate users restart identity cascade', false],
    ['DDL', 'alter table users add email text', false],
    ['an index', 'create index on users (name)', false],
    [
      'a function, replaced',
      "create or replace function log() returns trigger language plpgsql as 'begin return null; end'",
      false,
    ],
    ['a comment', "comment on table users is 'x'", false],
    ['a privilege', 'grant select on users to pg_monitor', false],
    ['a policy', 'alter table users enable row level security', false],
    ['a trigger, disabled', 'alter table users disable trigger log', false],
    ['a sequence, altered', 'alter sequence countdown increment by -2', false],
    ['a type', "create type mood as enum ('ok')", false],
    ['a large object', "select lo_from_bytea(0, 'abc')", false],
    [
      'a setting of the database',
      "do $$ begin execute format('alter database %I set work_mem = %L', current_database(), '8MB'); end $$",
      false,
    ],
    [
      'a privilege on the database',
      "do $$ begin execute format('grant create on database %I to pg_monitor', current_database()); end $$",
      false,
    ],
    ['statistics', "insert into users (name) values ('Ada'); analyze users", false],
    ['a materialized view, refreshed', "insert into lookup values (3, 'c'); refresh materialized view seen", false],
    ['an extension, dropped', 'drop extension plpgsql cascade', false],
    ['default privileges', 'alter default privileges grant select on tables to public', false],
  ] as const

  describe.for([
    ['by its rows', options],
    ['by the log', logged],
  ] as const)('%s', ([way, how]) => {
    /** The contents of a database that no test had before and that is no copy. */
    let unused: Promise<unknown> | undefined
    const lookAtUnused = async () => {
      await using fresh = await createMigratedDatabase({ ...how, snapshots: false })
      return await look(fresh)
    }

    test.for(CHANGES)('%s', { timeout: 30_000 }, async ([, change, again]) => {
      unused ??= lookAtUnused()
      const expected = await unused
      await warmUp(how)
      const used = await createMigratedDatabase(how)
      const reads = way === 'by the log' && (await readsLog(used))
      await used.query(change)
      await used[Symbol.asyncDispose]()
      await settled()
      const names = []
      for (let i = 0; i < ROUND; i++) {
        await using db = await createMigratedDatabase(how)
        names.push(db.name)
        // The next database may be the same one; of those after it only the same one can show what the test did.
        if (i === 0 || db.name === used.name) expect(await look(db)).toEqual(expected)
        // Ids begin where they do in a new one.
        expect(await db.query("insert into users (name) values ('new') returning id")).toEqual([{ id: '1' }])
        if (db.name === used.name) break
      }
      if (again === true || (again && !reads)) expect(names).toContain(used.name)
      else expect(names).not.toContain(used.name)
    })
  })

  test('the database of a test that is over cannot be kept, and the next test has a clean one', async () => {
    await warmUp()
    const used = await createMigratedDatabase(options)
    await used[Symbol.asyncDispose]()
    await settled()
    await expect(used.keep()).rejects.toThrow(/The test was over before keep\(\)/)
    await using db = await createMigratedDatabase(options)
    expect(await db.query('select count(*)::int as n from lookup')).toEqual([{ n: 2 }])
  })

  test('what was migrated is not used again', async () => {
    await warmUp()
    const used = await createMigratedDatabase(options)
    await migrateTo(used, 2)
    await migrateTo(used, 1)
    await used[Symbol.asyncDispose]()
    await settled()
    for (let i = 0; i < 3; i++) {
      await using db = await createMigratedDatabase(options)
      expect(db.name).not.toBe(used.name)
    }
  })

  test('many at once, each its own', { timeout: 30_000 }, async () => {
    await warmUp()
    for (let round = 0; round < 3; round++) {
      const all = await Promise.all(Array.from({ length: 10 }, () => createMigratedDatabase(options)))
      expect(new Set(all.map(({ name }) => name)).size).toBe(10)
      await Promise.all(all.map((db, i) => db.query('insert into users (name) values ($1)', [`u${i}`])))
      for (const [i, db] of all.entries()) expect(await db.query('select name from users')).toEqual([{ name: `u${i}` }])
      await Promise.all(all.map((db) => db[Symbol.asyncDispose]()))
    }
  })

  test('a database that its test has dropped, and connections that were ended, are no harm', async () => {
    await warmUp()
    const used = await createMigratedDatabase(options)
    await using other = await createMigratedDatabase({ ...options, version: 'nil' })
    await other.query(`drop database ${used.name} with (force)`)
    await used[Symbol.asyncDispose]()
    await settled()
    // Other processes may have databases on this server, too, and the pool goes on connecting.
    const ended = await other.query<{ pid: number }>(
      `select pid, pg_terminate_backend(pid) from pg_stat_activity where application_name = 'migratest test' and datname <> current_database()
        and starts_with(datname, '${used.name.replace(/_\d+$/, '_')}')`,
    )
    const pids = ended.map(({ pid }) => pid).join()
    await expect
      .poll(() => other.query(`select from pg_stat_activity where pid = any('{${pids}}')`), { interval: 10 })
      .toEqual([])
    // The messages of the server to them have arrived, and are read in this turn.
    await new Promise((resolve) => setTimeout(resolve, 0))
    for (let i = 0; i < 3; i++) {
      await using db = await createMigratedDatabase(options)
      expect(await db.query('select count(*)::int as n from lookup')).toEqual([{ n: 2 }])
    }
  })
})
