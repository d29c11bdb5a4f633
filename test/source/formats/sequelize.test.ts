/** Folders of the Sequelize CLI, without a database. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sequelize } from '../../../presets/sources.ts'
import { formatOf, openFolder } from '../../../src/source/open.ts'
import { findProjectFolder } from '../../../src/source/project.ts'
import { folder } from '../../support/cli.ts'
import { failure } from '../../support/database.ts'

const FILE = 'module.exports = { async up(queryInterface) {}, async down(queryInterface) {} }\n'

describe('a folder of Sequelize', () => {
  test('lists the files that the CLI runs, by their whole names', async () => {
    const names = ['10-b.js', '9-a.ts', '9-b.cjs', '9-c.cts']
    const others = ['9-d.mjs', '9-e.d.ts', 'readme.md', 'deep/1-a.js']
    const source = sequelize(folder(Object.fromEntries([...names, ...others].map((name) => [name, FILE]))))
    expect((await source.list()).map(({ name }) => name)).toEqual(names)
    expect(source.format?.missing).toBe('ignore')
  })

  test('has bodies that stay the same until the file changes, and no transaction where there can be none', async () => {
    const source = sequelize(
      folder({
        '1-a.js': FILE,
        '2-b.js': FILE.replace('{}', "{ await queryInterface.addIndex('a', ['b'], { concurrently: true }) }"),
        '3-c.ts': 'export const up = async (queryInterface: any) => {}',
      }),
    )
    const [a, b, c] = await source.list()
    if (!a || !b || !c) throw new Error('There are three.')
    expect(await source.read(a, 'up')).toBe(await source.read(a, 'up'))
    expect(await source.read(a, 'up')).toMatchObject({ kind: 'code', transaction: undefined })
    expect(await source.read(b, 'up')).toMatchObject({ kind: 'code', transaction: false })
    expect(await source.read(c, 'down')).toBeNull()
  })

  test('says which file is no migration, and which package is missing', async () => {
    const source = sequelize(folder({ '1-a.js': FILE, '2-b.js': 'module.exports = {}' }))
    const [a, b] = await source.list()
    if (!a || !b) throw new Error('There are two.')
    expect((await failure(source.read(b, 'up'))).message).toContain(
      '2-b.js: exports no function up(queryInterface), as a migration of Sequelize does.',
    )
    const body = await source.read(a, 'up')
    if (body?.kind !== 'code') throw new Error('It is code.')
    const error = await failure(Promise.resolve(body.run({ dialect: 'postgres' } as never)))
    expect(error.message).toContain('A migration of Sequelize needs')
  })

  test('is recognized by what its files use, together with its package or its configuration', () => {
    const files = { 'migrations/20240101000000-a.js': FILE }
    const dependency = { 'package.json': '{ "dependencies": { "sequelize": "6" } }' }
    const inProject = (more: Record<string, string>) => formatOf(join(folder({ ...files, ...more }), 'migrations'))
    expect(inProject(dependency)?.tool).toBe('Sequelize')
    expect(inProject({ '.sequelizerc': '' })?.tool).toBe('Sequelize')
    expect(inProject({})).toBeUndefined()
    const umzug = 'exports.up = async ({ context: queryInterface }) => {}'
    expect(inProject({ ...dependency, 'migrations/20240101000000-a.js': umzug })).toMatchObject({ tool: 'umzug' })
    const skeleton = { '1-a.js': `/** @type {import('sequelize-cli').Migration} */\n${FILE}` }
    expect(formatOf(folder(skeleton))?.tool).toBe('Sequelize')
  })

  test.each([
    ["module.exports = { 'migrations-path': path.resolve(__dirname, 'db', 'migrations') }", 'db/migrations'],
    ["module.exports = { 'migrations-path': './db/migrations' }", 'db/migrations'],
    ["module.exports = { 'config': 'config.js' }", 'migrations'],
  ])('is found by %s', (text, path) => {
    const project = folder({ '.sequelizerc': text, 'db/migrations/1-a.js': FILE, 'migrations/1-a.js': FILE })
    expect(findProjectFolder(project)).toEqual({ path, because: 'named in .sequelizerc' })
  })

  test('gets a new file with the time in its name', async () => {
    const path = folder({ '1-a.js': `/** @type {import('sequelize-cli').Migration} */\n${FILE}` })
    const made = (await openFolder(path).newFiles?.('b', new Date('2026-11-27T08:30:05Z')))?.contents
    expect(Object.keys(made ?? {})).toEqual(['20261127083005-b.js'])
  })
})
