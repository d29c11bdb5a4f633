/** Many ups in one round trip: as one by one, only sooner. */
import { describe, expect } from 'vitest'
import type { Driver } from '../../src/migrate/driver.ts'
import { MigrationFailedError } from '../../src/migrate/errors.ts'
import { failure, test } from '../support/database.ts'

/** Returns the driver, and the number of steps of each call that asks it to apply. */
function counted(driver: Driver): { driver: Driver; calls: number[] } {
  const calls: number[] = []
  const apply = driver.apply.bind(driver)
  const applyAll = driver.applyAll?.bind(driver)
  driver.apply = (step, signal) => {
    calls.push(1)
    return apply(step, signal)
  }
  const applyNext = driver.applyNext?.bind(driver)
  driver.applyNext = (step, signal) => {
    const sent = applyNext?.(step, signal)
    if (sent) calls.push(1)
    return sent
  }
  if (applyAll) {
    driver.applyAll = (steps, signal) => {
      calls.push(steps.length)
      return applyAll(steps, signal)
    }
  }
  return { driver, calls }
}

describe('batch', () => {
  test('leaves the same as one by one', async ({ db }) => {
    const files = {
      '1_kind.up.sql': "create type kind as enum ('a')",
      '2_more.up.sql': "alter type kind add value 'b'",
      '3_used.up.sql':
        "create table t (id int primary key, k kind default 'b', t int unique deferrable initially deferred)",
      '4_rows.up.sql': 'insert into t (id, t) values (1, 1), (2, 1); update t set t = id -- no newline',
      '5_settings.up.sql': "set search_path = ''; set role pg_monitor; create temp table x ()",
      '6_index.up.sql': 'create index concurrently t_k on public.t (k)',
      '7_gone.up.sql': 'deallocate all; alter table t add note text',
      '8_last.up.sql': 'create view v as select * from t',
    }
    const { driver, calls } = counted(await db.open())
    const run = await (await db.migrator(files, { database: driver, batch: true })).up()
    expect(run.steps.map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(calls[0]).toBe(5)
    expect(await db.rows('select id, k, t, note from v order by id')).toEqual([
      { id: 1, k: 'b', t: 1, note: null },
      { id: 2, k: 'b', t: 2, note: null },
    ])
    const history = await db.rows(
      'select version::int, up, fingerprint is not null as f from schema_migrations_history order by 1',
    )
    expect(history.map(({ up }) => up)).toEqual(Object.values(files))
    expect(db.events.filter(({ type }) => type === 'finished')).toHaveLength(8)
  })

  test.for([
    ['first', 1],
    ['middle', 3],
    ['last', 5],
  ] as const)('one that fails is told as ever, and those before it stand: the %s', async ([, bad], { db }) => {
    const texts = [1, 2, 3, 4, 5].map((v) => [
      `${v}_m.up.sql`,
      v === bad ? `create table t${v} (id int);\n  select no_such_column` : `create table t${v} (id int)`,
    ])
    const migrator = await db.migrator(Object.fromEntries(texts), { batch: true })
    const error = await failure<MigrationFailedError>(migrator.up())
    expect(error).toBeInstanceOf(MigrationFailedError)
    expect(error.message).toContain(`${bad}_m.up.sql:2:10`)
    expect((await migrator.version()).version).toBe(bad === 1 ? -1 : bad - 1)
    expect(await db.rows(`select from pg_class where relname ~ '^t[0-9]$'`)).toHaveLength(bad - 1)
  })

  test('a syntax error keeps the whole round trip from running, and yet what is before it is applied', async ({
    db,
  }) => {
    const migrator = await db.migrator(
      { '1_a.up.sql': 'create table a ()', '2_b.up.sql': 'creat table b ()', '3_c.up.sql': 'create table c ()' },
      { batch: true },
    )
    expect((await failure(migrator.up())).message).toContain('2_b.up.sql:1:1')
    expect(await migrator.version()).toEqual({ version: 1, dirty: false })
  })

  test('code runs in its turn', async ({ db }) => {
    const { driver, calls } = counted(await db.open())
    const source = {
      name: 'mixed',
      list: async () =>
        [1, 2, 3, 4, 5].map((version) => ({ version, name: 'm', up: version === 3 ? '3.ts' : `${version}.sql` })),
      read: async ({ version }: { version: number }, direction: 'up' | 'down') =>
        direction === 'down'
          ? null
          : version === 3
            ? ({
                kind: 'code',
                text: 'x',
                run: async ({ sql }: { sql: (text: string) => unknown }) => sql('create table t3 as select * from t2'),
              } as never)
            : ({ kind: 'sql', text: `create table t${version} ()` } as const),
    }
    await (await db.migrator({}, { database: driver, source: source as never, batch: true })).up()
    expect(calls).toEqual([2, 1, 1, 1])
    expect(await db.rows("select from pg_class where relname ~ '^t[0-9]$'")).toHaveLength(5)
  })
})
