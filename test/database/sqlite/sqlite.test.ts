/** A fourth kind of database, added from outside: what `docs/extending.md` promises. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Migrator, memory, openDatabase, registerDatabase } from 'migratest'
import { afterAll, describe, expect, test } from 'vitest'
import { openSchemaReader } from '../../../src/database/open.ts'
import { driverContract } from '../../../src/migrate/contract/index.ts'
import './kind.ts'

const folder = mkdtempSync(join(tmpdir(), 'migratest-sqlite-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
const newFile = () => join(folder, `${++files}.db`)

describe('a driver for SQLite keeps the contract', () => {
  for (const { name, run } of driverContract) {
    test(name, () => {
      const file = newFile()
      return run({
        open: () => openDatabase(`sqlite:${file}`),
        sql: {
          create: (thing) => `create table ${thing} (id int)`,
          drop: (thing) => `drop table ${thing}`,
          insert: (thing) => `insert into ${thing} values (1)`,
          fails: 'select nonsense',
        },
        async exists(thing) {
          const db = new DatabaseSync(file)
          const found = db.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').get(thing)
          db.close()
          return found !== undefined
        },
      })
    })
  }
})

const source = memory({
  '1_users.up.sql': 'create table users (id integer primary key, name text not null);',
  '1_users.down.sql': 'drop table users;',
  '2_email.up.sql': "alter table users add column email text default 'none'; create index by_email on users (email);",
  '2_email.down.sql': 'drop index by_email; alter table users drop column email;',
  '3_broken.up.sql': 'create table posts (id int); insert into nowhere values (1);',
})

describe('migrations on a registered kind of database', () => {
  test('up, down, goto and status work by its URL', async () => {
    const url = `sqlite:${newFile()}`
    const database = await openDatabase(url)
    const migrator = new Migrator({ source, database })
    expect((await migrator.up(1)).to).toBe(1)
    expect((await migrator.to(2)).to).toBe(2)
    const { version, migrations } = await migrator.status()
    expect([version, migrations.map(({ state }) => state)]).toEqual([2, ['applied', 'applied', 'pending']])
    const reader = await openSchemaReader(url)
    expect(String(await reader.read())).toContain('CREATE INDEX by_email on users (email)')
    expect((await reader.read()).table('users')?.columns.map(({ name }) => name)).toEqual(['id', 'name', 'email'])
    await reader.close()
    expect((await migrator.down()).to).toBe(1)
    expect((await migrator.down('all')).to).toBe(-1)
    await database.close()
  })

  test('a failed migration is rolled back, and the error names the statement', async () => {
    const client = new DatabaseSync(newFile())
    const database = await openDatabase(client)
    const migrator = new Migrator({ source, database })
    await expect(migrator.up()).rejects.toMatchObject({ code: 'MIGRATEST_MIGRATION_FAILED', version: 3, line: 1 })
    expect(await migrator.version()).toEqual({ version: 2, dirty: false })
    expect(client.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'posts'").get()).toBeUndefined()
    await database.close()
    expect(client.isOpen).toBe(true)
    client.close()
  })

  test('a scheme can be registered once, and an unknown one is refused with those that are known', async () => {
    const kind = { schemes: ['postgres'], example: '', recognizes: () => false, load: () => Promise.reject() }
    expect(() => registerDatabase(kind)).toThrow('The scheme postgres:// is registered already.')
    await expect(openDatabase('oracle://x/y')).rejects.toThrow(/oracle:\/\/ is not a database .*sqlite:/s)
  })
})
