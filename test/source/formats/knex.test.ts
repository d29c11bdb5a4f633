import { describe, expect, test } from 'vitest'
import { knex } from '../../../presets/sources.ts'
import type { Migration } from '../../../src/migrate/source.ts'
import { sourceOfFormat } from '../../../src/source/formats/format.ts'
import { type KnexOptions, knexFormat } from '../../../src/source/formats/knex.ts'
import { folder } from '../../support/cli.ts'
import { failure } from '../../support/database.ts'
import { memoryFolder } from './memoryFolder.ts'

const sourceOf = (names: readonly string[], options?: KnexOptions) =>
  sourceOfFormat(knexFormat(options), memoryFolder(Object.fromEntries(names.map((name) => [name, '']))))

const migration = (name: string): Migration => ({ version: 0.5, name })

describe('a folder of Knex', () => {
  test('lists the files of its top that have an ending of Knex, in the order of their names', async () => {
    const source = sourceOf(['b.js', 'a.ts', 'B.cjs', 'a.d.ts', 'sub/c.ts', 'x.sql', 'README.md'])
    expect((await source.list()).map(({ name }) => name)).toEqual(['B.cjs', 'a.ts', 'b.js'])
    expect(source.remarks).toEqual([])
  })

  test('names files whose endings Knex does not load, unless it is told to', async () => {
    const source = sourceOf(['1_a.mjs', '2_b.mts', '3_c.ts'])
    expect(await source.list()).toHaveLength(1)
    expect(source.remarks).toEqual([
      'migrations has files that Knex does not load because of their endings: 1_a.mjs, 2_b.mts.',
    ])
    expect(await sourceOf(['1_a.mjs', '3_c.ts'], { loadExtensions: ['.mjs'] }).list()).toHaveLength(1)
  })

  test('refuses a source beside the file that it was compiled to', async () => {
    expect((await failure(sourceOf(['1_a.ts', '1_a.js']).list())).message).toContain('1_a.js')
  })

  test.each([
    ['no down', 'exports.up = () => {}', /1_a\.cjs: exports no function down\(knex\)/],
    ['no up', 'exports.down = () => {}', /1_a\.cjs: exports no function up\(knex\)/],
  ])('refuses a file with %s, as Knex does', async (_, text, message) => {
    const source = knex(folder({ '1_a.cjs': text }))
    await source.list()
    expect((await failure(source.read(migration('1_a.cjs'), 'up'))).message).toMatch(message)
  })

  test('refuses a language that cannot be loaded', async () => {
    const source = sourceOf(['1_a.coffee'])
    expect((await failure(source.read(migration('1_a.coffee'), 'up'))).message).toContain('cannot be loaded here')
  })

  test.each<[text: string, options: KnexOptions, transaction: boolean]>([
    ['', {}, true],
    ['exports.config = { transaction: false }', {}, false],
    ['', { disableTransactions: true }, false],
    ['exports.config = { transaction: true }', { disableTransactions: true }, true],
  ])('with "%s" and %o runs in a transaction: %s', async (text, options, transaction) => {
    const source = knex(folder({ '1_a.cjs': `exports.up = exports.down = () => {}\n${text}` }), options)
    await source.list()
    expect(await source.read(migration('1_a.cjs'), 'up')).toMatchObject({ kind: 'code', transaction })
  })

  test('says so if the project has no Knex', async () => {
    const source = knex(folder({ '1_a.cjs': 'exports.up = exports.down = () => {}' }))
    await source.list()
    const body = await source.read(migration('1_a.cjs'), 'up')
    const context = { client: {}, dialect: 'postgres', sql: async () => [], log: () => undefined } as const
    const run = body?.kind === 'code' ? body.run({ ...context, signal: new AbortController().signal }) : undefined
    expect((await failure(run as Promise<unknown>)).message).toContain(
      'A migration of Knex needs the package knex, which is not installed',
    )
  })
})

describe('its rows', () => {
  const books = async (names: readonly string[], options?: KnexOptions) => {
    const source = sourceOf(names, options)
    await source.list()
    const made = source.format?.bookkeeping('postgres')
    if (!made) throw new Error('No bookkeeping.')
    return made
  }

  test('have the number of the run', async () => {
    const made = await books(['1_a.ts', '2_b.ts'])
    made.rows([{ name: '1_a.ts', batch: 4, migration_time: new Date() }])
    expect(await made.record(migration('2_b.ts'))).toEqual([
      `INSERT INTO "knex_migrations" (name, batch, migration_time) VALUES ('2_b.ts', 5, CURRENT_TIMESTAMP)`,
    ])
  })

  test('are found whatever their ending, and removed as they are', async () => {
    const made = await books(['1_a.ts', '2_b.ts'])
    expect(made.rows([{ name: '1_a.js', batch: 1, migration_time: null }])).toEqual([
      { identity: '1_a', state: 'applied', appliedAt: null },
    ])
    expect(made.forget('1_a')).toEqual([`DELETE FROM "knex_migrations" WHERE name = '1_a.js'`])
    expect((await made.record(migration('2_b.ts')))[0]).toContain(`'2_b.js'`)
  })

  test('have the names that the user says', async () => {
    const made = await books(['1_a.ts'], { name: (file) => `built/${file}`, tableName: 'done', schemaName: 'tools' })
    expect((await made.record(migration('1_a.ts')))[0]).toContain(
      `INTO "tools"."done" (name, batch, migration_time) VALUES ('built/1_a.ts', 1`,
    )
  })
})

test.each([
  [[], '20260102030405_add_users.ts', 'import type { Knex } from "knex";'],
  [['1_a.js'], '20260102030405_add_users.js', 'exports.up = function(knex) {'],
  [['1_a.ts'], '20260102030405_add_users.ts', 'export async function up(knex: Knex): Promise<void> {'],
])('a new migration beside %s is %s', (names, file, line) => {
  const entries = names.map((up) => ({ name: up, up, data: undefined }))
  const now = new Date('2026-01-02T03:04:05Z')
  const made = knexFormat().create('add_users', { folder: memoryFolder({}), entries, now })
  expect(Object.keys(made)).toEqual([file])
  expect(made[file]).toContain(line)
})
