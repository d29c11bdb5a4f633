/** Test databases on a PostgreSQL server: on demand, or one by its URL. */
import { randomBytes } from 'node:crypto'
import type { Client } from 'pg'
import { leaseServer, type ServerLease, stopServer } from '../../server/lease.ts'
import type { ServerRequest } from '../../server/request.ts'
import { runGiven } from '../given.ts'
import type { Snapshots, TestDatabase, TestServer } from '../testServer.ts'
import { type Kin, PostgresTestDatabase, sinceNow } from './database.ts'
import { digestOf } from './digest.ts'
import { Registry } from './registry.ts'
import { SnapshotStore } from './snapshots.ts'

export interface PostgresServerOptions {
  /** An administrator's URL; undefined: a server on demand. */
  readonly url: string | undefined
  readonly request: ServerRequest
  readonly idleMs: number | undefined
  readonly extensions: readonly string[]
  /** SQL run in each new database before its migrations. */
  readonly init: () => readonly string[]
  /** Bytes that snapshots may take on the server; default 512 MiB. */
  readonly snapshotBytes?: number | undefined
}

export function postgresServer(options: PostgresServerOptions): TestServer<Client> {
  return new PostgresServer(options)
}

// --- internal ---

const SNAPSHOT_BYTES = 512 * 2 ** 20

interface Started {
  readonly registry: Registry
  readonly store: SnapshotStore
}

/** By URL: several presets in a process share a server, and what is known of it. */
const known = new Map<string, Promise<Started>>()

class PostgresServer implements TestServer<Client> {
  readonly dialect = 'postgres'
  readonly #options: PostgresServerOptions
  #starting: Promise<Started> | undefined
  #state: { text: string; since: number } | undefined
  readonly #kin = new Map<string, Kin>()

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
    const { registry, store } = await this.#start()
    const ticket = await registry.ticket()
    const name = registry.newName()
    const database = new PostgresTestDatabase(name, { registry, extensions: this.#options.extensions, ticket })
    try {
      await store.createEmpty(name)
      await database.prepare(this.#options.init())
    } catch (error) {
      await database.drop()
      throw error
    }
    return database
  }

  async snapshots(): Promise<Snapshots<Client>> {
    const { registry, store } = await this.#start()
    const { extensions, init } = this.#options
    return {
      ground: [...sessionSettings(), '', ...extensions, '', ...init()],
      look: (keys) => store.look(keys),
      clone: (key) => this.#clone(key),
      canFreeze: (key) => store.canFreeze(key),
      freeze: async (database, key, keys) => {
        const digest = await digestOf(registry.urlOf(database.name))
        if (!(await store.freeze(database.name, key, { digest, keys }))) return
        if (database instanceof PostgresTestDatabase) database.adopt(this.#kinOf(key), await sinceNow(registry))
      },
      exclusively: (key, work) => registry.exclusively(key, work),
    }
  }

  async url(): Promise<string> {
    const { registry } = await this.#start()
    return registry.url
  }

  /** Of a server that was never used, nothing is left. */
  async sweep(): Promise<void> {
    const started = await this.#starting
    await started?.registry.sweep()
  }

  async ahead(): Promise<number> {
    const { registry } = await this.#start()
    return registry.ahead
  }

  another(): { server: TestServer<Client>; stop(): Promise<void> } | undefined {
    if (this.#options.url) return undefined
    const request = { ...this.#options.request, own: randomBytes(8).toString('hex') }
    return { server: new PostgresServer({ ...this.#options, request, idleMs: 0 }), stop: () => stopServer(request) }
  }

  // --- internal ---

  async #clone(key: string): Promise<TestDatabase<Client> | undefined> {
    const { registry, store } = await this.#start()
    const ticket = await registry.ticket()
    try {
      const left = registry.ours && store.isVerified(key) ? await registry.claim(key) : undefined
      const name = left ?? registry.newName()
      if (left === undefined && !(await store.copy(key, name))) return await noDatabase(ticket)
      if (!store.isVerified(key) && !(await store.verify(key, await digestOf(registry.urlOf(name))))) {
        await registry.drop(name)
        return await noDatabase(ticket)
      }
      const { extensions } = this.#options
      return new PostgresTestDatabase(name, {
        registry,
        extensions,
        kin: this.#kinOf(key),
        since: await sinceNow(registry),
        ticket,
      })
    } catch (error) {
      await ticket()
      throw error
    }
  }

  #kinOf(key: string): Kin {
    const kin = this.#kin.get(key) ?? { key, likeness: undefined, misses: 0 }
    this.#kin.set(key, kin)
    return kin
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
    const started = known.get(url) ?? openRegistry(url, ours, this.#options)
    known.set(url, started)
    const { registry } = await started
    // The lock that says we live goes with this connection: who asks next begins anew, with another number.
    registry.onLost(() => {
      this.#starting = undefined
      this.#kin.clear()
    })
    // Nobody waits for it.
    registry.sweep().catch(() => undefined)
    if (!ours) await registry.setUp((client) => setUp(client, this.#options.request.setup))
    this.#state = undefined
    return started
  }

  async #findUrl(): Promise<{ url: string; ours: boolean }> {
    const { request, idleMs, url } = this.#options
    if (url) return { url, ours: false }
    const lease = await leaseServer(request, {
      ...(idleMs !== undefined && { idleMs }),
      onProgress: (text) => {
        this.#state = { text, since: this.#state?.since ?? performance.now() }
      },
    })
    if (lease.first && request.own === undefined) announce(lease)
    return { url: lease.server.url, ours: true }
  }
}

async function openRegistry(url: string, ours: boolean, options: PostgresServerOptions): Promise<Started> {
  try {
    const registry = await Registry.open(url, ours)
    registry.onLost(() => known.delete(url))
    return { registry, store: new SnapshotStore(registry, options.snapshotBytes ?? SNAPSHOT_BYTES) }
  } catch (error) {
    known.delete(url)
    throw error
  }
}

async function noDatabase(ticket: () => Promise<void>): Promise<undefined> {
  await ticket()
}

async function setUp(client: Client, setup: readonly string[]): Promise<void> {
  for (const sql of setup) await runGiven('roles', undefined, () => client.query(sql))
}

/** What `pg` tells each session from the environment, which may change how texts are understood. */
function sessionSettings(): string[] {
  const names = ['PGOPTIONS', 'PGDATESTYLE', 'PGTZ', 'PGCLIENTENCODING', 'PGGEQO']
  return names.map((name) => `${name}=${process.env[name] ?? ''}`)
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
