/** Folders of other tools: reading and planning them, writing the tool's row, and a test's database at the top. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { drizzle as drizzleOrm } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import pg from 'pg'
import { directory, Migrator, openDatabase, type Source } from '../dist/index.js'
import * as sources from '../dist/presets/sources.js'
import { offlineDatabase } from '../dist/src/migrate/offline.js'
import { MigratedDatabase } from '../dist/src/testing/lease/migratedDatabase.js'
import type { TestServer } from '../dist/src/testing/testServer.js'
import { interleaved, table } from './measure.ts'
import { writeMigrations } from './migrations.ts'

export interface FoldersInput {
  readonly freshDatabase: () => Promise<string>
  readonly server: TestServer<pg.Client>
}

export async function folders({ freshDatabase, server }: FoldersInput): Promise<void> {
  await reading(500, 7)
  await applying(500, 7, freshDatabase)
  await tests(434, 15, freshDatabase, server)
}

// --- internal ---

interface Statement {
  readonly name: string
  readonly up: string
  readonly down: string
}

/** Writes the same migrations in the layout of each tool. Returns a source of each. */
function writeFolders(count: number): {
  root: string
  sourceOf: Readonly<Record<string, () => Source>>
  drizzle: string
} {
  const { folder } = writeMigrations(count)
  const root = mkdtempSync(join(tmpdir(), 'migratest-folders-'))
  const all = readdirSync(folder)
    .filter((name) => name.endsWith('.up.sql'))
    .sort()
    .map((name): Statement => {
      const stem = name.replace('.up.sql', '')
      return {
        name: stem,
        up: readFileSync(join(folder, name), 'utf8'),
        down: readFileSync(join(folder, `${stem}.down.sql`), 'utf8'),
      }
    })
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  const entries: object[] = []
  let previous = ''
  for (const [i, { name, up, down }] of all.entries()) {
    const time = String(20240101000000 + i)
    write(`golang/${name}.up.sql`, up)
    write(`golang/${name}.down.sql`, down)
    write(`prisma/${time}_${name}/migration.sql`, up)
    write(
      `drizzle/${name}.sql`,
      up.replaceAll(';\n', ';--> statement-breakpoint\n').replace(/--> statement-breakpoint\n$/, ''),
    )
    entries.push({ idx: i, version: '7', when: 1_700_000_000_000 + i, tag: name, breakpoints: true })
    write(`supabase/${time}_${name}.sql`, up)
    write(`dbmate/${time}_${name}.sql`, `-- migrate:up\n${up}\n-- migrate:down\n${down}`)
    write(`goose/${time}_${name}.sql`, `-- +goose Up\n${up}\n-- +goose Down\n${down}`)
    write(`sqlx/${time}_${name}.sql`, up)
    write(`flyway/V${i + 1}__${name}.sql`, up)
    write(`postgrator/${i + 1}.do.${name}.sql`, up)
    write(`postgresMigrations/${i + 1}_${name}.sql`, up)
    write(`atlas/${time}_${name}.sql`, up)
    const body = up.trim()
    const hash = `sha1:${createHash('sha1')
      .update(`${`${previous}\n${body}`.trim()}\n`)
      .digest('hex')}`
    write(
      `graphileMigrate/committed/${String(i + 1).padStart(6, '0')}.sql`,
      `--! Previous: ${previous || '-'}\n--! Hash: ${hash}\n\n${body}\n`,
    )
    previous = hash
  }
  write('prisma/migration_lock.toml', 'provider = "postgresql"\n')
  write('drizzle/meta/_journal.json', JSON.stringify({ version: '7', dialect: 'postgresql', entries }))
  rmSync(dirname(folder), { recursive: true })
  const written = Object.entries(sources).filter(([name]) => existsSync(join(root, name)))
  const tools = written.map(([name, open]): [string, () => Source] => [
    name,
    () => (open as (path: string) => Source)(join(root, name)),
  ])
  return {
    root,
    drizzle: join(root, 'drizzle'),
    sourceOf: { 'golang-migrate': () => directory(join(root, 'golang')), ...Object.fromEntries(tools) },
  }
}

async function reading(count: number, rounds: number): Promise<void> {
  const { root, sourceOf } = writeFolders(count)
  const series = await interleaved(Object.keys(sourceOf), rounds, async (name) => {
    const begun = performance.now()
    const source = sourceOf[name]?.() as Source
    const { steps } = await new Migrator({ source, database: offlineDatabase('postgres') }).plan('latest')
    if (steps.length !== count) throw new Error(`${name}: ${steps.length} steps`)
    return performance.now() - begun
  })
  console.log(`## Read and plan ${count} migrations of each format (${rounds} rounds)\n\n${table(series)}\n`)
  rmSync(root, { recursive: true })
}

async function applying(count: number, rounds: number, freshDatabase: () => Promise<string>): Promise<void> {
  const { root, sourceOf, drizzle } = writeFolders(count)
  const ways = ['golang-migrate', 'prisma', 'drizzle', "drizzle-orm's migrate()"]
  const series = await interleaved(ways, rounds, async (name) => {
    const url = await freshDatabase()
    const begun = performance.now()
    if (name.startsWith('drizzle-orm')) {
      const pool = new pg.Pool({ connectionString: url })
      await migrate(drizzleOrm(pool), { migrationsFolder: drizzle })
      await pool.end()
    } else {
      const database = await openDatabase(url)
      await new Migrator({ source: sourceOf[name]?.() as Source, database }).up()
      await database.close()
    }
    return performance.now() - begun
  })
  console.log(
    `## Apply ${count} migrations with the tool's rows, from URL to closed connection (${rounds} rounds)\n\n${table(series)}\n`,
  )
  rmSync(root, { recursive: true })
}

async function tests(
  count: number,
  rounds: number,
  freshDatabase: () => Promise<string>,
  server: TestServer<pg.Client>,
): Promise<void> {
  const { root, sourceOf, drizzle } = writeFolders(count)
  const ways = ['golang-migrate', 'prisma', 'drizzle', "create database, drizzle-orm's migrate()", 'prisma, replayed']
  const series = await interleaved(ways, rounds, async (name) => {
    const begun = performance.now()
    if (name.startsWith('create')) {
      const pool = new pg.Pool({ connectionString: await freshDatabase() })
      await migrate(drizzleOrm(pool), { migrationsFolder: drizzle })
      const ms = performance.now() - begun
      await pool.end()
      return ms
    }
    const replayed = name === 'prisma, replayed'
    const folder = name === 'golang-migrate' ? 'golang' : replayed ? 'prisma' : name
    const migrations = name === 'drizzle' ? (sourceOf.drizzle?.() as Source) : join(root, folder)
    const db = await MigratedDatabase.create({ server, migrations, snapshots: !replayed })
    await db.query('select 1')
    const ms = performance.now() - begun
    await db[Symbol.asyncDispose]()
    return ms
  })
  console.log(`## A test's database at the top of ${count} migrations, warm (${rounds} rounds)\n\n${table(series)}\n`)
  rmSync(root, { recursive: true })
}
