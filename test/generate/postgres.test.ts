/** Migrations are written for PostgreSQL. Each pair is proven on a server: up, down, up again. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { generated, reachEachOther, statementsOf } from '../support/generating.ts'

const USERS = 'create table users (id integer primary key, name text, mood text)'

/** From, to, and the statements between, with single spaces. */
const CHANGES: readonly (readonly [what: string, from: string, to: string, up: readonly string[]])[] = [
  [
    'a column comes',
    USERS,
    `${USERS}; alter table users add email text default 'x'`,
    ["ALTER TABLE users ADD COLUMN email text DEFAULT 'x'::text;"],
  ],
  [
    'a column goes, with its index',
    `${USERS}; create index on users (mood)`,
    'create table users (id integer primary key, name text)',
    ['ALTER TABLE users DROP COLUMN mood;'],
  ],
  [
    'several changes of one table are one statement',
    USERS,
    'create table users (id bigint primary key, name varchar, mood text, age integer check (age > 0))',
    [
      'ALTER TABLE users ALTER COLUMN id TYPE bigint, ALTER COLUMN name TYPE character varying, ADD COLUMN age integer, ADD CONSTRAINT users_age_check CHECK (age > 0);',
    ],
  ],
  [
    'a type changes that needs a cast',
    'create table t (a text)',
    'create table t (a integer)',
    ['ALTER TABLE t ALTER COLUMN a TYPE integer USING a::integer;'],
  ],
  [
    'a default goes out of the way of a type',
    "create table t (a text default '1')",
    'create table t (a integer default 1)',
    [
      'ALTER TABLE t ALTER COLUMN a DROP DEFAULT, ALTER COLUMN a TYPE integer USING a::integer, ALTER COLUMN a SET DEFAULT 1;',
    ],
  ],
  [
    'an enum gets a value in its place',
    "create type mood as enum ('sad', 'happy')",
    "create type mood as enum ('sad', 'ok', 'happy')",
    ["ALTER TYPE mood ADD VALUE 'ok' AFTER 'sad';"],
  ],
  [
    'an index gets another name',
    `${USERS}; create index a on users (name)`,
    `${USERS}; create index b on users (name)`,
    ['ALTER INDEX a RENAME TO b;'],
  ],
  [
    'a constraint gets another name',
    'create table t (a integer constraint x check (a > 0))',
    'create table t (a integer constraint y check (a > 0))',
    ['ALTER TABLE t RENAME CONSTRAINT x TO y;'],
  ],
  [
    'a view is replaced where columns come behind',
    `${USERS}; create view v as select id from users`,
    `${USERS}; create view v as select id, name from users`,
    ['CREATE OR REPLACE VIEW v AS SELECT id, name FROM users;'],
  ],
  [
    'a view is made again where a column goes',
    `${USERS}; create view v as select id, name from users`,
    `${USERS}; create view v as select id from users`,
    ['DROP VIEW v;', 'CREATE VIEW v AS SELECT id FROM users;'],
  ],
  [
    'a foreign key becomes deferrable',
    'create table a (id integer primary key); create table b (a integer references a)',
    'create table a (id integer primary key); create table b (a integer references a deferrable)',
    ['ALTER TABLE b ALTER CONSTRAINT b_a_fkey DEFERRABLE;'],
  ],
  [
    'a foreign key is validated',
    'create table a (id integer primary key); create table b (a integer); alter table b add constraint k foreign key (a) references a not valid',
    'create table a (id integer primary key); create table b (a integer constraint k references a)',
    ['ALTER TABLE b VALIDATE CONSTRAINT k;'],
  ],
  [
    'a sequence changes',
    'create sequence s',
    'create sequence s as integer increment by 5 maxvalue 100 cycle',
    ['ALTER SEQUENCE s AS integer INCREMENT BY 5 NO MINVALUE MAXVALUE 100 CYCLE;'],
  ],
  [
    'a policy changes',
    `${USERS}; create policy p on users using (id > 1)`,
    `${USERS}; create policy p on users using (id > 2)`,
    ['ALTER POLICY p ON users USING ((id > 2));'],
  ],
  [
    'a comment comes',
    USERS,
    `${USERS}; comment on column users.name is 'as on the passport'`,
    ["COMMENT ON COLUMN users.name IS 'as on the passport';"],
  ],
  [
    'a domain gets a check',
    'create domain d as integer',
    'create domain d as integer constraint small check (value < 10)',
    ['ALTER DOMAIN d ADD CONSTRAINT small CHECK (VALUE < 10);'],
  ],
  [
    'tables with foreign keys in a circle',
    '',
    'create table a (id integer primary key, b integer); create table b (id integer primary key, a integer references a); alter table a add foreign key (b) references b',
    [
      'CREATE TABLE a ( id integer NOT NULL, b integer, CONSTRAINT a_pkey PRIMARY KEY (id) );',
      'CREATE TABLE b ( id integer NOT NULL, a integer, CONSTRAINT b_pkey PRIMARY KEY (id) );',
      'ALTER TABLE a ADD CONSTRAINT a_b_fkey FOREIGN KEY (b) REFERENCES b(id);',
      'ALTER TABLE b ADD CONSTRAINT b_a_fkey FOREIGN KEY (a) REFERENCES a(id);',
    ],
  ],
  [
    'names with quotes, keywords and emoji',
    'create table "Order" ("from" integer)',
    'create table "Order" ("from" bigint, "say ""🙂""" text)',
    ['ALTER TABLE "Order" ALTER COLUMN "from" TYPE bigint, ADD COLUMN "say ""🙂""" text;'],
  ],
]

/** A partition that leaves its table keeps its index and its key; one that comes back brings them. */
const ATTACHED =
  'create table t (id integer primary key, v text) partition by range (id); create index on t (v); create table t1 partition of t for values from (0) to (9)'
const DETACHED =
  'create table t (id integer primary key, v text) partition by range (id); create index on t (v); create table t1 (id integer primary key, v text); create index on t1 (v)'

describe('the shortest statements', () => {
  test('for a partition that leaves its table, and comes back', async () => {
    expect(await statementsOf({ from: ATTACHED, to: DETACHED, rows: "insert into t values (1, 'x')" })).toEqual([
      'ALTER TABLE t DETACH PARTITION t1;',
      'ALTER TABLE t1 RENAME CONSTRAINT t_id_not_null TO t1_id_not_null;',
    ])
    expect(await statementsOf({ from: DETACHED, to: ATTACHED, rows: "insert into t1 values (1, 'x')" })).toEqual([
      'ALTER TABLE t1 RENAME CONSTRAINT t1_id_not_null TO t_id_not_null;',
      'ALTER TABLE t ATTACH PARTITION t1 FOR VALUES FROM (0) TO (9);',
    ])
  })

  test.for(CHANGES)('%s', async ([, from, to, up]) => {
    expect(await statementsOf({ from: from || 'select 1', to: to })).toEqual(up)
  })
})

/** From, to, rows: reached, whatever the statements are. */
const REACHED: readonly (readonly [what: string, from: string, to: string, rows?: string])[] = [
  [
    'the type of a column that a view, a policy, a trigger and a generated column read',
    `create table t (id integer primary key, a integer, b integer generated always as (a * 2) stored, c text);
    create view v as select id, a from t; create view w as select * from v; create policy p on t using (a > 0);
    create function f() returns trigger language plpgsql as 'begin return new; end'; create trigger g before update of a on t for each row when (old.a > 1) execute function f()`,
    `create table t (id integer primary key, a bigint, b integer generated always as (a * 2) stored, c text);
    create view v as select id, a from t; create view w as select * from v; create policy p on t using (a > 0);
    create function f() returns trigger language plpgsql as 'begin return new; end'; create trigger g before update of a on t for each row when (old.a > 1) execute function f()`,
    'insert into t values (1, 2, default, $$x$$)',
  ],
  [
    'an enum loses a value that a default, a check, an index and an array use',
    `create type mood as enum ('sad', 'ok', 'happy');
    create table t (m mood default 'ok' check (m <> 'sad'), ms mood[]); create index on t (m) where m = 'happy'; create view v as select m from t`,
    `create type mood as enum ('ok', 'happy'); create table t (m mood default 'ok' check (m <> 'happy'), ms mood[]); create index on t (m) where m = 'happy'; create view v as select m from t`,
    "insert into t values ('ok', '{ok,happy}')",
  ],
  [
    'a value of an enum is added and used at once',
    "create type mood as enum ('sad'); create table t (id integer, m mood)",
    "create type mood as enum ('sad', 'new'); create table t (id integer, m mood default 'new')",
    'insert into t values (1)',
  ],
  [
    'a table becomes partitioned',
    'create table t (id integer, at date, primary key (id, at)); create index on t (at)',
    "create table t (id integer, at date, primary key (id, at)) partition by range (at); create table t_old partition of t for values from (minvalue) to ('2024-01-01'); create table t_new partition of t default; create index on t (at)",
    "insert into t values (1, '2020-01-01'), (2, '2030-01-01')",
  ],
  [
    'a partition is split, and its rows move',
    "create table t (at date) partition by range (at); create table a partition of t for values from ('2020-01-01') to ('2022-01-01')",
    "create table t (at date) partition by range (at); create table b partition of t for values from ('2020-01-01') to ('2021-01-01'); create table c partition of t for values from ('2021-01-01') to ('2022-01-01')",
    "insert into t values ('2020-05-05'), ('2021-05-05')",
  ],
  [
    'a serial column becomes an identity, and goes on with its numbers',
    'create table t (id serial primary key, a text)',
    'create table t (id integer generated by default as identity primary key, a text)',
    "insert into t (a) values ('x'), ('y')",
  ],
  [
    'a function that a default, a check and an index use changes its arguments',
    `create function f(a integer) returns integer language sql immutable as 'select a + 1'; create table t (a integer default f(1) check (f(a) > 0)); create index on t (f(a))`,
    `create function f(b bigint) returns bigint language sql immutable as 'select b + 2'; create table t (a integer default f(1) check (f(a) > 0)); create index on t (f(a))`,
    'insert into t values (5)',
  ],
  [
    'functions that call each other in whatever order',
    'select 1',
    `create function a() returns integer language sql as 'select 1'; create function z() returns integer language sql as 'select 2'; create or replace function a() returns integer language sql as 'select z()'`,
  ],
  [
    'a default and a check call functions whose bodies read the table',
    'select 1',
    "create table t (a integer, b integer); create function f() returns integer language sql as 'select max(a) from t'; create function g(integer) returns boolean language sql as 'select count(*) > $1 from t'; alter table t alter a set default f(), add constraint k check (g(b))",
  ],
  [
    'a composite type that a column has gets an attribute',
    'create type p as (x integer); create table t (a p, b p[])',
    'create type p as (x integer, y text); create table t (a p, b p[])',
    'insert into t values (row(1), array[row(2)::p])',
  ],
  [
    'a domain changes its base',
    'create domain d as integer check (value > 0); create table t (a d)',
    'create domain d as bigint check (value > 0); create table t (a d)',
    'insert into t values (3)',
  ],
  [
    'a unique constraint that a foreign key needs becomes a primary key',
    'create table a (id integer unique not null); create table b (a integer references a (id))',
    'create table a (id integer primary key); create table b (a integer references a (id))',
    'insert into a values (1); insert into b values (1)',
  ],
  [
    'a table changes into a view',
    'create table a (id integer); create table b (id integer)',
    'create table a (id integer); create view b as select id from a',
  ],
  [
    'extensions, privileges and comments',
    'create table t (a text)',
    'create extension if not exists citext; create table t (a citext); grant select on t to public; comment on table t is $$it$$',
    "insert into t values ('A')",
  ],
  [
    'inheritance ends',
    'create table p (id integer not null, a text); create table c (b text) inherits (p)',
    'create table p (id integer not null, a text); create table c (id integer not null, a text, b text)',
    "insert into c values (1, 'x', 'y')",
  ],
  [
    'a domain over a type that changes',
    "create type mood as enum ('a', 'b'); create domain d as mood default 'a'; create table t (x d, y d[])",
    "create type mood as enum ('b', 'a'); create domain d as mood default 'a'; create table t (x d, y d[])",
    "insert into t values ('a', '{a,b}')",
  ],
  [
    'the type of a column under a partitioned table, with an index and a view',
    'create table t (id integer, k integer) partition by list (k); create table t1 partition of t for values in (1); create index on t (id); create view v as select * from t1',
    'create table t (id bigint, k integer) partition by list (k); create table t1 partition of t for values in (1); create index on t (id); create view v as select * from t1',
    'insert into t values (7, 1)',
  ],
  [
    "a function that takes a table's row",
    "create table t (id integer, a text); create function f(t) returns text language sql as 'select $1.a'; create view v as select f(t) from t",
    "create table t (id bigint, b text); create function f(t) returns text language sql as 'select $1.b'; create view v as select f(t) from t",
    "insert into t values (1, 'x')",
  ],
  [
    'a view with privileges, a comment and an owner is made again with them',
    'create table t (a integer); create view v as select a from t; grant select on v to public; comment on view v is $$it$$; comment on column v.a is $$one$$; alter view v owner to pg_monitor',
    'create table t (a bigint); create view v as select a from t; grant select on v to public; comment on view v is $$it$$; comment on column v.a is $$one$$; alter view v owner to pg_monitor',
    'insert into t values (1)',
  ],
  [
    'a type with a long name in letters of several bytes changes',
    `create type "${'ö'.repeat(31)}" as enum ('a'); create table t (x "${'ö'.repeat(31)}")`,
    `create type "${'ö'.repeat(31)}" as enum ('b', 'a'); create table t (x "${'ö'.repeat(31)}")`,
    "insert into t values ('a')",
  ],
  [
    'a materialized view with an index, and a view on it',
    'create table t (a integer, b text); create materialized view m as select a from t; create unique index on m (a); create view v as select a from m',
    'create table t (a bigint, b text); create materialized view m as select a, b from t; create unique index on m (a); create view v as select a from m',
    "insert into t values (1, 'x')",
  ],
  [
    'rules, statistics and a publication',
    'create table t (a integer, b integer); create rule r as on delete to t do instead nothing; create statistics s on a, b from t; create publication p for table t (a)',
    'create table t (a bigint, c integer); create rule r as on delete to t do instead nothing; create statistics s on a, c from t; create publication p for table t (a, c)',
    'insert into t values (1, 2)',
  ],
  [
    'a schema and all that is in it gets another name without a rename',
    "create schema a; create type a.m as enum ('x'); create table a.t (m a.m); create function a.f() returns a.m language sql as $$select m from a.t limit 1$$",
    "create schema b; create type b.m as enum ('x'); create table b.t (m b.m); create function b.f() returns b.m language sql as $$select m from b.t limit 1$$",
  ],
  [
    'a new table whose NOT NULL constraints have names that a renamed table has taken',
    'create table a (id integer not null, "N" text not null); alter table a rename to b',
    'create table a (id integer not null, "N" text not null); create table b (id integer not null)',
  ],
  [
    'a partitioned table goes whose indexes of partitions have names of their own',
    'create table t (a integer, b integer) partition by range (a); create table t1 partition of t for values from (1) to (2); create table t2 partition of t for values from (2) to (3); create index named on t1 (b); create index whole on t (b)',
    'create table other (id integer)',
  ],
  [
    'a value for new rows that looks at another column, and at another table',
    'create table p (id integer primary key); create table t (a integer)',
    'create table p (id integer primary key); create table t (a integer, b integer not null, c integer not null references p)',
    'insert into p values (7); insert into t values (1)',
  ],
  [
    'a column with a default becomes required',
    'create table t (a integer default 5)',
    'create table t (a integer not null default 5)',
    'insert into t values (null)',
  ],
  [
    'a schema goes with a type that a column of another schema has',
    'create schema app; create type app.place as (x integer); create table t (id integer, p app.place); alter default privileges in schema app grant select on tables to public',
    'create table t (id integer)',
    'insert into t values (1, null)',
  ],
  [
    'a collation that columns have becomes another one',
    "create collation folded (provider = icu, locale = 'de'); create table t (a text collate folded primary key)",
    "create collation folded (provider = icu, locale = 'en'); create table t (a text collate folded primary key)",
    "insert into t values ('x')",
  ],
  [
    'a range changes its values, with the type of its multiranges',
    'create type span as range (subtype = integer); create table t (a span)',
    'create type span as range (subtype = float8); create table t (a span)',
    "insert into t values ('[1,2]')",
  ],
  [
    'a publication of a table and of one that inherits from it, with conditions',
    'create table a (id integer primary key); create table b () inherits (a)',
    'create table a (id integer primary key); create table b () inherits (a); create publication p for table a where (id > 1)',
  ],
  [
    'a partition is attached with constraints that have names of their own',
    'create table t (id integer not null, b integer constraint must not null, primary key (id)) partition by range (id); create table t1 (id integer constraint one not null, b integer not null, constraint own primary key (id)); create table t2 partition of t for values from (5) to (9)',
    'create table t (id integer not null, b integer constraint shall not null, primary key (id)) partition by range (id); create table t1 (id integer constraint one not null, b integer not null, constraint own primary key (id)); alter table t attach partition t1 for values from (0) to (5); create table t2 (id integer constraint two not null, b integer not null, constraint other primary key (id)); alter table t attach partition t2 for values from (5) to (9)',
    'insert into t1 values (1, 1); insert into t values (7, 1)',
  ],
  [
    'the key of a partitioned table changes, and the one of a partition keeps its name',
    'create table t (id integer, b integer, constraint one unique (id)) partition by range (id); create table t1 (id integer, b integer, constraint own unique (id)); alter table t attach partition t1 for values from (0) to (5)',
    'create table t (id integer, b integer, constraint one unique (id, b)) partition by range (id); create table t1 (id integer, b integer, constraint own unique (id, b)); alter table t attach partition t1 for values from (0) to (5)',
    'insert into t values (1, 1)',
  ],
  [
    'the key of a partition has options and comments of its own',
    'create table t (id integer primary key) partition by range (id); create table t1 partition of t for values from (0) to (5)',
    'create table t (id integer primary key) partition by range (id); create table t1 partition of t for values from (0) to (5); alter index t1_pkey set (fillfactor = 50); comment on index t1_pkey is $$it$$; comment on constraint t1_pkey on t1 is $$key$$',
    'insert into t values (1)',
  ],
  [
    'a key that has a column twice, once as included',
    'create table t (id integer, u integer) partition by range (id); create table t1 partition of t for values from (0) to (5)',
    'create table t (id integer, u integer) partition by range (id); create table t1 partition of t for values from (0) to (5); alter table t add unique (u, id) include (id)',
    'insert into t values (1, 1)',
  ],
  [
    'a partition that had a NOT NULL of its own gets it from its table',
    'create table t (k integer default 1, a integer default 1) partition by list (k); create table t1 partition of t (a not null, primary key (k)) for values in (1)',
    'create table t (k integer default 1, a integer default 1 not null) partition by list (k); create table t1 partition of t for values in (1); alter table t alter k set not null',
    'insert into t values (1, 2)',
  ],
  [
    'an index of a partition has a comment and options of its own',
    'create table t (k integer) partition by list (k); create table t1 partition of t for values in (1); create index i on t (k)',
    'create table t (k integer) partition by list (k); create table t1 partition of t for values in (1); create index i on t (k); comment on index t1_k_idx is $$it$$; alter index t1_k_idx set (fillfactor = 50)',
    'insert into t values (1)',
  ],
  [
    'a NOT NULL constraint with a long name gets the usual one',
    `create table ${'a'.repeat(40)} (${'b'.repeat(40)} integer constraint own not null)`,
    `create table ${'a'.repeat(40)} (${'b'.repeat(40)} integer not null)`,
  ],
  [
    'a partitioned table gets another key, and its partitions come along',
    'create table t (a integer, b integer) partition by range (a); create table t1 partition of t for values from (0) to (10)',
    'create table t (a integer, b integer) partition by range (b); create table t1 partition of t for values from (0) to (10)',
    'insert into t values (1, 2)',
  ],
  [
    'two partitions become one',
    'create table t (a integer) partition by range (a); create table t1 partition of t for values from (0) to (5); create table t2 partition of t for values from (5) to (9)',
    'create table t (a integer) partition by range (a); create table t1 partition of t for values from (0) to (9)',
    'insert into t values (1), (7)',
  ],
  [
    'an index is no longer the one of a partition',
    'create table t (a integer, b integer) partition by range (a); create table t1 partition of t for values from (0) to (10); create index i on only t (b); create index i1 on t1 (b); alter index i attach partition i1',
    'create table t (a integer, b integer) partition by range (a); create table t1 partition of t for values from (0) to (10); create index i on only t (b)',
  ],
  [
    'an enum loses its order below a domain with a check, a composite type and a range',
    "create type e as enum ('a', 'b'); create domain d as e check (value <> 'b'); create type c as (x e, d d); create type r as range (subtype = e); create table t (a d default 'a', b c, c r, d d[])",
    "create type e as enum ('b', 'a'); create domain d as e check (value <> 'b'); create type c as (x e, d d); create type r as range (subtype = e); create table t (a d default 'a', b c, c r, d d[])",
    "insert into t values ('a', row('b', 'a'), r('a', 'a', '[]'), '{a}')",
  ],
  [
    'a domain changes its base below the function of a default',
    "create domain d as varchar(9); create function f(d) returns d language sql immutable as 'select $1'; create table t (a d default f('x'), b text generated always as (f(a)) stored)",
    "create domain d as varchar(5); create function f(d) returns d language sql immutable as 'select $1'; create table t (a d default f('x'), b text generated always as (f(a)) stored)",
    'insert into t default values',
  ],
  [
    'the parents of a table change their order',
    'create table p (a integer); create table q (a integer); create table c () inherits (p, q)',
    'create table p (a integer); create table q (a integer); create table c () inherits (q, p)',
    'insert into c values (1)',
  ],
  [
    'a column and its NOT NULL are inherited, and no longer',
    'create table p (a integer not null default 1); create table c () inherits (p)',
    'create table p (a integer not null default 1); create table c (a integer not null default 2) inherits (p)',
    'insert into c values (1)',
  ],
  [
    'an inherited column that the table has itself, too, changes',
    'create table p (a integer, b text); create table c (a integer, b text, x integer) inherits (p)',
    'create table p (a bigint, b text not null default $$x$$); create table c (a bigint, b text, x text) inherits (p)',
    'insert into c values (1, $$y$$, 2)',
  ],
  [
    'a table made anew, from which another has its columns',
    "create type l as enum ('one', 'two'); create domain d as l default 'one'; create type f as (m l, o d); create table p (id integer primary key, s f not null, z f); create table c (x integer) inherits (p)",
    "create type l as enum ('one'); create domain d as l default 'one'; create type f as (m l, o d); create table p (id integer primary key, s text not null, z integer[]); create table c (x integer) inherits (p)",
    "insert into p values (1, ('one', 'one'), null); insert into c values (2, ('one', 'one'), null, 3)",
  ],
  [
    'a partition whose rows go to another, where a column gets another type',
    'create table p (id integer primary key, x text[]) partition by range (id); create table low partition of p for values from (1) to (5); create table rest partition of p default',
    'create table p (id integer primary key, x integer[]) partition by range (id); create table low partition of p for values from (minvalue) to (10)',
    "insert into p values (2, '{1}'), (7, '{2}')",
  ],
  [
    'options of a table in another order',
    'create table t (a integer) with (autovacuum_enabled = false, toast_tuple_target = 4000)',
    'create table t (a integer) with (fillfactor = 80, toast_tuple_target = 4000, autovacuum_enabled = false)',
  ],
  [
    'a check is inherited, and no longer',
    'create table p (a integer, constraint k check (a > 0)); create table c () inherits (p)',
    'create table p (a integer, constraint k check (a > 0)); create table c (constraint k check (a > 0)) inherits (p)',
    'insert into c values (1)',
  ],
  [
    'the number of an identity column is outside of the new limits',
    'create table t (a integer generated always as identity)',
    'create table t (a integer generated always as identity (minvalue 50))',
    'insert into t default values',
  ],
  [
    'a column goes with another one that is computed from it',
    'create table t (a integer, b integer, c integer generated always as (b + 1) stored)',
    'create table t (a integer)',
    'insert into t values (1, 2)',
  ],
  [
    'a hypothetical aggregate',
    'select 1',
    'create aggregate m (variadic "any" order by variadic "any") (sfunc = ordered_set_transition_multi, stype = internal, finalfunc = rank_final, finalfunc_extra, hypothetical)',
  ],
  [
    'a role may no longer grant what it may do',
    'create table t (a integer); grant select, insert on t to pg_monitor with grant option',
    'create table t (a integer); grant select on t to pg_monitor',
  ],
  [
    'a publication of generated columns',
    'create table t (a integer primary key, b integer generated always as (a + 1) stored); create publication p for table t',
    'create table t (a integer primary key, b integer generated always as (a + 1) stored); create publication p for table t with (publish_generated_columns = stored)',
  ],
  [
    'settings of the columns of a materialized view',
    "create materialized view m as select 'x'::text as a",
    "create materialized view m as select 'x'::text as a; alter materialized view m alter a set statistics 10; alter materialized view m alter a set storage external; alter materialized view m alter a set (n_distinct = 4); alter materialized view m alter a set compression pglz",
  ],
  [
    'an index has a target for the statistics of its expression',
    'create table t (a integer); create index i on t ((a + 1))',
    'create table t (a integer); create index i on t ((a + 1)); alter index i alter column 1 set statistics 50',
  ],
  [
    'the NOT NULL of domains has names, and a comment',
    'create domain d as integer constraint must not null; create domain e as integer not null; create domain f as integer',
    'create domain d as integer not null; create domain e as integer constraint must not null; comment on constraint must on domain e is $$it$$; create domain f as integer constraint shall not null',
  ],
  [
    'objects that go with an extension',
    "create extension citext; create function f() returns integer language sql as 'select 1'; create table t (a citext); create index i on t (a); create materialized view m as select a from t",
    "create extension citext; create function f() returns integer language sql as 'select 1'; alter function f() depends on extension citext; create table t (a citext); create index i on t (a); alter index i depends on extension citext; create materialized view m as select a from t; alter materialized view m depends on extension citext",
  ],
  [
    'a collation of the system has two locales',
    'select 1',
    "create collation c (provider = libc, lc_collate = 'C', lc_ctype = 'C.UTF-8')",
  ],
  [
    'an enum loses on the way back what rows have',
    "create type e as enum ('x'); create table t (e e)",
    "create type e as enum ('x', 'y'); create table t (e e)",
    "insert into t values ('x')",
  ],
]

test('a column gets a type that is made anew, and must not be null', () =>
  reachEachOther(
    "create type l as enum ('one', 'four'); create table t (id integer primary key, x l not null, y l)",
    "create type l as enum ('one', 'two'); create domain d as l default 'one'; create table t (id integer primary key, x integer[], y d default 'one', z l[] default '{one}')",
  ))

describe('both ways are proven', () => {
  test.for(REACHED)('%s', async ([, from, to, rows]) => {
    const answers = { map: ['mood.sad=ok'], fill: ['t.b=a + 1', 't.c=(select id from p)'] }
    const { up, down } = await generated({ from, to, answers, ...(rows !== undefined && { rows }) })
    expect(up.length).toBeGreaterThan(0)
    expect(down.length).toBeGreaterThan(0)
  })
})

describe('nothing is to do', () => {
  test.for([
    [
      'the order in which things are made differs',
      'create table a (i integer); create table b (i integer)',
      'create table b (i integer); create table a (i integer)',
    ],
    ['the order of columns differs', 'create table a (i integer, j integer)', 'create table a (j integer, i integer)'],
    [
      'the server writes an expression differently at every turn',
      "create table t (a varchar, constraint c check ((a)::text = any ((array['x'::character varying, 'y'::character varying])::text[])))",
      "create table t (a varchar constraint c check (a in ('x', 'y')))",
    ],
  ])('if %s', async ([, from = '', to = '']) => {
    expect((await generated({ from, to })).up).toEqual([])
  })
})

test('everything that a schema can have comes from nothing, and goes', async () => {
  const to = readFileSync(join(import.meta.dirname, '../database/everything.sql'), 'utf8')
  const { up, down } = await generated({ from: 'select 1', to })
  expect(up.length).toBeGreaterThan(90)
  expect(down.length).toBeLessThan(up.length)
})

test('the same schemas give the same text, in whatever order their objects were made', async () => {
  const parts = [
    'create table a (id integer primary key, x text)',
    "create type m as enum ('1')",
    'create view v as select 1 as one',
    'create sequence s',
    'create table b (id integer)',
  ]
  const one = await generated({ from: 'select 1', to: parts.join(';') })
  const other = await generated({ from: 'select 1', to: [...parts].reverse().join(';') })
  expect(other.upText).toBe(one.upText)
  expect(other.downText).toBe(one.downText)
})

test('a rename keeps the rows, and what hangs on it', async () => {
  const { upText } = await generated({
    from: 'create table people (id integer primary key, name text unique); create view v as select name from people',
    to: 'create table persons (id integer primary key, full_name text unique); create view v as select full_name as name from persons',
    rows: "insert into people values (1, 'Ada')",
    answers: { renames: ['table people = persons', 'column people.name = persons.full_name'] },
  })
  expect(upText).toBe(`ALTER TABLE people RENAME COLUMN name TO full_name;

ALTER TABLE people RENAME TO persons;
ALTER TABLE persons RENAME CONSTRAINT people_pkey TO persons_pkey;
ALTER TABLE persons RENAME CONSTRAINT people_name_key TO persons_full_name_key;
ALTER TABLE persons RENAME CONSTRAINT people_id_not_null TO persons_id_not_null;
`)
})

test('two tables exchange their names, with their rows', async () => {
  const from = 'create table a (x integer); create table b (y text)'
  const to = 'create table b (x integer); create table a (y text)'
  const answers = { renames: ['table a = b', 'table b = a'] }
  const { up } = await generated({ from, to, rows: "insert into a values (1); insert into b values ('x')", answers })
  expect(up).toHaveLength(3)
})
