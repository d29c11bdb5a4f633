/** `npm run bench`: applying migrations against peers, starting, verifying, loading TypeScript, memory, how soon a server is ready. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { PostgreSqlContainer } from '@testcontainers/postgresql'
import pg from 'pg'
import { directory, Migrator, openDatabase } from '../dist/index.js'
import { acquireServer, stopServer } from '../dist/src/server/acquire.js'
import type { ServerRequest } from '../dist/src/server/request.js'
import { MigratedDatabase, settled } from '../dist/src/testing/lease/migratedDatabase.js'
import { postgresServer } from '../dist/src/testing/server/postgres/server.js'
import { verification } from '../dist/src/verify/verify.js'
import { codeFolders } from './code.ts'
import { drafting } from './drafting.ts'
import { record } from './figures.ts'
import { folders } from './folders.ts'
import { generating } from './generate.ts'
import { loading, reloads } from './loading.ts'
import { interleaved, median, table } from './measure.ts'
import { writeMigrations } from './migrations.ts'
import { mysqlFamily } from './mysql.ts'
import { page } from './page.ts'
import { CONTENDERS } from './peers.ts'
import { ROUND_TRIP_MS, slowNetwork, throughProxy } from './slowNetwork.ts'
import { taking } from './taking.ts'
import { watching } from './watching.ts'

const only = process.argv[2]?.startsWith('--') ? undefined : process.argv[2]
/** The second argument chooses a part of `mysql` or `mariadb` or (`cold`) of `code`, the number of migrations of `taking`, or `last` or `middle` of `watch`. */
const part = process.argv[3]?.startsWith('--') ? undefined : process.argv[3]
let databases = 0
const request = {
  kind: 'postgres',
  from: 'embedded',
  version: undefined,
  image: undefined,
  flags: { 'bench.run': String(process.pid) },
  setup: [],
} as const
const lease = await acquireServer(request)
const admin = new pg.Client(lease.server.url)
await admin.connect()

console.log(
  `${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpus()[0]?.model}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}, ${lease.server.name}\n`,
)
if (!only || only === 'apply') await apply(100, 15)
if (!only || only === 'apply') await apply(500, 7)
if (!only || only === 'network') await network(100, 5)
if (!only || only === 'process') await wholeProcess(100, 11)
if (!only || only === 'start') await start(100, 11)
if (!only || only === 'verify') await verify(100, 2)
if (!only || only === 'pairs') await pairs(50, 2)
if (!only || only === 'since') await since(100, 3)
if (!only || only === 'database') await testDatabase(100, 15)
if (!only || only === 'folders') {
  const server = postgresServer({ url: undefined, request, idleMs: undefined, extensions: [], init: () => [] })
  await folders({ freshDatabase, server })
}
if (!only || only === 'code') {
  const server = postgresServer({ url: undefined, request, idleMs: undefined, extensions: [], init: () => [] })
  await codeFolders({ freshDatabase, server }, part)
}
if (!only || only === 'generate') await generating()
if (!only || only === 'taking') await takingAll()
if (!only || only === 'restore') await restoreSnapshot(15)
if (!only || only === 'edit') await edits(500, 3)
if (!only || only === 'watch') {
  if (part !== 'middle') await watching(freshDatabase, { count: 100, at: 100, rounds: 60, beside: true })
  if (part !== 'last') await watching(freshDatabase, { count: 100, at: 50, rounds: 30, beside: false })
}
if (!only || only === 'draft') await drafting(freshDatabase, { tables: 50, rounds: 21 })
if (!only || only === 'page') {
  const server = postgresServer({ url: undefined, request, idleMs: undefined, extensions: [], init: () => [] })
  await page({ freshDatabase, server })
}
if (!only || only === 'load') await loading(200, 9)
if (!only || only === 'memory') await memory(10_000)
if (!only || only === 'memory') reloads(2000)
if (!only || only === 'container') await container(5)
if (!only || only === 'mysql') await mysqlFamily('mysql', part)
if (!only || only === 'mariadb') await mysqlFamily('mariadb', part)
await admin.end()
lease.release()
await stopServer(request)

/** One a run; some contenders close their connections a moment after they are done, so the drop comes a run later. */
async function freshDatabase(): Promise<string> {
  const name = `bench_${databases++}`
  if (databases > 3) await admin.query(`drop database if exists bench_${databases - 3}`)
  await admin.query(`create database ${name} template template0 strategy file_copy`)
  const url = new URL(lease.server.url)
  url.pathname = `/${name}`
  return url.href
}

async function apply(count: number, rounds: number): Promise<void> {
  const files = writeMigrations(count)
  const series = await interleaved(
    CONTENDERS.map((c) => c.name),
    rounds,
    async (name) => {
      const url = await freshDatabase()
      const contender = CONTENDERS.find((c) => c.name === name)
      const begun = performance.now()
      await contender?.apply(url, files)
      return performance.now() - begun
    },
  )
  if (count === 100) record('apply', 'PostgreSQL, next to the server', series)
  console.log(
    `## Apply ${count} migrations, in one process, from URL to closed connection (${rounds} rounds)\n\n${table(series)}\n`,
  )
  rmSync(dirname(files.folder), { recursive: true })
}

/** The same with 5 ms between the tool and the server. */
async function network(count: number, rounds: number): Promise<void> {
  const files = writeMigrations(count)
  const slow = await slowNetwork(lease.server.url, ROUND_TRIP_MS)
  const contenders = [
    ...CONTENDERS,
    { name: 'dbmate (whole process)', apply: async (url: string) => dbmateUp(url, files.dbmateFolder) },
  ]
  const series = await interleaved(
    contenders.map((c) => c.name),
    rounds,
    async (name) => {
      const url = throughProxy(await freshDatabase(), slow.url)
      const begun = performance.now()
      await contenders.find((c) => c.name === name)?.apply(url, files)
      return performance.now() - begun
    },
  )
  const client = new pg.Client(slow.url)
  await client.connect()
  const trips: number[] = []
  for (let i = 0; i < 50; i++) {
    const begun = performance.now()
    await client.query('select 1')
    trips.push(performance.now() - begun)
  }
  await client.end()
  slow.stop()
  record('network', `PostgreSQL, ${ROUND_TRIP_MS} ms away`, series)
  console.log(
    `## Apply ${count} migrations, ${median(trips).toFixed(1)} ms from a query to its answer (${rounds} rounds)\n\n${table(series)}\n`,
  )
  rmSync(dirname(files.folder), { recursive: true })
}

/** A process each: dbmate is a native binary, ours starts Node. */
async function wholeProcess(count: number, rounds: number): Promise<void> {
  const files = writeMigrations(count)
  const ours = join(import.meta.dirname, '..', 'dist', 'lib', 'main.js')
  const series = await interleaved(['dbmate', 'migrate up'], rounds, async (name) => {
    const url = await freshDatabase()
    const begun = performance.now()
    if (name === 'dbmate') dbmateUp(url, files.dbmateFolder)
    else execFileSync(process.execPath, [ours, 'up', '-d', url, '-p', files.folder], { stdio: 'ignore' })
    return performance.now() - begun
  })
  console.log(`## Apply ${count} migrations, whole processes (${rounds} rounds)\n\n${table(series)}\n`)
  rmSync(dirname(files.folder), { recursive: true })
}

function dbmateUp(url: string, folder: string): void {
  const program = join(import.meta.dirname, 'node_modules', '@dbmate', 'linux-x64', 'bin', 'dbmate')
  const args = ['--url', `${url}?sslmode=disable`, '--migrations-dir', folder, '--no-dump-schema', 'up']
  execFileSync(program, args, { stdio: 'ignore' })
}

/** From typing to the prompt: what a command costs that has nothing to do. */
async function start(count: number, rounds: number): Promise<void> {
  const files = writeMigrations(count)
  const url = await freshDatabase()
  const main = join(import.meta.dirname, '..', 'dist', 'lib', 'main.js')
  const at = ['-d', url, '-p', files.folder]
  // `status` cannot be faster than this: it loads `pg`, connects and asks, too.
  const pgAlone = `process.getBuiltinModule('node:module').enableCompileCache()
    const { default: pg } = await import('pg')
    const client = new pg.Client(process.argv[1])
    await client.connect()
    await client.query('select 1')
    await client.end()`
  const commands: Record<string, string[]> = {
    'node -e 0': ['-e', '0'],
    '`pg` alone: connect, `select 1`': ['--input-type=module', '-e', pgAlone, url],
    'migrate --version': [main, '--version'],
    'migrate --help': [main, '--help'],
    'migrate status': [main, 'status', ...at],
  }
  execFileSync(process.execPath, [main, 'up', ...at])
  const series = await interleaved(Object.keys(commands), rounds, async (name) => {
    const begun = performance.now()
    execFileSync(process.execPath, commands[name] ?? [], { cwd: import.meta.dirname })
    return performance.now() - begun
  })
  console.log(`## Starting, status of ${count} applied migrations (${rounds} rounds)\n\n${table(series)}\n`)
  rmSync(dirname(files.folder), { recursive: true })
}

/** A connected database of one's own at the latest version, from asking to the first query; dropping it is not counted. */
async function testDatabase(count: number, rounds: number): Promise<void> {
  const files = writeMigrations(count)
  const server = postgresServer({ url: undefined, request, idleMs: undefined, extensions: [], init: () => [] })
  const series = await interleaved(['connect, to a database that is there', 'copy', 'replay'], rounds, async (name) => {
    if (name.startsWith('connect')) {
      const client = new pg.Client(lease.server.url)
      const begun = performance.now()
      await client.connect()
      await client.query('select 1')
      const ms = performance.now() - begun
      await client.end()
      return ms
    }
    const begun = performance.now()
    const db = await MigratedDatabase.create({ server, migrations: files.folder, snapshots: name === 'copy' })
    await db.query('select 1')
    const ms = performance.now() - begun
    await db[Symbol.asyncDispose]()
    return ms
  })
  console.log(`## A test's database at version ${count} (${rounds} rounds)\n\n${table(series)}\n`)
  rmSync(dirname(files.folder), { recursive: true })
}

/** 200 takes back to back by 1, 2 and 8 workers, of 20, 100 and 500 migrations; then behind tests of 30 ms. */
async function takingAll(): Promise<void> {
  for (const count of part ? [Number(part)] : [100, 20, 500]) {
    const files = writeMigrations(count)
    const template = await makeTemplate(files.folder)
    const base = { url: lease.server.url, template, files, flags: request.flags }
    const ours = ['connect', 'migratest', 'migratest, a row written']
    const ways =
      count === 100
        ? [...ours, 'template, FILE_COPY', 'template, WAL_LOG', 'pgsql-test', 'umzug', 'node-pg-migrate']
        : ours
    console.log(`## Taking test databases, ${count} migrations, 200 back to back\n`)
    await taking({
      ...base,
      ways,
      workers: [1, 2, 8],
      takes: 200,
      rounds: 2,
      name: count === 100 ? 'taking' : undefined,
    })
    if (count === 100) {
      const pause = { ...base, ways: ['nothing', 'migratest', 'migratest, a row written'], pauseMs: 30, rounds: 2 }
      console.log(`## 500 tests of 30 ms, ${count} migrations\n`)
      await taking({ ...pause, workers: [1, 2], takes: 500 })
    }
    await admin.query(`drop database if exists ${template}`)
    rmSync(dirname(files.folder), { recursive: true })
  }
}

/** testcontainers' own way back to a state: the same database again, its connections ended. */
async function restoreSnapshot(rounds: number): Promise<void> {
  const files = writeMigrations(100)
  const container = await new PostgreSqlContainer('postgres:18')
    .withTmpFs({ '/data': 'rw' })
    .withEnvironment({ PGDATA: '/data/db' })
    .withDatabase('shop')
    .withCommand(['postgres', '-c', 'fsync=off'])
    .start()
  const database = await openDatabase(container.getConnectionUri())
  await new Migrator({ source: directory(files.folder), database }).up()
  await database.close()
  await container.snapshot()
  const series = await interleaved(['restoreSnapshot, and connect'], rounds, async () => {
    const begun = performance.now()
    await container.restoreSnapshot()
    const client = new pg.Client(container.getConnectionUri())
    await client.connect()
    await client.query('select 1')
    const ms = performance.now() - begun
    await client.end()
    return ms
  })
  await container.stop({ timeout: 0 })
  console.log(`## testcontainers, 100 migrations (${rounds} rounds)\n\n${table(series)}\n`)
  rmSync(dirname(files.folder), { recursive: true })
}

async function makeTemplate(folder: string): Promise<string> {
  const url = await freshDatabase()
  const name = new URL(url).pathname.slice(1)
  const database = await openDatabase(url)
  await new Migrator({ source: directory(folder), database }).up()
  await database.close()
  await admin.query(`alter database ${name} with allow_connections false`)
  return name
}

/** The first database after an edit, and the first of all. */
async function edits(count: number, rounds: number): Promise<void> {
  const places = ['the last', 'the one in the middle', 'the first']
  const series = await interleaved(['no edit', ...places, 'nothing is there'], rounds, async (name) => {
    const files = writeMigrations(count)
    const own = { ...request, flags: { ...request.flags, 'bench.edit': String(Math.random()) } }
    const first = () => {
      const server = postgresServer({ url: undefined, request: own, idleMs: undefined, extensions: [], init: () => [] })
      return MigratedDatabase.create({ server, migrations: files.folder })
    }
    const warm = await acquireServer(own)
    const time = async () => {
      const begun = performance.now()
      const db = await first()
      await db.query('select 1')
      const ms = performance.now() - begun
      await db[Symbol.asyncDispose]()
      await settled()
      return ms
    }
    let ms = await time()
    const place = places.indexOf(name)
    if (place >= 0) {
      const at = [count, count / 2, 1][place] ?? 1
      const path = join(files.folder, `${String(at).padStart(6, '0')}_step_${at}.up.sql`)
      // Twice: whoever edits a migration does so again.
      for (const text of ['select 1;', 'select 2;']) {
        appendFileSync(path, text)
        ms = await time()
      }
    } else if (name === 'no edit') ms = await time()
    warm.release()
    await stopServer(own)
    rmSync(dirname(files.folder), { recursive: true })
    return ms
  })
  console.log(`## The first database after an edit, ${count} migrations (${rounds} rounds)\n\n${table(series)}\n`)
}

/** Every migration up, down and up again with three readings of the schema, and all of them twice, beside one replay. */
async function verify(count: number, rounds: number): Promise<void> {
  const files = writeMigrations(count)
  const server = postgresServer({ url: lease.server.url, request, idleMs: undefined, extensions: [], init: () => [] })
  const ways: Readonly<Record<string, readonly ('schema' | 'paths' | 'rows' | 'live')[]>> = {
    'schema and paths': ['schema', 'paths'],
    rows: ['rows'],
    live: ['live'],
  }
  const series = await interleaved(['replay', ...Object.keys(ways)], rounds, async (name) => {
    const begun = performance.now()
    const groups = ways[name]
    if (groups === undefined) {
      const db = await MigratedDatabase.create({ server, migrations: files.folder, snapshots: false })
      await db[Symbol.asyncDispose]()
    } else {
      const { checks, dispose } = await verification({ server, migrations: files.folder, base: false, groups })
      for (const check of checks) await check.run()
      await dispose()
    }
    return performance.now() - begun
  })
  console.log(`## Verify ${count} migrations, beside one replay (${rounds} rounds)\n\n${table(series)}\n`)
  rmSync(dirname(files.folder), { recursive: true })
}

/** All pairs of versions: by single steps and a sample, from which the rest follows; and a larger sample. */
async function pairs(count: number, rounds: number): Promise<void> {
  const files = writeMigrations(count)
  const server = postgresServer({ url: lease.server.url, request, idleMs: undefined, extensions: [], init: () => [] })
  const ways = { 'by single steps, and 3 long moves': 3, 'by single steps, and 25 long moves': 25 }
  const series = await interleaved(Object.keys(ways), rounds, async (name) => {
    const groups = ['schema', 'paths'] as const
    const sample = { pairs: ways[name as keyof typeof ways] }
    const begun = performance.now()
    const made = await verification({ server, migrations: files.folder, base: false, groups, ...sample })
    for (const check of made.checks) await check.run()
    const ms = performance.now() - begun
    const unknown = made.matrix().rows.filter((row) => /[^RFX-]/.test(row))
    if (unknown.length > 0) throw new Error(`nothing is known of some pairs: ${unknown.join(' ')}`)
    await made.dispose()
    return ms
  })
  console.log(`## All pairs of ${count} versions (${rounds} rounds)\n\n${table(series)}\n`)
  rmSync(dirname(files.folder), { recursive: true })
}

/** Measures `verify --since` for a branch that adds one migration to `count` others, with the default checks. */
async function since(count: number, rounds: number): Promise<void> {
  const files = writeMigrations(count)
  const root = dirname(files.folder)
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', root, '-c', 'user.name=b', '-c', 'user.email=b@c', ...args])
  git('init', '-q', '-b', 'main')
  git('add', '-A')
  git('commit', '-q', '-m', 'before')
  const last = join(files.folder, `${String(count + 1).padStart(6, '0')}_branch`)
  writeFileSync(
    `${last}.up.sql`,
    'create table branch (id bigint primary key, note text);\ncreate index on branch (note);',
  )
  writeFileSync(`${last}.down.sql`, 'drop table branch;')
  const server = postgresServer({ url: lease.server.url, request, idleMs: undefined, extensions: [], init: () => [] })
  const groups = ['schema', 'paths', 'rows', 'live', 'release'] as const
  const series = await interleaved(['--since main'], rounds, async () => {
    const begun = performance.now()
    const { checks, dispose } = await verification({
      server,
      migrations: files.folder,
      groups,
      since: 'main',
      base: false,
    })
    for (const check of checks) await check.run()
    await dispose()
    return performance.now() - begun
  })
  console.log(`## A branch of one migration on ${count} (${rounds} rounds)\n\n${table(series)}\n`)
  rmSync(root, { recursive: true })
}

/** What planning and applying leave and need, in a process of their own. */
async function memory(count: number): Promise<void> {
  const url = await freshDatabase()
  const program = `
    import { Migrator, openDatabase } from ${JSON.stringify(join(import.meta.dirname, '..', 'dist', 'index.js'))}
    const text = (i) => 'select ' + i + " as x, '" + 'x'.repeat(10_000) + "' as padding"
    const source = { name: 'generated', list: async () => Array.from({ length: ${count} }, (_, i) => ({ version: i + 1, name: 'm', up: 'up' })),
      read: async (m, direction) => direction === 'up' ? { kind: 'sql', text: text(m.version) } : null }
    const database = await openDatabase(${JSON.stringify(url)})
    let most = 0
    const onEvent = (event) => { if (event.type === 'finished' && event.step.version % 200 === 0) { gc(); most = Math.max(most, process.memoryUsage().heapUsed) } }
    gc(); const before = process.memoryUsage().heapUsed
    const begun = performance.now()
    await new Migrator({ source, database, record: 'fingerprint', onEvent }).up()
    console.log(((most - before) / 2 ** 20).toFixed(1), ((performance.now() - begun) / 1000).toFixed(1))
    await database.close()`
  const out = execFileSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', program], {
    encoding: 'utf8',
  })
  const [heap, seconds] = out.trim().split(' ')
  console.log(
    `## Memory, ${count} migrations of 10 KB (${((count * 10_000) / 2 ** 20).toFixed(0)} MiB of bodies)\n\nLive heap at most ${heap} MiB above the start; ${seconds} s.\n`,
  )
}

/**
 * From asking to the first answered query, against doing the same by hand with the docker command. The first server of an
 * image makes its data; later ones begin with a copy, which is made when the first has had no user for a while.
 */
async function container(rounds: number): Promise<void> {
  const image = `${process.env.TESTCONTAINERS_HUB_IMAGE_NAME_PREFIX ? `${process.env.TESTCONTAINERS_HUB_IMAGE_NAME_PREFIX}/` : ''}postgres:18`
  await initializedData({ ...request, from: 'container', flags: {}, own: 'bench, first' }, image)
  const series = await interleaved(
    ['docker run, until a query answers', 'container on demand, first', 'container on demand', 'embedded on demand'],
    rounds,
    async (name) => {
      if (name.startsWith('docker')) return dockerRun(image)
      const own: ServerRequest = {
        ...request,
        from: name.startsWith('container') ? 'container' : 'embedded',
        own: `bench ${Math.random()}`,
        // Data is kept for each set of settings.
        flags: name.endsWith('first') ? { 'bench.round': String(Math.random()) } : {},
      }
      const begun = performance.now()
      const { server, release } = await acquireServer(own)
      const client = new pg.Client(server.url)
      await client.connect()
      await client.query('select 1')
      const ms = performance.now() - begun
      await client.end()
      release()
      await stopServer(own)
      return ms
    },
  )
  console.log(`## A server on demand, from asking to the first answer (${rounds} rounds)\n\n${table(series)}\n`)
}

/** Starts a server and waits until its keeper has kept the data that the next one begins with. */
async function initializedData(own: ServerRequest, image: string): Promise<void> {
  const kept = () =>
    execFileSync('docker', ['volume', 'ls', '-q', '--filter', `label=migratest.initialized=${image}`], {
      encoding: 'utf8',
    })
  const { release } = await acquireServer(own)
  release()
  // One volume holds the data, the other says that it is complete.
  for (let i = 0; i < 600 && kept().trim().split('\n').length < 2; i++) await new Promise((r) => setTimeout(r, 50))
  await stopServer(own)
}

async function dockerRun(image: string): Promise<number> {
  const begun = performance.now()
  const id = execFileSync(
    'docker',
    [
      'run',
      '-d',
      '--rm',
      '--tmpfs',
      '/data',
      '-e',
      'PGDATA=/data/db',
      '-e',
      'POSTGRES_PASSWORD=x',
      '-e',
      'POSTGRES_INITDB_ARGS=--no-sync',
      '-p',
      '127.0.0.1::5432',
      image,
      'postgres',
      '-c',
      'fsync=off',
    ],
    { encoding: 'utf8' },
  ).trim()
  const port = execFileSync('docker', ['port', id, '5432'], { encoding: 'utf8' }).trim().split(':').at(-1)
  for (;;) {
    const client = new pg.Client({ connectionString: `postgres://postgres:x@127.0.0.1:${port}/postgres` })
    client.on('error', () => undefined)
    try {
      await client.connect()
      await client.query('select 1')
      const ms = performance.now() - begun
      await client.end()
      execFileSync('docker', ['kill', id])
      return ms
    } catch {
      await client.end().catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}
