/** Following edits on a real PostgreSQL: the smallest plan, one transaction, and rows that survive. */
import { describe, expect } from 'vitest'
import type { DevelopmentDatabase } from '../../src/database/development.ts'
import { openDevelopment } from '../../src/database/open.ts'
import { Migrator, type MigratorOptions } from '../../src/migrate/migrator.ts'
import { memory } from '../../src/source/memory.ts'
import { type Outcome, type ReconcileOptions, reconcile } from '../../src/watch/reconcile.ts'
import { test as base, failure } from '../support/database.ts'

type Files = Parameters<typeof memory>[0]

class Following {
  readonly dev: DevelopmentDatabase
  files: Record<string, string>
  constructor(dev: DevelopmentDatabase) {
    this.dev = dev
    this.files = {}
  }
  /** Files as they are saved: a migration's halves by version. */
  write(version: number, up: string | undefined, down: string | undefined): void {
    for (const [half, text] of [
      ['up', up],
      ['down', down],
    ] as const) {
      const name = `${version}_m.${half}.sql`
      if (text === undefined) delete this.files[name]
      else this.files[name] = text
    }
  }
  follow(options: Partial<ReconcileOptions> & Partial<MigratorOptions> = {}): Promise<Outcome> {
    const source = memory({ ...this.files } as Files)
    const migrator = new Migrator({ source, database: this.dev.driver, recordedCode: 'run', ...options })
    return reconcile(this.dev, migrator, { most: 100_000, way: 'together', ...options }, async () => undefined)
  }
}

const test = base.extend('following', async ({ db }, { onCleanup }) => {
  const dev = await openDevelopment(db.url)
  onCleanup(() => dev.close())
  await dev.watch()
  return new Following(dev)
})

const USERS = 'create table users (id serial primary key, name text not null);'
const ORDERS =
  'create table orders (id serial primary key, user_id int not null references users, total numeric(10,2));'

describe('the plan', () => {
  test('an edited migration is undone by what was recorded, and those above with it', async ({ following, db }) => {
    following.write(1, USERS, 'drop table users')
    following.write(2, ORDERS, 'drop table orders')
    await following.follow()
    following.write(1, 'create table users (id serial primary key, name text not null, mail text);', 'drop table wrong')
    const outcome = await following.follow()
    if (outcome.kind !== 'done') throw new Error(outcome.kind)
    expect(outcome.plan.steps.map(({ version, direction, origin }) => `${direction} ${version} ${origin}`)).toEqual([
      'down 2 file',
      'down 1 record',
      'up 1 file',
      'up 2 file',
    ])
    expect(outcome.plan.changes).toEqual([{ version: 1, name: 'm', what: 'edited' }])
    expect(await db.rows('select mail from users')).toEqual([])
  })

  test('comments and white space do nothing', async ({ following }) => {
    following.write(1, USERS, 'drop table users')
    await following.follow()
    following.write(1, `-- the users\n${USERS.replace('(', '(\n  ')}`, 'drop table users -- all')
    expect(await following.follow()).toEqual({ kind: 'nothing' })
  })

  test('a mended down is recorded, and nothing runs', async ({ following, db }) => {
    following.write(1, USERS, undefined)
    await following.follow()
    following.write(1, USERS, 'drop table users')
    expect(await following.follow()).toMatchObject({ kind: 'done', plan: { steps: [], records: 1 } })
    expect(await db.rows('select down from schema_migrations_history')).toEqual([{ down: 'drop table users' }])
  })

  test('gone, renumbered, late', async ({ following }) => {
    following.write(2, USERS, 'drop table users')
    following.write(4, ORDERS, 'drop table orders')
    await following.follow()
    following.write(4, undefined, undefined)
    following.write(5, ORDERS, 'drop table orders')
    following.write(1, 'create table first (id int)', 'drop table first')
    const outcome = await following.follow()
    if (outcome.kind !== 'done') throw new Error(outcome.kind)
    expect(outcome.plan.changes.map(({ version, what }) => `${version} ${what}`)).toEqual(['1 late', '4 gone', '5 new'])
    expect(outcome.plan.steps.map(({ version, direction }) => `${direction} ${version}`)).toEqual([
      'down 4',
      'down 2',
      'up 1',
      'up 2',
      'up 5',
    ])
  })

  test('an empty file that is filled has nothing to be undone', async ({ following, db }) => {
    following.write(1, '-- up', '-- down')
    await following.follow()
    following.write(1, USERS, 'drop table users')
    expect(await following.follow()).toMatchObject({ kind: 'done' })
    expect(await db.rows('select * from users')).toEqual([])
  })
})

describe('one transaction', () => {
  test('where the new text fails, schema, rows and records are as before', async ({ following, db }) => {
    following.write(1, USERS, 'drop table users')
    following.write(2, ORDERS, 'drop table orders')
    await following.follow()
    await db.rows("insert into users (name) values ('Ada')")
    await db.rows('insert into orders (user_id, total) values (1, 9.50)')
    const before = String(await following.dev.schema())
    following.write(1, 'create table users (id serial primary key, name text not null, x nothing)', 'drop table users')
    const error = await failure<Error & { line: number }>(following.follow())
    expect(error).toMatchObject({ code: 'MIGRATEST_MIGRATION_FAILED', version: 1, line: 1, column: 66 })
    expect(String(await following.dev.schema())).toBe(before)
    expect(await db.rows('select u.name, o.total from users u join orders o on o.user_id = u.id')).toEqual([
      { name: 'Ada', total: '9.50' },
    ])
    expect(await db.rows('select version from schema_migrations')).toEqual([{ version: '2' }])
    // And it goes on.
    following.write(1, USERS.replace(');', ', mail text);'), 'drop table users')
    expect(await following.follow()).toMatchObject({ kind: 'done', carried: { back: [{ rows: 1 }, { rows: 1 }] } })
  })

  test('a new value of an enum that is used at once goes one by one', async ({ following, db }) => {
    following.write(1, "create type mood as enum ('sad')", 'drop type mood')
    await following.follow()
    following.write(2, "alter type mood add value 'ok'", '-- migrate: irreversible values stay')
    following.write(3, "create table people (m mood default 'ok')", 'drop table people')
    const outcome = await following.follow()
    expect(outcome).toMatchObject({ kind: 'apart', why: expect.stringContaining('enum') })
    expect(await following.follow({ way: 'apart' })).toMatchObject({ kind: 'done' })
    expect(await db.rows('insert into people default values returning m')).toEqual([{ m: 'ok' }])
  })

  test('rows under deferred constraints', async ({ following, db }) => {
    following.write(
      1,
      `${USERS} create table orders (id serial primary key, user_id int references users deferrable initially deferred);`,
      'drop table orders; drop table users',
    )
    following.write(
      2,
      "insert into orders (user_id) values (1); insert into users (name) values ('Ada'); ",
      'delete from orders; delete from users',
    )
    expect(await following.follow()).toMatchObject({ kind: 'done' })
    following.write(2, undefined, undefined)
    await following.follow()
    following.write(
      2,
      "insert into orders (user_id) values (3); insert into users (id, name) values (3, 'Bob')",
      'delete from orders; delete from users',
    )
    following.write(3, 'alter table orders add column total int', 'alter table orders drop column total')
    expect(await following.follow()).toMatchObject({ kind: 'apart', why: expect.stringContaining('wait for a check') })
    expect(await following.follow({ way: 'apart' })).toMatchObject({ kind: 'done' })
    expect(await db.rows('select id, user_id, total from orders')).toEqual([{ id: 2, user_id: 3, total: null }])
  })

  test('CONCURRENTLY goes one by one', async ({ following }) => {
    following.write(1, USERS, 'drop table users')
    following.write(2, 'create index concurrently by_name on users (name)', 'drop index concurrently by_name')
    expect(await following.follow()).toMatchObject({ kind: 'apart' })
    expect(await following.follow({ way: 'apart' })).toMatchObject({ kind: 'done' })
  })
})

describe('no way back', () => {
  test('says what would be lost, does nothing, and starts from nothing when told to', async ({ following, db }) => {
    following.write(1, USERS, 'drop table users')
    following.write(2, 'alter table users add column mail text', '-- migrate: irreversible mails are sent')
    await following.follow()
    await db.rows("insert into users (name, mail) values ('Ada', 'a@b.c')")
    await db.rows('create table scratch (id int); insert into scratch values (1), (2)')
    following.write(2, 'alter table users add column email text', undefined)
    const outcome = await following.follow()
    expect(outcome).toMatchObject({
      kind: 'blocked',
      why: expect.stringContaining('mails are sent'),
      loss: {
        left: [
          { table: 'users', column: 'mail', rows: 1 },
          { table: 'scratch', rows: 2, why: 'its table is gone' },
        ],
      },
    })
    expect(await db.rows('select mail from users')).toEqual([{ mail: 'a@b.c' }])
    expect(await following.follow({ way: 'replay' })).toMatchObject({ kind: 'done' })
    expect(await db.rows('select * from users')).toEqual([{ id: 1, name: 'Ada', email: null }])
    expect(await following.follow()).toEqual({ kind: 'nothing' })
  })

  test('a down that fails', async ({ following, db }) => {
    following.write(1, USERS, 'drop table user')
    await following.follow()
    await db.rows("insert into users (name) values ('Ada')")
    following.write(1, USERS.replace(');', ', mail text);'), 'drop table users')
    expect(await following.follow()).toMatchObject({ kind: 'blocked', why: expect.stringContaining('drop table user') })
    expect(await following.follow({ way: 'replay' })).toMatchObject({ kind: 'done' })
    expect(await db.rows('select * from users')).toEqual([{ id: 1, name: 'Ada', mail: null }])
  })
})

describe('rows survive', () => {
  test('values that the new up wrote win: only what is null or by default is filled', async ({ following, db }) => {
    following.write(
      1,
      "create table settings (id int primary key, v text, w text default 'x'); insert into settings values (1, 'one')",
      'drop table settings',
    )
    await following.follow()
    await db.rows("update settings set v = 'mine', w = 'mine'; insert into settings values (2, 'two', 'w')")
    following.write(
      1,
      "create table settings (id int primary key, v text, w text default 'x', u int); insert into settings values (1, 'ONE')",
      'drop table settings',
    )
    await following.follow()
    expect(await db.rows('select * from settings order by id')).toEqual([
      { id: 1, v: 'ONE', w: 'mine', u: null },
      { id: 2, v: 'two', w: 'w', u: null },
    ])
  })

  test('rows that the old migration inserted are not carried', async ({ following, db }) => {
    following.write(
      1,
      "create table roles (id int primary key, name text); insert into roles values (1, 'admn'), (2, 'user')",
      'drop table roles',
    )
    following.write(2, "insert into roles values (3, 'guest')", 'delete from roles where id = 3')
    await following.follow()
    await db.rows("insert into roles values (9, 'mine'); update roles set name = 'User' where id = 2")
    following.write(
      1,
      "create table roles (id int primary key, name text); insert into roles values (5, 'admin')",
      'drop table roles',
    )
    await following.follow()
    expect(await db.rows('select * from roles order by id')).toEqual([
      { id: 2, name: 'User' },
      { id: 3, name: 'guest' },
      { id: 5, name: 'admin' },
      { id: 9, name: 'mine' },
    ])
    // Also where its down was mended meanwhile, which writes the record anew.
    following.write(
      1,
      "create table roles (id int primary key, name text); insert into roles values (5, 'admin')",
      'drop table if exists roles',
    )
    await following.follow()
    following.write(
      1,
      "create table roles (id int primary key, name text); insert into roles values (6, 'admin')",
      'drop table roles',
    )
    await following.follow()
    expect(await db.rows('select id from roles order by id')).toEqual([{ id: 2 }, { id: 3 }, { id: 6 }, { id: 9 }])
  })

  test('rows that a migration updated are the user’s', async ({ following, db }) => {
    following.write(1, USERS, 'drop table users')
    await following.follow()
    await db.rows("insert into users (name) values ('ada')")
    following.write(2, 'update users set name = initcap(name)', '-- nothing to undo\nselect 1')
    await following.follow()
    following.write(1, USERS.replace(');', ', mail text);'), 'drop table users')
    await following.follow()
    expect(await db.rows('select name from users')).toEqual([{ name: 'Ada' }])
  })

  test('all that tables have: identity, generated, arrays, bytes, json, enums, domains, partitions, cascades, sequences', async ({
    following,
    db,
  }) => {
    const up = (more: string) => `
      create type mood as enum ('sad', 'ok'); create domain short as text check (length(value) < 9);
      create type pair as (a int, b text);
      create table "Odd ""one" ("we ird" int generated always as identity primary key, twice int generated always as (n * 2) stored, n int,
        tags text[], data bytea, doc jsonb, m mood, s short, p pair, f float8, at timestamptz, r int4range ${more});
      create table child (id bigserial primary key, odd int references "Odd ""one" on delete cascade, parent bigint references child);
      create table log (id int, kind text, primary key (id, kind)) partition by list (kind);
      create table log_a partition of log for values in ('a'); create table log_b partition of log for values in ('b');
      create table nokey (v int); create sequence tickets start 100;`
    const down =
      'drop table child, "Odd ""one", log, nokey; drop type pair; drop domain short; drop type mood; drop sequence tickets'
    following.write(1, up(''), down)
    await following.follow()
    await db.rows(`insert into "Odd ""one" (n, tags, data, doc, m, s, p, f, at, r)
      values (7, '{a,"b c",NULL}', '\\x00ff', '{"a": null}', 'ok', 'kurz', '(1,"x,y")', 'NaN', '2026-01-02 03:04:05.678901+00', '[1,5)'), (null, null, null, 'null', null, null, null, 0.1, null, 'empty')`)
    await db.rows('insert into child (odd) values (1), (2); update child set parent = 2 where id = 1')
    await db.rows("insert into log values (1, 'a'), (1, 'b'); insert into nokey values (1), (1)")
    await db.rows("select nextval('tickets'), nextval('tickets')")
    const all = `select (select json_agg(o order by 1) from "Odd ""one" o)::text as odd, (select json_agg(c order by id) from child c)::text as child,
      (select json_agg(l order by id, kind) from log l)::text as log, (select count(*)::int from log_b) as b, (select count(*)::int from nokey) as nokey, nextval('tickets')::int as ticket`
    const [before] = await db.rows(all)
    following.write(1, up(''), `${down};`)
    await following.follow()
    following.write(1, up(', extra int'), down)
    const outcome = await following.follow()
    expect(outcome).toMatchObject({ kind: 'done', carried: { left: [] } })
    const [after] = await db.rows(all.replace('json_agg(o order', "json_agg(to_jsonb(o) - 'extra' order"))
    const plain = (text: unknown) => JSON.parse(String(text))
    expect({ ...after, odd: plain(after?.odd) }).toEqual({
      ...before,
      odd: plain(before?.odd),
      ticket: Number(before?.ticket) + 1,
    })
    expect(await db.rows('insert into child (odd) values (2) returning id::int')).toEqual([{ id: 3 }])
    expect(await db.rows('insert into "Odd ""one" (n) values (1) returning "we ird"')).toEqual([{ 'we ird': 3 }])
  })

  test('tables that refer to each other, and triggers stay quiet', async ({ following, db }) => {
    const up = (more: string) => `
      create table a (id int primary key, b int); create table b (id int primary key, a int references a${more});
      alter table a add constraint a_b foreign key (b) references b;
      create table seen (what text);
      create function note() returns trigger language plpgsql as $$ begin insert into seen values (tg_table_name); return new; end $$;
      create trigger note after insert on a for each row execute function note();
      create trigger off after insert on b for each row execute function note(); alter table b disable trigger off`
    const down = 'drop table a, b cascade; drop table seen; drop function note()'
    following.write(1, up(''), down)
    await following.follow()
    await db.rows('insert into a values (1); insert into b values (1, 1); update a set b = 1; delete from seen')
    following.write(1, up(' on delete cascade'), down)
    expect(await following.follow()).toMatchObject({ kind: 'done', carried: { left: [] } })
    expect(await db.rows('select a.id, b.a from a join b on a.b = b.id')).toEqual([{ id: 1, a: 1 }])
    expect(await db.rows('select * from seen')).toEqual([])
    expect(await db.rows('select tgname::text, tgenabled from pg_trigger where not tgisinternal order by 1')).toEqual([
      { tgname: 'note', tgenabled: 'O' },
      { tgname: 'off', tgenabled: 'D' },
    ])
    expect(await db.rows("select condeferrable from pg_constraint where conname = 'a_b'")).toEqual([
      { condeferrable: false },
    ])
  })

  test('tables that no step touches are not copied, and count for no limit', async ({ following, db }) => {
    following.write(1, USERS, 'drop table users')
    following.write(2, ORDERS, 'drop table orders')
    await following.follow()
    await db.rows("insert into users (name) select 'u' from generate_series(1, 50)")
    await db.rows('insert into orders (user_id) select 1 from generate_series(1, 3)')
    following.write(2, ORDERS.replace(', total', ', note text, total'), 'drop table orders')
    expect(await following.follow({ most: 10 })).toMatchObject({
      kind: 'done',
      carried: { back: [{ table: 'orders', rows: 3 }] },
    })
    following.write(1, USERS.replace(');', ', x int);'), 'drop table users')
    expect((await failure(following.follow({ most: 10 }))).message).toContain('53 rows would have to be carried')
    expect(await db.rows('select count(*)::int from users')).toEqual([{ count: 50 }])
  })

  test('a row whose column went is filled in when the column is back', async ({ following, db }) => {
    following.write(1, USERS, 'drop table users')
    following.write(2, 'alter table users add nick text', 'alter table users drop nick')
    await following.follow()
    await db.rows("insert into users (name, nick) values ('Ada', 'ad'), ('Bob', null)")
    following.write(2, 'alter table users add age int', 'alter table users drop age')
    expect(await following.follow()).toMatchObject({ carried: { left: [{ table: 'users', column: 'nick', rows: 1 }] } })
    expect(await db.rows('select * from users order by id')).toEqual([
      { id: 1, name: 'Ada', age: null },
      { id: 2, name: 'Bob', age: null },
    ])
    await db.rows("delete from users where name = 'Bob'")
    following.write(2, 'alter table users add age int, add nick text', 'alter table users drop age, drop nick')
    await following.follow()
    expect(await db.rows('select * from users')).toEqual([{ id: 1, name: 'Ada', age: null, nick: 'ad' }])
    expect(await following.dev.rows.waiting()).toEqual([])
  })

  test('rows without a place wait for one: a half-written save loses nothing', async ({ following, db }) => {
    const whole = `${USERS} ${ORDERS}`
    following.write(1, whole, 'drop table orders; drop table users')
    await following.follow()
    await db.rows("insert into users (name) values ('Ada'); insert into orders (user_id, total) values (1, 5)")
    following.write(1, USERS, 'drop table orders; drop table users')
    expect(await following.follow()).toMatchObject({
      carried: { left: [{ table: 'orders', rows: 1, why: 'its table is gone' }] },
    })
    expect(await following.dev.rows.waiting()).toEqual([{ table: 'orders', rows: 1 }])
    following.write(1, whole, 'drop table if exists orders; drop table users')
    const outcome = await following.follow({ way: 'replay' })
    expect(outcome).toMatchObject({ kind: 'done' })
    expect(await db.rows('select user_id, total from orders')).toEqual([{ user_id: 1, total: '5.00' }])
  })

  test('a column that must be filled, a value that does not fit, a row that is refused: each is said', async ({
    following,
    db,
  }) => {
    following.write(1, 'create table t (id int primary key, v text)', 'drop table t')
    await following.follow()
    await db.rows("insert into t values (1, '10'), (2, 'ten'), (3, '-1')")
    following.write(1, 'create table t (id int primary key, v int check (v > 0))', 'drop table t')
    expect(await following.follow()).toMatchObject({
      carried: {
        back: [{ table: 't', rows: 2 }],
        left: [
          { table: 't', column: 'v', rows: 1, why: 'a value that integer cannot hold' },
          { table: 't', rows: 1, why: expect.stringContaining('t_v_check') },
        ],
      },
    })
    expect(await db.rows('select * from t order by id')).toEqual([
      { id: 1, v: 10 },
      { id: 2, v: null },
    ])
    following.write(1, 'create table t (id int primary key, v int, w int not null)', 'drop table t')
    expect(await following.follow()).toMatchObject({
      carried: { back: [], left: [{ table: 't', rows: 3, why: 'column w is NOT NULL and has no default' }] },
    })
    following.write(1, 'create table t (id int primary key, v int, w int not null default 0)', 'drop table t')
    await following.follow()
    expect(await db.rows('select * from t order by id')).toEqual([
      { id: 1, v: 10, w: 0 },
      { id: 2, v: null, w: 0 },
      { id: 3, v: -1, w: 0 },
    ])
  })
})
