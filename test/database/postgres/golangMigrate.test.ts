import { describe, expect } from 'vitest'
import { test } from '../../support/database.ts'

describe('with golang-migrate', () => {
  test('its databases are continued', async ({ db }) => {
    await db.client.query(
      'create table schema_migrations (version bigint not null primary key, dirty boolean not null); insert into schema_migrations values (2, false); create table a (id int); create table b (id int)',
    )
    const files = {
      '1_a.up.sql': 'create table a (id int)',
      '1_a.down.sql': 'drop table a',
      '2_b.up.sql': 'create table b (id int)',
      '2_b.down.sql': 'drop table b',
      '3_c.up.sql': 'create table c (id int)',
    }
    const migrator = await db.migrator(files)
    expect((await migrator.status()).migrations.map((m) => m.state)).toEqual(['unrecorded', 'unrecorded', 'pending'])
    expect((await migrator.up()).steps.map((step) => step.version)).toEqual([3])
    expect((await migrator.status()).migrations.map((m) => m.state)).toEqual(['unrecorded', 'unrecorded', 'applied'])
    await db.client.query('drop table c')
    const noThird = await db.migrator({ ...files, '3_c.down.sql': 'select 1' })
    expect((await noThird.to(1)).steps.map((step) => [step.version, step.direction])).toEqual([
      [3, 'down'],
      [2, 'down'],
    ])
    expect((await migrator.status()).migrations.map((m) => m.state)).toEqual(['unrecorded', 'pending', 'pending'])
  })

  test('what we write it can read: one row, none at nil; further columns stay', async ({ db }) => {
    await db.client.query(
      'create table schema_migrations (version bigint not null primary key, dirty boolean not null, note text)',
    )
    const migrator = await db.migrator({ '1_a.up.sql': 'select 1', '2_b.up.sql': 'select 1' })
    await migrator.up(1)
    await db.client.query("update schema_migrations set note = 'ours'")
    await migrator.up(1)
    expect(await db.rows('select * from schema_migrations')).toEqual([{ version: '2', dirty: false, note: 'ours' }])
    await migrator.down('all')
    expect(await db.rows('select * from schema_migrations')).toEqual([])
  })

  test('where it moved the row, history above the last agreement is not trusted, and status says so', async ({
    db,
  }) => {
    const files = {
      '1_a.up.sql': 'select 1',
      '2_b.up.sql': 'select 2',
      '3_c.up.sql': 'select 3',
      '4_d.up.sql': 'select 4',
    }
    const migrator = await db.migrator(files)
    await migrator.to(2)
    await db.client.query('update schema_migrations set version = 3')
    const status = await migrator.status()
    expect(status.disagreement).toMatch(
      /the version row says 3, but our history ends at 2\. The history is trusted up to 2/,
    )
    expect(status.migrations.map((m) => m.state)).toEqual(['applied', 'applied', 'unrecorded', 'pending'])
    await migrator.up()
    expect((await migrator.status()).migrations.map((m) => m.state)).toEqual([
      'applied',
      'applied',
      'unrecorded',
      'applied',
    ])
    await db.client.query('update schema_migrations set version = 1')
    expect((await migrator.status()).migrations.map((m) => m.state)).toEqual([
      'applied',
      'pending',
      'pending',
      'pending',
    ])
    await migrator.up()
    expect((await migrator.status()).migrations.map((m) => m.state)).toEqual([
      'applied',
      'applied',
      'applied',
      'applied',
    ])
  })

  test('its URLs are understood', async ({ db }) => {
    const url = `${db.url}?sslmode=disable&x-migrations-table=versions&search_path=app`
    await db.client.query('create schema app')
    const migrator = await db.migrator(
      { '1_a.up.sql': 'create table a (id int)' },
      { database: await db.open({ url }) },
    )
    await migrator.up()
    expect(await db.rows('select version from app.versions')).toEqual([{ version: '1' }])
    expect(await db.rows("select to_regclass('app.a') is not null as there")).toEqual([{ there: true }])
  })

  test('golang-migrate’s quoted table', async ({ db }) => {
    await db.client.query('create schema s')
    const url = `${db.url}?x-migrations-table=${encodeURIComponent('"s"."vm"')}&x-migrations-table-quoted=1`
    const migrator = await db.migrator({ '1_a.up.sql': 'select 1' }, { url })
    await migrator.up()
    expect(await db.rows('select version from s.vm')).toEqual([{ version: '1' }])
  })
})

describe('drop', () => {
  test('empties all that migrations could have made and keeps the schema’s owner and grants', async ({ db }) => {
    await db.client.query("comment on schema public is 'ours'; grant create on schema public to public")
    const before = await db.rows("select nspowner, nspacl::text from pg_namespace where nspname = 'public'")
    const migrator = await db.migrator({
      '1_all.up.sql': `
        create schema app; create table app.t (id int);
        create type mood as enum ('ok'); create domain d as text check (value <> ''); create type pair as (a int, b int);
        create table "we;ird ""t😀" (id serial primary key, m mood, p pair, dd d); create index on "we;ird ""t😀" (m);
        create view v as select * from "we;ird ""t😀"; create materialized view mv as select 1 as x;
        create sequence s; create function f(a int, b text default ';') returns int language sql as 'select 1';
        create procedure pr() language sql as 'select 1'; create aggregate agg(int) (sfunc = int4pl, stype = int);
        create function tf() returns trigger language plpgsql as $$ begin return new; end $$;
        create trigger tr before insert on "we;ird ""t😀" for each row execute function tf();
        create function etf() returns event_trigger language plpgsql as $$ begin end $$;
        create event trigger et on ddl_command_end execute function etf();
        create publication pub for all tables; create collation coll from "C"; create text search configuration ts (copy = simple);
        create operator === (leftarg = int, rightarg = int, function = int4eq);
        create statistics st on id, m from "we;ird ""t😀";
        select lo_create(4711);`,
    })
    await migrator.up()
    await migrator.drop()
    expect(await migrator.version()).toEqual({ version: -1, dirty: false })
    const left = `select (select count(*)::int from pg_depend where refclassid = 'pg_namespace'::regclass and refobjid = 'public'::regnamespace and deptype = 'n') as objects,
      (select count(*)::int from pg_namespace where nspname = 'app') as schemas, (select count(*)::int from pg_publication) as publications,
      (select count(*)::int from pg_event_trigger) as triggers, (select count(*)::int from pg_largeobject_metadata) as large`
    expect(await db.rows(left)).toEqual([{ objects: 0, schemas: 0, publications: 0, triggers: 0, large: 0 }])
    expect(await db.rows("select nspowner, nspacl::text from pg_namespace where nspname = 'public'")).toEqual(before)
    expect((await migrator.up()).to).toBe(1)
  })

  test('a user who owns a schema but not the database can drop it in a down', async ({ db }) => {
    const user = `owner_${process.pid}_${Date.now()}`
    await db.client.query(
      `create role ${user} login password 'own'; create schema app authorization ${user}; create schema legacy authorization ${user}`,
    )
    try {
      const url = new URL(db.url)
      url.username = user
      url.password = 'own'
      const files = {
        '1_a.up.sql': 'create table app.a (id int)',
        '1_a.down.sql': 'drop schema legacy cascade; drop table app.a',
      }
      const migrator = await db.migrator(files, { url: url.href, schema: 'app' })
      await migrator.up()
      expect((await migrator.down('all')).to).toBe(-1)
    } finally {
      await db.client.query(`drop owned by ${user} cascade; drop role ${user}`)
    }
  })
})

describe('plan', () => {
  test('a plan reads only: a user without the right to write may ask for it', async ({ db }) => {
    const files = { '1_a.up.sql': 'select 1', '1_a.down.sql': 'select 1', '2_b.up.sql': 'select 2' }
    await (await db.migrator(files)).up(1)
    const user = `reader_${process.pid}_${Date.now()}`
    await db.client.query(
      `create role ${user} login password 'read'; grant select on all tables in schema public to ${user}`,
    )
    try {
      const url = new URL(db.url)
      url.username = user
      url.password = 'read'
      const migrator = await db.migrator({ ...files, '1_a.down.sql': 'select 3' }, { url: url.href })
      expect((await migrator.plan('latest')).steps.map((step) => step.version)).toEqual([2])
      expect((await migrator.status()).migrations.map((m) => m.state)).toEqual(['applied', 'pending'])
    } finally {
      await db.client.query(`drop owned by ${user} cascade; drop role ${user}`)
    }
  })
})
