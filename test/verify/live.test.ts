/** The effects of statements on tables with rows are observed on PostgreSQL; harmless ones raise no finding. */
import { describe, expect, test } from 'vitest'
import { pglite } from '../../presets/pglite.ts'
import { memory } from '../../src/source/memory.ts'
import type { Finding } from '../../src/verify/finding.ts'
import { type VerifyOptions, verification } from '../../src/verify/verify.ts'
import { anyPostgres } from '../support/servers.ts'

const TABLES = `create table users (id int primary key, email text, plan text, note varchar(10));
create table orders (id int primary key, user_id int, total int);
create table audit (id int)`
const ROWS = `insert into users select g, 'u' || g, 'free', 'x' from generate_series(1, 5) g;
insert into orders select g, g, g * 10 from generate_series(1, 5) g`

async function found(server: unknown, ...ups: string[]): Promise<Finding[]> {
  const files = Object.fromEntries(ups.map((sql, i) => [`${i + 2}_m${i + 2}.up.sql`, sql]))
  const made = await verification({
    server,
    migrations: memory({ '1_tables.up.sql': TABLES, ...files }),
    seeds: { 1: ROWS },
    groups: ['live'],
  } as VerifyOptions<unknown>)
  const findings: Finding[] = []
  try {
    for (const check of made.checks) {
      const result = await check.examine()
      expect(result.notRun).toBeUndefined()
      findings.push(...result.findings)
    }
  } finally {
    await made.dispose()
  }
  return findings
}

/** Findings as `rule version:line objects`, without those that are told once a run. */
function brief(findings: readonly Finding[]): string[] {
  return findings
    .filter(({ rule }) => rule !== 'no-lock-timeout' && rule !== 'waits-for-transactions')
    .map(({ rule, version, line, objects }) => `${rule} ${version}:${line} ${objects.join(' ')}`)
}

/** Each: what it is, migrations from version 2 on, and the findings. */
const CASES: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['an index', ['create index by_email on users (email)'], ['index-blocks-writes 2:1 users by_email']],
  ['an index that is there', ['create index if not exists users_pkey on users (email)'], []],
  ['an index on a table of the same file', ['create table t (a int); create index by_a on t (a)'], []],
  ['reindex', ['reindex table users'], ['index-blocks-writes 2:1 users users_pkey']],
  ['a constant default', ['alter table users add column x timestamptz not null default now()'], []],
  [
    'a volatile default',
    ['alter table users add column x uuid default gen_random_uuid()'],
    ['table-rewritten 2:1 users'],
  ],
  [
    'a volatile default in a function',
    [
      'create function add_it() returns void language plpgsql as $$ begin alter table users add x uuid default gen_random_uuid(); end $$;\nselect add_it()',
    ],
    ['table-rewritten 2:2 users'],
  ],
  [
    'a stored column',
    ['alter table users add x int generated always as (id * 2) stored'],
    ['table-rewritten 2:1 users'],
  ],
  ['int to bigint', ['alter table orders alter total type bigint'], ['table-rewritten 2:1 orders']],
  ['a longer varchar', ['alter table users alter note type varchar(20)'], []],
  ['varchar to text', ['alter table users alter note type text'], []],
  ['a shorter varchar', ['alter table users alter note type varchar(5)'], ['table-rewritten 2:1 users']],
  ['a CHECK', ['alter table orders add constraint c check (total > 0)'], ['scan-while-locked 2:1 orders']],
  ['a CHECK that is not valid', ['alter table orders add constraint c check (total > 0) not valid'], []],
  [
    'a CHECK validated by itself',
    ['alter table orders add constraint c check (total > 0) not valid', 'alter table orders validate constraint c'],
    [],
  ],
  [
    'a CHECK validated in the same file',
    ['alter table orders add constraint c check (total > 0) not valid;\nalter table orders validate constraint c'],
    ['blocks-reads 2:1 orders', 'scan-while-locked 2:2 orders'],
  ],
  ['NOT NULL', ['alter table users alter email set not null'], ['scan-while-locked 2:1 users']],
  [
    'NOT NULL after a CHECK that proves it',
    [
      'alter table users add constraint c check (email is not null) not valid',
      'alter table users validate constraint c',
      'alter table users alter email set not null; alter table users drop constraint c',
    ],
    [],
  ],
  [
    'a foreign key',
    ['alter table orders add constraint f foreign key (user_id) references users'],
    ['scan-while-locked 2:1 orders users'],
  ],
  ['a foreign key that is not valid', ['alter table orders add foreign key (user_id) references users not valid'], []],
  ['a new table that references', ['create table t (id int, user_id int references users)'], []],
  ['a unique constraint', ['alter table users add constraint u unique (email)'], ['scan-while-locked 2:1 users']],
  [
    'alter and fill in one file',
    ["alter table users add active boolean;\nupdate users set active = true where plan = 'free'"],
    ['blocks-reads 2:1 users', 'scan-while-locked 2:2 users'],
  ],
  [
    'alter and fill in one file, where no row fits',
    ["alter table users add active boolean;\nupdate users set active = true where plan = 'paid'"],
    ['blocks-reads 2:1 users', 'scan-while-locked 2:2 users'],
  ],
  ['one row by its key', ['alter table users add active boolean;\nupdate users set active = true where id = 1'], []],
  [
    'rows of a new table',
    ['alter table users add x int;\ncreate table t (a int);\ninsert into t values (1), (2), (3), (4), (5)'],
    [],
  ],
  ['all rows', ["update users set plan = 'x'"], ['rows-locked 2:1 users']],
  [
    'another table is worked on',
    ['alter table users add x int;\nupdate orders set total = total + 1'],
    ['blocks-reads 2:1 users', 'rows-locked 2:2 orders'],
  ],
  [
    'dropping a table that references another',
    ['create table t (id int, user_id int references users)', 'drop table t'],
    ['locks-other-table 3:1 users'],
  ],
  ['truncate', ['truncate orders'], []],
  [
    'comment, grant, statistics, fillfactor',
    [
      "comment on table users is 'x'; grant select on users to public; alter table users alter id set statistics 5; alter table users set (fillfactor = 90)",
    ],
    [],
  ],
  ['renames', ['alter table users rename email to mail; alter table users rename to people'], []],
  [
    'a table that no seed fills',
    ['create index by_id on audit (id);\nalter table audit alter id type bigint'],
    ['index-blocks-writes 2:1 audit by_id', 'table-rewritten 2:2 audit'],
  ],
]

/** What PGlite observes in its one session, of each kind: it has the server's own code for the forms of statements. */
const ON_PGLITE = [
  'an index',
  'an index on a table of the same file',
  'a volatile default in a function',
  'a CHECK',
  'NOT NULL after a CHECK that proves it',
  'a foreign key',
  'alter and fill in one file',
  'all rows',
  'dropping a table that references another',
  'comment, grant, statistics, fillfactor',
  'a table that no seed fills',
]

describe.for([
  ['PostgreSQL', anyPostgres, CASES],
  ['PGlite', pglite(), ON_PGLITE.map((wanted) => CASES.find(([name]) => name === wanted) as (typeof CASES)[number])],
] as const)('%s', ([, server, cases]) => {
  test.each(cases)('%s', async (_, ups, expected) => {
    expect(brief(await found(server, ...ups)).toSorted()).toEqual([...expected].toSorted())
  })
})

test('as a test, a warning is a remark, and a rule that is made an error fails', async () => {
  const migrations = memory({ '1_tables.up.sql': TABLES, '2_index.up.sql': 'create index by_email on users (email)' })
  const runs = async (rules: VerifyOptions<unknown>['rules']) => {
    const options = { server: anyPostgres, migrations, groups: ['live'], rules } as VerifyOptions<unknown>
    const made = await verification(options)
    try {
      await made.checks[0]?.run()
      return await made.checks[1]?.run()
    } finally {
      await made.dispose()
    }
  }
  expect(await runs({})).toMatch(/^2_index.up.sql:1: index-blocks-writes: Nobody can write to users \(SHARE\)/)
  await expect(runs({ 'index-blocks-writes': 'error' })).rejects.toThrow(
    /^2_index.up.sql:1: index-blocks-writes: [\s\S]*create index concurrently by_email on users/,
  )
})

describe('the safe way', () => {
  test('adds a column once, whatever constraints it comes with', async () => {
    const [finding] = await found(
      anyPostgres,
      'alter table users add column title text check (length(title) > 0) check (length(title) < 9)',
    )
    const sql = finding?.fix?.sql ?? ''
    expect(sql.match(/ADD COLUMN title text/g)).toHaveLength(1)
    expect(sql.match(/NOT VALID/g)).toHaveLength(2)
  })

  test('leaves a change of type alone that costs nothing', async () => {
    const [finding] = await found(
      anyPostgres,
      'alter table users alter column note type varchar(20), add constraint short check (length(email) < 99)',
    )
    expect(finding?.fix?.sql).toContain('ADD CONSTRAINT short')
    expect(finding?.fix?.sql).not.toContain('note_new')
  })
})
