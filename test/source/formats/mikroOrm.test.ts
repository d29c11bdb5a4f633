/** Folders of MikroORM, without a database and without the package. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { mikroOrm } from '../../../presets/sources.ts'
import { formatOf, openFolder } from '../../../src/source/open.ts'
import { findProjectFolder } from '../../../src/source/project.ts'
import { folder } from '../../support/cli.ts'
import { failure } from '../../support/database.ts'

/** As much of MikroORM's own class as the files need. */
const BASE = `export class Migration {
  queries = []
  constructor(driver, config) { this.driver = driver; this.config = config }
  down() { throw new Error('This migration cannot be reverted') }
  isTransactional() { return true }
  addSql(sql) { this.queries.push(sql) }
  getQueries() { return this.queries }
  execute(sql) { return this.driver.execute(sql) }
}
export class OldMigration extends Migration { getKnex() {} }
`
const classOf = (body: string, base = 'Migration') =>
  `import { ${base} } from './base/index.mjs'\n\nexport class Some extends ${base} {\n${body}\n}\n`

async function bodies(text: string) {
  const source = mikroOrm(folder({ 'Migration20240101000000.ts': text, 'base/index.mjs': BASE }))
  const [migration] = await source.list()
  if (!migration) throw new Error('There is one.')
  return { up: await source.read(migration, 'up'), down: await source.read(migration, 'down'), source, migration }
}

describe('a folder of MikroORM', () => {
  test('lists the files that MikroORM runs, by their names without an ending', async () => {
    const names = ['Migration20240101000000.ts', 'Migration20240101000000_b.js', 'other.cjs']
    const others = ['.snapshot-shop.json', 'Migration1.d.ts', 'Migration1.mts', '.hidden.ts', 'deep/Migration2.ts']
    const source = mikroOrm(folder(Object.fromEntries([...names, ...others].map((name) => [name, '']))))
    const listed = await source.list()
    expect(listed.map(({ name }) => name)).toEqual([
      'Migration20240101000000',
      'Migration20240101000000_b',
      'other.cjs',
    ])
    expect(listed[0]?.number).toBe(20240101000000)
  })

  test('has SQL with the places of the file where the class only collects texts', async () => {
    const text = classOf(
      "  up() {\n    this.addSql(`create table a (\n      id int\n    )`)\n    this.addSql('select 1')\n  }\n  async down() { this.addSql(`drop table a;`) }",
    )
    const { up, down, source, migration } = await bodies(text)
    if (up?.kind !== 'sql' || down?.kind !== 'sql') throw new Error('Both are SQL.')
    expect(up.text).toHaveLength(text.length)
    expect(up.text.indexOf('create table')).toBe(text.indexOf('create table'))
    expect(up.text.replace(/\s+/g, ' ').trim()).toBe('create table a ( id int ); select 1;')
    expect(down.text.trim()).toBe('drop table a;;')
    expect(await source.read(migration, 'up')).toBe(up)
  })

  test.each([
    ['are put together', 'this.addSql(`select $' + '{1 + 1}`)'],
    ['end with a comment', 'this.addSql(`select 1 -- one`)'],
    ['are not in the order of the file', "const last = 'select 2'\nthis.addSql('select 1')\nthis.addSql(last)"],
    ['have escapes', "this.addSql('select \\'a\\'')"],
  ])('has code that sends the texts one by one where they %s', async (_, line) => {
    const { up } = await bodies(classOf(`  up() {\n${line}\n  }`))
    if (up?.kind !== 'code') throw new Error('It is code.')
    const sent: string[] = []
    const sql = async (text: string) => void sent.push(text)
    await up.run({ dialect: 'postgres', sql } as never)
    expect(sent.length).toBeGreaterThan(0)
  })

  test('has no transaction where the class says so, and no way back where it has no down', async () => {
    const alone = await bodies(classOf("  up() { this.addSql('vacuum') }\n  isTransactional() { return false }"))
    expect(alone.up).toMatchObject({ kind: 'sql', rules: { transaction: 'none' } })
    expect(alone.down).toMatchObject({ kind: 'sql', text: expect.stringContaining('-- migrate: irreversible') })
    const code = await bodies(
      classOf("  async up() { await this.execute('vacuum') }\n  isTransactional() { return false }"),
    )
    expect(code.up).toMatchObject({ kind: 'code', transaction: false })
  })

  test('says which version can take our connection, and which package is missing', async () => {
    const half = "  async up() { await this.execute('select 1') }"
    const messageOf = async (base: string) => {
      const { up } = await bodies(classOf(half, base))
      if (up?.kind !== 'code') throw new Error('It is code.')
      return (await failure(Promise.resolve(up.run({ dialect: 'postgres' } as never)))).message
    }
    expect(await messageOf('OldMigration')).toContain('which versions before 7 cannot take from us')
    expect(await messageOf('Migration')).toContain('A migration of MikroORM that uses a connection needs')
  })

  test('throws what the migration throws', async () => {
    const { down } = await bodies(classOf("  up() {}\n  down() { throw new Error('the old names are gone') }"))
    if (down?.kind !== 'code') throw new Error('It is code.')
    expect(() => down.run({} as never)).toThrow('the old names are gone')
  })

  test('is recognized by its package', () => {
    const importing = "import { Migration } from '@mikro-orm/migrations'\n"
    expect(formatOf(folder({ 'Migration20240101000000.ts': importing }))?.tool).toBe('MikroORM')
    const project = folder({
      'package.json': '{ "dependencies": { "@mikro-orm/migrations": "7" } }',
      'migrations/Migration20240101000000.js': '',
    })
    expect(formatOf(join(project, 'migrations'))?.tool).toBe('MikroORM')
    expect(formatOf(folder({ 'Migration20240101000000.js': '' }))).toBeUndefined()
  })

  test('is found by its configuration, the TypeScript files first', () => {
    const project = folder({
      'mikro-orm.config.ts': "export default { migrations: { path: './dist/migrations', pathTs: './src/migrations' } }",
      'src/migrations/Migration20240101000000.ts': '',
      'dist/migrations/Migration20240101000000.js': '',
    })
    expect(findProjectFolder(project)).toEqual({ path: 'src/migrations', because: 'named in mikro-orm.config.ts' })
  })

  test('gets the file that MikroORM itself would make', async () => {
    const path = folder({ 'Migration20240101000000.ts': "import { Migration } from '@mikro-orm/migrations'\n" })
    const made = (await openFolder(path).newFiles?.('add-b', new Date('2026-11-27T08:30:05Z')))?.contents
    expect(Object.keys(made ?? {})).toEqual(['Migration20261127083005_add_b.ts'])
    expect(Object.values(made ?? {})[0]).toContain('export class Migration20261127083005_add_b extends Migration {')
  })
})
