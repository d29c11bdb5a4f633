/** Changes of tables that are in use: what is written, and that the files do it with rows, through the engine. */
import { describe, expect, test } from 'vitest'
import { migrateTo } from '../../fixtures/migrateTo.ts'
import { createMigratedDatabase } from '../../fixtures/withMigratedDatabase.ts'
import type { Generated } from '../../src/generate/generated.ts'
import { memory } from '../../src/source/memory.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import { generated, type Wish } from '../support/generating.ts'
import { anyPostgres, describeOnDatabases } from '../support/servers.ts'

const USERS =
  'create table teams (id integer primary key); create table users (id integer primary key, name text, team integer)'

/** The texts of the ups, by the suffix of their migration, with single spaces. */
async function ups(wish: Wish): Promise<Record<string, string>> {
  const { migrations } = await generated({ ...wish, online: true })
  return Object.fromEntries(migrations.map(({ suffix, upText }) => [suffix, upText.replace(/\s+/g, ' ').trim()]))
}

const LIMIT = "SET LOCAL lock_timeout = '5s'; "
const ALONE = '-- migrate: no-transaction '

describe('on PostgreSQL', () => {
  test.for<readonly [what: string, wish: Wish, expected: Record<string, string>]>([
    [
      'a foreign key and a check are validated in a second migration',
      {
        from: USERS,
        to: `${USERS}; alter table users add constraint named check (name <> ''); alter table users add constraint of foreign key (team) references teams`,
      },
      {
        '': `${LIMIT}ALTER TABLE users ADD CONSTRAINT named CHECK (name <> ''::text) NOT VALID; ALTER TABLE users ADD CONSTRAINT of FOREIGN KEY (team) REFERENCES teams(id) NOT VALID;`,
        validate: `${LIMIT}ALTER TABLE users VALIDATE CONSTRAINT named; ALTER TABLE users VALIDATE CONSTRAINT of;`,
      },
    ],
    [
      'a column becomes required behind a check that is validated',
      {
        from: USERS,
        to: `${USERS}; alter table users alter name set not null`,
        answers: { fill: ["users.name='nobody'"] },
      },
      {
        fill: `-- migrate: overwrites column users.name ${ALONE}DO $$ BEGIN FOR batch_page IN 0 .. pg_relation_size('users') / current_setting('block_size')::bigint BY 100 LOOP UPDATE users SET name = 'nobody' WHERE name IS NULL AND ctid >= format('(%s,0)', batch_page)::tid AND ctid < format('(%s,0)', batch_page + 100)::tid; COMMIT; END LOOP; END $$; ALTER TABLE users ADD CONSTRAINT users_name_not_null_check CHECK (name IS NOT NULL) NOT VALID;`,
        validate: `${LIMIT}ALTER TABLE users VALIDATE CONSTRAINT users_name_not_null_check;`,
        finish: `${LIMIT}ALTER TABLE users ALTER COLUMN name SET NOT NULL; ALTER TABLE users DROP CONSTRAINT users_name_not_null_check;`,
      },
    ],
    [
      'an index and a unique constraint are built while others write',
      { from: USERS, to: `${USERS}; create index on users (team); alter table users add constraint one unique (name)` },
      {
        indexes: `${ALONE}CREATE UNIQUE INDEX CONCURRENTLY one ON users (name); ALTER TABLE users ADD CONSTRAINT one UNIQUE USING INDEX one; CREATE INDEX CONCURRENTLY users_team_idx ON users USING btree (team);`,
      },
    ],
    [
      'an index that changes is there all the time',
      { from: `${USERS}; create index i on users (name)`, to: `${USERS}; create index i on users (team, name)` },
      {
        indexes: `${ALONE}CREATE INDEX CONCURRENTLY i_new ON users USING btree (team, name); DROP INDEX CONCURRENTLY i; ALTER INDEX i_new RENAME TO i;`,
      },
    ],
    [
      'a column whose value differs from row to row is filled in batches',
      { from: USERS, to: `${USERS}; alter table users add token uuid default gen_random_uuid()` },
      {
        '': `${LIMIT}ALTER TABLE users ADD COLUMN token uuid, ALTER COLUMN token SET DEFAULT gen_random_uuid();`,
        fill: `${ALONE}DO $$ BEGIN FOR batch_page IN 0 .. pg_relation_size('users') / current_setting('block_size')::bigint BY 100 LOOP UPDATE users SET token = gen_random_uuid() WHERE token IS NULL AND ctid >= format('(%s,0)', batch_page)::tid AND ctid < format('(%s,0)', batch_page + 100)::tid; COMMIT; END LOOP; END $$;`,
      },
    ],
    [
      'a column with one value for all rows needs nothing',
      { from: USERS, to: `${USERS}; alter table users add country text not null default 'DE'` },
      { '': `${LIMIT}ALTER TABLE users ADD COLUMN country text DEFAULT 'DE'::text NOT NULL;` },
    ],
    [
      'a table that is new needs nothing',
      {
        from: USERS,
        to: `${USERS}; create table posts (id integer primary key, author integer references users, check (id > 0)); create index on posts (author)`,
      },
      {
        '':
          LIMIT +
          'CREATE TABLE posts ( id integer NOT NULL, author integer, CONSTRAINT posts_pkey PRIMARY KEY (id), CONSTRAINT posts_id_check CHECK (id > 0) ); CREATE INDEX posts_author_idx ON posts USING btree (author); ALTER TABLE posts ADD CONSTRAINT posts_author_fkey FOREIGN KEY (author) REFERENCES users(id);',
      },
    ],
    [
      'a foreign key waits for the unique constraint that it needs',
      {
        from: 'create table a (x integer); create table b (x integer)',
        to: 'create table a (x integer constraint k unique); create table b (x integer constraint f references a (x))',
      },
      {
        indexes: `${ALONE}CREATE UNIQUE INDEX CONCURRENTLY k ON a (x); ALTER TABLE a ADD CONSTRAINT k UNIQUE USING INDEX k;`,
        finish: `${LIMIT}ALTER TABLE b ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES a(x) NOT VALID;`,
        validate: `${LIMIT}ALTER TABLE b VALIDATE CONSTRAINT f;`,
      },
    ],
  ])('%s', async ([, wish, expected]) => {
    expect(await ups(wish)).toEqual(expected)
  })

  test.for<readonly [what: string, from: string, to: string, comment: RegExp]>([
    [
      'a type that is stored in another way',
      'create table t (a integer)',
      'create table t (a bigint)',
      /^-- Nobody reads or writes t while all rows are written anew: the new type/m,
    ],
    [
      'a stored column',
      'create table t (a integer)',
      'create table t (a integer, b integer generated always as (a + 1) stored)',
      /a stored column is computed for each of them/,
    ],
    [
      'an exclusion constraint',
      'create table t (a int4range)',
      'create table t (a int4range, exclude using gist (a with &&))',
      /an exclusion constraint has no gentler way/,
    ],
    [
      'an index of a partitioned table',
      'create table t (a integer) partition by range (a)',
      'create table t (a integer) partition by range (a); create index on t (a)',
      /an index of a partitioned table cannot be built concurrently/,
    ],
  ])('%s is said to block', async ([, from, to, comment]) => {
    const { migrations } = await generated({ from, to, online: true })
    expect(migrations.map(({ upText }) => upText).join('\n')).toMatch(comment)
  })

  test('a column that is renamed beside another change keeps its values', async () => {
    const { migrations } = await generated({
      from: `${USERS}; insert into teams values (1); insert into users values (1, 'Ada', 1)`,
      to: USERS.replace('name', 'full_name').replace('team integer', 'team bigint'),
      answers: { renames: ['column users.name = users.full_name'] },
      online: true,
    })
    expect(migrations.map(({ upText }) => upText).join('\n')).toContain('RENAME COLUMN name TO full_name')
  })

  test('the files run with rows, up and one by one down', async () => {
    const wish = {
      from: `${USERS}; insert into teams values (1); insert into users select n, 'user ' || n, 1 from generate_series(1, 20000) n; create index named on users (name)`,
      to: 'create table teams (id integer primary key); create table users (id integer primary key, name varchar unique, team integer not null references teams, token uuid not null default gen_random_uuid(), n serial, check (id > 0)); create index named on users (name, team)',
      answers: { fill: ['users.team=1'] },
    }
    const { migrations, to } = await generated({ ...wish, online: true })
    expect(migrations.map(({ suffix }) => suffix)).toEqual(['', 'indexes_and_fill', 'validate', 'finish'])
    await using db = await createMigratedDatabase({ server: anyPostgres, migrations: filesOf(wish, migrations) })
    expect((await db.schema()).diff(to).changes).toEqual([])
    const { rows } = await db.client.query(
      'select count(distinct token)::integer as tokens, count(distinct n)::integer as n from users',
    )
    expect(rows).toEqual([{ tokens: 20000, n: 20000 }])
    for (let version = migrations.length; version >= 1; version--) await migrateTo(db, version)
    await using before = await createMigratedDatabase({
      server: anyPostgres,
      migrations: memory({ '1_before.up.sql': wish.from }),
    })
    expect((await db.schema()).diff(await before.schema()).changes).toEqual([])
  })
})

describeOnDatabases(['MySQL', 'MariaDB'], ({ name, server }) => {
  const from =
    'create table teams (id integer primary key); create table users (id integer primary key, name varchar(20), team integer, code varchar(9))'
  const to =
    'create table teams (id integer primary key); create table users (id integer primary key, name varchar(20) not null, team integer, code integer, token varchar(40) not null, key k (name), constraint f foreign key (team) references teams (id))'
  const wish: Wish = {
    from,
    to,
    server: server as TestServer<unknown>,
    answers: { fill: ["users.name='x'", 'users.token=uuid()'] },
  }

  test('each change says in which way the server is to make it', async () => {
    const { migrations } = await generated({ ...wish, online: true })
    expect(migrations).toHaveLength(1)
    const text = migrations[0]?.upText ?? ''
    expect(text).toContain('ALTER TABLE `users` ADD COLUMN `token` varchar(40) NULL, ALGORITHM=INSTANT;')
    expect(text).toContain(
      `ALTER TABLE \`users\` ADD KEY \`k\` (\`name\`), ALGORITHM=${name === 'MySQL' ? 'INPLACE' : 'NOCOPY'}, LOCK=NONE;`,
    )
    expect(text).toContain("UPDATE `users` SET `name` = 'x' WHERE `name` IS NULL LIMIT 1000;")
    expect(text).toMatch(
      name === 'MySQL'
        ? /^-- Nobody writes to users while the server copies it: Cannot change column type INPLACE\.$/m
        : /MODIFY COLUMN `code` int\(11\) DEFAULT NULL, ALGORITHM=COPY, LOCK=NONE;/,
    )
  })

  test('the rows of a value that goes change in batches', async () => {
    const { migrations } = await generated({
      from: "create table t (id integer primary key, e enum('a', 'b') not null)",
      to: "create table t (id integer primary key, e enum('b', 'c') not null)",
      rows: "insert into t values (1, 'a'), (2, 'b')",
      answers: { map: ['t.e.a=c'] },
      server: server as TestServer<unknown>,
      online: true,
    })
    expect(migrations[0]?.upText).toContain("UPDATE `t` SET `e` = 'c' WHERE `e` = 'a' LIMIT 1000;")
  })

  test('a table gets its character set before its columns, which name none', async () => {
    const { migrations } = await generated({
      from: 'create table t (id integer primary key, a varchar(9), b varchar(9) character set latin1) default charset latin1',
      to: 'create table t (id integer primary key, a varchar(9), b varchar(9) character set latin1) default charset utf8mb4',
      rows: "insert into t values (1, 'x', 'y')",
      server: server as TestServer<unknown>,
      online: true,
    })
    expect(migrations).toHaveLength(1)
  })

  test('the file runs with rows, up and down', async () => {
    const rows = "insert into teams values (1); insert into users values (1, null, 1, '7'), (2, 'b', 1, '8')"
    const { migrations, to: wanted } = await generated({ ...wish, online: true })
    const source = filesOf({ from: `${from}; ${rows}` }, migrations)
    await using db = await createMigratedDatabase({ server: server as TestServer<unknown>, migrations: source })
    expect((await db.schema()).diff(wanted).changes).toEqual([])
    expect(await db.query('select id, name, code from users')).toEqual([
      { id: 1, name: 'x', code: 7 },
      { id: 2, name: 'b', code: 8 },
    ])
    await migrateTo(db, 1)
    expect(await db.query('select id, name, code from users')).toEqual([
      { id: 1, name: 'x', code: '7' },
      { id: 2, name: 'b', code: '8' },
    ])
  })
})

// --- internal ---

/** The migration before, and those that were generated, as a folder has them. */
function filesOf({ from }: Pick<Wish, 'from'>, migrations: Generated['migrations']) {
  const files = migrations.flatMap(({ suffix, upText, downText }, i) => [
    [`${i + 2}_part${suffix}.up.sql`, upText] as const,
    [`${i + 2}_part${suffix}.down.sql`, downText] as const,
  ])
  return memory({ '1_before.up.sql': from, ...Object.fromEntries(files) })
}
