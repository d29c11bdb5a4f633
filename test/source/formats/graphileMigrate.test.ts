import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { DuplicateVersionError, UsageError } from '../../../src/migrate/errors.ts'
import { sourceOfFormat } from '../../../src/source/formats/format.ts'
import { type GraphileMigrateOptions, graphileMigrateFormat } from '../../../src/source/formats/graphileMigrate.ts'
import { memoryFolder, newFiles } from './memoryFolder.ts'

const sourceOf = (files: Record<string, string>, options?: GraphileMigrateOptions) =>
  sourceOfFormat(graphileMigrateFormat(options), memoryFolder(files))

/** The hash as graphile-migrate computes it: of the hash before, a line end, and the trimmed body. */
const sha1 = (text: string) => `sha1:${createHash('sha1').update(text).digest('hex')}`
const FIRST = sha1('create table a ();\n')
const SECOND = sha1(`${FIRST}\ncreate table b ();\n`)
const first = `--! Previous: -\n--! Hash: ${FIRST}\n\ncreate table a ();\n`
const second = `--! Previous: ${FIRST}\n--! Hash: ${SECOND}\n--! Message: the second\n\ncreate table b ();\n`
const both = { 'committed/000001.sql': first, 'committed/000002-the-second.sql': second }

describe('names of graphile-migrate', () => {
  it('are those of committed files, in order, identified without their messages', async () => {
    const source = sourceOf({ ...both, 'current.sql': '-- Enter migration here\n', 'fixtures/x.sql': 'select 1' })
    expect((await source.list()).map(({ name, number }) => [name, number])).toEqual([
      ['000001', 1],
      ['000002-the-second', 2],
    ])
    expect(source.format?.identify('000002-the-second')).toBe('000002.sql')
    expect(source.format?.identify('000002.sql')).toBe('000002.sql')
    expect(source.remarks).toEqual([])
  })

  it('must differ in their numbers', async () => {
    const again = first.replace('Previous: -', `Previous: ${FIRST}`)
    const source = sourceOf({ 'committed/000001.sql': first, 'committed/000001-again.sql': again })
    await expect(source.list()).rejects.toThrow(DuplicateVersionError)
  })
})

describe('headers of graphile-migrate', () => {
  it('must be there', async () => {
    await expect(sourceOf({ 'committed/000001.sql': 'select 1' }).list()).rejects.toThrow(
      'migrations/committed/000001.sql has no header "--! Previous"',
    )
    await expect(sourceOf({ 'committed/000001.sql': '--! Previous: -\n\nselect 1' }).list()).rejects.toThrow(
      '"--! Hash"',
    )
  })

  it('must make a chain', async () => {
    await expect(sourceOf({ 'committed/000002.sql': second }).list()).rejects.toThrow('there is no migration before it')
    const broken = { 'committed/000001.sql': first, 'committed/000002.sql': second.replace(FIRST, '-') }
    await expect(sourceOf(broken).list()).rejects.toThrow('says that it is the first migration')
    await expect(sourceOf(broken).list()).rejects.toThrow(UsageError)
  })

  it('are remarked upon where the hash is not that of the body', async () => {
    const edited = sourceOf({ 'committed/000001.sql': first.replace('table a', 'table c') })
    await edited.list()
    expect(edited.remarks).toEqual([
      'migrations/committed/000001.sql was edited after it was committed (its Hash does not match): graphile-migrate refuses to run it.',
    ])
    const allowed = sourceOf({
      'committed/000001.sql': first.replace('\n\n', '\n--! AllowInvalidHash\n\n').replace('table a', 'table c'),
    })
    await allowed.list()
    expect(allowed.remarks).toEqual([])
    const needless = sourceOf({ 'committed/000001.sql': first.replace('\n\n', '\n--! AllowInvalidHash\n\n') })
    await needless.list()
    expect(needless.remarks?.[0]).toContain('allows an invalid hash')
  })

  it('are read with a byte order mark and Windows line ends, which graphile-migrate cannot', async () => {
    const source = sourceOf({ 'committed/000001.sql': `\uFEFF${first.replaceAll('\n', '\r\n')}` })
    await source.list()
    expect(source.remarks).toEqual([
      'graphile-migrate finds no header in files with Windows line ends or a byte order mark: committed/000001.sql.',
    ])
  })

  it('are not needed in what is not committed, which is remarked upon', async () => {
    const source = sourceOf({ ...both, 'current/1.sql': 'select 1' })
    await source.list()
    expect(source.remarks).toEqual(['migrations/current is not committed, so it does not run.'])
  })
})

describe('bodies of graphile-migrate', () => {
  const bodyOf = async (body: string, options?: GraphileMigrateOptions) => {
    const source = sourceOf({ 'committed/000001.sql': `--! Previous: -\n--! Hash: x\n\n${body}` }, options)
    const [migration] = await source.list()
    return migration && source.read(migration, 'up')
  }

  it('are the whole file, with the headers as comments', async () => {
    expect(await bodyOf('--! split: 1.sql\nselect 1;\n')).toMatchObject({
      kind: 'sql',
      text: '--! Previous: -\n--! Hash: x\n\n--! split: 1.sql\nselect 1;\n',
      rules: { directives: false, control: 'units' },
    })
  })

  it('run outside of a transaction if their first line says so', async () => {
    expect(await bodyOf('--! no-transaction\nselect 1')).toMatchObject({ rules: { transaction: 'none' } })
    expect(await bodyOf('--! no-transaction\r\nselect 1')).toMatchObject({ rules: { transaction: 'none' } })
    expect(await bodyOf('select 1;\n--! no-transaction')).not.toMatchObject({ rules: { transaction: 'none' } })
  })

  it('have their placeholders replaced, also in strings', async () => {
    const placeholders = { ':DATABASE_OWNER': 'app', ':VISITOR': "o'neil" }
    expect(await bodyOf("grant :VISITOR to :DATABASE_OWNER; select ':VISITORS'", { placeholders })).toMatchObject({
      text: expect.stringContaining("grant o'neil to app; select ':VISITORS'"),
    })
  })

  it('need values for the built-in placeholders that they use', async () => {
    await expect(bodyOf('grant x to :DATABASE_OWNER')).rejects.toThrow(
      'needs a value for the placeholder :DATABASE_OWNER',
    )
  })

  it('have no downs', async () => {
    const source = sourceOf(both)
    const [migration] = await source.list()
    expect(migration && (await source.read(migration, 'down'))).toBeNull()
  })
})

describe('the table of graphile-migrate', () => {
  it('records the hashes of the header', async () => {
    const source = sourceOf(both)
    const [one, two] = await source.list()
    const books = source.format?.bookkeeping('postgres')
    if (!books || !one || !two) throw new Error('no migration')
    const insert = 'INSERT INTO "graphile_migrate"."migrations" (hash, previous_hash, filename) VALUES'
    expect(await books.record(one)).toEqual([`${insert} ('${FIRST}', NULL, '000001.sql')`])
    expect(await books.record(two)).toEqual([`${insert} ('${SECOND}', '${FIRST}', '000002.sql')`])
    expect(books.forget('000002.sql')).toEqual([
      `DELETE FROM "graphile_migrate"."migrations" WHERE filename = '000002.sql'`,
    ])
  })

  it('tells applied, edited and missing migrations apart', async () => {
    const source = sourceOf(both)
    await source.list()
    const rows = source.format?.bookkeeping('postgres').rows([
      { filename: '000001.sql', hash: FIRST, date: null },
      { filename: '000002.sql', hash: FIRST, date: null },
      { filename: '000003.sql', hash: FIRST, date: null },
    ])
    expect(await Promise.all(rows?.map(({ isUnchanged }) => isUnchanged?.()) ?? [])).toEqual([true, false, undefined])
  })

  it('is for PostgreSQL only', () => {
    expect(() => sourceOf({}).format?.bookkeeping('mysql')).toThrow(UsageError)
  })
})

describe('a new migration of graphile-migrate', () => {
  it('is refused, because it comes from current.sql', () => {
    const create = () => newFiles(graphileMigrateFormat(), memoryFolder(both), 'add_users', new Date())
    expect(create).toThrow(UsageError)
    expect(create).toThrow('graphile-migrate makes its migrations from current.sql')
    expect(create).toThrow('graphile-migrate commit')
  })
})
