import { expect, test } from 'vitest'
import type { Migration } from '../../../src/migrate/source.ts'
import { sourceOfFormat } from '../../../src/source/formats/format.ts'
import { supabaseFormat } from '../../../src/source/formats/supabase.ts'
import { readScript } from '../../../src/sql/script.ts'
import { memoryFolder, newFiles } from './memoryFolder.ts'

async function open(files: Record<string, string>) {
  const source = sourceOfFormat(supabaseFormat(), memoryFolder(files, 'supabase/migrations'))
  const migrations = await source.list()
  const format = source.format
  if (!format) throw new Error('a source of a format has one')
  return {
    source,
    format,
    migrations,
    names: migrations.map(({ name }) => name),
    table: format.bookkeeping('postgres'),
  }
}

test('migrations run in the order of their file names, and are known by the digits', async () => {
  const { names, format, migrations } = await open({
    '20260102000000_b.sql': '',
    '20260101000000_z.sql': '',
    '9_a.sql': '',
  })
  expect(names).toEqual(['20260101000000_z', '20260102000000_b', '9_a'])
  expect(names.map(format.identify)).toEqual(['20260101000000', '20260102000000', '9'])
  expect(migrations[0]).toMatchObject({ number: 20260101000000, up: 'supabase/migrations/20260101000000_z.sql' })
  expect(format).toMatchObject({ tool: 'Supabase', downs: false, outOfOrder: 'error' })
})

test('a name may be empty, and the digits are text', async () => {
  const { names, format } = await open({ '1_.sql': '', '01_x.sql': '' })
  expect(names.map(format.identify)).toEqual(['01', '1'])
})

test('files with other names, and files in folders, do not run', async () => {
  const { names, source } = await open({
    'README.md': '',
    'fix.sql': '',
    '2026-01_x.sql': '',
    '.gitkeep': '',
    'old/1_a.sql': '',
    '1_a.sql': '',
  })
  expect(names).toEqual(['1_a'])
  expect(source.remarks).toEqual([
    'supabase/migrations has files that are not named like 20260127101500_name.sql, so Supabase skips them: 2026-01_x.sql, README.md, fix.sql.',
  ])
})

test('an old first file named init is skipped', async () => {
  const { names, source } = await open({ '20211208235959_init.sql': '', '20211209000000_b.sql': '' })
  expect(names).toEqual(['20211209000000_b'])
  expect(source.remarks).toEqual([
    'supabase/migrations/20211208235959_init.sql is the first file and has the name that old versions of the Supabase CLI gave it: Supabase skips it.',
  ])
})

test.each([
  ['it is not the first', { '20200101000000_a.sql': '', '20211208235959_init.sql': '' }],
  ['it is younger', { '20211209000000_init.sql': '', '20220101000000_a.sql': '' }],
  ['a folder comes first', { '0/x.sql': '', '20211208235959_init.sql': '', '20220101000000_a.sql': '' }],
])('a file named init runs if %s', async (_, files) => {
  expect((await open(files)).names).toHaveLength(2)
})

test('two files with the same digits are an error', async () => {
  await expect(open({ '1_a.sql': '', '1_b.sql': '' })).rejects.toThrow('Two migrations have version 1')
})

test('a body is the whole file, with its own transactions', async () => {
  const text = '\uFEFFbegin;\r\nselect 1;\r\ncommit;\r\nbegin;\r\nselect 2;\r\ncommit;\r\n'
  const { source, migrations } = await open({ '1_a.sql': text })
  const body = await source.read(migrations[0] as Migration, 'up')
  if (body?.kind !== 'sql') throw new Error('a body is SQL')
  expect(body.text).toBe(text)
  const script = readScript(body.text, 'postgres', {}, body.rules)
  expect(script.problem).toBeUndefined()
  expect(script.statements).toHaveLength(2)
  expect(await source.read(migrations[0] as Migration, 'down')).toBeNull()
})

test('the table gets version and name, without the statements', async () => {
  const { table, migrations } = await open({ "01_it's.sql": '' })
  expect(table).toMatchObject({ schema: 'supabase_migrations', tables: ['schema_migrations', 'seed_files'] })
  expect(table.create).toHaveLength(4)
  expect(await table.record(migrations[0] as Migration)).toEqual([
    `INSERT INTO supabase_migrations.schema_migrations (version, name) VALUES ('01', 'it''s')`,
  ])
  expect(table.forget('01')).toEqual([`DELETE FROM supabase_migrations.schema_migrations WHERE version = '01'`])
})

test('every row is applied, also one without a file', async () => {
  const { table } = await open({ '1_a.sql': '' })
  expect(table.rows([{ version: '1' }, { version: '2' }])).toEqual([
    { identity: '1', state: 'applied', appliedAt: null },
    { identity: '2', state: 'applied', appliedAt: null },
  ])
})

test('MySQL is refused', () => {
  const { format } = sourceOfFormat(supabaseFormat(), memoryFolder({}, 'supabase/migrations'))
  expect(() => format?.bookkeeping('mysql')).toThrow('which are for PostgreSQL')
})

test('a new migration is an empty file that begins with the time', () => {
  const folder = memoryFolder({ '20260101000000_a.sql': '' })
  const now = new Date('2026-11-27T08:30:05.678Z')
  expect(newFiles(supabaseFormat(), folder, 'add_users', now)).toEqual({ '20261127083005_add_users.sql': '' })
})
