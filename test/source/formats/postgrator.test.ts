import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { DuplicateVersionError, UsageError } from '../../../src/migrate/errors.ts'
import { sourceOfFormat } from '../../../src/source/formats/format.ts'
import { type PostgratorOptions, postgratorFormat } from '../../../src/source/formats/postgrator.ts'
import { memoryFolder, newFiles } from './memoryFolder.ts'

const sourceOf = (files: Record<string, string>, options?: PostgratorOptions) =>
  sourceOfFormat(postgratorFormat(options), memoryFolder(files))

const md5 = (text: string) => createHash('md5').update(text).digest('hex')

describe('names of postgrator', () => {
  it('are ordered by their numbers and paired by them', async () => {
    const source = sourceOf({
      '10.do.ten.sql': '',
      '010.undo.other.sql': '',
      '9.do.sql': '',
      '002.do.two.more.sql': '',
    })
    expect((await source.list()).map(({ name, number, up, down }) => [name, number, up, down])).toEqual([
      ['002.two.more', 2, 'migrations/002.do.two.more.sql', undefined],
      ['9', 9, 'migrations/9.do.sql', undefined],
      ['10.ten', 10, 'migrations/10.do.ten.sql', 'migrations/010.undo.other.sql'],
    ])
    expect(source.remarks).toEqual([])
  })

  it('are identified by the number without leading zeros', () => {
    const { format } = sourceOf({})
    expect(format?.identify('002.two')).toBe('2')
    expect(format?.identify('9')).toBe('9')
    expect(format?.identify('202103021300.verification')).toBe('202103021300')
  })

  it('must differ in number or direction, code included', async () => {
    await expect(sourceOf({ '1.do.a.sql': '', '01.do.b.js': '' }).list()).rejects.toThrow(DuplicateVersionError)
    await expect(sourceOf({ '1.do.a.sql': '', '1.undo.a.sql': '', '01.undo.a.sql': '' }).list()).rejects.toThrow(
      DuplicateVersionError,
    )
  })

  it('are remarked upon where postgrator would never run the file', async () => {
    const source = sourceOf({
      '000.do.zero.sql': '',
      '1.DO.shouting.sql': '',
      '2.undo.alone.sql': '',
      'notes.do.sql': '',
      'sub/3.do.a.sql': '',
    })
    expect(await source.list()).toEqual([])
    expect(source.remarks).toEqual([
      'migrations/1.DO.shouting.sql is passed over by postgrator: its second part is neither "do" nor "undo".',
      'migrations/000.do.zero.sql never runs: postgrator begins above version 0.',
      'migrations/2.undo.alone.sql has no "do" file, so it never runs.',
    ])
  })
})

describe('bodies of postgrator', () => {
  it('are the whole files, as they are', async () => {
    const source = sourceOf({ '1.do.a.sql': '\uFEFFselect 1;\r\n', '1.undo.a.sql': 'select 2' })
    const [migration] = await source.list()
    if (!migration) throw new Error('no migration')
    const rules = { directives: false, control: 'units' }
    expect(await source.read(migration, 'up')).toEqual({ kind: 'sql', text: '\uFEFFselect 1;\r\n', rules })
    expect(await source.read(migration, 'down')).toEqual({ kind: 'sql', text: 'select 2', rules })
  })

  it('that are code are an error that names the file', async () => {
    const source = sourceOf({ '1.do.a.js': 'module.exports.generateSql = () => ""' })
    const [migration] = await source.list()
    if (!migration) throw new Error('no migration')
    await expect(source.read(migration, 'up')).rejects.toThrow(UsageError)
    await expect(source.read(migration, 'up')).rejects.toThrow('migrations/1.do.a.js is code')
  })
})

describe('the table of postgrator', () => {
  const text = 'select 1;\r\nselect 2;\n'

  it.each([
    [undefined, text],
    ['LF', 'select 1;\nselect 2;\n'],
    ['CRLF', 'select 1;\r\nselect 2;\r\n'],
  ] as const)('records the MD5 of the text with line ends %s', async (newline, counted) => {
    const source = sourceOf({ '003.do.it-works.sql': text }, { newline })
    const [migration] = await source.list()
    if (!migration) throw new Error('no migration')
    expect(await source.format?.bookkeeping('postgres').record(migration)).toEqual([
      `INSERT INTO "schemaversion" (version, name, md5, run_at) VALUES ('3', 'it-works', '${md5(counted)}', pg_catalog.clock_timestamp())`,
    ])
  })

  it('tells applied, edited and missing migrations apart, and compares no row without a checksum', async () => {
    const source = sourceOf({ '1.do.a.sql': text, '2.do.b.sql': text, '3.do.c.sql': text, '4.do.d.js': '' })
    await source.list()
    const rows = source.format?.bookkeeping('postgres').rows([
      { version: '1', md5: md5(text), run_at: new Date(0) },
      { version: '2', md5: 'other', run_at: null },
      { version: '3', md5: null, run_at: null },
      { version: '4', md5: 'undefined', run_at: null },
      { version: '5', md5: md5(text), run_at: null },
    ])
    expect(rows?.map(({ identity, state }) => `${identity} ${state}`)).toEqual(
      ['1', '2', '3', '4', '5'].map((version) => `${version} applied`),
    )
    expect(await Promise.all(rows?.map(({ isUnchanged }) => isUnchanged?.()) ?? [])).toEqual([
      true,
      false,
      undefined,
      undefined,
      undefined,
    ])
  })

  it('begins with a row for version 0, and may be in a schema', () => {
    const books = sourceOf({}, { schemaTable: 'ops.versions' }).format?.bookkeeping('postgres')
    expect(books?.create).toEqual([
      'CREATE SCHEMA IF NOT EXISTS "ops"',
      'CREATE TABLE "ops"."versions" (version BIGINT PRIMARY KEY, name TEXT, md5 TEXT, run_at TIMESTAMP WITH TIME ZONE)',
      'INSERT INTO "ops"."versions" (version) VALUES (0)',
    ])
    expect(books?.forget('3')).toEqual([`DELETE FROM "ops"."versions" WHERE version = '3'`])
    expect(sourceOf({}).format?.bookkeeping('mysql').create).toHaveLength(2)
  })
})

describe('a new migration of postgrator', () => {
  const create = (...names: readonly string[]) =>
    newFiles(
      postgratorFormat(),
      memoryFolder(Object.fromEntries(names.map((name) => [name, '']))),
      'add_users',
      new Date('2026-11-27T08:30:05.678Z'),
    )

  it.each([
    ['has both halves in an empty folder', [], ['001.do.add_users.sql', '001.undo.add_users.sql']],
    [
      'has both halves if the folder has both',
      ['08.do.sql', '08.undo.sql', '09.do.sql'],
      ['10.do.add_users.sql', '10.undo.add_users.sql'],
    ],
    ['has no undo if the folder has none', ['0008.do.a.sql', '0009.do.b.sql'], ['0010.do.add_users.sql']],
    ['begins with the time if the last one does', ['20260101000000.do.a.sql'], ['20261127083005.do.add_users.sql']],
  ])('%s', (_, names, paths) => {
    expect(create(...names)).toEqual(Object.fromEntries(paths.map((path) => [path, ''])))
  })
})
