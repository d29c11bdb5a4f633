/** Folders whose migrations are code: applying them beside the tool's own runner, and a test's database at the top. */
import { promises as fs, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path, { join } from 'node:path'
import { fileURLToPath, URL } from 'node:url'
import knexOwn from 'knex'
import { Kysely, PostgresDialect } from 'kysely'
import { FileMigrationProvider, Migrator as KyselyMigrator } from 'kysely/migration'
import pg from 'pg'
import { DataSource } from 'typeorm'
import { Migrator, openDatabase, type Source } from '../dist/index.js'
import { knex, kysely, typeorm } from '../dist/presets/sources.js'
import { offlineDatabase } from '../dist/src/migrate/offline.js'
import { MigratedDatabase } from '../dist/src/testing/lease/migratedDatabase.js'
import type { FoldersInput } from './folders.ts'
import { interleaved, table } from './measure.ts'

export async function codeFolders({ freshDatabase, server }: FoldersInput): Promise<void> {
  await loading(200, 7)
  await applying(100, 7, freshDatabase)
  await tests(100, 15, freshDatabase, server)
}

// --- internal ---

const SOURCES: Readonly<Record<string, (path: string) => Source>> = { knex, kysely, typeorm }

/** Lets the tool apply everything. */
const OWN: Readonly<Record<string, (folder: string, url: string) => Promise<void>>> = {
  async knex(directory, connection) {
    const own = knexOwn({ client: 'pg', connection, migrations: { directory } })
    await own.migrate.latest()
    await own.destroy()
  },
  async kysely(migrationFolder, connectionString) {
    const db = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString }) }) })
    const provider = new FileMigrationProvider({ fs, path, migrationFolder })
    const { error } = await new KyselyMigrator({ db, provider }).migrateToLatest()
    if (error) throw error
    await db.destroy()
  },
  async typeorm(folder, url) {
    const own = new DataSource({ type: 'postgres', url, migrations: [join(folder, '*.js')] })
    await own.initialize()
    await own.runMigrations()
    await own.destroy()
  },
}

/** Writes the same migrations for each tool: a table, an index, or a column with an update, in its own words. */
function writeFolders(count: number): string {
  const root = mkdtempSync(join(tmpdir(), 'migratest-code-'))
  symlinkSync(fileURLToPath(new URL('node_modules', import.meta.url)), join(root, 'node_modules'), 'junction')
  for (const tool of Object.keys(SOURCES)) {
    mkdirSync(join(root, tool, 'migrations'), { recursive: true })
    writeFileSync(join(root, tool, 'package.json'), `{ "type": "commonjs", "dependencies": { "${tool}": "*" } }`)
  }
  for (let i = 1; i <= count; i++) {
    const t = `t${i}`
    const time = String(1_700_000_000_000 + i)
    writeFileSync(
      join(root, 'knex', 'migrations', `${time}_${t}.js`),
      `exports.up = (knex) => knex.schema.createTable('${t}', (table) => { table.increments('id'); table.text('name').notNullable().index() })
exports.down = (knex) => knex.schema.dropTable('${t}')
`,
    )
    writeFileSync(
      join(root, 'kysely', 'migrations', `${time}_${t}.mjs`),
      `import { sql } from 'kysely'
export async function up(db) {
  await db.schema.createTable('${t}').addColumn('id', 'serial', (id) => id.primaryKey()).addColumn('name', 'text', (name) => name.notNull()).execute()
  await db.schema.createIndex('${t}_name').on('${t}').column('name').execute()
}
export async function down(db) { await db.schema.dropTable('${t}').execute() }
`,
    )
    writeFileSync(
      join(root, 'typeorm', 'migrations', `${time}-${t}.js`),
      `exports.T${i}${time} = class T${i}${time} {
  name = 'T${i}${time}'
  async up(queryRunner) {
    await queryRunner.query('CREATE TABLE ${t} (id serial primary key, name text not null)')
    await queryRunner.query('CREATE INDEX ${t}_name ON ${t} (name)')
  }
  async down(queryRunner) { await queryRunner.query('DROP TABLE ${t}') }
}
`,
    )
  }
  return root
}

function folderOf(root: string, tool: string): string {
  return join(root, tool, 'migrations')
}

function sourceIn(root: string, tool: string): Source {
  return SOURCES[tool]?.(folderOf(root, tool)) as Source
}

async function loading(count: number, rounds: number): Promise<void> {
  const root = writeFolders(count)
  const series = await interleaved(Object.keys(SOURCES), rounds, async (tool) => {
    const begun = performance.now()
    const source = sourceIn(root, tool)
    const { steps } = await new Migrator({ source, database: offlineDatabase('postgres') }).plan('latest')
    for (const migration of await source.list()) await source.read(migration, 'up')
    if (steps.length !== count) throw new Error(`${tool}: ${steps.length} steps`)
    return performance.now() - begun
  })
  console.log(`## List, plan and load ${count} migrations in code (${rounds} rounds)\n\n${table(series)}\n`)
  rmSync(root, { recursive: true })
}

async function applying(count: number, rounds: number, freshDatabase: () => Promise<string>): Promise<void> {
  const root = writeFolders(count)
  const ways = Object.keys(SOURCES).flatMap((tool) => [`${tool}'s own runner`, tool])
  const series = await interleaved(ways, rounds, async (way) => {
    const [tool = ''] = way.split("'")
    const url = await freshDatabase()
    const begun = performance.now()
    if (way !== tool) {
      await OWN[tool]?.(folderOf(root, tool), url)
    } else {
      const database = await openDatabase(url)
      await new Migrator({ source: sourceIn(root, tool), database }).up()
      await database.close()
    }
    const ms = performance.now() - begun
    const client = new pg.Client(url)
    await client.connect()
    const { rows } = await client.query("select count(*)::int as n from pg_tables where tablename ~ '^t[0-9]+$'")
    await client.end()
    if (rows[0].n !== count) throw new Error(`${way}: ${rows[0].n} tables`)
    return ms
  })
  console.log(`## Apply ${count} migrations in code, from URL to closed connection (${rounds} rounds)\n`)
  for (let at = 0; at < series.length; at += 2) console.log(`${table(series.slice(at, at + 2))}\n`)
  rmSync(root, { recursive: true })
}

async function tests(
  count: number,
  rounds: number,
  freshDatabase: () => Promise<string>,
  server: FoldersInput['server'],
): Promise<void> {
  const root = writeFolders(count)
  const tools = Object.keys(SOURCES)
  const ways = ['connect', ...tools, ...tools.map((tool) => `create database, ${tool}'s own runner`)]
  const series = await interleaved(ways, rounds, async (way) => {
    const url = way === 'connect' ? await freshDatabase() : ''
    const begun = performance.now()
    if (way === 'connect') {
      const client = new pg.Client(url)
      await client.connect()
      await client.query('select 1')
      const ms = performance.now() - begun
      await client.end()
      return ms
    }
    if (way.startsWith('create')) {
      const tool = tools.find((one) => way.includes(one)) ?? ''
      await OWN[tool]?.(folderOf(root, tool), await freshDatabase())
      return performance.now() - begun
    }
    const db = await MigratedDatabase.create({ server, migrations: folderOf(root, way) })
    await db.query('select 1')
    const ms = performance.now() - begun
    await db[Symbol.asyncDispose]()
    return ms
  })
  console.log(
    `## A test's database at the top of ${count} migrations in code, warm (${rounds} rounds)\n\n${table(series)}\n`,
  )
  rmSync(root, { recursive: true })
}
