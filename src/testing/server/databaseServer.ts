/**
 * Test databases on a server that is started on demand or given by its URL. The engine provides what differs between
 * kinds of servers.
 */
import { randomBytes } from 'node:crypto'
import { now } from '../../migrate/realTime.ts'
import { acquireServer, type ServerHandle, stopServer } from '../../server/acquire.ts'
import type { ServerRequest } from '../../server/request.ts'
import type { Dialect } from '../../sql/dialect.ts'
import type { Snapshots, TestDatabase, TestServer } from '../testServer.ts'
import type { Registry } from './registry.ts'

export interface DatabaseServerOptions {
  /** An administrator's URL; if `undefined`, a server is started on demand. */
  readonly url: string | undefined
  readonly request: ServerRequest
  readonly idleMs: number | undefined
  /** PostgreSQL extensions to create in each database before its migrations. */
  readonly extensions: readonly string[]
  /** Returns the SQL to run in each new database before its migrations. */
  readonly init: () => readonly string[]
  /** Bytes that snapshots may take on the server; default 512 MiB. */
  readonly snapshotBytes?: number | undefined
}

/**
 * The copies of one snapshot. Their clean state is read once, from the first copy that is prepared before a test needs
 * it.
 */
export interface SnapshotFamily<Likeness> {
  readonly key: string
  cleanState: Promise<Likeness | undefined> | undefined
  /** The number of consecutive copies that could not be restored. */
  misses: number
}

export interface DatabaseOrigin<R extends Registry, Likeness> {
  readonly registry: R
  readonly extensions: readonly string[]
  /** Returns the SQL to run in the database before its migrations. */
  readonly init: () => readonly string[]
  /** The family of the snapshot, if this database is a copy. */
  readonly family?: SnapshotFamily<Likeness> | undefined
  /** The moment when the copy was made, in the server's own counting. */
  readonly since?: string | undefined
  /** Gives the ticket back, so that another test can have a database where their number is limited. */
  readonly ticket: () => Promise<void>
}

/** A database that this module has made. */
export interface OwnDatabase<Client, Likeness> extends TestDatabase<Client> {
  prepare(init: readonly string[], before: readonly string[]): Promise<void>
  /** Closes our own connections to the database, not those of the test. */
  closeOwn(): Promise<void>
  /** Treats the database as a copy of a snapshot from now on, because a snapshot was made of it. */
  adopt(kin: SnapshotFamily<Likeness>, since: string | undefined): void
}

export interface SnapshotStorage {
  createEmpty(name: string): Promise<void>
  look: Snapshots<unknown>['look']
  clone(key: string, name: string): Promise<boolean>
  isVerified(key: string): boolean
  /** Returns `true` if a copy with this digest holds what the snapshot is supposed to hold. */
  verify(key: string, digest: string | undefined): Promise<boolean>
  canFreeze(key: string): boolean
  /** Drops a snapshot. Never rejects. */
  drop(key: string): Promise<void>
  freeze(name: string, key: string, about: { digest: string | undefined; keys: readonly string[] }): Promise<boolean>
}

/** The interface that each kind of server implements. */
export interface Engine<Client, R extends Registry, Likeness> {
  readonly dialect: Dialect
  open(url: string, ours: boolean): Promise<R>
  store(registry: R, bytes: number): SnapshotStorage
  database(name: string, origin: DatabaseOrigin<R, Likeness>): OwnDatabase<Client, Likeness>
  /**
   * Returns a hash of what a database holds, read on a separate connection; `undefined` if it cannot be hashed.
   * @param freezing `true` if it is about to become a snapshot
   */
  digest(registry: R, name: string, freezing: boolean): Promise<string | undefined>
  /** Returns the present moment in the server's own counting; `undefined` if it is not needed. */
  now(registry: R): Promise<string | undefined>
  /** Returns the session settings that come from the environment, which may change how SQL texts are interpreted. */
  settings(): readonly string[]
}

export class DatabaseServer<Client, R extends Registry, Likeness> implements TestServer<Client> {
  readonly dialect: Dialect
  readonly #engine: Engine<Client, R, Likeness>
  readonly #options: DatabaseServerOptions
  #starting: Promise<Started<R>> | undefined
  #state: { text: string; since: number } | undefined
  readonly #kin = new Map<string, SnapshotFamily<Likeness>>()

  constructor(engine: Engine<Client, R, Likeness>, options: DatabaseServerOptions) {
    this.dialect = engine.dialect
    this.#engine = engine
    this.#options = options
  }

  warm(): void {
    this.#start().catch(() => undefined)
  }

  progress(): string | undefined {
    if (!this.#state) return undefined
    return `${this.#state.text}, for ${((now() - this.#state.since) / 1000).toFixed(1)} s`
  }

  async create(before: readonly string[] = []): Promise<TestDatabase<Client>> {
    const { registry, store } = await this.#start()
    const ticket = await registry.ticket()
    const name = registry.newName()
    const database = this.#engine.database(name, {
      registry,
      extensions: this.#options.extensions,
      init: this.#options.init,
      ticket,
    })
    try {
      await store.createEmpty(name)
      await database.prepare(this.#options.init(), before)
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
      environment: [...this.#engine.settings(), '', ...extensions, '', ...init()],
      look: (keys) => store.look(keys),
      clone: (key) => this.#clone(key),
      canFreeze: (key) => store.canFreeze(key),
      freeze: async (database, key, keys) => {
        const own = database as Partial<OwnDatabase<Client, Likeness>>
        await own.closeOwn?.()
        const digest = await this.#engine.digest(registry, database.name, true)
        if (!(await store.freeze(database.name, key, { digest, keys }))) return
        own.adopt?.(this.#kinOf(key), await this.#engine.now(registry))
      },
      drop: (key) => store.drop(key),
      exclusively: (key, work) => registry.exclusively(key, work),
    }
  }

  async url(): Promise<string> {
    const { registry } = await this.#start()
    return registry.url
  }

  /** Sweeps only if the server has been started: without that there is nothing to drop. */
  async sweep(): Promise<void> {
    const started = await this.#starting
    await started?.registry.sweep({ patienceMs: SWEEP_PATIENCE_MS })
  }

  async ahead(): Promise<number> {
    const { registry } = await this.#start()
    return registry.ahead
  }

  another(): { server: TestServer<Client>; stop(): Promise<void> } | undefined {
    if (this.#options.url) return undefined
    const request = { ...this.#options.request, own: randomBytes(8).toString('hex') }
    const server = new DatabaseServer(this.#engine, { ...this.#options, request, idleMs: 0 })
    return { server, stop: () => stopServer(request) }
  }

  // --- internal ---

  async #clone(key: string): Promise<TestDatabase<Client> | undefined> {
    const { registry, store } = await this.#start()
    const ticket = await registry.ticket()
    try {
      const left = registry.ours && store.isVerified(key) ? await registry.claim(key) : undefined
      const name = left ?? registry.newName()
      if (left === undefined && !(await store.clone(key, name))) return await noDatabase(ticket)
      if (!store.isVerified(key) && !(await store.verify(key, await this.#engine.digest(registry, name, false)))) {
        await registry.drop(name)
        return await noDatabase(ticket)
      }
      const { extensions, init } = this.#options
      const since = await this.#engine.now(registry)
      return this.#engine.database(name, { registry, extensions, init, family: this.#kinOf(key), since, ticket })
    } catch (error) {
      await ticket()
      throw error
    }
  }

  #kinOf(key: string): SnapshotFamily<Likeness> {
    const kin = this.#kin.get(key) ?? { key, cleanState: undefined, misses: 0 }
    this.#kin.set(key, kin)
    return kin
  }

  #start(): Promise<Started<R>> {
    // After a failed start the next caller tries again: Docker may be running by then.
    this.#starting ??= this.#open().catch((error) => {
      this.#starting = undefined
      throw error
    })
    return this.#starting
  }

  async #open(): Promise<Started<R>> {
    this.#state = { text: 'looking for a server', since: now() }
    const { url, ours } = await this.#findUrl()
    const started = (known.get(url) as Promise<Started<R>> | undefined) ?? this.#openRegistry(url, ours)
    known.set(url, started)
    const { registry } = await started
    // The lock that marks this process as alive is lost with this connection. The next caller opens a new registry with
    // a new token.
    registry.onLost(() => {
      this.#starting = undefined
      this.#kin.clear()
    })
    // Sweep in the background.
    registry.sweep().catch(() => undefined)
    if (!ours) await registry.setUp(this.#options.request.setup)
    this.#state = undefined
    return started
  }

  async #openRegistry(url: string, ours: boolean): Promise<Started<R>> {
    try {
      const registry = await this.#engine.open(url, ours)
      registry.onLost(() => known.delete(url))
      return { registry, store: this.#engine.store(registry, this.#options.snapshotBytes ?? SNAPSHOT_BYTES) }
    } catch (error) {
      known.delete(url)
      throw error
    }
  }

  async #findUrl(): Promise<{ url: string; ours: boolean }> {
    const { request, idleMs, url } = this.#options
    if (url) return { url, ours: false }
    const lease = await acquireServer(request, {
      ...(idleMs !== undefined && { idleMs }),
      onProgress: (text) => {
        this.#state = { text, since: this.#state?.since ?? now() }
      },
    })
    if (lease.first && request.own === undefined) announce(lease)
    return { url: lease.server.url, ours: true }
  }
}

// --- internal ---

/** Milliseconds to wait for another run's sweep, which may have listed the databases before this run was over. */
const SWEEP_PATIENCE_MS = 3000

const SNAPSHOT_BYTES = 512 * 2 ** 20

interface Started<R> {
  readonly registry: R
  readonly store: SnapshotStorage
}

/** The registry and snapshots of each server, by URL: several presets of a process share them. */
const known = new Map<string, Promise<Started<Registry>>>()

async function noDatabase(ticket: () => Promise<void>): Promise<undefined> {
  await ticket()
}

function announce({ server }: ServerHandle): void {
  const { startedAt, startedIn } = server
  const processStartedAt = now() - process.uptime() * 1000
  const since =
    startedAt >= processStartedAt
      ? `started in ${(startedIn / 1000).toFixed(1)} s`
      : `running since ${new Date(startedAt).toTimeString().slice(0, 5)}`
  process.stderr.write(`migratest: ${server.name}, ${since} (${server.reason})\n`)
}
