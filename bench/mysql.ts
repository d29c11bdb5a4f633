/** MySQL and MariaDB: applying against peers, a database at version 100, and how soon a server is ready. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kysely, MysqlDialect, sql } from 'kysely'
import { Migrator as KyselyMigrator } from 'kysely/migration'
import { createPool } from 'mysql2'
import { type Connection, createConnection } from 'mysql2/promise'
import { Umzug } from 'umzug'
import { directory, Migrator, openDatabase } from '../dist/index.js'
import { openUrl } from '../dist/src/database/mysql/connection.js'
import { mysqlDriver } from '../dist/src/database/mysql/driver.js'
import { acquireServer, stopServer } from '../dist/src/server/acquire.js'
import { MigratedDatabase, settled } from '../dist/src/testing/lease/migratedDatabase.js'
import { mysqlServer } from '../dist/src/testing/server/mysql/server.js'
import { costs } from './cost.ts'
import { record } from './figures.ts'
import { interleaved, median, table } from './measure.ts'
import { ROUND_TRIP_MS, slowNetwork, throughProxy } from './slowNetwork.ts'

type Kind = 'mysql' | 'mariadb'

const OWN = { 'innodb-lock-wait-timeout': '49' }

/** @param part one of apply, cost, network, copy, taking, ready; default all */
export async function mysqlFamily(kind: Kind, part?: string): Promise<void> {
  const request = { kind, from: 'auto', version: undefined, image: undefined, flags: OWN, setup: [] } as const
  const lease = await acquireServer(request)
  console.log(`# ${lease.server.name}\n`)
  const files = writeMigrations(100)
  const admin = await createConnection({ uri: lease.server.url, multipleStatements: true })
  try {
    if (!part || part === 'apply') await apply(kind, lease.server.url, admin, files)
    if (!part || part === 'cost') await cost(lease.server.url, admin, files)
    if (!part || part === 'network') await network(kind, lease.server.url, admin, files)
    if (!part || part === 'copy') await atVersion(kind, lease.server.url, admin, files)
    if (!part || part === 'taking') await taking(kind, lease.server.url, files)
    if (!part || part === 'ready') await ready(kind)
  } finally {
    await admin.end()
    lease.release()
    await stopServer(request)
    for (const folder of Object.values(files)) rmSync(folder, { recursive: true, force: true })
  }
}

// --- internal ---

interface Files {
  /** golang-migrate's layout. */
  readonly folder: string
  readonly dbmateFolder: string
}

/** A table with keys, two columns more, twenty rows, an index: as the others are for PostgreSQL. */
function writeMigrations(count: number): Files {
  const root = mkdtempSync(join(tmpdir(), 'migratest-bench-mysql-'))
  const files = { folder: join(root, 'migrations'), dbmateFolder: join(root, 'dbmate') }
  for (const folder of Object.values(files)) mkdirSync(folder)
  for (let i = 1; i <= count; i++) {
    const t = `t${Math.ceil(i / 4)}`
    const parent =
      i > 4 ? `,\n  parent_id bigint, foreign key (parent_id) references t${Math.ceil(i / 4) - 1} (id)` : ''
    const up = [
      `create index ${t}_name on ${t} (name);\n`,
      `create table ${t} (\n  id bigint auto_increment primary key,\n  name varchar(200) not null,\n  state varchar(20) not null default 'new',\n  created_at timestamp not null default current_timestamp${parent},\n  key (state)\n);\n`,
      `alter table ${t} add column note text;\nalter table ${t} add column amount numeric(12, 2) not null default 0;\n`,
      `insert into ${t} (name, note) values ${Array.from({ length: 20 }, (_, row) => `('row ${row}', 'seeded')`).join(', ')};\n`,
    ][i % 4] as string
    const stem = `${String(i).padStart(6, '0')}_step_${i}`
    writeFileSync(join(files.folder, `${stem}.up.sql`), up)
    writeFileSync(join(files.folder, `${stem}.down.sql`), 'select 1;\n')
    writeFileSync(
      join(files.dbmateFolder, `${20200000000000 + i}_step_${i}.sql`),
      `-- migrate:up\n${up}\n-- migrate:down\nselect 1;\n`,
    )
  }
  return files
}

function statementsOf({ folder }: Files): [name: string, statements: string[]][] {
  const ups = readdirSync(folder).filter((name) => name.endsWith('.up.sql'))
  return ups.map((name) => [
    name,
    readFileSync(join(folder, name), 'utf8')
      .split(';\n')
      .filter((text) => text.trim()),
  ])
}

let databases = 0

async function fresh(url: string, admin: Connection): Promise<string> {
  const name = `bench_${process.pid}_${databases++}`
  await admin.query(`drop database if exists \`bench_${process.pid}_${databases - 4}\`; create database ${name}`)
  const own = new URL(url)
  own.pathname = `/${name}`
  return own.href
}

async function floor(url: string, files: Files): Promise<void> {
  const client = await createConnection({ uri: url })
  await client.query('create table history (version varchar(200) primary key, at datetime not null)')
  for (const [name, statements] of statementsOf(files)) {
    for (const text of statements) await client.query(text)
    await client.query('insert into history values (?, now())', [name])
  }
  await client.end()
}

async function migratest(url: string, { folder }: Files): Promise<void> {
  const database = await openDatabase(url)
  await new Migrator({ source: directory(folder), database }).up()
  await database.close()
}

/** Applies the migrations as for a snapshot: nothing is journaled, since the database is dropped after any failure. */
async function thrownAway(url: string, { folder }: Files): Promise<void> {
  const driver = await mysqlDriver(await openUrl(url), { disposable: true })
  await new Migrator({ source: directory(folder), database: driver, batch: true }).up()
  await driver.close()
}

async function umzug(url: string, files: Files): Promise<void> {
  const client = await createConnection({ uri: url })
  await client.query('create table umzug (name varchar(200) primary key)')
  const migrator = new Umzug({
    migrations: statementsOf(files).map(([name, statements]) => ({
      name,
      up: async () => {
        for (const text of statements) await client.query(text)
      },
    })),
    storage: {
      executed: async () =>
        ((await client.query('select name from umzug order by name'))[0] as { name: string }[]).map((row) => row.name),
      logMigration: async ({ name }) => void (await client.query('insert into umzug values (?)', [name])),
      unlogMigration: async ({ name }) => void (await client.query('delete from umzug where name = ?', [name])),
    },
    logger: undefined,
  })
  await migrator.up()
  await client.end()
}

async function kysely(url: string, files: Files): Promise<void> {
  const db = new Kysely({ dialect: new MysqlDialect({ pool: createPool({ uri: url, connectionLimit: 1 }) }) })
  const provider = {
    getMigrations: async () =>
      Object.fromEntries(
        statementsOf(files).map(([name, statements]) => [
          name,
          {
            up: async (trx: Kysely<unknown>) => {
              for (const text of statements) await sql.raw(text).execute(trx)
            },
          },
        ]),
      ),
  }
  const { error } = await new KyselyMigrator({ db, provider }).migrateToLatest()
  if (error) throw error
  await db.destroy()
}

async function dbmate(url: string, { dbmateFolder }: Files): Promise<void> {
  const program = join(import.meta.dirname, 'node_modules/@dbmate/linux-x64/bin/dbmate')
  execFileSync(program, ['--url', url, '--migrations-dir', dbmateFolder, '--no-dump-schema', 'up'], { stdio: 'ignore' })
}

const CONTENDERS: Record<string, (url: string, files: Files) => Promise<void>> = {
  'floor (bare mysql2)': floor,
  migratest,
  'migratest, a database that is thrown away': thrownAway,
  umzug,
  kysely,
  'dbmate (whole process)': dbmate,
}

/** The same with a network between. */
async function network(kind: Kind, url: string, admin: Connection, files: Files): Promise<void> {
  const slow = await slowNetwork(url, ROUND_TRIP_MS)
  const series = await interleaved(Object.keys(CONTENDERS), 5, async (name) => {
    const database = throughProxy(await fresh(url, admin), slow.url)
    const begun = performance.now()
    await CONTENDERS[name]?.(database, files)
    return performance.now() - begun
  })
  slow.stop()
  if (kind === 'mariadb') record('network-mariadb', `MariaDB, ${ROUND_TRIP_MS} ms away`, series)
  console.log(`## Apply 100 migrations, ${ROUND_TRIP_MS} ms away (5 rounds)\n\n${table(series)}\n`)
}

async function apply(kind: Kind, url: string, admin: Connection, files: Files): Promise<void> {
  const series = await interleaved(Object.keys(CONTENDERS), 7, async (name) => {
    const database = await fresh(url, admin)
    const begun = performance.now()
    await CONTENDERS[name]?.(database, files)
    return performance.now() - begun
  })
  if (kind === 'mariadb') record('apply-mariadb', 'MariaDB, next to the server', series)
  console.log(
    `## Apply 100 migrations (150 statements), from URL to closed connection (7 rounds)\n\n${table(series)}\n`,
  )
}

async function cost(url: string, admin: Connection, files: Files): Promise<void> {
  const names = Object.keys(CONTENDERS).filter((name) => !name.includes('whole process'))
  const table = await costs(names, 11, `innodb-lock-wait-timeout=${OWN['innodb-lock-wait-timeout']}`, async (name) => {
    const database = await fresh(url, admin)
    await CONTENDERS[name]?.(database, files)
  })
  console.log(`## What applying 100 migrations costs (11 rounds)\n\n${table}\n`)
}

/** Its migrations run; CREATE TABLE … LIKE and the rows, by hand; a copy of ours; and one that was waiting. */
async function atVersion(kind: Kind, url: string, admin: Connection, files: Files): Promise<void> {
  const from = `bench_source_${process.pid}`
  await admin.query(`create database ${from}`)
  await migratest(Object.assign(new URL(url), { pathname: `/${from}` }).href, files)
  const [shown] = (await admin.query(`show tables from ${from}`)) as unknown as [Record<string, string>[]]
  const tables = shown.map((row) => Object.values(row)[0] as string)
  const like = async () => {
    const name = `bench_like_${process.pid}_${databases++}`
    const begun = performance.now()
    await admin.query(
      `create database ${name}; use ${name}; set foreign_key_checks = 0; ${tables.map((one) => `create table ${one} like ${from}.${one}; insert into ${one} select * from ${from}.${one}`).join('; ')}`,
    )
    const ms = performance.now() - begun
    await admin.query(`drop database ${name}; use mysql`)
    return ms
  }
  const server = serverAt(kind)
  const options = { server, migrations: files.folder } as const
  await (await MigratedDatabase.create(options))[Symbol.asyncDispose]()
  await settled()
  const snapshots = await server.snapshots?.()
  const { nearest } = (await snapshots?.look(await keys(admin))) ?? {}
  const series = await interleaved(
    [
      'replay (migratest, no snapshot)',
      'replay (bare mysql2)',
      'CREATE TABLE … LIKE and rows, by hand',
      'copy of a snapshot, connected',
    ],
    9,
    async (name) => {
      if (name.startsWith('CREATE')) return like()
      if (name.includes('bare')) {
        const database = await fresh(url, admin)
        const begun = performance.now()
        await floor(database, files)
        return performance.now() - begun
      }
      const begun = performance.now()
      if (name.startsWith('copy')) {
        const database = await snapshots?.clone(nearest ?? '')
        const client = await database?.connect()
        const ms = performance.now() - begun
        if (client) await database?.disconnect(client)
        await database?.drop()
        return ms
      }
      const db = await MigratedDatabase.create({ ...options, snapshots: false })
      const ms = performance.now() - begun
      await db[Symbol.asyncDispose]()
      await settled()
      return ms
    },
  )
  console.log(
    `## A database at version 100 (9 rounds; LIKE has neither foreign keys nor triggers)\n\n${table(series)}\n`,
  )
}

async function keys(admin: Connection): Promise<string[]> {
  const [rows] = (await admin.query(
    "select name from migratest_registry.`databases` where name like 'migratest\\_snapshot\\_%' order by id",
  )) as unknown as [{ name: string }[]]
  return rows.map(({ name }) => name.slice('migratest_snapshot_'.length))
}

function serverAt(kind: Kind) {
  const request = { kind, from: 'auto', version: undefined, image: undefined, flags: OWN, setup: [] } as const
  return mysqlServer({ url: undefined, request, idleMs: undefined, extensions: [], init: () => [] })
}

/** One after another, as a file of tests does: with 30 ms of test between, with none, only read or with a row written. */
async function taking(kind: Kind, url: string, files: Files): Promise<void> {
  const options = { server: serverAt(kind), migrations: files.folder } as const
  const connect = async () => {
    const begun = performance.now()
    const client = await createConnection({ uri: url })
    await client.query('select 1')
    const ms = performance.now() - begun
    await client.end()
    return ms
  }
  const connects: number[] = []
  for (let i = 0; i < 60; i++) connects.push(await connect())
  const rows = [`| bare connect and a query | ${median(connects).toFixed(1)} ms | | 1.00 |`]
  for (const [name, pauseMs, write] of [
    ['behind a test of 30 ms that reads', 30, false],
    ['behind a test of 30 ms that writes a row', 30, true],
    ['back to back, read only', 0, false],
    ['back to back, with a row written', 0, true],
  ] as const) {
    const times: number[] = []
    const begunAll = performance.now()
    for (let i = 0; i < 60; i++) {
      const begun = performance.now()
      const db = await MigratedDatabase.create(options)
      if (i >= 10) times.push(performance.now() - begun)
      await db.query(write ? "insert into t1 (name) values ('mine')" : 'select count(*) as n from t1')
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
      await db[Symbol.asyncDispose]()
    }
    const perSecond = 60 / ((performance.now() - begunAll) / 1000)
    await settled()
    rows.push(
      `| ${name} | ${median(times).toFixed(1)} ms | ${perSecond.toFixed(0)} | ${(median(times) / median(connects)).toFixed(2)} |`,
    )
  }
  console.log(
    `## Taking a database at version 100 on ${kind}, 60 each (50 counted)\n\n| | median | a second | × connect |\n|---|---|---|---|\n${rows.join('\n')}\n`,
  )
}

async function ready(kind: Kind): Promise<void> {
  const prefix = process.env.TESTCONTAINERS_HUB_IMAGE_NAME_PREFIX
  const image = `${prefix ? `${prefix}/` : ''}${kind === 'mysql' ? 'mysql:9.7' : 'mariadb:11.8'}`
  const series = await interleaved(['docker run, until a query answers', 'container on demand'], 3, async (name) => {
    if (name.startsWith('docker')) return dockerRun(kind, image)
    const flags = { 'innodb-lock-wait-timeout': String(10 + Math.floor(Math.random() * 1000)) }
    const request = { kind, from: 'container', version: undefined, image: undefined, flags, setup: [] } as const
    const begun = performance.now()
    const { server, release } = await acquireServer(request)
    const client = await createConnection({ uri: server.url })
    await client.query('select 1')
    const ms = performance.now() - begun
    await client.end()
    release()
    await stopServer(request)
    return ms
  })
  console.log(`## A server on demand, from asking to the first answer (3 rounds)\n\n${table(series)}\n`)
}

async function dockerRun(kind: Kind, image: string): Promise<number> {
  const begun = performance.now()
  const password = kind === 'mysql' ? 'MYSQL_ROOT_PASSWORD=x' : 'MARIADB_ROOT_PASSWORD=x'
  const id = execFileSync(
    'docker',
    ['run', '-d', '--rm', '--tmpfs', '/var/lib/mysql', '-e', password, '-p', '3306', image],
    { encoding: 'utf8' },
  ).trim()
  const port = execFileSync('docker', ['port', id, '3306'], { encoding: 'utf8' })
    .trim()
    .split('\n')[0]
    ?.split(':')
    .at(-1)
  const host = execFileSync('docker', ['inspect', '-f', '{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}', id], {
    encoding: 'utf8',
  }).trim()
  try {
    for (const deadline = begun + 60_000; performance.now() < deadline; ) {
      try {
        const client = await createConnection({ uri: `mysql://root:x@${host}:${port}/mysql` })
        await client.query('select 1')
        const ms = performance.now() - begun
        await client.end()
        return ms
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
    throw new Error(`${image} does not answer at ${host}:${port}`)
  } finally {
    execFileSync('docker', ['kill', id])
  }
}
