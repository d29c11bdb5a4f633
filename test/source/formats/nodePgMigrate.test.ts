import { describe, expect, test } from 'vitest'
import { nodePgMigrate } from '../../../presets/sources.ts'
import type { Direction } from '../../../src/migrate/source.ts'
import { sourceOfFormat } from '../../../src/source/formats/format.ts'
import { type NodePgMigrateOptions, nodePgMigrateFormat } from '../../../src/source/formats/nodePgMigrate.ts'
import { folder } from '../../support/cli.ts'
import { failure } from '../../support/database.ts'
import { memoryFolder } from './memoryFolder.ts'

const sourceOf = (files: Readonly<Record<string, string>>, options?: NodePgMigrateOptions) =>
  sourceOfFormat(nodePgMigrateFormat(options), memoryFolder(files))

const named = (names: readonly string[], options?: NodePgMigrateOptions) =>
  sourceOf(Object.fromEntries(names.map((name) => [name, ''])), options)

async function textOf(files: Readonly<Record<string, string>>, direction: Direction, options?: NodePgMigrateOptions) {
  const source = sourceOf(files, options)
  const [first] = await source.list()
  return first && (await source.read(first, direction))?.text
}

describe('a folder of node-pg-migrate', () => {
  test.each<[what: string, names: readonly string[], expected: readonly string[]]>([
    ['by their numbers', ['10_b.js', '9_a.ts', '0011_c.sql'], ['9_a', '10_b', '0011_c']],
    [
      'by time in both notations',
      ['20240102000000000_b.ts', '1704240000000_c.ts', '1704067200000_a.ts'],
      ['1704067200000_a', '20240102000000000_b', '1704240000000_c'],
    ],
    ['by name with the same number', ['1_B.js', '1_a10.js', '1_a9.js'], ['1_a9', '1_a10', '1_B']],
    ['without files that are no migrations', ['1_a.ts', '.2_b.ts', '1_a.d.ts', 'README.md', 'sub/3_c.ts'], ['1_a']],
    ['with pairs of SQL as one', ['1_a.up.sql', '1_a.down.sql', '2_b.up.sql', '3_c.sql'], ['1_a', '2_b', '3_c']],
  ])('lists its migrations %s', async (_, names, expected) => {
    const source = named(names)
    expect((await source.list()).map(({ name }) => name)).toEqual(expected)
    expect(source.remarks).toEqual([])
  })

  test('leaves out what ignorePattern matches as a whole', async () => {
    const listed = await named(['1_a.js', '1_a.test.js', '2_b.test.jsx.js'], { ignorePattern: '.*\\.test\\.js' }).list()
    expect(listed.map(({ name }) => name)).toEqual(['1_a', '2_b.test.jsx'])
  })

  test('names files that node-pg-migrate 9 does not accept', async () => {
    const source = named(['1_a.js', 'helpers.js'])
    await source.list()
    expect(source.remarks?.[0]).toContain('helpers.js')
  })

  test.each([
    [undefined, 'error', 'error'],
    [false, 'apply', 'ignore'],
  ])('with checkOrder %s', (checkOrder, outOfOrder, missing) => {
    expect(named([], { checkOrder }).format).toMatchObject({ outOfOrder, missing })
  })
})

describe('a file in SQL', () => {
  const UP = '-- Up Migration\n'
  const DOWN = '--- down   migration of it\n'
  test.each<[what: string, text: string, up: string, down: string]>([
    [
      'without lines for its halves',
      'a;\n',
      'a;\n',
      '-- migrate: irreversible the file has no line "-- Down Migration"\n',
    ],
    ['with both', `${UP}a;\n${DOWN}b;\n`, `${UP}a;`, `\n\n${DOWN}b;\n`],
    ['with the down first', `${DOWN}b;\n${UP}a;\n`, `\n\n${UP}a;\n`, `${DOWN}b;`],
    ['with a down only', `a;\n${DOWN}b;\n`, `a;\n${DOWN}b;\n`, `\n${DOWN}b;\n`],
  ])('%s', async (_, text, up, down) => {
    const squeezed = (found: string | undefined) => found?.replace(/^ +$/gm, '').trimEnd()
    expect(squeezed(await textOf({ '1_a.sql': text }, 'up'))).toBe(squeezed(up))
    expect(squeezed(await textOf({ '1_a.sql': text }, 'down'))).toBe(squeezed(down))
  })

  test('runs with the search path that the tool sets', async () => {
    expect(await textOf({ '1_a.sql': 'a;' }, 'up', { schema: ['x', 'y'] })).toBe('SET search_path TO "x", "y"; a;')
  })
})

test.each<[names: readonly string[], file: string, line: string]>([
  [[], '1767323045000_add_users.js', 'export const up = (pgm) => {};'],
  [['1704067200000_a.ts'], '1767323045000_add_users.ts', 'export async function up(pgm: MigrationBuilder)'],
  [['20240102000000000_a.cjs'], '20260102030405000_add_users.cjs', 'module.exports = {'],
  [['0009_a.sql'], '0010_add_users.sql', '-- Up Migration'],
])('a new migration after %s is %s', (names, file, line) => {
  const entries = names.map((up) => ({ name: up.replace(/\.\w+$/, ''), up, data: { isPair: false } }))
  const now = new Date('2026-01-02T03:04:05Z')
  const made = nodePgMigrateFormat().create('add_users', { folder: memoryFolder({}), entries, now })
  expect(Object.keys(made)).toEqual([file])
  expect(made[file]).toContain(line)
})

test('a file that exports no up is refused, and so is a project without the library', async () => {
  const source = nodePgMigrate(folder({ '1_a.js': 'export const down = 1', '2_b.js': 'export const up = () => {}' }))
  const [first, second] = await source.list()
  if (!first || !second) throw new Error('Nothing is listed.')
  expect((await failure(source.read(first, 'up'))).message).toContain('1_a.js: exports no function up(pgm)')
  expect((await failure(source.read(second, 'up'))).message).toContain('needs the package node-pg-migrate')
})

test('its table is one of PostgreSQL', () => {
  expect(() => named([]).format?.bookkeeping('mysql')).toThrow('for PostgreSQL only')
})
