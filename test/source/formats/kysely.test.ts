import { describe, expect, test } from 'vitest'
import { kysely } from '../../../presets/sources.ts'
import { sourceOfFormat } from '../../../src/source/formats/format.ts'
import { type KyselyOptions, kyselyFormat } from '../../../src/source/formats/kysely.ts'
import { folder } from '../../support/cli.ts'
import { failure } from '../../support/database.ts'
import { memoryFolder } from './memoryFolder.ts'

const UP = 'export async function up(db) {}'

const sourceOf = (files: Readonly<Record<string, string>>, options?: KyselyOptions) =>
  sourceOfFormat(kyselyFormat(options), memoryFolder(files))

describe('a folder of Kysely', () => {
  test('lists the files of its top without their endings, in the order of the names', async () => {
    const files = ['b.js', 'a.ts', 'B.cjs', '2_a.mts', 'a.d.ts', 'sub/c.ts', 'x.sql']
    const source = sourceOf(Object.fromEntries(files.map((name) => [name, UP])))
    expect((await source.list()).map(({ name }) => name)).toEqual(['2_a', 'B', 'a', 'b'])
  })

  test('has no migrations in files without up, and says so', async () => {
    const source = sourceOf({
      '1_a.ts': UP,
      'columns.ts': 'export const a = 1',
      'again.ts': "export * from './1_a.js'",
    })
    expect((await source.list()).map(({ name }) => name)).toEqual(['1_a', 'again'])
    expect(source.remarks).toEqual(['migrations has files without up, so Kysely ignores them: columns.ts.'])
  })

  test('a list of the others by name, and a class that makes migrations, are none', async () => {
    const source = sourceOf({
      '1_a.ts': UP,
      'index.ts': "export * as _1 from './1_a.js'",
      'provider.ts': `export class Provider {
  async getMigrations() {
    return { a: { up: async (db) => this.migrations.a.up(db, this.context) } }
  }
}
export interface Contextual { up(db: unknown, context: unknown): Promise<void> }
`,
      'named.ts': 'const up = async (db) => {}\nexport { up }',
      'whole.ts': 'module.exports = { up: async (db) => {} }',
    })
    expect((await source.list()).map(({ name }) => name)).toEqual(['1_a', 'named', 'whole'])
  })

  test.each<[text: string, down: boolean]>([
    [UP, false],
    [`${UP}\nexport async function down(db) {}`, true],
    ['export default { async up(db) {}, async down(db) {} }', true],
    [`export const up = 1\nexport default { async up(db) {} }`, false],
  ])('reads "%s"', async (text, down) => {
    const source = kysely(folder({ '1_a.ts': text }))
    const [first] = await source.list()
    if (!first) throw new Error('Nothing is listed.')
    expect(await source.read(first, 'up')).toMatchObject({ kind: 'code', transaction: undefined })
    expect((await source.read(first, 'down')) !== null).toBe(down)
  })

  test('refuses a file with something else', async () => {
    const source = kysely(folder({ '1_a.ts': 'export const up = 1' }))
    const [first] = await source.list()
    if (!first) throw new Error('Nothing is listed.')
    expect((await failure(source.read(first, 'up'))).message).toContain('1_a.ts: exports no function up(db)')
  })

  test.each([
    [undefined, 'error'],
    [true, 'apply'],
  ])('with allowUnorderedMigrations %s: an older migration that is not applied is "%s"', (option, expected) => {
    expect(sourceOf({}, { allowUnorderedMigrations: option }).format?.outOfOrder).toBe(expected)
  })
})

test('a row of Kysely has a time above all others', async () => {
  const source = sourceOf({ '1_a.ts': UP, '2_b.ts': UP })
  await source.list()
  const books = source.format?.bookkeeping('postgres')
  const later = new Date(Date.now() + 60_000).toISOString()
  expect(books?.rows([{ name: '1_a', timestamp: later }])).toEqual([
    { identity: '1_a', state: 'applied', appliedAt: new Date(later) },
  ])
  const [insert] = (await books?.record({ version: 1.5, name: '2_b' })) ?? []
  expect(insert).toContain(`('2_b', '${new Date(new Date(later).getTime() + 1).toISOString()}')`)
})
