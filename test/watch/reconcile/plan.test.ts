/** The plan of a save says which migrations are undone and applied, and how: in one transaction, one by one, or from nothing. */
import { describe, expect } from 'vitest'
import { openDevelopment } from '../../../src/database/open.ts'
import { failure } from '../../support/database.ts'
import { Following, ORDERS, test, USERS } from '../../support/following.ts'

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

  test('a migration that is gone, renumbered or late is followed', async ({ following }) => {
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

  test('rows under deferred constraints survive', async ({ following, db }) => {
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
    expect(await following.follow()).toMatchObject({
      kind: 'apart',
      why: expect.stringContaining('deferred checks pending'),
    })
    expect(await following.follow({ way: 'apart' })).toMatchObject({ kind: 'done' })
    expect(await db.rows('select user_id, total from orders')).toEqual([{ user_id: 3, total: null }])
  })

  test('CONCURRENTLY goes one by one', async ({ following }) => {
    following.write(1, USERS, 'drop table users')
    following.write(2, 'create index concurrently by_name on users (name)', 'drop index concurrently by_name')
    expect(await following.follow()).toMatchObject({ kind: 'apart' })
    expect(await following.follow({ way: 'apart' })).toMatchObject({ kind: 'done' })
  })
})

describe('migrations that cannot be undone', () => {
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

  test('a down that fails blocks the way, unless everything is applied from nothing', async ({ following, db }) => {
    following.write(1, USERS, 'drop table user')
    await following.follow()
    await db.rows("insert into users (name) values ('Ada')")
    following.write(1, USERS.replace(');', ', mail text);'), 'drop table users')
    const why = expect.stringContaining('drop table user')
    expect(await following.follow()).toMatchObject({ kind: 'lagging', why })
    following.write(1, USERS.replace(');', ', mail text);'), 'drop table userz')
    expect(await following.follow({ downs: 'file' })).toMatchObject({ kind: 'blocked' })
    expect(await following.follow({ way: 'replay' })).toMatchObject({ kind: 'done' })
    expect(await db.rows('select * from users')).toEqual([{ id: 1, name: 'Ada', mail: null }])
  })
})

describe('what is left behind', () => {
  test('a follow that failed leaves nothing for the next, and sequences stay where people set them', async ({
    following,
    db,
  }) => {
    following.write(1, USERS, 'drop table users')
    await following.follow()
    await db.rows("insert into users (name) values ('Ada')")
    following.write(1, 'create tabel users (id int)', 'drop table users')
    await failure(following.follow())
    following.write(1, USERS, 'drop table users')
    expect(await following.follow()).toEqual({ kind: 'nothing' })
    following.write(2, 'create table b (id int)', 'drop table b')
    expect(await following.follow()).toMatchObject({ kind: 'done' })
    following.write(1, USERS.replace(');', ', mail text);'), 'drop table users')
    await following.follow()
    await db.rows('truncate users restart identity')
    following.write(3, 'create table c (id int)', 'drop table c')
    await following.follow()
    expect(await db.rows("insert into users (name) values ('Bob') returning id")).toEqual([{ id: 1 }])
    expect(await db.rows("select relname::text from pg_class where relpersistence = 't'")).toEqual([])
  })

  test('a down that removes our tables gets them back', async ({ following, db }) => {
    const up = (more: string) => `create table a (id int primary key${more}); create table b (id int)`
    following.write(1, up(''), 'drop schema public cascade; create schema public')
    await following.follow()
    await db.rows('insert into a values (1)')
    following.write(1, up(', x int'), 'drop schema public cascade; create schema public')
    await following.follow()
    await db.rows('update a set x = 3')
    following.write(1, up(''), 'drop schema public cascade; create schema public')
    await following.follow()
    following.write(1, up(', x int'), 'drop schema public cascade; create schema public')
    await following.follow()
    expect(await db.rows('select * from a')).toEqual([{ id: 1, x: 3 }])
  })

  test('code that commits in the middle loses nobody’s rows', async ({ following, db }) => {
    following.write(1, USERS, 'drop table users')
    const code = { up: ({ sql }: { sql: (text: string) => unknown }) => sql('select 1'), down: () => undefined }
    Object.assign(following.files, { '2_code.ts': code })
    await following.follow()
    await db.rows("insert into users (name) values ('Ada')")
    Object.assign(following.files, {
      '2_code.ts': { ...code, up: ({ sql }: { sql: (text: string) => unknown }) => sql('commit') },
    })
    following.write(1, USERS.replace(');', ', mail text);'), 'drop table users')
    expect(await failure(following.follow())).toMatchObject({ code: 'MIGRATEST_MIGRATION_FAILED' })
    expect(await db.rows('select * from users')).toEqual([{ id: 1, name: 'Ada', mail: null }])
  })

  test('nobody’s row is missed that comes while it runs', async ({ following, db }) => {
    following.write(1, USERS, 'select pg_sleep(0.3); drop table users')
    await following.follow()
    await db.rows("insert into users (name) values ('Ada')")
    const other = await db.connect()
    following.write(1, USERS.replace(');', ', mail text);'), 'drop table users')
    const run = following.follow()
    await new Promise((resolve) => setTimeout(resolve, 450))
    await other.query("insert into users (name) values ('Bob')")
    await run
    expect(await db.rows('select name from users order by 1')).toEqual([{ name: 'Ada' }, { name: 'Bob' }])
  })

  test('the rows of an owner who is held to policies', async ({ following, db }) => {
    const role = `watch_owner_${process.pid}`
    await db.rows(
      `create role ${role} login password 'own'; grant all on schema public to ${role}; grant create on database ${new URL(db.url).pathname.slice(1)} to ${role}`,
    )
    const url = new URL(db.url)
    url.username = role
    url.password = 'own'
    await following.dev.close()
    await db.rows('drop table schema_migrations_development, schema_migrations_kept')
    const dev = await openDevelopment(url.href)
    try {
      await dev.watch()
      const own = new Following(dev)
      const up = (more: string) => `create table t (id int primary key, owner text${more});
        alter table t enable row level security; alter table t force row level security;
        create policy p on t using (owner = current_setting('app.u', true))`
      own.write(1, up(''), 'drop table t')
      await own.follow()
      await db.rows("insert into t values (1, 'a'), (2, 'b')")
      own.write(1, up(', x int'), 'drop table t')
      expect(await own.follow()).toMatchObject({ carried: { back: [{ rows: 2 }] } })
      expect(await db.rows('select id from t order by id')).toEqual([{ id: 1 }, { id: 2 }])
      expect(await db.rows("select relforcerowsecurity as f from pg_class where relname = 't'")).toEqual([{ f: true }])
    } finally {
      await dev.close()
      await db.rows(`drop owned by ${role} cascade; drop role ${role}`)
    }
  })
})
