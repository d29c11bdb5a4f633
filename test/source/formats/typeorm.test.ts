/** Folders with TypeORM's classes, without a database. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { typeorm } from '../../../presets/sources.ts'
import { formatOf, openFolder } from '../../../src/source/open.ts'
import { findProjectFolder } from '../../../src/source/project.ts'
import { folder } from '../../support/cli.ts'
import { failure } from '../../support/database.ts'

const classOf = (name: string, more = '') =>
  `export class ${name} {\n  ${more}\n  async up() {}\n  async down() {}\n}\n`
const listed = async (files: Readonly<Record<string, string>>) => {
  const source = typeorm(folder(files))
  const names = (await source.list()).map(({ name }) => name)
  return { source, names }
}

describe('a folder of TypeORM', () => {
  test('lists classes by the times in their names, whatever their files are called', async () => {
    const { names } = await listed({
      '1-z.ts': classOf('First1600000000001'),
      'a.ts': classOf('Third1600000000003') + classOf('Second1600000000002'),
      'b.js': 'module.exports = { Fourth1600000000004: class Fourth1600000000004 { up() {} } }',
      'c.mjs': 'export const list = [class { name = "Fifth1600000000005"; up = async () => {} }]',
      'd.cjs': '"use strict"; class Sixth1600000000006 { async up() {} }; module.exports = Sixth1600000000006',
      'types.d.ts': 'export declare class Types1600000000009 { up(): void }',
    })
    expect(names).toEqual([
      'First1600000000001',
      'Second1600000000002',
      'Third1600000000003',
      'Fourth1600000000004',
      'Fifth1600000000005',
      'Sixth1600000000006',
    ])
  })

  test('passes over helpers, subfolders and an index of the classes', async () => {
    const { source, names } = await listed({
      '1600000000001-A.ts': classOf('A1600000000001'),
      'helpers.ts': 'export class Helper { start() {} }\nexport const up = (name: string) => name\n',
      'deep/1600000000002-B.ts': classOf('B1600000000002'),
      'index.ts':
        "import { A1600000000001 } from './1600000000001-A'\nexport class Up { up() { return 1 } }\nexport const migrations = [A1600000000001]\n",
    })
    expect(names).toEqual(['A1600000000001'])
    expect(source.remarks).toEqual([expect.stringContaining('Files without a migration of TypeORM: helpers.ts')])
  })

  test('says that a new database needs the extension that TypeORM creates for generated UUIDs', async () => {
    const half = (sql: string) => `async up(q) { await q.query('${sql}') }`
    const needs = async (...halves: readonly string[]) => {
      const files = halves.map((text, i) => [`a${i}.ts`, `export class A160000000000${i} { ${text} }`])
      return (await listed(Object.fromEntries(files))).source.format?.before()
    }
    const uses = half('create table a (id uuid default uuid_generate_v4())')
    expect(await needs(half('select 1'), uses)).toEqual(['CREATE EXTENSION IF NOT EXISTS "uuid-ossp"'])
    expect(await needs(half('select gen_random_uuid()'))).toEqual([])
    expect(await needs(uses, "async up(q) { if (q.connection.options.type === 'mysql') return }")).toEqual([])
  })

  test('refuses a class without a time, and two of one name', async () => {
    const wrong = await failure(listed({ '1600000000001-A.ts': classOf('A') }))
    expect(wrong.message).toContain('the name of the class A does not end with a time of 13 digits')
    expect(wrong.message).toContain("Name it A1600000000001, or give it a property: name = 'A1600000000001'.")
    const twice = await failure(
      listed({ 'a.ts': classOf('A1600000000001'), 'b.ts': classOf('B', "name = 'A1600000000001'") }),
    )
    expect(twice.code).toBe('MIGRATEST_DUPLICATE_VERSION')
  })

  test('has bodies that stay the same until the file changes, and no transaction where the class says so', async () => {
    const { source } = await listed({
      'a.ts': classOf('A1600000000001', 'transaction = false') + classOf('B1600000000002'),
      'c.ts': 'export class C1600000000003 { async up() {} }',
    })
    const [a, b, c] = await source.list()
    if (!a || !b || !c) throw new Error('There are three.')
    expect(await source.read(a, 'up')).toBe(await source.read(a, 'up'))
    expect(await source.read(a, 'up')).toMatchObject({ kind: 'code', transaction: false })
    expect(await source.read(b, 'up')).toMatchObject({ kind: 'code', transaction: undefined })
    expect(await source.read(c, 'down')).toBeNull()
  })

  test('says which package is missing', async () => {
    const { source } = await listed({ 'a.ts': classOf('A1600000000001') })
    const [a] = await source.list()
    const body = a && (await source.read(a, 'up'))
    if (body?.kind !== 'code') throw new Error('It is code.')
    const error = await failure(Promise.resolve(body.run({ dialect: 'postgres' } as never)))
    expect(error.message).toContain('A migration of TypeORM needs')
    expect(error.code).toBe('MIGRATEST_NOT_INSTALLED')
  })

  test('is recognized by what its files implement, or by its names and its package', async () => {
    const implementing = `import { MigrationInterface } from 'typeorm'\nexport class A implements MigrationInterface {}\n`
    expect(formatOf(folder({ 'a.ts': implementing }))?.tool).toBe('TypeORM')
    const project = folder({
      'package.json': '{ "dependencies": { "typeorm": "1" } }',
      'migrations/1600000000001-A.js': 'exports.A1600000000001 = class {}',
      'ours/0001_a.ts': 'export const up = ({ sql }) => sql`select 1`',
    })
    expect(formatOf(join(project, 'migrations'))?.tool).toBe('TypeORM')
    expect(formatOf(join(project, 'ours'))).toBeUndefined()
    expect(formatOf(folder({ '1600000000001-A.js': '' }))).toBeUndefined()
  })

  test('is found by the data source that names it', () => {
    const project = folder({
      'src/data-source.ts':
        "export default new DataSource({ type: 'postgres', migrations: ['src/migrations/**/*{.ts,.js}'] })",
      'src/migrations/1600000000001-A.ts': '',
    })
    expect(findProjectFolder(project)).toEqual({ path: 'src/migrations', because: 'named in src/data-source.ts' })
  })

  test('gets the file that TypeORM itself would make', async () => {
    const path = folder({ '1600000000001-A.ts': `${classOf('A1600000000001')}// implements MigrationInterface` })
    const made = (await openFolder(path).newFiles?.('add-user_name', new Date(1600000000002)))?.contents
    expect(Object.keys(made ?? {})).toEqual(['1600000000002-add-user_name.ts'])
    expect(Object.values(made ?? {})[0]).toContain(
      'export class AddUserName1600000000002 implements MigrationInterface {',
    )
  })
})
