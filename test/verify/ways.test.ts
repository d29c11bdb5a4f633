/** Comparing ways: what is left out of a comparison, and what is narrowed down. */
import { expect, test } from 'vitest'
import { pglite } from '../../presets/pglite.ts'
import { postgres } from '../../presets/postgres.ts'
import { memory } from '../../src/source/memory.ts'
import type { CheckResult } from '../../src/verify/check.ts'
import { type VerifyOptions, verification } from '../../src/verify/verify.ts'
import { anyPostgres } from '../support/servers.ts'

async function examine(
  files: Readonly<Record<string, string>>,
  options: Partial<VerifyOptions<unknown>>,
): Promise<Record<string, CheckResult>> {
  const made = await verification({
    server: anyPostgres,
    migrations: memory(files),
    ...options,
  } as VerifyOptions<unknown>)
  const results: Record<string, CheckResult> = {}
  try {
    for (const check of made.checks) results[check.id] = await check.examine()
  } finally {
    await made.dispose()
  }
  return results
}

test('a name that chance has chosen is told once, and not for each setting', async () => {
  const results = await examine(
    {
      '1_log.up.sql':
        "do $$ begin execute format('create table %I (id int)', 'log_' || replace(gen_random_uuid()::text, '-', '')); end $$",
      '1_log.down.sql': '-- migrate: irreversible the name is not known',
    },
    { groups: ['session'] },
  )
  expect(Object.values(results).flatMap(({ findings }) => findings)).toMatchObject([
    {
      rule: 'not-deterministic',
      severity: 'warning',
      evidence: { diff: expect.stringContaining('CREATE TABLE log_') },
    },
  ])
})

test('on PGlite a session cannot be killed, and the rest is checked', { timeout: 120_000 }, async () => {
  const files = {
    '1_users.up.sql': 'create table users (id int primary key); insert into users values (1)',
    '1_users.down.sql': 'drop table users',
  }
  const results = await examine(files, { server: pglite() as never, groups: ['interrupt'] })
  expect(results.interrupted).toMatchObject({ ok: true, findings: [], remark: '2 × error' })
  expect(results['two-at-once']).toMatchObject({ ok: true, remark: 'there is only one session' })
})

test('a setting is found with its migration and statement', async () => {
  const files = {
    '1_users.up.sql': 'create table users (id int primary key)',
    '1_users.down.sql': 'drop table users',
    '2_at.up.sql': "create table at (at timestamptz);\ninsert into at values ('2024-01-01 00:00')",
    '2_at.down.sql': 'drop table at',
  }
  const results = await examine(files, { groups: ['session'] })
  expect(results.settings?.findings).toMatchObject([
    {
      rule: 'depends-on-session',
      objects: ['TimeZone'],
      version: 2,
      line: 2,
      column: 1,
      fix: { text: expect.stringContaining('timestamptz') },
    },
  ])
})

test('a locale that writes as the one in use does is no other: that nothing was tried is said', async () => {
  const files = { '1_users.up.sql': 'create table users (id int primary key)', '1_users.down.sql': 'drop table users' }
  const init = "do $$ begin execute format('alter database %I set lc_time = %L', current_database(), 'POSIX'); end $$"
  const hasOthers = "select 1 from pg_collation where collcollate ~ '^(de_DE|fr_FR)'"
  const server = postgres({ init: `${init}; create table others as ${hasOthers}` })
  const { settings } = await examine(files, { server: server as never, groups: ['session'] })
  const database = await server.create()
  const client = await database.connect()
  const [other] = await database.query(client, 'select 1 from others')
  await database.disconnect(client)
  await database.drop()
  expect(settings?.remark?.includes('this server does not have lc_time = de_DE.UTF-8')).toBe(other === undefined)
})

test('a copy of a snapshot is compared with a run', async () => {
  const files = { '1_users.up.sql': 'create table users (id int primary key)', '1_users.down.sql': 'drop table users' }
  const results = await examine(files, { groups: ['paths'] })
  expect(results.snapshot).toMatchObject({ ok: true, findings: [], notRun: undefined })
  expect((await examine(files, { groups: ['paths'], snapshots: false })).snapshot).toBeUndefined()
})

test('other servers of the same kind are compared, and what they do otherwise is shown', {
  timeout: 120_000,
}, async () => {
  const files = {
    '1_users.up.sql':
      "create table users (id int primary key); insert into users select 1 where version() not like '%wasm%' and version() not like '%emscripten%'",
    '1_users.down.sql': 'drop table users',
  }
  const results = await examine(files, { groups: ['paths'], also: [anyPostgres, pglite()] })
  expect(results['server-1']).toMatchObject({ ok: true, findings: [] })
  expect(results['server-1']?.remark).toMatch(/^PostgreSQL \d/)
  expect(results['server-2']?.findings).toMatchObject([
    { rule: 'paths-differ', objects: ['rows of users'], evidence: { diff: expect.stringContaining('- (1)') } },
  ])
})

test('a statement that a role without rights may not run is named, and the rest runs', async () => {
  const files = {
    '1_users.up.sql': 'create table users (id int primary key)',
    '1_users.down.sql': 'drop table users',
    '2_log.up.sql':
      "create function log_it() returns event_trigger language plpgsql as 'begin end';\ncreate event trigger log_it on sql_drop execute function log_it();\nalter table users add column name text",
    '2_log.down.sql': 'drop event trigger log_it; drop function log_it; alter table users drop column name',
    '3_index.up.sql':
      '-- migrate: no-transaction\ncreate index concurrently by_name on users (name);\ndrop event trigger log_it;',
    '3_index.down.sql': 'drop index by_name',
  }
  const { role } = await examine(files, { groups: ['session'] })
  expect(
    role?.findings.map(({ version, line, objects, message }) => [
      version,
      line,
      objects[0],
      /It needs (.*)\./.exec(message)?.[1],
    ]),
  ).toEqual([
    [2, 2, 'permission denied to create event trigger "log_it"', 'a superuser'],
    [3, 3, 'must be owner of event trigger log_it', 'to own the event trigger log_it'],
  ])
})

test('a check that is not run needs a reason, and is reported as not run', async () => {
  const files = { '1_users.up.sql': 'create table users (id int primary key)', '1_users.down.sql': 'select 1' }
  const skip = { 'round-trip 1': 'the down comes later', 'straight-down': 'as above' }
  const results = await examine(files, { groups: ['schema'], skip })
  expect(results['round-trip']).toMatchObject({ ok: true, findings: [], notRun: 'skipped: the down comes later' })
  expect(results['straight-up']).toMatchObject({ ok: true, notRun: undefined })
  expect(Object.values(results).every(({ ok }) => ok)).toBe(true)
  await expect(examine(files, { skip: { 'round-trip 2': 'x' } })).rejects.toThrow('there is no check "round-trip 2"')
  await expect(examine(files, { skip: { 'round-trip': ' ' } })).rejects.toThrow('round-trip has no reason')
})
