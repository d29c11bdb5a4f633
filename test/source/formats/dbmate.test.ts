import { expect, test } from 'vitest'
import type { Direction, Migration } from '../../../src/migrate/source.ts'
import { type DbmateOptions, dbmateFormat } from '../../../src/source/formats/dbmate.ts'
import { sourceOfFormat } from '../../../src/source/formats/format.ts'
import type { Dialect } from '../../../src/sql/dialect.ts'
import { memoryFolder, newFiles } from './memoryFolder.ts'

async function open(files: Record<string, string>, dialect: Dialect = 'postgres', options: DbmateOptions = {}) {
  const source = sourceOfFormat(dbmateFormat(options), memoryFolder(files, 'db/migrations'))
  const migrations = await source.list()
  const format = source.format
  if (!format) throw new Error('a source of a format has one')
  return { source, format, migrations, names: migrations.map(({ name }) => name), table: format.bookkeeping(dialect) }
}

async function read(text: string, direction: Direction) {
  const { source, migrations } = await open({ '1_a.sql': text })
  const body = await source.read(migrations[0] as Migration, direction)
  if (body?.kind !== 'sql') throw new Error('a body is SQL')
  return body
}

test('migrations run in the order of their file names, and are known by the digits', async () => {
  const { names, format, migrations } = await open({ '9_b.sql': '', '10_a.sql': '', '0010.sql': '', 'x/1_c.sql': '' })
  expect(names).toEqual(['0010', '10_a', '9_b'])
  expect(names.map(format.identify)).toEqual(['0010', '10', '9'])
  expect(migrations[1]).toMatchObject({ number: 10, up: 'db/migrations/10_a.sql', down: 'db/migrations/10_a.sql' })
  expect(format).toMatchObject({ tool: 'dbmate', downs: true, outOfOrder: 'apply' })
})

test('SQL files with other names are a remark', async () => {
  const { source } = await open({ '1_a.sql': '', 'schema.sql': '', 'README.md': '' })
  expect(source.remarks).toEqual([
    'db/migrations has files whose names do not begin with digits, so dbmate ignores them: schema.sql.',
  ])
})

test('two files with the same digits are an error', async () => {
  await expect(open({ '1_a.sql': '', '1b.sql': '' })).rejects.toThrow('Two migrations have version 1')
})

test.each([
  ['line ends of Unix', '\n', ''],
  ['line ends of Windows', '\r\n', ''],
  ['a byte order mark', '\n', '\uFEFF'],
])('a file with %s has two sections, each at its own place', async (_, end, mark) => {
  const lines = ['-- a comment', '-- migrate:up', 'select 1;', '', '-- migrate:down', 'select 2;', '']
  const text = lines.join(end)
  const up = await read(mark + text, 'up')
  const down = await read(mark + text, 'down')
  expect([up.text.trim(), down.text.trim()]).toEqual(['select 1;', 'select 2;'])
  expect([up.text.length, down.text.length]).toEqual([text.length, text.length])
  expect(up.text.indexOf('select 1')).toBe(text.indexOf('select 1'))
  expect(down.text.indexOf('select 2')).toBe(text.indexOf('select 2'))
})

test('an empty down is a down that does nothing', async () => {
  expect((await read('--migrate:up\nselect 1;\n-- migrate:down', 'down')).text.trim()).toBe('')
})

test.each([
  ['-- migrate:up transaction:false', 'none'],
  ['-- migrate:up\ttransaction:false other', 'none'],
  ['-- migrate:up transaction:true', undefined],
  ['-- migrate:up transaction: false', undefined],
  ['-- migrate:up transaction:false transaction:true', undefined],
])('the line "%s" says how its own section runs', async (line, transaction) => {
  const text = `${line}\nselect 1;\n-- migrate:down\nselect 2;`
  expect((await read(text, 'up')).rules?.transaction).toBe(transaction)
  expect((await read(text, 'down')).rules?.transaction).toBeUndefined()
})

test('the option counts for the down, too', async () => {
  const text = '-- migrate:up\nselect 1;\n-- migrate:down transaction:false\nselect 2;'
  expect((await read(text, 'down')).rules?.transaction).toBe('none')
})

test.each([
  ['nothing', '', 'db/migrations/1_a.sql has no line "-- migrate:up".'],
  ['no up', 'select 1;\n-- migrate:down\n', 'has no line "-- migrate:up".'],
  ['no down', '-- migrate:up\nselect 1;', 'has no line "-- migrate:down".'],
  ['the wrong order', '-- migrate:down\n-- migrate:up\n', 'has no line "-- migrate:down" after its line'],
  ['SQL first', 'select 0;\n-- migrate:up\n-- migrate:down', 'has statements before its line "-- migrate:up".'],
  ['two downs', '-- migrate:up\n-- migrate:down\n-- migrate:down', 'has 2 lines "-- migrate:down".'],
  ['two pairs', '-- migrate:up\n-- migrate:down\n-- migrate:up\n-- migrate:down', 'has 2 lines "-- migrate:up".'],
  ['an indented line', '  -- migrate:up\n-- migrate:down', 'has no line "-- migrate:up".'],
])('a file with %s is refused in both directions', async (_, text, message) => {
  await expect(read(text, 'up')).rejects.toThrow(message)
  await expect(read(text, 'down')).rejects.toThrow(message)
})

test('the table has the digits', async () => {
  const { table, migrations } = await open({ '007_a.sql': '' })
  expect(table.create).toEqual(['CREATE TABLE IF NOT EXISTS "schema_migrations" (version varchar PRIMARY KEY)'])
  expect(await table.record(migrations[0] as Migration)).toEqual([
    `INSERT INTO "schema_migrations" (version) VALUES ('007')`,
  ])
  expect(table.forget('007')).toEqual([`DELETE FROM "schema_migrations" WHERE version = '007'`])
  expect(table.rows([{ version: '007' }, { version: '8' }]).map(({ identity }) => identity)).toEqual(['007', '8'])
})

test('the table may be in a schema', async () => {
  const { table } = await open({}, 'postgres', { table: 'app.done' })
  expect(table).toMatchObject({
    tables: ['done'],
    create: [
      'CREATE SCHEMA IF NOT EXISTS "app"',
      'CREATE TABLE IF NOT EXISTS "app"."done" (version varchar PRIMARY KEY)',
    ],
    select: 'SELECT version FROM "app"."done" ORDER BY version',
  })
})

test('MySQL has its own type, and no schema', async () => {
  const { table } = await open({}, 'mysql', { table: 'app.done' })
  expect(table.create).toEqual(['CREATE TABLE IF NOT EXISTS `app.done` (version varchar(128) PRIMARY KEY)'])
})

test('a new migration has both sections, and begins with the time whatever the other names are', () => {
  const now = new Date('2026-11-27T08:30:05.678Z')
  const text = '-- migrate:up\n\n\n-- migrate:down\n\n'
  const folders: Record<string, string>[] = [{}, { '001_a.sql': text }]
  for (const files of folders) {
    expect(newFiles(dbmateFormat(), memoryFolder(files), 'add_users', now)).toEqual({
      '20261127083005_add_users.sql': text,
    })
  }
})
