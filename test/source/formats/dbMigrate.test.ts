/** Folders of db-migrate, without a database. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { dbMigrate } from '../../../presets/sources.ts'
import { formatOf, openFolder } from '../../../src/source/open.ts'
import { findProjectFolder } from '../../../src/source/project.ts'
import { folder } from '../../support/cli.ts'
import { failure } from '../../support/database.ts'

const FILE = 'exports.up = async (db) => {}\nexports.down = async (db) => {}\n'
const NAME = '20240101000000-a'

const loaderOf = (name: string, call = 'db.runSql(data)') => `'use strict'
const fs = require('fs')
const path = require('node:path')
exports.up = (db) => { const data = fs.readFileSync(path.join(__dirname, 'sqls', '${name}-up.sql'), 'utf8'); return ${call} }
exports.down = (db) => { const data = fs.readFileSync(path.join(__dirname, 'sqls', '${name}-down.sql'), 'utf8'); return ${call} }
`

const read = async (files: Readonly<Record<string, string>>, direction: 'up' | 'down' = 'up') => {
  const source = dbMigrate(folder(files))
  const [first] = await source.list()
  if (!first) throw new Error('There is one.')
  return source.read(first, direction)
}

describe('a folder of db-migrate', () => {
  test('lists files by the part of their names that db-migrate records, and names those that it refuses', async () => {
    const names = ['20240101000001-b.js', '20240101000000-a.old.js', '20240101000002-c.ts']
    const others = ['helper.js', '20240101000003-d.d.ts', 'shop/20240101000004-e.js', 'sqls/20240101000000-a-up.sql']
    const source = dbMigrate(folder(Object.fromEntries([...names, ...others].map((name) => [name, FILE]))))
    expect((await source.list()).map(({ name }) => name)).toEqual([
      '20240101000000-a',
      '20240101000001-b',
      '20240101000002-c',
    ])
    expect(source.remarks).toEqual([expect.stringContaining('so db-migrate refuses the folder: helper.js.')])
  })

  test('a file that only runs its files of SQL is SQL', async () => {
    const files = {
      [`${NAME}.js`]: loaderOf(NAME),
      [`sqls/${NAME}-up.sql`]: 'CREATE TABLE a (id int);\n',
      [`sqls/${NAME}-down.sql`]: 'DROP TABLE a;\n',
    }
    expect(await read(files)).toMatchObject({ kind: 'sql', text: 'CREATE TABLE a (id int);\n' })
    expect(await read(files, 'down')).toMatchObject({ kind: 'sql', text: 'DROP TABLE a;\n' })
  })

  test.each([
    ['that runs another statement, too', loaderOf(NAME, "db.runSql(data).then(() => db.runSql('SELECT 1'))")],
    ['that changes the text', loaderOf(NAME, "db.runSql(data.replace('a', 'b'))")],
    ['that asks for something else', `const { x } = require('./x')\n${loaderOf(NAME)}`],
    ['that loads the files of another migration', loaderOf('20230101000000-z')],
  ])('a file %s is code', async (_, text) => {
    const files = { [`${NAME}.js`]: text, [`sqls/${NAME}-up.sql`]: '', [`sqls/${NAME}-down.sql`]: '', 'x.js': '' }
    expect(await read(files)).toMatchObject({ kind: 'code' })
  })

  test('without a down it cannot be undone, as with db-migrate', async () => {
    const body = await read({ [`${NAME}.js`]: 'exports.up = async (db) => {}\n' }, 'down')
    expect(body?.text).toContain('irreversible the file exports no function down')
  })

  test('says which file is no migration, and which package is missing', async () => {
    expect((await failure(read({ [`${NAME}.js`]: 'module.exports = {}' }))).message).toContain(
      `${NAME}.js: exports no function up(db), as a migration of db-migrate does.`,
    )
    const body = await read({ [`${NAME}.js`]: FILE })
    if (body?.kind !== 'code') throw new Error('It is code.')
    const error = await failure(Promise.resolve(body.run({ dialect: 'postgres' } as never)))
    expect(error.message).toContain('A migration of db-migrate needs the package db-migrate')
  })

  test('is recognized by its setup, or by its names, its parameter and the package', () => {
    const files = { [`migrations/${NAME}.js`]: FILE }
    const inProject = (more: Record<string, string>) => formatOf(join(folder({ ...files, ...more }), 'migrations'))
    expect(inProject({ 'package.json': '{ "devDependencies": { "db-migrate": "0.11" } }' })?.tool).toBe('db-migrate')
    expect(inProject({})).toBeUndefined()
    const setup = `exports.setup = (options) => { dbm = options.dbmigrate }\n${FILE}`
    expect(formatOf(folder({ [`${NAME}.js`]: setup }))?.tool).toBe('db-migrate')
  })

  test('is found by its configuration', () => {
    const files = { 'package.json': '{ "dependencies": { "db-migrate": "0.11" } }', 'database.json': '{}' }
    const project = folder({ ...files, 'migrations/a.js': FILE, 'db/m/a.js': FILE })
    expect(findProjectFolder(project)).toEqual({ path: 'migrations', because: 'usual with database.json' })
    const named = folder({ ...files, '.db-migraterc': '{ "migrations-dir": "db/m" }', 'db/m/a.js': FILE })
    expect(findProjectFolder(named)).toEqual({ path: 'db/m', because: 'named in .db-migraterc' })
  })

  test('the versions of db-migrate and of its drivers decide what a migration does', async () => {
    const keyAt = async (versions: Readonly<Record<string, string>>) => {
      const packages = Object.entries(versions).flatMap(([name, version]) => [
        [`node_modules/${name}/package.json`, JSON.stringify({ name, version })],
        [`node_modules/${name}/index.js`, ''],
      ])
      const source = dbMigrate(folder({ ...Object.fromEntries(packages), [`${NAME}.js`]: FILE }))
      const [first] = await source.list()
      const key = first && (await source.codeKey?.(first))
      return key && 'hash' in key ? key.hash : key?.because
    }
    const key = await keyAt({ 'db-migrate': '1.0.0', 'db-migrate-pg': '1.0.0' })
    expect(key).toMatch(/^[0-9a-f]{32}/)
    expect(await keyAt({ 'db-migrate': '1.0.0', 'db-migrate-pg': '1.0.0' })).toEqual(key)
    expect(await keyAt({ 'db-migrate': '1.0.1', 'db-migrate-pg': '1.0.0' })).not.toEqual(key)
    expect(await keyAt({ 'db-migrate': '1.0.0', 'db-migrate-pg': '1.0.1' })).not.toEqual(key)
    expect(await keyAt({ 'db-migrate-pg': '1.0.0' })).toBe('the package "db-migrate" is not installed')
  })

  test('gets a new file like those before it', async () => {
    const setup = `exports.setup = (options) => { dbm = options.dbmigrate }\n${FILE}`
    const now = new Date('2026-11-27T08:30:05Z')
    const made = await openFolder(folder({ [`${NAME}.js`]: setup })).newFiles?.('add_users', now)
    expect(Object.keys(made?.contents ?? {})).toEqual(['20261127083005-add-users.js'])
    const path = folder({ [`${NAME}.js`]: `${setup}\n${loaderOf(NAME)}`, [`sqls/${NAME}-up.sql`]: '' })
    const { contents = {} } = (await openFolder(path).newFiles?.('add_users', now)) ?? {}
    expect(Object.keys(contents)).toEqual([
      '20261127083005-add-users.js',
      'sqls/20261127083005-add-users-up.sql',
      'sqls/20261127083005-add-users-down.sql',
    ])
    expect(await read(contents)).toMatchObject({ kind: 'sql' })
  })
})
