/** Test databases on a PostgreSQL server: one per test, named so that what a killed run left can be told apart. */
import { randomBytes } from 'node:crypto'
import type { Client } from 'pg'
import { readSchema } from '../database/postgres/catalog.ts'
import {
  type Admin,
  briefAdmin,
  createDatabase,
  dropDatabase,
  dropIfUnused,
  heldAdmin,
  keepDatabase,
  listDatabases,
} from '../database/postgres/cluster.ts'
import { connect, openUrl } from '../database/postgres/connection.ts'
import { postgresDriver } from '../database/postgres/driver.ts'
import type { Session } from '../database/postgres/session.ts'
import { identifier, literal, ownTables } from '../database/postgres/tables.ts'
import type { Driver } from '../migrate/driver.ts'
import type { Schema } from '../schema/schema.ts'
import { leaseServer, type ServerLease } from '../server/lease.ts'
import type { ServerRequest } from '../server/request.ts'
import { runGiven } from './given.ts'
import { postgresSnapshots } from './postgresSnapshots.ts'
import type { Row, Snapshots, TestDatabase, TestServer } from './testServer.ts'

export interface PostgresServerOptions {
  /** An administrator's URL; undefined: a server on demand. */
  readonly url: string | undefined
  readonly request: ServerRequest
  readonly idleMs: number | undefined
  readonly extensions: readonly string[]
  /** SQL run in each new database before its migrations. */
  readonly init: () => readonly string[]
}

export function postgresServer(options: PostgresServerOptions): TestServer<Client> {
  return new PostgresServer(options)
}

// --- internal ---

interface Started {
  readonly url: string
  readonly admin: Admin
  /** In the names of all databases that this process makes. */
  readonly prefix: string
  /** Made on demand, so that nobody's data is on it. */
  readonly ours: boolean
  /** Where data may be lost, copying files costs nobody a flush. */
  readonly fileCopy: boolean
}

/** Advisory locks of living processes: this number and the token in their databases' names. */
const LIVING = 0x6d_67_72_74

class PostgresServer implements TestServer<Client> {
  readonly dialect = 'postgres'
  readonly #options: PostgresServerOptions
  #starting: Promise<Started> | undefined
  #state: { text: string; since: number } | undefined
  #count = 0

  constructor(options: PostgresServerOptions) {
    this.#options = options
  }

  warm(): void {
    this.#start().catch(() => undefined)
  }

  progress(): string | undefined {
    if (!this.#state) return undefined
    return `${this.#state.text}, for ${((performance.now() - this.#state.since) / 1000).toFixed(1)} s`
  }

  async create(): Promise<TestDatabase<Client>> {
    const started = await this.#start()
    const database = await this.#make(started)
    try {
      await database.prepare(this.#options.init())
    } catch (error) {
      await database.drop()
      throw error
    }
    return database
  }

  /** Only on servers on demand: they and all on them go when nobody needs them. */
  async snapshots(): Promise<Snapshots<Client> | undefined> {
    const started = await this.#start()
    if (!started.ours) return undefined
    const { extensions, init } = this.#options
    return postgresSnapshots(started, [...extensions, '', ...init()], (template) => this.#make(started, template))
  }

  async #make(started: Started, template?: string): Promise<PostgresTestDatabase> {
    const name = `${started.prefix}${this.#count++}`
    await createDatabase(started.admin, name, { fileCopy: started.fileCopy, ...(template && { template }) })
    return new PostgresTestDatabase(started, name, this.#options.extensions)
  }

  #start(): Promise<Started> {
    // A failed start is tried anew by the next who asks: Docker may have come up meanwhile.
    this.#starting ??= this.#open().catch((error) => {
      this.#starting = undefined
      throw error
    })
    return this.#starting
  }

  async #open(): Promise<Started> {
    this.#state = { text: 'looking for a server', since: performance.now() }
    const { url, ours } = await this.#findUrl()
    const client = await connect(url, { applicationName: 'migratest tests' })
    // The lock that says we live goes with this connection: who asks next begins anew, with another token.
    client.once('end', () => {
      this.#starting = undefined
    })
    const admin = heldAdmin(client)
    const token = randomBytes(4).toString('hex')
    const { rows } = await admin.query<{ oid: string; version: number }>(
      `SELECT oid::text, current_setting('server_version_num')::integer AS version, pg_advisory_lock(${LIVING}, ${tokenLock(token)}) FROM pg_database WHERE datname = current_database()`,
    )
    const family = `migratest_${rows[0]?.oid}_`
    await sweep(admin, family)
    this.#state = undefined
    const fileCopy = ours && (rows[0]?.version ?? 0) >= 150_000
    return { url, admin, ours, fileCopy, prefix: `${family}${token}_` }
  }

  async #findUrl(): Promise<{ url: string; ours: boolean }> {
    const { request, idleMs, url } = this.#options
    if (url) {
      await setUp(url, request.setup)
      return { url, ours: false }
    }
    const lease = await leaseServer(request, {
      ...(idleMs !== undefined && { idleMs }),
      onProgress: (text) => {
        this.#state = { text, since: this.#state?.since ?? performance.now() }
      },
    })
    if (lease.first) announce(lease)
    return { url: lease.server.url, ours: true }
  }
}

class PostgresTestDatabase implements TestDatabase<Client> {
  readonly name: string
  readonly url: string
  readonly #started: Started
  readonly #extensions: readonly string[]
  /** Opened when the schema is first asked for. */
  #reader: Promise<Session> | undefined

  constructor(started: Started, name: string, extensions: readonly string[]) {
    this.name = name
    this.#started = started
    this.#extensions = extensions
    const url = new URL(started.url)
    url.pathname = `/${name}`
    this.url = url.href
  }

  async prepare(init: readonly string[]): Promise<void> {
    const extension = (name: string) => `CREATE EXTENSION IF NOT EXISTS ${identifier(name)}`
    const statements = [
      ...this.#extensions.map((name) => ['extensions', extension(name)] as const),
      ...init.map((sql) => ['init', sql] as const),
    ]
    if (statements.length === 0) return
    const client = await connect(this.url)
    try {
      for (const [option, sql] of statements) await runGiven(option, sql, () => client.query(sql))
    } finally {
      await client.end()
    }
  }

  connect(): Promise<Client> {
    return connect(this.url, { applicationName: 'migratest test' })
  }

  async query(client: Client, sql: string, params: readonly unknown[] = []): Promise<Row[]> {
    const result = await client.query(sql, [...params])
    // Several statements at once give several results; the last one is what was asked for.
    const last: { rows?: Row[] } | undefined = Array.isArray(result) ? result.at(-1) : result
    return last?.rows ?? []
  }

  async openDriver(): Promise<Driver> {
    return postgresDriver(await openUrl(this.url), { keepExtensions: this.#extensions })
  }

  async readSchema(): Promise<Schema> {
    this.#reader ??= openUrl(this.url)
    try {
      return await readSchema(await this.#reader, { exclude: ownTables() })
    } catch (error) {
      // The next who asks gets a new connection: this one may be what failed.
      await this.#closeReader()
      this.#reader = undefined
      throw error
    }
  }

  /** Of any session: a client or pool that the test made itself would be waited for all the same. */
  async openTransaction(): Promise<string | undefined> {
    const { rows } = await this.#started.admin.query<{ query: string }>(
      `SELECT query FROM pg_stat_activity WHERE datname = $1 AND state LIKE 'idle in transaction%' LIMIT 1`,
      [this.name],
    )
    return rows[0]?.query
  }

  async disconnect(client: Client): Promise<void> {
    await client.end()
  }

  async #closeReader(): Promise<void> {
    const reader = await this.#reader?.catch(() => undefined)
    await reader?.close().catch(() => undefined)
  }

  async keep(): Promise<string> {
    await this.#closeReader()
    await keepDatabase(this.#started.admin, this.name)
    return `psql '${this.url}'`
  }

  async drop(): Promise<void> {
    await this.#closeReader()
    try {
      await dropDatabase(this.#started.admin, this.name)
    } catch (error) {
      // The administrator's connection broke meanwhile, or the server is gone and everything with it.
      const client = await connect(this.#started.url).catch(() => Promise.reject(error))
      await dropDatabase(briefAdmin(client), this.name).finally(() => client.end())
    }
  }
}

/** One after another, though many workers begin at once: two who make the same role would meet. */
async function setUp(url: string, setup: readonly string[]): Promise<void> {
  if (setup.length === 0) return
  const client = await connect(url)
  try {
    await client.query(`SELECT pg_advisory_lock(${LIVING}, 0)`)
    for (const sql of setup) await runGiven('roles', undefined, () => client.query(sql))
  } finally {
    await client.end()
  }
}

function announce({ server }: ServerLease): void {
  const { startedAt, startedIn } = server
  // Another worker of this run may have asked a moment before.
  const recent = Date.now() - startedAt < 10_000
  const since = recent
    ? `started in ${(startedIn / 1000).toFixed(1)} s`
    : `running since ${new Date(startedAt).toTimeString().slice(0, 5)}`
  process.stderr.write(`migratest: ${server.name}, ${since} (${server.reason})\n`)
}

/**
 * Databases whose process is gone: nobody holds the lock of the token in their name, and nobody is connected (the
 * connection that holds a lock can break while its process lives). Those to be kept stay.
 */
async function sweep(admin: Admin, family: string): Promise<void> {
  const names = await listDatabases(admin, family)
  const tokens = new Set(names.map((name) => name.slice(family.length).split('_')[0] ?? ''))
  for (const token of tokens) {
    if (!/^[0-9a-f]{8}$/.test(token)) continue
    const { rows } = await admin.query<{ dead: boolean }>(
      `SELECT pg_try_advisory_lock(${LIVING}, ${tokenLock(token)}) AS dead`,
    )
    if (!rows[0]?.dead) continue
    const left = names.filter((name) => name.startsWith(`${family}${token}_`))
    for (const name of left) await dropIfUnused(admin, name).catch(() => undefined)
    await admin.query(`SELECT pg_advisory_unlock(${LIVING}, ${tokenLock(token)})`)
  }
}

function tokenLock(token: string): string {
  return `('x' || ${literal(token)})::bit(32)::integer`
}
