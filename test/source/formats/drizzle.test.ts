import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Migration } from '../../../src/migrate/source.ts'
import { type DrizzleOptions, drizzleFormat } from '../../../src/source/formats/drizzle.ts'
import { sourceOfFormat } from '../../../src/source/formats/format.ts'
import { openFolder } from '../../../src/source/open.ts'
import type { Dialect } from '../../../src/sql/dialect.ts'
import { readScript } from '../../../src/sql/script.ts'
import { folder, write } from '../../support/cli.ts'
import { memoryFolder, newFiles } from './memoryFolder.ts'

const sha256 = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex')

/** A journal's text. `entries`: the tags, with their times. */
function journal(entries: Readonly<Record<string, number>>, dialect = 'postgresql'): Record<string, string> {
  const listed = Object.entries(entries).map(([tag, when], idx) => ({
    idx,
    version: '7',
    when,
    tag,
    breakpoints: true,
  }))
  return { 'meta/_journal.json': JSON.stringify({ version: '7', dialect, entries: listed }) }
}

async function open(files: Record<string, string>, dialect: Dialect = 'postgres', options: DrizzleOptions = {}) {
  const source = sourceOfFormat(drizzleFormat(options), memoryFolder(files, 'drizzle'))
  const migrations = await source.list()
  const format = source.format
  if (!format) throw new Error('a source of a format has one')
  return { source, format, migrations, names: migrations.map(({ name }) => name), table: format.bookkeeping(dialect) }
}

async function textOf(files: Record<string, string>): Promise<string> {
  const { source, migrations } = await open(
    files,
    files['meta/_journal.json']?.includes('mysql') ? 'mysql' : 'postgres',
  )
  const body = await source.read(migrations[0] as Migration, 'up')
  return body?.text ?? ''
}

const statements = (text: string, dialect: Dialect = 'postgres') =>
  readScript(text, dialect, {}, { directives: false, control: 'units' }).statements.map(({ start, end }) =>
    text.slice(start, end),
  )

describe('the layout of 0.x', () => {
  test('runs what the journal lists, in its order', async () => {
    const files = { '0001_b.sql': '', '0000_a.sql': '', ...journal({ '0001_b': 1, '0000_a': 2 }) }
    const { names, migrations, source, format } = await open(files)
    expect(names).toEqual(['0001_b', '0000_a'])
    expect(migrations[0]).toMatchObject({ number: 1, up: 'drizzle/0001_b.sql', down: undefined })
    expect(source.remarks).toEqual([])
    expect(format).toMatchObject({ tool: 'Drizzle', downs: false, outOfOrder: 'error' })
  })

  test('names files that the journal does not list', async () => {
    const { source } = await open({ '0000_a.sql': '', '0000_b.sql': '', ...journal({ '0000_a': 1 }) })
    expect(source.remarks).toEqual([
      'drizzle has files that are not in meta/_journal.json, so Drizzle never runs them: 0000_b.sql.',
    ])
  })

  test('an entry without its file is a remark, and an error when it is to run', async () => {
    const { source, migrations } = await open(journal({ '0000_a': 1 }))
    expect(source.remarks).toEqual([
      'drizzle/0000_a.sql is in the journal and does not exist: Drizzle refuses the whole folder.',
    ])
    await expect(source.read(migrations[0] as Migration, 'up')).rejects.toThrow('does not exist')
  })

  test('says which entries Drizzle silently skips', async () => {
    const { source } = await open({
      '0000_a.sql': '',
      '0001_b.sql': '',
      '0002_c.sql': '',
      ...journal({ '0000_a': 5, '0001_b': 3, '0002_c': 6 }),
    })
    expect(source.remarks).toEqual([
      'drizzle/0001_b.sql has a "when" in the journal that is not above that of 0000_a: Drizzle silently skips it on a database that has 0000_a.',
    ])
  })

  test.each([
    ['no JSON', '<<<<<<< HEAD', 'is not valid JSON'],
    ['no entries', '{}', 'is not a journal of Drizzle'],
    ['entries without a tag', '{"entries":[{"when":1}]}', 'is not a journal of Drizzle'],
  ])('refuses a journal with %s', async (_, text, message) => {
    await expect(open({ 'meta/_journal.json': text })).rejects.toThrow(message)
  })

  test('refuses a folder without a journal and without folders', async () => {
    await expect(open({ '0000_a.sql': '' })).rejects.toThrow('drizzle has neither meta/_journal.json nor folders')
  })

  test.each(['postgresql', 'postgres', 'pg'])('is for PostgreSQL where the journal says "%s"', async (dialect) => {
    await open({ '0000_a.sql': 'select 1', ...journal({ '0000_a': 1 }, dialect) })
  })

  test.each([
    [
      'drizzle.config.ts',
      `export default defineConfig({ out: './drizzle', migrations: { schema: "own", table: 'done' } })`,
    ],
    ['drizzle.config.json', '{ "migrations": { "table": "done", "schema": "own" } }'],
  ])('has the table that %s names', async (name, text) => {
    const path = folder({ [name]: text, 'drizzle/0000_a.sql': 'select 1' })
    for (const [file, content] of Object.entries(journal({ '0000_a': 1 }))) write(join(path, 'drizzle'), file, content)
    const { format } = openFolder(join(path, 'drizzle'))
    expect(format?.bookkeeping('postgres').create[0]).toBe('CREATE SCHEMA IF NOT EXISTS "own"')
    expect(format?.bookkeeping('postgres').select).toBe('SELECT * FROM "own"."done" ORDER BY id')
    expect(format?.settings).toContain('done')
  })

  test('refuses a database of another kind', async () => {
    const files = { '0000_a.sql': '', ...journal({ '0000_a': 1 }, 'mysql') }
    await expect(open(files)).rejects.toThrow('drizzle has migrations for mysql, but this database is postgresql.')
  })
})

describe('the layout of 1.0', () => {
  const files = {
    '20260303113537_init/migration.sql': 'select 1',
    '20260303113537_init/snapshot.json': '{ "version": "8", "dialect": "postgres" }',
    '20260101000000_first/migration.sql': 'select 0',
  }

  test('runs the folders in the order of their names, and applies what was left out', async () => {
    const { names, format, migrations } = await open(files)
    expect(names).toEqual(['20260101000000_first', '20260303113537_init'])
    expect(format.outOfOrder).toBe('apply')
    expect(migrations[1]).toMatchObject({ number: 20260303113537, up: 'drizzle/20260303113537_init/migration.sql' })
  })

  test('names folders and files that Drizzle ignores', async () => {
    const { source } = await open({ ...files, 'notes/read.me': '', 'loose.sql': '' })
    expect(source.remarks).toEqual([
      'drizzle/notes has no migration.sql: Drizzle ignores it.',
      'drizzle has no journal, so Drizzle never runs the files beside the folders: loose.sql.',
    ])
  })

  test('a name without a time is an error when it is to run', async () => {
    const { source, migrations } = await open({ 'init/migration.sql': '' })
    expect(source.remarks).toHaveLength(1)
    await expect(source.read(migrations[0] as Migration, 'up')).rejects.toThrow('does not begin with 14 digits')
  })

  test('reads a down.sql if there is one', async () => {
    const { source, migrations } = await open({ ...files, '20260101000000_first/down.sql': 'select -1' })
    expect(await source.read(migrations[0] as Migration, 'down')).toMatchObject({ text: 'select -1' })
    expect(await source.read(migrations[1] as Migration, 'down')).toBeNull()
  })

  test('records the name, and the time in it', async () => {
    const { table, migrations } = await open(files)
    expect(await table.record(migrations[1] as Migration)).toEqual([
      `INSERT INTO "drizzle"."__drizzle_migrations" (hash, created_at, name) VALUES ('${sha256('select 1')}', '${Date.UTC(2026, 2, 3, 11, 35, 37)}', '20260303113537_init')`,
    ])
    expect(table.forget('20260303113537_init')).toEqual([
      `DELETE FROM "drizzle"."__drizzle_migrations" WHERE name = '20260303113537_init'`,
    ])
    expect(table.create[1]).toContain('name text, applied_at timestamp with time zone DEFAULT now()')
  })

  test('finds rows by name', async () => {
    const { table } = await open(files)
    const appliedAt = new Date('2026-03-04T00:00:00Z')
    const rows = table.rows([
      { id: 1, hash: sha256('select 1'), created_at: '1', name: '20260303113537_init', applied_at: appliedAt },
      { id: 2, hash: '', created_at: '2', name: 'gone', applied_at: null },
    ])
    expect(rows.map(({ identity, state }) => [identity, state])).toEqual([
      ['20260303113537_init', 'applied'],
      ['gone', 'applied'],
    ])
    expect(rows[0]?.appliedAt).toEqual(appliedAt)
    expect(await rows[0]?.isUnchanged?.()).toBe(true)
    expect(rows[1]?.isUnchanged).toBeUndefined()
  })

  test('reads a table of 0.x by time and hash, and does not write to it', async () => {
    const { table, migrations } = await open(files)
    const rows = table.rows([
      { id: 1, hash: 'x', created_at: String(Date.UTC(2026, 0, 1) + 118) },
      { id: 2, hash: sha256('select 1'), created_at: '7' },
    ])
    expect(rows.map(({ identity }) => identity)).toEqual(['20260101000000_first', '20260303113537_init'])
    await expect(table.record(migrations[0] as Migration)).rejects.toThrow('was made by Drizzle 0.x')
  })
})

describe('bodies', () => {
  test('are cut at the separators, so that a piece needs no semicolon', async () => {
    const sql =
      'create table a (b int)\n--> statement-breakpoint\ncreate table c (d int);--> statement-breakpoint\nselect 1'
    const text = await textOf({ '0000_a.sql': sql, ...journal({ '0000_a': 1 }) })
    expect(text).toHaveLength(sql.length)
    expect(statements(text)).toEqual(['create table a (b int)', 'create table c (d int)', 'select 1'])
    expect(text.indexOf('select 1')).toBe(sql.indexOf('select 1'))
  })

  test('run what follows a separator in the same line', async () => {
    const text = await textOf({
      '0000_a.sql': 'COMMIT;--> statement-breakpoint SET lock_timeout = 0;',
      ...journal({ '0000_a': 1 }),
    })
    expect(statements(text)).toContain('SET lock_timeout = 0')
  })

  test('may have a comment before the separator', async () => {
    const sql = 'select 1 -- one --> statement-breakpoint\nselect 2; -- two\n--> statement-breakpoint\n'
    const text = await textOf({ '0000_a.sql': sql, ...journal({ '0000_a': 1 }) })
    expect(statements(text)).toEqual(['select 1', 'select 2'])
    expect(text).toHaveLength(sql.length)
  })

  test('have no --> left for MySQL, where it is an error', async () => {
    const sql =
      'create table `a` (`b` int);--> statement-breakpoint\r\ncreate table `c;` (`d` int)--> statement-breakpoint\r\nselect 1'
    const text = await textOf({ '0000_a.sql': sql, ...journal({ '0000_a': 1 }, 'mysql') })
    expect(text).not.toContain('-->')
    expect(text).toHaveLength(sql.length)
    expect(statements(text, 'mysql')).toHaveLength(3)
  })

  test('may begin with a byte order mark', async () => {
    const text = await textOf({
      '0000_a.sql': '\uFEFFselect 1--> statement-breakpoint\nselect 2',
      ...journal({ '0000_a': 1 }),
    })
    expect(readScript(text, 'postgres').statements).toHaveLength(2)
  })

  test('cannot have a separator in a comment: Drizzle would cut the comment in two', async () => {
    const sql = '-- introspected\n/*\nselect 1;\n--> statement-breakpoint\nselect 2;\n*/'
    await expect(textOf({ '0000_a.sql': sql, ...journal({ '0000_a': 1 }) })).rejects.toThrow('drizzle/0000_a.sql:2:')
  })
})

describe('the table of 0.x', () => {
  const files = {
    '0000_a.sql': 'select 1;\r\n',
    '0001_b.sql': '\uFEFFselect 2',
    '0002_c.sql': 'select 3',
    ...journal({ '0000_a': 10, '0001_b': 20, '0002_c': 20 }),
  }

  test('is in a schema of its own', async () => {
    const { table } = await open(files)
    expect(table).toMatchObject({ tables: ['__drizzle_migrations'], schema: 'drizzle' })
    expect(table.create).toEqual([
      'CREATE SCHEMA IF NOT EXISTS "drizzle"',
      'CREATE TABLE IF NOT EXISTS "drizzle"."__drizzle_migrations" (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at bigint)',
    ])
  })

  test('may have another name and another schema', async () => {
    const { table } = await open(files, 'postgres', { migrationsTable: 'done', migrationsSchema: 'public' })
    expect(table).toMatchObject({ tables: ['done'], select: 'SELECT * FROM "public"."done" ORDER BY id' })
    expect(table.schema).toBeUndefined()
  })

  test('has no schema in MySQL', async () => {
    const { table } = await open({ 'a.sql': '', ...journal({ a: 1 }, 'mysql') }, 'mysql')
    expect(table.schema).toBeUndefined()
    expect(table.create).toEqual([
      'CREATE TABLE IF NOT EXISTS `__drizzle_migrations` (id serial PRIMARY KEY, hash text NOT NULL, created_at bigint)',
    ])
  })

  test('gets the hash of the file, with its byte order mark', async () => {
    const { table, migrations } = await open(files)
    expect(await table.record(migrations[1] as Migration)).toEqual([
      `INSERT INTO "drizzle"."__drizzle_migrations" (hash, created_at) VALUES ('${sha256('\uFEFFselect 2')}', '20')`,
    ])
  })

  test('is read by time, then by hash', async () => {
    const { table } = await open(files)
    const rows = table.rows([
      { id: 1, hash: 'edited since', created_at: '10' },
      { id: 2, hash: sha256('select 3'), created_at: 20n },
      { id: 3, hash: sha256('\uFEFFselect 2'), created_at: '99' },
      { id: 4, hash: 'nobody', created_at: 7 },
    ])
    expect(rows.map(({ identity }) => identity)).toEqual(['0000_a', '0002_c', '0001_b', 'created_at 7'])
    expect(await Promise.all(rows.map((row) => row.isUnchanged?.()))).toEqual([false, true, true, undefined])
  })

  test('a difference in line ends is not an edit', async () => {
    const { table } = await open(files)
    expect(await table.rows([{ hash: sha256('select 1;\n'), created_at: '10' }])[0]?.isUnchanged?.()).toBe(true)
  })

  test('forgets the row that belongs to a migration', async () => {
    const { table } = await open(files)
    const own = sha256('select 3')
    expect(table.forget('0002_c')).toEqual([
      `DELETE FROM "drizzle"."__drizzle_migrations" WHERE (created_at = '20' AND hash = '${own}') OR (hash = '${own}' AND created_at NOT IN ('10', '20'))`,
    ])
    expect(table.forget('created_at 7')).toEqual([
      `DELETE FROM "drizzle"."__drizzle_migrations" WHERE created_at = '7'`,
    ])
  })
})

const CUSTOM = '-- Custom SQL migration file, put your code below! --'

const create = (files: Record<string, string>, now = '2026-11-27T08:30:05.678Z') =>
  newFiles(drizzleFormat(), memoryFolder(files, 'drizzle'), 'add_users', new Date(now))

const parsed = (files: Readonly<Record<string, string>>, path: string) => JSON.parse(files[path] ?? 'null')

const UUID = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/)

describe('a new migration in the layout of 0.x', () => {
  const before = {
    id: 'b',
    prevId: 'a',
    version: '7',
    dialect: 'postgresql',
    tables: { t: {} },
    _meta: { tables: { x: 'y' } },
  }
  const files: Record<string, string> = {
    '0000_a.sql': '',
    '0001_b.sql': '',
    ...journal({ '0000_a': 10, '0001_b': 20 }),
    'meta/0000_snapshot.json': '{ "id": "a" }',
    'meta/0001_snapshot.json': JSON.stringify(before),
  }

  test('is a file, an entry of the journal, and a copy of the last snapshot', () => {
    const made = create(files)
    expect(Object.keys(made)).toEqual(['0002_add_users.sql', 'meta/_journal.json', 'meta/0002_snapshot.json'])
    expect(made['0002_add_users.sql']).toBe(CUSTOM)
    const old = JSON.parse(files['meta/_journal.json'] ?? '')
    const entry = { idx: 2, version: '7', when: 1795768205678, tag: '0002_add_users', breakpoints: true }
    expect(made['meta/_journal.json']).toBe(JSON.stringify({ ...old, entries: [...old.entries, entry] }, null, 2))
    const snapshot = parsed(made, 'meta/0002_snapshot.json')
    expect(snapshot).toEqual({ ...before, id: UUID, prevId: 'b', _meta: { columns: {}, schemas: {}, tables: {} } })
    expect(Object.keys(snapshot).slice(0, 2)).toEqual(['id', 'prevId'])
  })

  test('runs after the others, because its "when" is above theirs even if they are from the future', async () => {
    const future = { ...files, ...journal({ '0000_a': 1995768205678, '0001_b': 20 }) }
    const made = create(future)
    expect(parsed(made, 'meta/_journal.json').entries.at(-1).when).toBe(1995768205679)
    const { names } = await open({ ...future, ...made })
    expect(names).toEqual(['0000_a', '0001_b', '0002_add_users'])
  })

  test.each([
    ['20260101000000_a', '20261127083005_add_users'],
    ['1767225600_a', '1795768205_add_users'],
    ['_a', '_add_users'],
    ['0000_a', '0001_add_users'],
  ])('begins as the last one does: after %s comes %s', (last, tag) => {
    const made = create({ [`${last}.sql`]: '', ...journal({ [last]: 1 }) })
    expect(Object.keys(made)).toEqual([`${tag}.sql`, 'meta/_journal.json'])
  })

  test('is the first one of an empty journal', () => {
    const made = create(journal({}))
    expect(parsed(made, 'meta/_journal.json').entries).toEqual([
      { idx: 0, version: '7', when: 1795768205678, tag: '0000_add_users', breakpoints: true },
    ])
  })

  test('is refused while a snapshot has conflict markers', () => {
    expect(() => create({ ...files, 'meta/0001_snapshot.json': '<<<<<<< HEAD\n{}' })).toThrow(
      'drizzle/meta/0001_snapshot.json is not valid JSON',
    )
  })
})

describe('a new migration in the layout of 1.0', () => {
  const snapshot = (id: string, prevIds: string[], more: object) =>
    JSON.stringify({ id, prevIds, version: '8', dialect: 'postgres', ...more })
  const files = {
    '20260101000000_a/migration.sql': '',
    '20260101000000_a/snapshot.json': snapshot('a', ['0'], { ddl: [], renames: [] }),
    '20260102000000_b/migration.sql': '',
    '20260102000000_b/snapshot.json': snapshot('b', ['a'], { ddl: [{ name: 't' }], renames: ['x->y'] }),
  }

  test('is a folder with a file and a copy of the snapshot that no other one follows', () => {
    const made = create(files)
    expect(Object.keys(made)).toEqual([
      '20261127083005_add_users/migration.sql',
      '20261127083005_add_users/snapshot.json',
    ])
    expect(made['20261127083005_add_users/migration.sql']).toBe(CUSTOM)
    const copy = parsed(made, '20261127083005_add_users/snapshot.json')
    expect(copy).toEqual({
      id: UUID,
      prevIds: ['b'],
      version: '8',
      dialect: 'postgres',
      ddl: [{ name: 't' }],
      renames: [],
    })
  })

  test('has no changes in its snapshot if snapshots have only the changes', () => {
    const made = create({
      '20260101000000_a/migration.sql': '',
      '20260101000000_a/snapshot.json': snapshot('a', ['0'], { type: 'base', version: '9', ddl: [{ name: 't' }] }),
    })
    expect(made['20261127083005_add_users/snapshot.json']).toBe(
      JSON.stringify(
        {
          type: 'diff',
          version: '9',
          dialect: 'postgres',
          id: parsed(made, '20261127083005_add_users/snapshot.json').id,
          prevIds: ['a'],
          footprints: [],
          deltas: [],
        },
        null,
        2,
      ),
    )
  })

  test('sorts above the others even if they are from the future', () => {
    const [path] = Object.keys(create(files, '2020-01-01T00:00:00Z'))
    expect(path).toBe('20260102000001_add_users/migration.sql')
  })

  test('follows all branches if their schemas are the same', () => {
    const made = create({
      ...files,
      '20260103000000_c/migration.sql': '',
      '20260103000000_c/snapshot.json': snapshot('c', ['a'], { ddl: [{ name: 't' }], renames: [] }),
    })
    expect(parsed(made, '20261127083005_add_users/snapshot.json')).toMatchObject({ prevIds: ['b', 'c'] })
  })

  test('is refused if branches have different schemas', () => {
    const diverged = {
      ...files,
      '20260103000000_c/migration.sql': '',
      '20260103000000_c/snapshot.json': snapshot('c', ['a'], { ddl: [], renames: [] }),
    }
    expect(() => create(diverged)).toThrow(
      'drizzle has migrations of several branches with different schemas, which only Drizzle can put together: 20260102000000_b/snapshot.json, 20260103000000_c/snapshot.json.',
    )
  })

  test('is refused in an empty folder, whose layout is not known', () => {
    expect(() => create({})).toThrow('drizzle has no migration of Drizzle yet')
  })
})
