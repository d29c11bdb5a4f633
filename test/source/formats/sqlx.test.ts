import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { DuplicateVersionError, FileNameError } from '../../../src/migrate/errors.ts'
import { sourceOfFormat } from '../../../src/source/formats/format.ts'
import { type SqlxOptions, sqlxFormat } from '../../../src/source/formats/sqlx.ts'
import { memoryFolder, newFiles } from './memoryFolder.ts'

const sourceOf = (files: Record<string, string>, options?: SqlxOptions) =>
  sourceOfFormat(sqlxFormat(options), memoryFolder(files))

describe('names of sqlx', () => {
  it('are ordered by their numbers, not as text', async () => {
    const source = sourceOf({ '10_ten.sql': '', '9_nine.sql': '', '0002_two.sql': '' })
    expect((await source.list()).map(({ name, number }) => [name, number])).toEqual([
      ['0002_two', 2],
      ['9_nine', 9],
      ['10_ten', 10],
    ])
  })

  it('are identified by the number without leading zeros', () => {
    const { format } = sourceOf({})
    expect(format?.identify('0002_two')).toBe('2')
    expect(format?.identify('20240612090000_users')).toBe('20240612090000')
  })

  it('pair an up file with the down file of the same number, whatever their descriptions are', async () => {
    const source = sourceOf({ '1_a.up.sql': 'up', '1_other.down.sql': 'down' })
    const [migration] = await source.list()
    expect(migration).toMatchObject({ name: '1_a', up: 'migrations/1_a.up.sql', down: 'migrations/1_other.down.sql' })
    expect(source.format?.downs).toBe(true)
    expect(source.remarks).toEqual([])
  })

  it('may stand beside other files, which are ignored', async () => {
    const source = sourceOf({ 'README.md': '', 'seed.sql': '', 'sub/1_a.sql': '', '1_a.txt': '', '1_a.sql': '' })
    expect((await source.list()).map(({ name }) => name)).toEqual(['1_a'])
    expect(source.format?.downs).toBe(false)
  })

  it('must begin with a number if they have an underscore and end in .sql', async () => {
    await expect(sourceOf({ 'add_users.sql': '' }).list()).rejects.toThrow(FileNameError)
    await expect(sourceOf({ 'add_users.sql': '' }).list()).rejects.toThrow('migrations/add_users.sql')
  })

  it('must differ in their numbers', async () => {
    await expect(sourceOf({ '1_a.sql': '', '01_b.sql': '' }).list()).rejects.toThrow(DuplicateVersionError)
  })

  it('are remarked upon where a half is missing or stands there twice', async () => {
    const source = sourceOf({
      '1_a.up.sql': '',
      '2_b.down.sql': '',
      '3_c.sql': '',
      '3_c.down.sql': '',
      '3_d.down.sql': '',
    })
    await source.list()
    expect(source.remarks).toEqual([
      'migrations/3_c.down.sql is a second down of version 3: only one can run.',
      'migrations/2_b.down.sql has no up file, so it never runs.',
      'migrations/1_a.up.sql has no .down.sql: sqlx passes over it when it reverts.',
    ])
  })
})

describe('bodies of sqlx', () => {
  it('run in one transaction unless their first line says otherwise, for each half by itself', async () => {
    const source = sourceOf({ '1_a.up.sql': '-- no-transaction\nselect 1', '1_a.down.sql': 'select 2' })
    const [migration] = await source.list()
    if (!migration) throw new Error('no migration')
    expect(await source.read(migration, 'up')).toMatchObject({
      text: '-- no-transaction\nselect 1',
      rules: { directives: false, control: 'units', transaction: 'none' },
    })
    const down = await source.read(migration, 'down')
    expect(down).toEqual({ kind: 'sql', text: 'select 2', rules: { directives: false, control: 'units' } })
  })

  it('keep their byte order mark and their line ends', async () => {
    const source = sourceOf({ '1_a.sql': '\uFEFFselect 1;\r\n' })
    const [migration] = await source.list()
    if (!migration) throw new Error('no migration')
    expect(await source.read(migration, 'up')).toMatchObject({ text: '\uFEFFselect 1;\r\n' })
    expect(await source.read(migration, 'down')).toBeNull()
  })
})

describe('the table of sqlx', () => {
  const text = 'create table users (id int);\r\n'
  const sum = createHash('sha384').update(text).digest('hex')

  it('records the SHA-384 of the up file, and the description in words', async () => {
    const source = sourceOf({ '0001_add_the_users.up.sql': text, '0001_add_the_users.down.sql': '' })
    const [migration] = await source.list()
    if (!migration) throw new Error('no migration')
    expect(await source.format?.bookkeeping('postgres').record(migration)).toEqual([
      `INSERT INTO "_sqlx_migrations" (version, description, success, checksum, execution_time) VALUES ('1', 'add the users', TRUE, '\\x${sum}', 0)`,
    ])
    expect(await source.format?.bookkeeping('mysql').record(migration)).toEqual([
      `INSERT INTO \`_sqlx_migrations\` (version, description, success, checksum, execution_time) VALUES ('1', 'add the users', TRUE, x'${sum}', 0)`,
    ])
  })

  it('records a checksum without the characters that sqlx.toml ignores', async () => {
    const source = sourceOf({ '1_a.sql': text }, { ignoredChars: ['\r', '\n', ' '] })
    await source.list()
    const bare = createHash('sha384').update('createtableusers(idint);').digest('hex')
    const [row] = source.format?.bookkeeping('postgres').rows([{ version: '1', success: true, checksum: bare }]) ?? []
    expect(await row?.isUnchanged?.()).toBe(true)
  })

  it('tells applied, edited, failed and missing migrations apart', async () => {
    const source = sourceOf({ '1_a.sql': text, '2_b.sql': text, '3_c.sql': text })
    await source.list()
    const at = new Date()
    const rows = source.format?.bookkeeping('mysql').rows([
      { version: '1', success: 1, checksum: sum, installed_on: at },
      { version: '2', success: 1, checksum: 'ff', installed_on: at },
      { version: '3', success: 0, checksum: sum, installed_on: at },
      { version: '4', success: 1, checksum: sum, installed_on: at },
    ])
    expect(rows?.map(({ identity, state }) => [identity, state])).toEqual([
      ['1', 'applied'],
      ['2', 'applied'],
      ['3', 'failed'],
      ['4', 'applied'],
    ])
    expect(await rows?.[0]?.isUnchanged?.()).toBe(true)
    expect(await rows?.[1]?.isUnchanged?.()).toBe(false)
    expect(rows?.[3]?.isUnchanged).toBeUndefined()
  })

  it('can be in a schema of its own, which is created with it', () => {
    const books = sourceOf({}, { table: 'ops.applied' }).format?.bookkeeping('postgres')
    expect(books?.create[0]).toBe('CREATE SCHEMA IF NOT EXISTS "ops"')
    expect(books?.forget('7')).toEqual([`DELETE FROM "ops"."applied" WHERE version = '7'`])
  })

  it('is guarded by the lock that sqlx computes from the name of the database', () => {
    // The CRC-32 of "123456789" is 0xCBF43926 (the check value of CRC-32/ISO-HDLC).
    const key = 0x3d32ad9en * 0xcbf43926n
    expect(sourceOf({}).format?.bookkeeping('postgres').locks?.('123456789')).toEqual([String(key)])
    expect(sourceOf({}).format?.bookkeeping('mysql').locks?.('123456789')).toEqual([key.toString(16)])
  })
})

describe('a new migration of sqlx', () => {
  const create = (...names: readonly string[]) =>
    newFiles(
      sqlxFormat(),
      memoryFolder(Object.fromEntries(names.map((name) => [name, '']))),
      'add users',
      new Date('2026-11-27T08:30:05.678Z'),
    )

  it('is one file, or two if the last migration has two', () => {
    expect(create('20260101000000_a.up.sql', '20260101000000_a.down.sql', '20260102000000_b.sql')).toEqual({
      '20261127083005_add_users.sql': '-- Add migration script here\n',
    })
    expect(create('20260101000000_a.sql', '20260102000000_b.up.sql', '20260102000000_b.down.sql')).toEqual({
      '20261127083005_add_users.up.sql': '-- Add up migration script here\n',
      '20261127083005_add_users.down.sql': '-- Add down migration script here\n',
    })
  })

  it.each([
    ['begins with the time in an empty folder', [], '20261127083005_add_users.sql'],
    [
      'continues a sequence whose last two numbers differ by one',
      ['0001_a.sql', '0009_b.sql', '0010_c.sql'],
      '0011_add_users.sql',
    ],
    ['begins with the time if they differ by more', ['0001_a.sql', '0003_b.sql'], '20261127083005_add_users.sql'],
    ['continues the only migration if its number is 1', ['0001_a.sql'], '0002_add_users.sql'],
    ['begins with the time if the only migration has a higher number', ['0002_a.sql'], '20261127083005_add_users.sql'],
  ])('%s', (_, names, path) => {
    expect(Object.keys(create(...names))).toEqual([path])
  })
})
