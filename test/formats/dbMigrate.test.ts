/** db-migrate, asked by its own command. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { dbMigrate } from '../../presets/sources.ts'
import { folder, write } from '../support/cli.ts'
import { failure, test } from '../support/database.ts'
import { describeWithTool, resident, toolFile, withTools } from '../support/tools.ts'
import { contract, type Oracle, ours, type Place, placeOf } from './contract.ts'
import { describeOnMysql } from './mysql.ts'
import { type Change, MYSQL_SHOP, SHOP } from './shop.ts'

/**
 * Runs the command again and again in one process, since its start takes longer than its work. All that it loads of its own is
 * loaded anew each time, so that it reads the arguments, the environment and the folder as a new process does.
 */
const START = String.raw`import { createRequire } from 'node:module'
import { format } from 'node:util'
const require = createRequire(import.meta.url)
const program = require.resolve('db-migrate/bin/db-migrate')
const whenDone = require.resolve('db-migrate/lib/commands/on-complete.js')
const isOwn = (file) => /node_modules.(db-migrate[^/\\]*|yargs)[/\\]/.test(file) || !file.includes('node_modules')

let printed = ''
for (const level of ['log', 'info', 'warn', 'error']) console[level] = (...texts) => (printed += format(...texts) + '\n')
const exit = process.exit

function run({ args, cwd, env }) {
  process.chdir(cwd)
  process.argv = [process.execPath, program, ...args]
  delete process.env.DATABASE_URL
  Object.assign(process.env, env)
  for (const file of Object.keys(require.cache).filter(isOwn)) delete require.cache[file]
  for (const event of ['uncaughtException', 'unhandledRejection']) process.removeAllListeners(event)
  printed = ''
  // It exits where it cannot go on. What it has opened then is closed with the process; the next command begins another.
  process.exit = (code) => process.send(code === 0 ? { printed } : { error: printed }, () => exit(code))
  const close = require(whenDone)
  require.cache[whenDone].exports = (migrator, internals, _, error, results) =>
    close(migrator, internals, (failure) => process.send(failure ? { error: printed + failure.stack } : { printed }), error, results)
  require(program)
}

process.on('message', run)
process.send({})
`

const ask = resident(START, { env: {}, execArgv: [] })

async function command({ url, folder }: Place, args: readonly string[]): Promise<string> {
  const env = { DATABASE_URL: url.startsWith('mysql') ? `${url}?multipleStatements=true` : url }
  const printed = await ask({ args: [...args, '--migrations-dir', folder], cwd: toolFile('..'), env })
  if (/\[ERROR\]/.test(printed)) throw new Error(printed)
  return printed
}

/** The file that `db-migrate create --sql-file` writes: the loading is the same in all files. */
const loader = (name: string) => {
  const half = (direction: string) => `exports.${direction} = function (db) {
  var filePath = path.join(__dirname, 'sqls', '${name}-${direction}.sql');
  return new Promise(function (resolve, reject) {
    fs.readFile(filePath, { encoding: 'utf-8' }, function (err, data) {
      if (err) return reject(err);
      console.log('received data: ' + data);
      resolve(data);
    });
  }).then(function (data) {
    return db.runSql(data);
  });
};
`
  return `'use strict';
var fs = require('fs');
var path = require('path');
var Promise;
/** Comments may name db.other() without being code. */
exports.setup = function (options) {
  Promise = options.Promise;
};
${half('up')}${half('down')}exports._meta = { version: 1 };
`
}

/** Writes a change as people do: with files of SQL, with promises, and with callbacks. */
function filesOf({ title, up, down }: Change, i: number): [path: string, text: string][] {
  const name = `2024010100000${i}-${title}`
  if (i % 3 === 0) {
    return [
      [`${name}.js`, loader(name)],
      [`sqls/${name}-up.sql`, up],
      [`sqls/${name}-down.sql`, down],
    ]
  }
  const half = (direction: string, sql: string) =>
    i % 3 === 1
      ? `exports.${direction} = function (db) {\n  return db.runSql(${JSON.stringify(sql)}).then(() => null)\n}\n`
      : `exports.${direction} = function (db, callback) {\n  db.runSql(${JSON.stringify(sql)}, callback)\n}\n`
  return [[`${name}.js`, `'use strict'\n${half('up', up)}${half('down', down)}`]]
}

const oracleOf = (changes: readonly Change[]): Oracle => ({
  name: 'db-migrate',
  packages: ['db-migrate', 'db-migrate-pg', 'db-migrate-mysql'],
  count: changes.length,
  files: (count) => Object.fromEntries(changes.slice(0, count).flatMap(filesOf)),
  prepare: withTools,
  source: (path) => dbMigrate(path),
  up: (place) => command(place, ['up']),
  down: (place) => command(place, ['down']),
  pending: async (place) => (await command(place, ['check'])).match(/\b\d{14}-[\w-]+/g) ?? [],
  failing: [
    '20990101000000-fails.js',
    "exports.up = async (db) => { await db.runSql('create table half_done (id int)'); await db.runSql('insert into nowhere values (1)') }\nexports.down = async () => null",
  ],
  table: 'migrations',
  rows: 'SELECT name FROM migrations ORDER BY name',
})

// Its transaction is around every migration, so none can make an index concurrently.
const oracle = oracleOf(SHOP.filter(({ isAlone }) => !isAlone))

contract(oracle)

describeOnMysql((ground) => contract(oracleOf(MYSQL_SHOP), ground))

describeWithTool(oracle.packages, 'db-migrate and we', () => {
  test('its builder, its promises and its data types', async ({ db, other }) => {
    const files = {
      '20240101000000-users.js': `'use strict'
let type, Bluebird
exports.setup = (options, seedLink) => { type = options.dbmigrate.dataType; Bluebird = options.Promise }
exports.up = async (db) => {
  await db.createTable('users', {
    columns: {
      id: { type: type.INTEGER, primaryKey: true, autoIncrement: true },
      name: { type: 'string', length: 50, notNull: true, unique: true },
      at: { type: 'timestamp', timezone: true, defaultValue: new String('now()') },
    },
    ifNotExists: true,
  })
  await Bluebird.each(['Ada', 'Grace'], (name) => db.insert('users', ['name'], [name]))
  const rows = await db.runSql('SELECT name FROM users WHERE name = ?', ['Ada'])
  if (rows.rows[0].name !== 'Ada') throw new Error('not as db-migrate reads')
}
exports.down = (db) => db.dropTable('users')
`,
      '20240101000001-posts.js': `exports.up = function (db, callback) {
  db.createTable('posts', { id: { type: 'int', primaryKey: true }, user: {
    type: 'int',
    foreignKey: { name: 'posts_user', table: 'users', mapping: 'id', rules: { onDelete: 'CASCADE' } },
  } }, (error) => error ? callback(error) : db.addIndex('posts', 'posts_user_index', ['user'], callback))
}
exports.down = function (db, callback) { db.dropTable('posts', callback) }
`,
    }
    const own = { ...oracle, files: () => files }
    const place = placeOf(own, db)
    expect((await (await ours(own, db, place)).up()).steps).toHaveLength(2)
    await own.up(placeOf(own, other))
    const sql = 'SELECT name FROM users ORDER BY name'
    expect(await db.rows(sql)).toEqual([{ name: 'Ada' }, { name: 'Grace' }])
    expect(await db.rows(sql)).toEqual(await other.rows(sql))
    const indexes = "SELECT indexdef FROM pg_indexes WHERE tablename IN ('users', 'posts') ORDER BY 1"
    expect(await db.rows(indexes)).toEqual(await other.rows(indexes))
    expect(await own.pending?.(place)).toEqual([])
    expect((await (await ours(own, db, place)).down('all')).steps).toHaveLength(2)
  })

  test('a schema and a scope', async ({ db, other }) => {
    await db.rows('CREATE SCHEMA app')
    await other.rows('CREATE SCHEMA app')
    const options = { schema: 'app', scope: 'shop', migrationTable: 'done' }
    const root = withTools(folder({ 'database.json': '' }))
    mkdirSync(join(root, 'shop'))
    write(join(root, 'shop'), '20240101000000-a.js', "exports.up = (db) => db.runSql('CREATE TABLE a (id int)')")
    const own: Oracle = {
      ...oracle,
      source: () => dbMigrate(join(root, 'shop'), options),
      async up({ url }) {
        const { hostname, port, username, password, pathname } = new URL(url)
        const connection = { host: hostname, port, user: username, password, database: pathname.slice(1) }
        write(root, 'database.json', JSON.stringify({ dev: { driver: 'pg', schema: 'app', ...connection } }))
        const args = ['up:shop', '--config', join(root, 'database.json'), '--migration-table', 'done']
        await ask({ args: [...args, '--migrations-dir', root], cwd: root, env: {} })
      },
    }
    await own.up({ url: other.url, folder: root })
    await (await ours(own, db, { url: db.url, folder: root })).up()
    const sql = 'SELECT name FROM app.done'
    expect(await db.rows(sql)).toEqual(await other.rows(sql))
    expect(await db.rows(sql)).toHaveLength(1)
    expect(await db.rows("SELECT to_regclass('app.a') IS NOT NULL AS there")).toEqual([{ there: true }])
    await own.up({ url: db.url, folder: root })
    expect((await (await ours(own, other, { url: other.url, folder: root })).up()).steps).toEqual([])
  })

  test.for([
    ["exports.up = (db) => { db.runSql('SELECT 1') }", 'takes no callback and returns no promise'],
    ["exports.up = (db, callback) => db.runSql('SELECT nothing', callback)", 'column "nothing" does not exist'],
    ["exports.up = async (db) => { await db.runSql('SELECT 1'); throw new Error('of its own') }", 'of its own'],
    ["exports.setup = (_, seeds) => seeds.link('a'); exports.up = async () => {}", 'cannot. Give them as'],
  ] as const)('%s fails, and leaves nothing', async ([text, message], { db }) => {
    const files = { '20240101000000-a.js': `${text}\nexports.down = async () => {}\n` }
    const own = { ...oracle, files: () => files }
    const error = await failure((await ours(own, db, placeOf(own, db))).up())
    expect(error.message).toContain(message)
    expect(error.message).toContain('The migration left no changes')
  })
})
