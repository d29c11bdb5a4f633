import { describe, expect, test } from 'vitest'
import { type UmzugOptions, umzug } from '../../../presets/sources.ts'
import { sourceOfFormat } from '../../../src/source/formats/format.ts'
import { umzugFormat } from '../../../src/source/formats/umzug.ts'
import type { Dialect } from '../../../src/sql/dialect.ts'
import { folder } from '../../support/cli.ts'
import { failure } from '../../support/database.ts'
import { memoryFolder } from './memoryFolder.ts'

const context = (client: unknown) => client

const sourceOf = (names: readonly string[], options: Partial<UmzugOptions> = {}) =>
  sourceOfFormat(
    umzugFormat({ context, ...options }),
    memoryFolder(Object.fromEntries(names.map((name) => [name, '']))),
  )

const namesOf = async (names: readonly string[], options: Partial<UmzugOptions> = {}) =>
  (await sourceOf(names, options).list()).map(({ name }) => name)

describe('a folder for umzug', () => {
  test('lists its files with their endings, in the order of the paths', async () => {
    const names = ['b.js', 'a.ts', 'B.cjs', 'a.d.ts', 'sub/c.ts', 'x.sql', '1.mts']
    expect(await namesOf(names)).toEqual(['1.mts', 'B.cjs', 'a.ts', 'b.js'])
  })

  test('lists the files that are asked for, under the names that resolve gives', async () => {
    const resolve: UmzugOptions['resolve'] = ({ name }) => ({ name: name.replace(/\.\w+$/, ''), up: () => undefined })
    const names = ['v2/a.up.sql', 'v1/b.up.sql', 'c.ts']
    expect(await namesOf(names, { files: /\.up\.sql$/, resolve })).toEqual(['b.up', 'a.up'])
  })

  test('refuses a file without up', async () => {
    const source = umzug(folder({ '1_a.js': 'export const down = 1' }), { context })
    const [first] = await source.list()
    if (!first) throw new Error('Nothing is listed.')
    expect((await failure(source.read(first, 'up'))).message).toContain('1_a.js: exports no function up({ context })')
  })

  test.each([undefined, true])('with transaction %s', async (transaction) => {
    const source = umzug(folder({ '1_a.js': 'export const up = () => {}' }), { context, transaction })
    const [first] = await source.list()
    if (!first) throw new Error('Nothing is listed.')
    expect(await source.read(first, 'up')).toMatchObject({ kind: 'code', transaction: transaction === true })
    // umzug takes a missing down for one that does nothing.
    expect(await source.read(first, 'down')).toBeNull()
  })
})

test.each<[Dialect, UmzugOptions['storage'], string]>([
  [
    'postgres',
    undefined,
    'CREATE TABLE IF NOT EXISTS "SequelizeMeta" ("name" VARCHAR(255) NOT NULL UNIQUE, PRIMARY KEY ("name"))',
  ],
  [
    'postgres',
    { tableName: 'done', schema: 'tools', columnName: 'file', timestamps: true },
    'CREATE TABLE IF NOT EXISTS "tools"."done" ("file" VARCHAR(255) NOT NULL UNIQUE, "createdAt" TIMESTAMP WITH TIME ZONE NOT NULL, "updatedAt" TIMESTAMP WITH TIME ZONE NOT NULL, PRIMARY KEY ("file"))',
  ],
  [
    'mysql',
    {},
    'CREATE TABLE IF NOT EXISTS `SequelizeMeta` (`name` VARCHAR(255) NOT NULL UNIQUE, PRIMARY KEY (`name`)) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_unicode_ci',
  ],
])('its table on %s with %o', (dialect, storage, create) => {
  expect(sourceOf([], { storage }).format?.bookkeeping(dialect).create).toEqual([create])
})

test('there is no table if the names are stored elsewhere', async () => {
  const books = sourceOf(['1_a.ts'], { storage: 'none' }).format?.bookkeeping('postgres')
  expect(books).toMatchObject({ tables: [], create: [] })
  expect(books?.select).toBeUndefined()
})

test.each<[names: readonly string[], file: string, line: string]>([
  [[], '2026.01.02T03.04.05.add_users.ts', 'export const up: MigrationFn = async params => {};'],
  [['a.js'], '2026.01.02T03.04.05.add_users.js', 'exports.up = async params => {};'],
  [['a.mjs'], '2026.01.02T03.04.05.add_users.mjs', 'export const up = async params => {};'],
])('a new migration beside %s is %s', (names, file, line) => {
  const entries = names.map((up) => ({ name: up, up, data: undefined }))
  const now = new Date('2026-01-02T03:04:05Z')
  const made = umzugFormat({ context }).create('add_users', { folder: memoryFolder({}), entries, now })
  expect(Object.keys(made)).toEqual([file])
  expect(made[file]).toContain(line)
})
