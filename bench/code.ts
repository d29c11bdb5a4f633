/** Folders whose migrations are code: applying them beside the tool's own runner, and a test's database at the top. */
import { promises as fs, rmSync } from 'node:fs'
import path, { join } from 'node:path'
import knexOwn from 'knex'
import { Kysely, PostgresDialect } from 'kysely'
import { FileMigrationProvider, Migrator as KyselyMigrator } from 'kysely/migration'
import pg from 'pg'
import { DataSource } from 'typeorm'
import { Migrator, openDatabase, type Source } from '../dist/index.js'
import { knex, kysely, typeorm } from '../dist/presets/sources.js'
import { offlineDatabase } from '../dist/src/migrate/offline.js'
import { MigratedDatabase } from '../dist/src/testing/lease/migratedDatabase.js'
import { folderOf, TOOLS, type Tool, writeFolders } from './codeMigrations.ts'
import { coldCode } from './cold.ts'
import type { FoldersInput } from './folders.ts'
import { interleaved, table } from './measure.ts'

/** @param part `cold`: new processes only; default all */
export async function codeFolders({ freshDatabase, server }: FoldersInput, part?: string): Promise<void> {
  if (!part) await loading(200, 7)
  if (!part) await applying(100, 7, freshDatabase)
  await coldCode(100, 11, freshDatabase)
  if (!part) await tests(100, 15, freshDatabase, server)
}

// --- internal ---

const SOURCES: Readonly<Record<Tool, (path: string) => Source>> = { knex, kysely, typeorm }

/** Lets the tool apply everything. */
const OWN: Readonly<Record<Tool, (folder: string, url: string) => Promise<void>>> = {
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

function sourceIn(root: string, tool: Tool): Source {
  return SOURCES[tool](folderOf(root, tool))
}

async function loading(count: number, rounds: number): Promise<void> {
  const root = writeFolders(count, 'js')
  const series = await interleaved(TOOLS, rounds, async (tool) => {
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
  const root = writeFolders(count, 'js')
  const ways = TOOLS.flatMap((tool) => [`${tool}'s own runner` as const, tool])
  const series = await interleaved(ways, rounds, async (way) => {
    const tool = way.split("'")[0] as Tool
    const url = await freshDatabase()
    const begun = performance.now()
    if (way !== tool) {
      await OWN[tool](folderOf(root, tool), url)
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
  const root = writeFolders(count, 'js')
  const ways = ['connect', ...TOOLS, ...TOOLS.map((tool) => `create database, ${tool}'s own runner` as const)] as const
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
    const tool = TOOLS.find((one) => way.includes(one)) as Tool
    if (way !== tool) {
      await OWN[tool](folderOf(root, tool), await freshDatabase())
      return performance.now() - begun
    }
    const db = await MigratedDatabase.create({ server, migrations: folderOf(root, tool) })
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
