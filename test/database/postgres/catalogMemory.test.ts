/** A schema that is read again: only what has changed is read, and the result is that of a whole reading. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished } from 'vitest'
import { readSchema } from '../../../src/database/postgres/catalog/catalog.ts'
import type { CatalogRow } from '../../../src/database/postgres/catalog/facts.ts'
import { catalogQuery } from '../../../src/database/postgres/catalog/query.ts'
import { readRows } from '../../../src/database/postgres/catalog/rows.ts'
import { openUrl } from '../../../src/database/postgres/connection.ts'
import { test as base } from '../../support/database.ts'
import { eachRandomStatement, statementsOf } from '../../support/randomDdl.ts'

const EVERYTHING = readFileSync(join(import.meta.dirname, '..', 'everything.sql'), 'utf8')
const NOTHING = { tables: [], schemas: [] }

/**
 * `again` reads in a session that remembers; `counted` likewise, and goes by what the server has counted; `whole` asks the
 * whole query in another one.
 */
const test = base.extend('rows', async ({ db }) => {
  const [remembering, counting, other] = [await openUrl(db.url), await openUrl(db.url), await openUrl(db.url)]
  onTestFinished(async () => {
    await Promise.all([remembering.close(), counting.close(), other.close()])
  })
  await other.query(`SET jit = off; SET search_path = public, pg_temp; PREPARE whole AS ${catalogQuery(NOTHING)}`)
  return {
    again: async () => inOrder(await readRows(remembering, { exclude: NOTHING, keep: true })),
    counted: async () => {
      // A migration's session reports what it has written.
      await db.rows('select pg_stat_force_next_flush()')
      return inOrder(await readRows(counting, { exclude: NOTHING, keep: true, isCounted: true }))
    },
    whole: async () => inOrder((await other.query('EXECUTE whole')) as unknown as CatalogRow[]),
  }
})

describe('a schema that is read again and again', () => {
  test('is that of a whole reading after each statement of a script with everything', async ({ db, rows }) => {
    for (const sql of [...statementsOf(EVERYTHING), ...CHANGES]) {
      await db.rows(sql)
      const whole = await rows.whole()
      expect(await rows.again(), sql).toBe(whole)
      expect(await rows.counted(), sql).toBe(whole)
    }
  }, 300_000)

  test('is that of a whole reading after each of many random statements', async ({ db, rows }) => {
    await eachRandomStatement(db, async (sql) => {
      const whole = await rows.whole()
      expect(await rows.again(), sql).toBe(whole)
      expect(await rows.counted(), sql).toBe(whole)
    })
  }, 3_600_000)

  test('is that of a whole reading when a table without anything rare gets it', async ({ db, rows }) => {
    const name = (text: string, n: number) => text.replaceAll('%', `t${n}`)
    for (const n of RARE.keys()) await db.rows(name(PLAIN, n))
    await db.rows('create function noted() returns trigger language plpgsql as $$ begin return new; end $$')
    const same = async (sql: string) => {
      const whole = await rows.whole()
      expect(await rows.again(), sql).toBe(whole)
      expect(await rows.counted(), sql).toBe(whole)
    }
    // From the third reading on, only what has changed is read.
    for (const time of ['first', 'second', 'third']) await same(time)
    for (const [n, rare] of RARE.entries()) {
      // Plain, so that it is read as a plain one.
      await db.rows(name('alter table % add column more int', n))
      expect(await rows.again()).toBe(await rows.counted())
      await db.rows(name(rare, n))
      await same(rare)
    }
    // A session that finds it there: only the table itself is read again.
    const late = await openUrl(db.url)
    onTestFinished(() => late.close())
    const again = async () => inOrder(await readRows(late, { exclude: NOTHING, keep: true }))
    for (let time = 0; time < 3; time++) await again()
    let last = ''
    for (const n of RARE.keys()) {
      await db.rows(name('alter table % add constraint positive check (other > -1)', n))
      last = await again()
    }
    expect(last).toBe(await rows.whole())
  }, 600_000)

  test('is the same object if nothing has changed', async ({ db }) => {
    await db.rows(EVERYTHING)
    const session = await openUrl(db.url)
    onTestFinished(() => session.close())
    const read = () => readSchema(session, { exclude: NOTHING, keep: true })
    await read()
    const before = await read()
    await db.rows("insert into cache values ('a', null); analyze")
    expect(await read()).toBe(before)
    await db.rows('alter table cache rename k to key')
    expect(await read()).not.toBe(before)
  })
})

// --- internal ---

/** A table with what most tables have. */
const PLAIN = `create table % (id bigint generated always as identity primary key, name text not null default 'x', other int unique check (other > 0));
  create index %_name on % (name); create index %_both on % ((name || 'x')); create view %_names as select id, name from %`

/** What makes such a table, or its view, one that has something rare. */
const RARE: readonly string[] = [
  "comment on table % is 'noted'",
  "comment on column %.name is 'noted'",
  "comment on constraint %_pkey on % is 'noted'",
  "comment on index %_name is 'noted'",
  "comment on index %_pkey is 'noted'",
  "comment on view %_names is 'noted'",
  "comment on column %_names.name is 'noted'",
  "comment on sequence %_id_seq is 'noted'",
  "create trigger each_row before insert on % for each row execute function noted(); comment on trigger each_row on % is 'noted'",
  'create trigger each_row before insert on % for each row execute function noted(); alter trigger each_row on % depends on extension plpgsql',
  'grant select on % to public',
  'grant select (name) on % to public',
  'grant select on %_names to public',
  'grant usage on sequence %_id_seq to public',
  'alter table % owner to pg_monitor',
  'alter view %_names owner to pg_monitor',
  'alter table % set (toast.autovacuum_enabled = false)',
  'alter table % alter name set (n_distinct = 5)',
  'alter view %_names alter name set default null; drop view %_names; alter table % alter name type text collate "C"',
  'alter index %_name set (fillfactor = 50)',
  'alter index %_pkey set (fillfactor = 50)',
  'alter index %_both alter column 1 set statistics 50',
  'alter index %_name depends on extension plpgsql',
  'create rule nothing as on delete to % do instead nothing',
  'create rule nothing as on delete to %_names do instead nothing',
  'create policy own on % using (true)',
  'create statistics %_numbers on id, name from %',
  'create table %_child () inherits (%)',
  'create table %_parent (name text not null); alter table % inherit %_parent',
  'create type %_row as (id bigint, name text, other int, more int); alter table % of %_row',
  'alter table % replica identity full; alter table % cluster on %_name',
  'alter table % alter name set statistics 50, alter name set storage external',
]

/** Changes to the objects of the script, among them those that reach the DDL of other objects. */
const CHANGES: readonly string[] = [
  'alter table users rename name to nick',
  'alter table users rename to people',
  'alter table people rename constraint users_pk to people_pk',
  "alter type mood rename value 'happy' to 'glad'",
  'alter type mood rename to temper',
  'alter type app.point3 rename attribute x to lat cascade',
  'alter type span rename to floats',
  'alter domain email rename to address',
  'alter function double(int) rename to twice',
  "create function twice(text) returns text language sql as 'select $1 || $1'",
  'alter aggregate total(int) rename to sum_of',
  'alter view happy rename column d to doubled',
  'alter index events_at rename to events_by_day',
  'alter index events_2026_at_idx rename to first_year',
  "comment on index events_by_day is 'by day'",
  "comment on index events_by_day is 'by their day'",
  "create table events_2027 partition of events for values from ('2027-01-01') to ('2028-01-01')",
  'alter table events detach partition events_2027',
  'create table events_2027_a (id bigint, at date not null, data jsonb)',
  "alter table events attach partition events_2027_a for values from ('2027-01-01') to ('2028-01-01')",
  'create function stamped() returns trigger language plpgsql as $$ begin return new; end $$; create trigger each_row after insert on events for each row execute function stamped()',
  'alter table events_2026 disable trigger each_row',
  'alter sequence users_serial_no_seq rename to numbers',
  'alter sequence users_id_seq rename to ids',
  "comment on sequence ids is 'numbers of people'",
  'alter sequence numbers owned by none',
  'alter sequence plain owned by cache.k',
  'alter table cache set (toast.autovacuum_enabled = false)',
  'alter table cache reset (toast.autovacuum_enabled)',
  "comment on constraint orders_amount_check on app.orders is 'not below'",
  'comment on constraint orders_amount_check on app.orders is null',
  'comment on column people.nick is null',
  'alter schema app rename to apps',
  'alter extension pgcrypto set schema apps',
  'alter extension pgcrypto drop function apps.gen_salt(text)',
  'alter operator ===(int, int) owner to pg_monitor',
  'alter foreign table distant rename to remote',
  'alter server far rename to farther',
  'alter collation german rename to deutsch',
  'alter publication changes drop table people',
  'drop function begin_atomic',
  'drop table people cascade',
  'drop schema apps cascade',
]

/** Rows in an order of their own, without those that say what is needed by something that is no object of the schema. */
function inOrder(rows: readonly CatalogRow[]): string {
  const listed = new Set(rows.map((row) => (row.kind === 'needs' ? undefined : Number(row.oid))))
  const shown = rows.filter((row) => row.kind !== 'needs' || listed.has(row.facts[0]))
  const texts = shown.map((row) => JSON.stringify([row.kind, row.kind === 'needs' ? 0 : Number(row.oid), row.facts]))
  return texts.sort().join('\n')
}
