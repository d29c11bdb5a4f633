import { describe, expect } from 'vitest'
import { openDatabase } from '../../../src/database/open.ts'
import { ConnectionError, type MigrationFailedError, UsageError } from '../../../src/migrate/errors.ts'
import { failure, test } from '../../support/database.ts'

describe('errors', () => {
  test('positions are counted in characters, not in UTF-16 units', async ({ db }) => {
    const migrator = await db.migrator({ '1_a.up.sql': "select '😀😀😀', 'ü';\nselect '😀', nope" })
    const error = await failure<MigrationFailedError>(migrator.up())
    expect([error.line, error.column, error.sqlState]).toEqual([2, 14, '42703'])
    expect(error.message).toContain("> 2 | select '😀', nope\n    |              ^^^^")
  })

  test('many errors carry no position: the statement is found by counting completed ones', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql':
        'create table a (id int primary key);\n;;\n-- and now\ninsert into a values (1);\ninsert into a values (1);\nselect 1',
    })
    const error = await failure<MigrationFailedError>(migrator.up())
    expect([error.line, error.column]).toEqual([5, 1])
    expect(error.message).toMatch(/duplicate key.*\(23505\)/)
    expect(error.message).toMatch(/Detail: Key \(id\)=\(1\) already exists/)
    expect(error.message).toMatch(/The migration left no changes: "migratest_\w+" on \S+ is at version nil, clean/)
  })

  test('an error inside a function body points at the call and says where inside', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql':
        'create function f() returns int language plpgsql as $$ begin\n perform 1/0;\n return 1; end $$;\nselect f()',
    })
    const error = await failure<MigrationFailedError>(migrator.up())
    expect(error.line).toBe(4)
    expect(error.message).toMatch(/In: .*PL\/pgSQL function f\(\) line 2 at PERFORM/s)
  })

  test('a constraint that is checked at the end still names the file', async ({ db }) => {
    const migrator = await db.migrator({
      '1_a.up.sql':
        'create table a (id int primary key, b int references a deferrable initially deferred);\ninsert into a values (1, 2)',
    })
    const error = await failure<MigrationFailedError>(migrator.up())
    expect(error.message).toMatch(/^1_a\.up\.sql: .*foreign key.*\(23503\)/)
  })

  test('a file with CRLF has the editor’s lines', async ({ db }) => {
    const migrator = await db.migrator({ '1_a.up.sql': 'select 1;\r\n\r\nselect\r\n  nope;\r\n' })
    const error = await failure<MigrationFailedError>(migrator.up())
    expect([error.line, error.column]).toEqual([4, 3])
  })

  test('a role that another test’s database made: it says that roles are the server’s, and the ways out', async ({
    db,
  }) => {
    const role = `shared_${process.pid}_${Date.now()}`
    await db.client.query(`create role ${role}`)
    try {
      const migrator = await db.migrator({ '1_a.up.sql': `create role ${role}` })
      expect((await failure(migrator.up())).message).toMatch(
        /already exists \(42710\).*Roles belong to the whole server.*IF NOT EXISTS/s,
      )
    } finally {
      await db.client.query(`drop role ${role}`)
    }
  })

  test('passwords in the migration are masked', async ({ db }) => {
    const migrator = await db.migrator({ '1_a.up.sql': "create role somebody login password 'sekret' nonsense" })
    const error = await failure(migrator.up())
    expect(error.message).toContain('password ********')
    expect(error.message).not.toContain('sekret')
  })

  test('no permission says so, and leaves the database as it was', async ({ db }) => {
    const user = `weak_${process.pid}_${Date.now()}`
    await db.client.query(`create role ${user} login password 'weak'`)
    try {
      const url = new URL(db.url)
      url.username = user
      url.password = 'weak'
      const migrator = await db.migrator(
        { '1_a.up.sql': 'create table a (id int)' },
        { database: await db.open({ url: url.href }) },
      )
      const error = await failure(migrator.up())
      expect(error.message).toMatch(/permission denied for schema public/)
      expect(error.message).toMatch(/GRANT CREATE, USAGE ON SCHEMA public/)
    } finally {
      await db.client.query(`drop role ${user}`)
    }
  })

  test.for([
    [
      'wrong password',
      { password: 'wrong-sekret' },
      /password authentication failed.*\n\nThe password or the user is wrong/s,
    ],
    ['unknown host', { hostname: 'no-such-host.invalid' }, /host name cannot be resolved/],
    ['nobody listens', { port: '1' }, /ECONNREFUSED.*Nothing listens there/s],
    ['no such database', { pathname: '/nowhere' }, /database "nowhere" does not exist.*Create the database first/s],
  ] as const)('connecting: %s', async ([, change, message], { db }) => {
    const url = new URL(db.url)
    const { password } = url
    Object.assign(url, change)
    const error = await failure(openDatabase(url.href))
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error.message).toMatch(message)
    expect(error.message).not.toContain(password)
    expect(error.message).not.toContain('sekret')
  })

  test('a URL that is none does not show what it was', async () => {
    const error = await failure(openDatabase('postgres://user:pa/ss@host:port:5/db'))
    expect(error).toBeInstanceOf(UsageError)
    expect(error.message).not.toContain('pa/ss')
  })

  test('an open parenthesis is told with the place where the file ends', async ({ db }) => {
    const migrator = await db.migrator({ '1_a.up.sql': 'create table a (\n  id int\n' })
    const error = await failure<MigrationFailedError>(migrator.up())
    expect([error.line, error.sqlState]).toEqual([2, '42601'])
  })
})
