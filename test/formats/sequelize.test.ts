/** Sequelize, asked by its own command. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { sequelize } from '../../presets/sources.ts'
import { sequelizeFormat } from '../../src/source/formats/sequelize.ts'
import { memoryFolder, newFiles } from '../source/formats/memoryFolder.ts'
import { folder, write } from '../support/cli.ts'
import { failure, test } from '../support/database.ts'
import { describeWithTool, resident, toolFile, withTools } from '../support/tools.ts'
import { contract, type Oracle, ours, type Place, placeOf } from './contract.ts'
import { describeOnMysql } from './mysql.ts'
import { type Change, MYSQL_SHOP, SHOP } from './shop.ts'

/**
 * Runs the command again and again in one process, since its start takes longer than its work. All that it loads of its own is
 * loaded anew each time, so that it reads the arguments and the folder as a new process does.
 */
const START = String.raw`import { AsyncLocalStorage } from 'node:async_hooks'
import { createRequire } from 'node:module'
const require = createRequire(import.meta.url)
const { Sequelize } = require('sequelize')
const opened = []
Sequelize.addHook('afterInit', (sequelize) => opened.push(sequelize))
const program = require.resolve('sequelize-cli/lib/sequelize')
const isOwn = (file) => file.includes('/node_modules/sequelize-cli/') || !file.includes('/node_modules/')

const commands = new AsyncLocalStorage()
for (const level of ['log', 'error']) console[level] = (...texts) => commands.getStore().print(texts.join(' '))
process.exit = (code) => {
  commands.getStore().end(code)
  throw new Error('The command has ended.')
}

async function run({ args, cwd }) {
  process.chdir(cwd)
  process.argv = [process.execPath, program, ...args]
  for (const file of Object.keys(require.cache).filter(isOwn)) delete require.cache[file]
  let printed = ''
  let code
  const print = (line) => code === undefined && (printed += line + '\n')
  await new Promise((resolve) => {
    const end = (given) => {
      code ??= given
      resolve()
    }
    commands.run({ print, end }, () => require(program))
  })
  await Promise.all(opened.splice(0).map((sequelize) => sequelize.close()))
  return code === 0 ? { printed } : { error: printed }
}

// The command does not expect that the call that ends it throws.
process.on('unhandledRejection', () => undefined)
process.on('message', (command) =>
  run(command).then((answer) => process.send(answer), (error) => process.send({ error: String(error.stack) })),
)
process.send({})
`

const ask = resident(START, { env: { NODE_ENV: 'development', NO_COLOR: '1', FORCE_COLOR: '0' }, execArgv: [] })

const command = (name: string, { url, folder }: Place, more: readonly string[] = []) =>
  ask({ args: [name, '--url', url, '--migrations-path', folder, ...more], cwd: toolFile('..') })

/** Writes a change as people do for the CLI: in CommonJS, as compiled code, and in TypeScript. */
function fileOf({ title, up, down }: Change, i: number): [name: string, text: string] {
  // On MySQL, Sequelize sends one statement at a time.
  const half = (sql: string) =>
    (sql.includes('$$') ? [sql] : sql.split(/;\r?\n/).filter((one) => one.trim() !== ''))
      .map((one) => `    await queryInterface.sequelize.query(${JSON.stringify(one)})\n`)
      .join('')
  const halves = `  async up(queryInterface, Sequelize) {\n${half(up)}  },\n  async down(queryInterface, Sequelize) {\n${half(down)}  },\n`
  const name = `2024010100000${i}-${title}`
  if (i === 1) {
    const text = `Object.defineProperty(exports, '__esModule', { value: true })\nexports.default = {\n${halves}}\n`
    return [`${name}.cjs`, text]
  }
  if (i === 2) {
    const typed = halves.replaceAll('queryInterface, Sequelize)', 'queryInterface: QueryInterface): Promise<void>')
    return [`${name}.ts`, `import type { QueryInterface } from 'sequelize'\n\nexport default {\n${typed}}\n`]
  }
  return [`${name}.js`, `'use strict'\n\nmodule.exports = {\n${halves}}\n`]
}

const oracleOf = (changes: readonly Change[]): Oracle => ({
  name: 'Sequelize 6',
  packages: ['sequelize', 'sequelize-cli'],
  count: changes.length,
  files: (count) => Object.fromEntries(changes.slice(0, count).map(fileOf)),
  prepare: withTools,
  source: (path) => sequelize(path),
  up: (place) => command('db:migrate', place),
  down: (place) => command('db:migrate:undo', place),
  pending: async (place) => (await command('db:migrate:status', place)).match(/^down .*$/gm) ?? [],
  table: '"SequelizeMeta"',
  rows: 'SELECT name FROM "SequelizeMeta" ORDER BY name',
})

const oracle = oracleOf(SHOP)

contract(oracle)

describeOnMysql((ground) =>
  contract(
    { ...oracleOf(MYSQL_SHOP), table: 'SequelizeMeta', rows: 'SELECT name FROM SequelizeMeta ORDER BY name' },
    ground,
  ),
)

describeWithTool(oracle.packages, 'Sequelize and we', () => {
  const HEAD = "'use strict'\nconst { readFileSync } = require('node:fs')\nconst { join } = require('node:path')\n"

  test('the query interface, transactions of its own, and a file beside it', async ({ db, other }) => {
    const files = {
      '1-users.js': `${HEAD}
module.exports = {
  async up(queryInterface, Sequelize) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.createTable('users', {
        id: { type: Sequelize.INTEGER, primaryKey: true, autoIncrement: true },
        name: { type: Sequelize.STRING, allowNull: false },
        kind: { type: Sequelize.ENUM('a', 'b'), defaultValue: 'a' },
        tags: Sequelize.ARRAY(Sequelize.TEXT),
        createdAt: { type: Sequelize.DATE, defaultValue: Sequelize.fn('now') },
      }, { transaction })
      await queryInterface.addIndex('users', ['name'], { unique: true, transaction })
      // A query outside of the transaction, while it is open.
      await queryInterface.sequelize.query('select 1')
    })
    const undone = await queryInterface.sequelize.transaction()
    await queryInterface.bulkInsert('users', [{ name: 'undone' }], { transaction: undone })
    await undone.rollback()
    await queryInterface.bulkInsert('users', [{ name: 'kept', tags: ['x', 'y'] }])
    const [rows] = await queryInterface.sequelize.query('select tags, "createdAt" from users where name = $1', { bind: ['kept'] })
    if (!(rows[0].createdAt instanceof Date) || rows[0].tags.join() !== 'x,y') throw new Error('not as Sequelize reads')
    await queryInterface.sequelize.query(readFileSync(join(__dirname, 'more.sql'), 'utf8'))
  },
  async down(queryInterface) {
    await queryInterface.dropTable('users')
    await queryInterface.sequelize.query('drop type enum_users_kind')
  },
}
`,
      'more.sql': "insert into users (name) values ('from a file')",
      '2-index.js': `module.exports = {
  async up(queryInterface) {
    await queryInterface.addColumn('users', 'age', 'int')
    await queryInterface.addIndex('users', ['age'], { concurrently: true })
  },
  async down(queryInterface) { await queryInterface.removeColumn('users', 'age') },
}
`,
    }
    const own = { ...oracle, files: () => files }
    const place = placeOf(own, db)
    const [before] = await db.rows('SHOW TimeZone')
    expect((await (await ours(own, db, place)).up()).steps).toHaveLength(2)
    const sql = 'SELECT name, kind, age FROM users ORDER BY name'
    const second = placeOf(own, other)
    await own.up(second)
    expect(await db.rows(sql)).toEqual(await other.rows(sql))
    expect(await db.rows(sql)).toHaveLength(2)
    expect(await own.pending?.(place)).toEqual([])
    expect(await db.rows('SHOW TimeZone')).toEqual([before])
    await own.down?.(place)
    expect((await (await ours(own, db, place)).down('all')).steps).toHaveLength(1)
    expect(await db.rows(own.rows)).toEqual([])
  })

  test('a failing migration leaves nothing, and its error names the line in the TypeScript', async ({ db }) => {
    const files = {
      '1-fails.ts': `import type { QueryInterface } from 'sequelize'

export async function up(queryInterface: QueryInterface): Promise<void> {
  const name: string = 'a'
  await queryInterface.sequelize.query(\`create table \${name} (id int)\`)
  await queryInterface.removeColumn('nothing', 'name')
}
`,
    }
    const own = { ...oracle, files: () => files }
    const place = placeOf(own, db)
    const error = await failure((await ours(own, db, place)).up())
    expect(error.message).toContain('1-fails.ts:6:')
    expect(error.message).toContain('relation "public.nothing" does not exist')
    expect(await db.rows("SELECT to_regclass('a') AS a")).toEqual([{ a: null }])
    write(place.folder, '1-fails.ts', 'export async function up(q: any) { await q.sequelize.transaction() }\n')
    const open = await failure((await ours(own, db, place)).up())
    expect(open.message).toContain('It began a transaction and did not end it')
    write(place.folder, '1-fails.ts', 'export const nothing = 1\n')
    expect((await failure((await ours(own, db, place)).up())).message).toContain(
      'exports no function up(queryInterface)',
    )
  })

  const TABLES =
    "SELECT tablename, (SELECT count(*)::int FROM information_schema.columns c WHERE c.table_name = tablename) AS columns FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'SequelizeMeta' ORDER BY 1"

  test.for([
    [
      'catches the error of a statement and goes on',
      `await q.createTable('a', { id: S.INTEGER })
    await q.removeColumn('a', 'nothing').catch(() => {})
    try { await q.sequelize.query('select * from nowhere where x = $1', { bind: [1] }) } catch {}
    await q.addColumn('a', 'name', S.TEXT)`,
    ],
    [
      'catches the failure of its own transaction and goes on',
      `await q.createTable('a', { id: S.INTEGER })
    await q.sequelize.transaction(async (transaction) => {
      await q.addColumn('a', 'undone', S.TEXT, { transaction })
      await q.removeColumn('nothing', 'x', { transaction })
    }).catch(() => {})
    await q.addColumn('a', 'name', S.TEXT)`,
    ],
    [
      'sends statements at the same time, of which one fails',
      `await q.createTable('a', { id: S.INTEGER })
    await Promise.allSettled([q.addColumn('a', 'b', S.TEXT), q.removeColumn('a', 'nothing'), q.addColumn('a', 'c', S.TEXT)])`,
    ],
    [
      'adds a value to a type and uses it, in a helper',
      `await q.sequelize.query("create type kind as enum ('a')")
    await require('./lib/kinds').add(q)`,
    ],
    [
      'makes a database, by the words of the library',
      "await q.createDatabase('made_' + Date.now()).catch(() => {})\n    await q.createTable('a', { id: S.INTEGER })",
    ],
  ] as const)('one that %s has the same outcome', async ([, body], { db, other }) => {
    const files = {
      '1-it.js': `module.exports = { async up(q, S) {\n    ${body}\n  }, async down() {} }\n`,
      'lib/kinds.js': `exports.add = async (q) => {
  await q.sequelize.query("alter type kind add value 'b'")
  await q.sequelize.query("create table a as select 'b'::kind as kind")
}
`,
    }
    const own = { ...oracle, files: () => files }
    const place = placeOf(own, db)
    const uses = await (await ours(own, db, place)).up().catch((error: Error) => error)
    const second = placeOf(own, other)
    await own.up(second)
    if (uses instanceof Error) {
      // Nothing tells what a required file does; then the error says how to have it as with the CLI.
      expect(uses.message).toContain("sequelize('migrations', { transaction: false })")
      const without = { ...own, source: (path: string) => sequelize(path, { transaction: false }) }
      await (await ours(without, db, place)).up()
    }
    expect(await db.rows(TABLES)).toEqual(await other.rows(TABLES))
    expect(await db.rows(TABLES)).not.toEqual([])
    expect(await db.rows(own.rows)).toEqual(await other.rows(own.rows))
  })

  test('with transaction: false a failure leaves what it leaves with the CLI', async ({ db, other }) => {
    const files = {
      '1-good.js':
        "module.exports = { up: (q, S) => q.createTable('good', { id: S.INTEGER }), down: (q) => q.dropTable('good') }",
      '2-half.js': `module.exports = { async up(q, S) {
  await q.createTable('half', { id: S.INTEGER })
  await q.removeColumn('nothing', 'x')
}, async down() {} }`,
      '3-never.js':
        "module.exports = { up: (q, S) => q.createTable('never', { id: S.INTEGER }), down: (q) => q.dropTable('never') }",
    }
    const own: Oracle = { ...oracle, files: () => files, source: (path) => sequelize(path, { transaction: false }) }
    const place = placeOf(own, db)
    expect((await failure((await ours(own, db, place)).up())).message).toContain('2-half.js')
    await failure(Promise.resolve(own.up(placeOf(own, other))))
    expect(await db.rows(TABLES)).toEqual(await other.rows(TABLES))
    expect(await db.rows(own.rows)).toEqual([{ name: '1-good.js' }])
    expect(await other.rows(own.rows)).toEqual(await db.rows(own.rows))
  })

  test('a table with times, of another name and in a schema, is the same', async ({ db, other }) => {
    const options = {
      migrationStorageTableName: 'done',
      migrationStorageTableSchema: 'books',
      migrationTimestamps: true,
    }
    const path = folder({})
    const own: Oracle = {
      ...oracle,
      source: (from) => sequelize(from, options),
      up: async (place) => {
        const settings = { ...options, url: place.url, dialect: 'postgres' }
        write(path, 'config.json', JSON.stringify({ development: settings }))
        const args = ['db:migrate', '--config', join(path, 'config.json'), '--migrations-path', place.folder]
        await ask({ args, cwd: toolFile('..') })
      },
      rows: 'SELECT name FROM books.done ORDER BY name',
    }
    await other.rows('CREATE SCHEMA books')
    const place = placeOf(own, db)
    await (await ours(own, db, place)).up()
    await own.up(place)
    await own.up(placeOf(own, other))
    expect(await db.rows(own.rows)).toEqual(await other.rows(own.rows))
    const columns =
      "SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = 'books' ORDER BY 1"
    expect(await db.rows(columns)).toEqual(await other.rows(columns))
  })

  test('a new file is as the command makes it', async () => {
    const path = folder({})
    await command('migration:generate', { url: 'postgres://none', folder: path }, ['--name', 'add_b'])
    const [name = ''] = readdirSync(path)
    const made = newFiles(sequelizeFormat() as never, memoryFolder({}), 'add_b', new Date())
    const [[own = '', text] = []] = Object.entries(made)
    expect(own.slice(14)).toBe(name.slice(14))
    expect(text).toBe(readFileSync(join(path, name), 'utf8'))
  })
})
