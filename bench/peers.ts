/** Each contender applies the same migrations, from a URL to a closed connection. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { Migrator as KyselyMigrator } from 'kysely/migration'
import { runner } from 'node-pg-migrate'
import pg from 'pg'
import { Umzug } from 'umzug'
import { directory, Migrator, openDatabase } from '../dist/index.js'
import { postgres } from '../dist/presets/postgres.js'
import type { Files } from './migrations.ts'

export interface Contender {
  readonly name: string
  readonly apply: (url: string, files: Files) => Promise<void>
}

/** A bare driver doing the same work: reads each file, one round trip and one transaction each, version and history written. */
async function floor(url: string, { folder }: Files): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  const database = new URL(url).pathname.slice(1)
  const key = (BigInt(crc32(`public\0schema_migrations\0${database}`)) * 1486364155n) & 0xffffffffn
  await client.query('select pg_advisory_lock($1)', [key])
  await client.query(
    'create table schema_migrations (version bigint primary key, dirty boolean not null); create table history (version bigint primary key, name text, fingerprint text, up text, down text, ms float8, at timestamptz default now()); insert into schema_migrations values (-1, false)',
  )
  const ups = readdirSync(folder)
    .filter((name) => name.endsWith('.up.sql'))
    .sort()
  for (const name of ups) {
    const up = readFileSync(join(folder, name), 'utf8')
    const down = readFileSync(join(folder, name.replace('.up.', '.down.')), 'utf8')
    const version = Number.parseInt(name, 10)
    const fingerprint = createHash('sha256').update(up).digest('hex')
    const values = [name, fingerprint, up, down].map((text) => `'${text.replaceAll("'", "''")}'`).join(', ')
    await client.query(
      `begin; ${up}\n; update schema_migrations set version = ${version}; insert into history values (${version}, ${values}, extract(epoch from clock_timestamp() - now()) * 1000); commit`,
    )
  }
  await client.query('select pg_advisory_unlock($1)', [key])
  await client.end()
}

async function migratest(url: string, { folder }: Files): Promise<void> {
  const database = await openDatabase(url)
  await new Migrator({ source: directory(folder), database }).up()
  await database.close()
}

/** As its README shows for SQL files with raw queries, with the table of names it asks its user to keep. */
async function umzug(url: string, { folder }: Files): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query('create table if not exists umzug (name text primary key)')
  const migrator = new Umzug({
    migrations: {
      glob: ['*.up.sql', { cwd: folder }],
      resolve: ({ name, path = '' }) => ({
        name,
        up: async () => {
          await client.query(`begin; ${readFileSync(path, 'utf8')}\n; commit`)
        },
      }),
    },
    storage: {
      executed: async () => (await client.query('select name from umzug order by name')).rows.map((row) => row.name),
      logMigration: async ({ name }) => void (await client.query('insert into umzug values ($1)', [name])),
      unlogMigration: async ({ name }) => void (await client.query('delete from umzug where name = $1', [name])),
    },
    logger: undefined,
  })
  await migrator.up()
  await client.end()
}

async function kysely(url: string, { folder }: Files): Promise<void> {
  const db = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max: 1 }) }) })
  const provider = {
    getMigrations: async () => {
      const ups = readdirSync(folder).filter((name) => name.endsWith('.up.sql'))
      return Object.fromEntries(
        ups.map((name) => {
          // One statement a query: kysely prepares, and a prepared query takes one.
          const statements = readFileSync(join(folder, name), 'utf8')
            .split(';\n')
            .filter((text) => text.trim())
          return [
            name,
            {
              up: async (trx: Kysely<unknown>) => {
                for (const text of statements) await sql.raw(text).execute(trx)
              },
            },
          ]
        }),
      )
    },
  }
  const { error } = await new KyselyMigrator({ db, provider }).migrateToLatest()
  if (error) throw error
  await db.destroy()
}

async function nodePgMigrate(url: string, { sqlFolder }: Files): Promise<void> {
  await runner({
    databaseUrl: url,
    dir: sqlFolder,
    direction: 'up',
    migrationsTable: 'pgmigrations',
    log: () => undefined,
  })
}

export const CONTENDERS: readonly Contender[] = [
  { name: 'floor (bare pg)', apply: floor },
  { name: 'migratest', apply: migratest },
  { name: 'umzug', apply: umzug },
  { name: 'kysely', apply: kysely },
  { name: 'node-pg-migrate', apply: nodePgMigrate },
]

export const server = () => postgres({ from: 'embedded' })
