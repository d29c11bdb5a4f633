import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { DuplicateVersionError, FileNameError, UsageError } from '../../../src/migrate/errors.ts'
import { sourceOfFormat } from '../../../src/source/formats/format.ts'
import { postgresMigrationsFormat } from '../../../src/source/formats/postgresMigrations.ts'
import { memoryFolder, newFiles } from './memoryFolder.ts'

const sourceOf = (files: Record<string, string>, schema?: string) =>
  sourceOfFormat(postgresMigrationsFormat({ schema }), memoryFolder(files))

const sha1 = (text: string) => createHash('sha1').update(text).digest('hex')

describe('names of postgres-migrations', () => {
  it('are ordered by their numbers, and may have either separator or none', async () => {
    const files = ['10_j', '9-i', '8h', '7_g', '6_f', '5_e', '4_d', '3_c', '0002-b', '1'].map((name) => [
      `${name}.sql`,
      '',
    ])
    const source = sourceOf({ ...Object.fromEntries(files), 'README.md': '', 'sub/x.sql': '' })
    expect((await source.list()).map(({ name }) => name)).toEqual([
      '1',
      '0002-b',
      '3_c',
      '4_d',
      '5_e',
      '6_f',
      '7_g',
      '8h',
      '9-i',
      '10_j',
    ])
    expect(source.format?.identify('0002-b')).toBe('2')
    expect(source.remarks).toEqual([])
  })

  it('must count from 1 without gaps', async () => {
    await expect(sourceOf({ '0_a.sql': '' }).list()).rejects.toThrow('migrations/0_a.sql should have the id 1')
    await expect(sourceOf({ '1_a.sql': '', '3_c.sql': '' }).list()).rejects.toThrow(UsageError)
    await expect(sourceOf({ '1_a.sql': '', '3_c.sql': '' }).list()).rejects.toThrow(
      'migrations/3_c.sql should have the id 2',
    )
  })

  it('must differ in their numbers', async () => {
    await expect(sourceOf({ '1_a.sql': '', '1_b.js': '' }).list()).rejects.toThrow(DuplicateVersionError)
  })

  it('must begin with a number', async () => {
    await expect(sourceOf({ 'seed.sql': '' }).list()).rejects.toThrow(FileNameError)
  })

  it('are remarked upon where the table cannot hold them', async () => {
    const long = 'x'.repeat(101)
    const source = sourceOf({ '1_a.sql': '', '2_a.sql': '', [`3_${long}.sql`]: '' })
    await source.list()
    expect(source.remarks).toEqual([
      'migrations/2_a.sql has the same name as 1_a.sql: postgres-migrations cannot record both.',
      `migrations/3_${long}.sql has a name of over 100 characters, which postgres-migrations cannot record.`,
    ])
  })
})

describe('bodies of postgres-migrations', () => {
  it('run in one transaction unless they say otherwise anywhere', async () => {
    const source = sourceOf({
      '1_a.sql': '\uFEFFselect 1;\r\n',
      '2_b.sql': 'select 1;\n-- postgres-migrations disable-transaction',
    })
    const [one, two] = await source.list()
    if (!one || !two) throw new Error('no migration')
    const rules = { directives: false, control: 'units' }
    expect(await source.read(one, 'up')).toEqual({ kind: 'sql', text: '\uFEFFselect 1;\r\n', rules })
    expect(await source.read(two, 'up')).toMatchObject({ rules: { ...rules, transaction: 'none' } })
    expect(await source.read(one, 'down')).toBeNull()
  })

  it('that are code are an error that names the file', async () => {
    const source = sourceOf({ '1_a.js': '' })
    const [one] = await source.list()
    if (!one) throw new Error('no migration')
    await expect(source.read(one, 'up')).rejects.toThrow('migrations/1_a.js is code')
  })
})

describe('the table of postgres-migrations', () => {
  const files = { '0001-add_users.sql': 'select 1;\r\n', '2_b.sql': 'select 2', '3_c.js': '' }

  it('records the SHA-1 of the name and the text', async () => {
    const source = sourceOf(files)
    const [one] = await source.list()
    expect(one && (await source.format?.bookkeeping('postgres').record(one))).toEqual([
      `INSERT INTO "migrations" (id, name, hash) VALUES ('1', 'add_users', '${sha1('0001-add_users.sqlselect 1;\r\n')}')`,
    ])
  })

  it('begins with the row of the file that is part of postgres-migrations', () => {
    // dist/migrations/0_create-migrations-table.sql of version 5.3.0.
    const own = `CREATE TABLE IF NOT EXISTS migrations (
  id integer PRIMARY KEY,
  name varchar(100) UNIQUE NOT NULL,
  hash varchar(40) NOT NULL, -- sha1 hex encoded hash of the file name and contents, to ensure it hasn't been altered since applying the migration
  executed_at timestamp DEFAULT current_timestamp
);
`
    expect(sourceOf({}, 'storage').format?.bookkeeping('postgres').create[1]).toBe(
      `INSERT INTO "storage"."migrations" (id, name, hash) VALUES ('0', 'create-migrations-table', '${sha1(`0_create-migrations-table.sql${own}`)}')`,
    )
  })

  it('tells applied, edited and missing migrations apart, and compares no code', async () => {
    const source = sourceOf(files)
    await source.list()
    const hash = sha1('0001-add_users.sqlselect 1;\r\n')
    const rows = source.format
      ?.bookkeeping('postgres')
      .rows([1, 2, 3, 4].map((id) => ({ id, hash, executed_at: null })))
    expect(rows?.map(({ identity }) => identity)).toEqual(['1', '2', '3', '4'])
    expect(await Promise.all(rows?.map(({ isUnchanged }) => isUnchanged?.()) ?? [])).toEqual([
      true,
      false,
      undefined,
      undefined,
    ])
  })

  it('is for PostgreSQL only', () => {
    expect(() => sourceOf({}).format?.bookkeeping('mysql')).toThrow(UsageError)
  })
})

describe('a new migration of postgres-migrations', () => {
  const create = (...names: readonly string[]) =>
    newFiles(
      postgresMigrationsFormat(),
      memoryFolder(Object.fromEntries(names.map((name) => [name, '']))),
      'add_users',
      new Date('2026-11-27T08:30:05.678Z'),
    )

  it.each([
    ['is the first one in an empty folder', [], '1_add_users.sql'],
    ['has the next id with as many digits', ['001_a.sql', '002_b.js'], '003_add_users.sql'],
    ['has the separator of the last one', ['1_a.sql', '2-b.sql'], '3-add_users.sql'],
  ])('%s', (_, names, path) => {
    expect(create(...names)).toEqual({ [path]: '' })
  })
})
