/** Rows that survive an edit of their migration. */
import { describe, expect } from 'vitest'
import { openRowReader } from '../../../src/database/open.ts'
import type { Outcome } from '../../../src/watch/reconcile.ts'
import { failure } from '../../support/database.ts'
import { ORDERS, test, USERS } from '../../support/following.ts'

interface Case {
  readonly name: string
  /** Version, up, down. */
  readonly files: readonly [number, string, string][]
  readonly rows?: readonly string[]
  /** Each is a save of files, or a statement that a person runs in the database. */
  readonly edits: readonly (string | readonly [number, string, string][])[]
  readonly query: string
  readonly expected: readonly object[]
  /** The rows after the last edit. */
  readonly left?: readonly object[]
}

/** Returns the rows that wait, as the page shows them. */
async function waitingIn(url: string) {
  const reader = await openRowReader(url)
  try {
    return await reader.waiting()
  } finally {
    await reader.close()
  }
}

const CASES: readonly Case[] = [
  {
    name: 'a row that a foreign key changed for a migration is the user’s',
    files: [
      [
        1,
        'create table cat (id int primary key); create table post (id int primary key, cat int references cat on delete set null)',
        'drop table post, cat',
      ],
      [2, 'delete from cat where id = 1', 'select 1'],
    ],
    rows: ['insert into cat values (1), (2)', 'insert into post values (1, 1), (2, 2)', 'delete from cat where id = 1'],
    edits: [
      [
        [
          1,
          'create table cat (id int primary key, n int); create table post (id int primary key, cat int references cat on delete set null)',
          'drop table post, cat',
        ],
      ],
    ],
    query: 'select id, cat from post order by id',
    expected: [
      { id: 1, cat: null },
      { id: 2, cat: 2 },
    ],
  },
  {
    name: 'rows that a later migration wrote anew are the user’s: renamed, rewritten, updated by a trigger',
    files: [[1, 'create table people (id int primary key, n int)', 'drop table if exists people, users']],
    rows: ['insert into people values (1, 1), (2, 2)'],
    edits: [
      [
        [
          2,
          'alter table people rename to users; alter table users alter n type bigint; update users set n = n + 1',
          'alter table users rename to people',
        ],
      ],
      [[1, 'create table people (id int primary key, n int, x int)', 'drop table if exists people, users']],
    ],
    query: 'select count(*)::int from users',
    expected: [{ count: 2 }],
  },
  {
    name: 'a down that reaches another table than the last time',
    files: [
      [1, 'create table a (id int primary key); create table b (id int primary key)', 'drop table a, b'],
      [
        2,
        'create table log (n int)',
        'do $$ begin if exists (select from a) then delete from b; end if; end $$; drop table log',
      ],
    ],
    rows: ['insert into b values (1)', 'insert into log values (7)'],
    edits: [
      [
        [
          2,
          'create table log (n int, x int)',
          'do $$ begin if exists (select from a) then delete from b; end if; end $$; drop table log',
        ],
      ],
      'insert into a values (2)',
      [[2, 'create table log (n int, y int)', 'drop table log']],
    ],
    query: 'select (select json_agg(id) from b) as b, (select json_agg(n) from log) as log',
    expected: [{ b: [1], log: [7] }],
  },
  {
    name: 'rows that were made of others are carried',
    files: [[1, USERS, 'drop table users']],
    rows: ["insert into users (name) values ('Ada'), ('Bob')"],
    edits: [
      [
        [
          2,
          'create table profile (user_id int primary key references users, bio text); insert into profile select id from users',
          'drop table profile',
        ],
      ],
      [[1, USERS.replace(');', ', mail text);'), 'drop table users']],
    ],
    query: 'select user_id from profile order by 1',
    expected: [{ user_id: 1 }, { user_id: 2 }],
  },
  {
    name: 'tables without a key: a partition that goes, a column that comes back, a row that a down deletes',
    files: [
      [
        1,
        'create table ev (at int, msg text) partition by range (at); create table ev1 partition of ev for values from (0) to (10); create table log (msg text); create table k (kind int)',
        'drop table ev, log, k',
      ],
      [
        2,
        'create table ev2 partition of ev for values from (10) to (20); alter table log add level text; insert into k values (1)',
        'drop table ev2; alter table log drop level; delete from k where kind = 2',
      ],
    ],
    rows: [
      "insert into ev values (1, 'a'), (11, 'b'), (11, 'b')",
      "insert into log values ('x', 'high'), ('x', 'high'), ('y', 'low')",
      'insert into k values (2)',
    ],
    edits: [
      [
        [
          2,
          'create table ev2 partition of ev for values from (10) to (20); alter table log add level text, add n int; insert into k values (1)',
          'drop table ev2; alter table log drop level',
        ],
      ],
    ],
    query:
      'select (select json_agg(at order by at) from ev) as ev, (select json_agg(msg || level order by msg) from log) as log, (select json_agg(kind order by kind) from k) as k',
    expected: [{ ev: [1, 11, 11], log: ['xhigh', 'xhigh', 'ylow'], k: [1, 1, 2] }],
  },
  {
    name: 'a child’s row does not stand for its parent’s',
    files: [
      [
        1,
        'create table p (id int primary key, v text); create table c (primary key (id)) inherits (p)',
        'drop table c, p',
      ],
    ],
    rows: ["insert into p values (1, 'p')", "insert into c values (1, 'c'), (2, 'c2')"],
    edits: [
      [
        [
          1,
          "create table p (id int primary key, v text); create table c (x int, primary key (id)) inherits (p); insert into c values (1, 'seed')",
          'drop table c, p',
        ],
      ],
    ],
    query: 'select tableoid::regclass::text as t, id, v from p order by 1, 2',
    expected: [
      { t: 'c', id: 1, v: 'seed' },
      { t: 'c', id: 2, v: 'c2' },
      { t: 'p', id: 1, v: 'p' },
    ],
  },
  {
    name: 'what a down’s other type cut off is back',
    files: [
      [1, 'create table price (id int primary key, v int, nick text)', 'drop table price'],
      [
        2,
        'alter table price alter v type numeric(10,2)',
        'alter table price alter v type int, alter nick type varchar(3) using left(nick, 3)',
      ],
    ],
    rows: ["insert into price values (1, 9.49, 'Lovelace')"],
    edits: [
      [[2, 'alter table price alter v type numeric(12,3), alter nick type text', 'alter table price alter v type int']],
    ],
    query: 'select v, nick from price',
    expected: [{ v: '9.490', nick: 'Lovelace' }],
  },
  {
    name: 'one value that cannot be filled in takes no other with it',
    files: [[1, 'create table t (id int primary key, v int, w text)', 'drop table t']],
    rows: ["insert into t values (1, 200, 'keep me')"],
    edits: [
      [
        [
          1,
          'create table t (id int primary key, v int check (v < 100), w text); insert into t values (1)',
          'drop table t',
        ],
      ],
    ],
    query: 'select * from t',
    expected: [{ id: 1, v: null, w: 'keep me' }],
    left: [{ table: 't', column: 'v', rows: 1 }],
  },
  {
    name: 'a null that waited comes back as null, and fills nobody’s newer row',
    files: [
      [1, "create table t (id int primary key, w text default 'x')", 'drop table t'],
      [2, 'create table o (id int)', 'drop table o'],
    ],
    rows: ['insert into t values (1, null), (2, null)'],
    edits: [
      [[1, 'create table other (id int)', 'drop table other']],
      [[1, "create table t (id int primary key, w text default 'x'); ", 'drop table t']],
      "insert into t values (3, 'new')",
      [[1, 'create table other (id int)', 'drop table other']],
      [[1, "create table t (id int primary key, w text default 'x') ", 'drop table t']],
    ],
    query: 'select * from t order by id',
    expected: [
      { id: 1, w: null },
      { id: 2, w: null },
      { id: 3, w: 'new' },
    ],
  },
  {
    name: 'sequences: downwards, of a text column, beyond their limits, begun elsewhere',
    files: [
      [
        1,
        "create table a (id int generated by default as identity (increment -1) primary key); create sequence inv; create table b (code text primary key default 'INV-' || nextval('inv')); alter sequence inv owned by b.code; create sequence s; create sequence l",
        'drop table a, b; drop sequence s, l',
      ],
    ],
    rows: [
      'insert into a default values',
      'insert into a default values',
      'insert into b default values',
      "select setval('s', 102), setval('l', 102)",
    ],
    edits: [
      [
        [
          1,
          "create table a (id int generated by default as identity (increment -1) primary key, x int); create sequence inv; create table b (code text primary key default 'INV-' || nextval('inv')); alter sequence inv owned by b.code; create sequence s maxvalue 50; create sequence l start 1000",
          'drop table a, b; drop sequence s, l',
        ],
      ],
    ],
    query:
      "with i as (insert into a default values returning id), j as (insert into b default values returning code) select i.id, j.code, nextval('s')::int as s, nextval('l')::int as l from i, j",
    expected: [{ id: -3, code: 'INV-2', s: 1, l: 1000 }],
  },
  {
    name: 'a row that a deferred foreign key refuses takes no other with it, and rows that wait for each other come in any order',
    files: [
      [
        1,
        'create table u (id int primary key, n int); create table o (id int primary key, u int references u deferrable initially deferred); create table tree (id int primary key, parent int references tree, n int)',
        'drop table o, u, tree',
      ],
    ],
    rows: [
      'insert into u values (1, 1), (2, -2)',
      'insert into o values (1, 1), (2, 2)',
      'insert into tree values (2, null, 1), (3, null, -1), (1, 2, 1)',
    ],
    edits: [
      [
        [
          1,
          'create table u (id int primary key, n int check (n > 0)); create table o (id int primary key, u int references u deferrable initially deferred); create table tree (id int primary key, parent int references tree, n int check (n > 0))',
          'drop table o, u, tree',
        ],
      ],
    ],
    query:
      'select (select json_agg(id order by id) from u) as u, (select json_agg(id order by id) from o) as o, (select json_agg(id order by id) from tree) as tree',
    expected: [{ u: [1], o: [1], tree: [1, 2] }],
    left: [
      { table: 'u', rows: 1 },
      { table: 'o', rows: 1, why: expect.stringContaining('o_u_fkey') },
      { table: 'tree', rows: 1 },
    ],
  },
  {
    name: 'circles of foreign keys of the same name, deferrable unique columns, rules, defaults that raise',
    files: [
      [
        1,
        `create table a (id int primary key, b int, pos int unique deferrable); create table b (id int primary key, a int not null, constraint fk foreign key (a) references a);
         alter table a add constraint fk foreign key (b) references b; create table c (id int primary key, a int, constraint fk foreign key (a) references a);
         create table seen (id int); create rule note as on insert to c do also insert into seen values (new.id);
         create table d (id int primary key, tenant int default current_setting('app.tenant')::int); insert into d values (1, 2)`,
        'drop table a, b, c, d, seen cascade',
      ],
    ],
    rows: [
      'insert into a values (1, null, 1), (2, null, 2)',
      'insert into b values (1, 1)',
      'update a set b = 1 where id = 1',
      'insert into c values (1, 1); delete from seen',
      'update d set tenant = 3',
    ],
    edits: [
      [
        [
          1,
          `create table a (id int primary key, b int, pos int unique deferrable, x int); create table b (id int primary key, a int not null, constraint fk foreign key (a) references a);
         alter table a add constraint fk foreign key (b) references b; create table c (id int primary key, a int, constraint fk foreign key (a) references a);
         create table seen (id int); create rule note as on insert to c do also insert into seen values (new.id);
         create table d (id int primary key, tenant int default current_setting('app.tenant')::int); insert into d values (1, 2)`,
          'drop table a, b, c, d, seen cascade',
        ],
      ],
    ],
    query:
      'select (select json_agg(array[id, b, pos] order by id) from a) as a, (select count(*)::int from b) as b, (select count(*)::int from c) as c, (select count(*)::int from seen) as seen, (select tenant from d) as d',
    expected: [
      {
        a: [
          [1, 1, 1],
          [2, null, 2],
        ],
        b: 1,
        c: 1,
        seen: 0,
        d: 2,
      },
    ],
  },
  {
    name: 'triggers of partitions stay quiet, materialized views are filled again',
    files: [
      [
        1,
        `create table log (id int primary key) partition by range (id); create table log1 partition of log for values from (0) to (10); create table seen (id int);
         create function note() returns trigger language plpgsql as $$ begin insert into seen values (new.id); return new; end $$;
         create trigger note after insert on log1 for each row execute function note(); create materialized view m as select count(*)::int as n from log`,
        'drop materialized view m; drop table log, seen; drop function note',
      ],
    ],
    rows: ['insert into log values (1), (2); delete from seen; refresh materialized view m'],
    edits: [
      [
        [
          1,
          `create table log (id int primary key, x int) partition by range (id); create table log1 partition of log for values from (0) to (10); create table seen (id int);
         create function note() returns trigger language plpgsql as $$ begin insert into seen values (new.id); return new; end $$;
         create trigger note after insert on log1 for each row execute function note(); create materialized view m as select count(*)::int as n from log`,
          'drop materialized view m; drop table log, seen; drop function note',
        ],
      ],
    ],
    query: 'select n, (select count(*)::int from seen) as seen from m',
    expected: [{ n: 2, seen: 0 }],
  },
  {
    name: 'a sequence goes on where it was when it is back',
    files: [[1, 'create sequence tickets start 100', 'drop sequence tickets']],
    rows: ["select nextval('tickets'), nextval('tickets')"],
    edits: [
      [[1, 'create table a (id int)', 'drop table a']],
      [[1, 'create sequence tickets start 100', 'drop sequence tickets']],
    ],
    query: "select nextval('tickets')::int as n",
    expected: [{ n: 102 }],
  },
]

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
          { table: 't', rows: 1, why: expect.stringContaining('t_v_check') },
          { table: 't', column: 'v', rows: 1, why: 'a value that integer cannot hold' },
        ],
      },
    })
    expect(await waitingIn(db.url)).toEqual([
      {
        table: 't',
        whole: true,
        columns: ['id', 'v'],
        rows: [{ values: ['3', '-1'], why: expect.stringContaining('t_v_check') }],
        total: 1,
      },
      {
        table: 't',
        whole: false,
        columns: ['id', 'v'],
        rows: [{ values: ['2', 'ten'], why: 'a value that integer cannot hold' }],
        total: 1,
      },
    ])
    expect(await db.rows('select * from t order by id')).toEqual([
      { id: 1, v: 10 },
      { id: 2, v: null },
    ])
    following.write(1, 'create table t (id int primary key, v int, w int not null)', 'drop table t')
    expect(await following.follow()).toMatchObject({
      carried: { back: [], left: [{ table: 't', rows: 2, why: 'column w is NOT NULL and has no default' }] },
    })
    // A row that waited before waits for another reason now.
    const [rows] = await waitingIn(db.url)
    expect(rows?.rows.map(({ values: [id], why }) => [id, why])).toEqual(
      ['3', '1', '2'].map((id) => [id, 'column w is NOT NULL and has no default']),
    )
    following.write(1, 'create table t (id int primary key, v int, w int not null default 0)', 'drop table t')
    await following.follow()
    expect(await db.rows('select * from t order by id')).toEqual([
      { id: 1, v: 10, w: 0 },
      { id: 2, v: null, w: 0 },
      { id: 3, v: -1, w: 0 },
    ])
    // The text that did not fit is there where it does.
    following.write(1, 'create table t (id int primary key, v text)', 'drop table t')
    await following.follow()
    expect(await db.rows('select * from t order by id')).toEqual([
      { id: 1, v: '10' },
      { id: 2, v: 'ten' },
      { id: 3, v: '-1' },
    ])
    // The values are those of the column that went.
    expect(await following.dev.rows.waiting()).toEqual([{ table: 't', rows: 3 }])
  })

  for (const { name, files, rows = [], edits, query, expected, left = [] } of CASES) {
    test(name, async ({ following, db }) => {
      for (const [version, up, down] of files) following.write(version, up, down)
      expect(await following.follow()).toMatchObject({ kind: 'done' })
      for (const sql of rows) await db.rows(sql)
      let outcome: Outcome | undefined
      for (const edit of edits) {
        if (typeof edit === 'string') {
          await db.rows(edit)
          continue
        }
        for (const [version, up, down] of edit) following.write(version, up, down)
        outcome = await following.follow().catch(() => undefined)
      }
      expect(outcome).toMatchObject({ kind: 'done', carried: { left } })
      expect(await db.rows(query)).toEqual(expected)
    })
  }
})
