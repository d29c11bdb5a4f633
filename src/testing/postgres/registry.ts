/**
 * Test databases of a server: which there are, whose they are, and whether that process lives. The server itself knows: a
 * process holds a lock while it is connected, and its databases carry the number of that lock. No clocks, no process ids,
 * so runs, worktrees and machines that share a server need not know of each other.
 */
import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import {
  type Admin,
  briefAdmin,
  commentOn,
  dropDatabase,
  dropIfUnused,
  type FoundDatabase,
  heldAdmin,
  listDatabases,
} from '../../database/postgres/cluster.ts'
import { connect } from '../../database/postgres/connection.ts'
import { literal } from '../../database/postgres/tables.ts'
import { connectPatiently } from './connections.ts'
import { readMark, writeMark } from './marks.ts'

/** First numbers of our locks; the second one says which process, database, snapshot. */
const LIVING = 0x6d_67_72_74
const CLAIMED = LIVING + 1
const BUILDING = LIVING + 2
const TICKET = LIVING + 3
const ALL = LIVING + 4

const SWEEPING = 1
const SETTING_UP = 2

/** Databases without a test that are left for other processes. */
const MOST_FREE = 12

/** Below this, how many tests have a database at a time is counted. */
const FEW_CONNECTIONS = 60

export class Registry {
  /** Of an administrator. */
  readonly url: string
  /** Made on demand, so that nobody's data is on it, and all goes with it. */
  readonly ours: boolean
  /** Its data may be lost (fsync is off), so that flushing costs nobody anything. */
  readonly volatile: boolean
  /** `server_version_num`. */
  readonly version: number
  readonly admin: Admin
  readonly #client: Client
  readonly #family: string
  readonly #token: string
  readonly #few: boolean
  readonly #maxConnections: number
  #count = 0
  #maker: Promise<Admin> | undefined
  #makerClient: Client | undefined
  readonly #tickets = new Set<number>()
  /** Made by a process that is gone, and ours by now. */
  readonly #claimed = new Set<string>()
  /** By key, the last one here: a session gets its own locks again. */
  readonly #building = new Map<string, Promise<void>>()

  private constructor(url: string, ours: boolean, client: Client, row: OpeningRow, token: string) {
    this.url = url
    this.ours = ours
    this.version = row.version
    this.volatile = row.volatile
    this.#client = client
    this.admin = heldAdmin(client)
    this.#token = token
    this.#family = `migratest_${row.oid}_`
    this.#maxConnections = row.connections
    this.#few = row.connections < FEW_CONNECTIONS
  }

  static async open(url: string, ours: boolean): Promise<Registry> {
    const client = await connectPatiently(url, 'migratest tests')
    const token = randomBytes(4).toString('hex')
    const { rows } = await client.query<OpeningRow>(
      `SELECT oid::text, current_setting('server_version_num')::integer AS version, current_setting('max_connections')::integer AS connections, current_setting('fsync') = 'off' AS volatile,
         pg_advisory_lock(${LIVING}, ${hex(token)}) FROM pg_database WHERE datname = current_database()`,
    )
    return new Registry(url, ours, client, rows[0] as OpeningRow, token)
  }

  /** Called when the connection, and with it the lock, is lost. */
  onLost(listener: () => void): void {
    this.#client.once('end', listener)
  }

  /** A name that no other process gives. */
  newName(): string {
    return `${this.#family}${this.#token}_${this.#count++}`
  }

  urlOf(name: string): string {
    const url = new URL(this.url)
    url.pathname = `/${name}`
    return url.href
  }

  /** For what takes its time; there, nobody waits for an answer. Where connections are few, the same as `admin`. */
  maker(): Promise<Admin> {
    if (this.#few) return Promise.resolve(this.admin)
    this.#maker ??= this.#openMaker()
    return this.#maker
  }

  /** The next who asks for it gets another connection. */
  async renewMaker(): Promise<void> {
    this.#maker = undefined
    const client = this.#makerClient
    this.#makerClient = undefined
    await client?.end().catch(() => undefined)
  }

  /** How many databases may be made and connected ahead of the tests that need them. */
  get ahead(): number {
    return this.#few ? 0 : Math.min(8, Math.floor(this.#maxConnections / 12))
  }

  /** One of the lot that says how many tests can have a database at a time, where connections are few. */
  async ticket(): Promise<() => Promise<void>> {
    if (!this.#few) return async () => undefined
    for (;;) {
      const { rows } = await this.admin.query<{ processes: number }>(
        `SELECT count(*)::int AS processes FROM pg_locks WHERE locktype = 'advisory' AND classid = ${LIVING} AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      )
      const processes = Math.max(rows[0]?.processes ?? 1, availableParallelism(), 8)
      // The test's own connection and one for migrating; one is left, so that those who wait for theirs go on in turn.
      const tickets = Math.max(1, Math.floor((this.#maxConnections - processes - 1) / 2))
      for (let n = 0; n < tickets; n++) {
        if (this.#tickets.has(n)) continue
        this.#tickets.add(n)
        if (await this.#tryLock(TICKET, n)) {
          return async () => {
            await this.#unlock(TICKET, n).catch(() => undefined)
            this.#tickets.delete(n)
          }
        }
        this.#tickets.delete(n)
      }
      await sleep(25)
    }
  }

  /** Others who want to build the same wait until this one is done, on whatever machine they are, or gone. */
  async exclusively<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#building.get(key)
    const turn = Promise.withResolvers<void>()
    this.#building.set(key, turn.promise)
    const number = Number.parseInt(key.slice(0, 8), 16)
    try {
      await before
      // One that hangs is not waited for: then two build the same, and the second finds it there.
      const deadline = Date.now() + BUILD_MS
      let locked = await this.#tryLock(BUILDING, number)
      while (!locked && Date.now() < deadline) {
        await sleep(15)
        locked = await this.#tryLock(BUILDING, number)
      }
      return await work().finally(() => locked && this.#unlock(BUILDING, number).catch(() => undefined))
    } finally {
      turn.resolve()
      if (this.#building.get(key) === turn.promise) this.#building.delete(key)
    }
  }

  /** One after another, though many workers begin at once: two who make the same role would meet. */
  async setUp(work: (client: Client) => Promise<void>): Promise<void> {
    const client = await connectPatiently(this.url, 'migratest tests')
    try {
      await client.query(`SELECT pg_advisory_lock(${ALL}, ${SETTING_UP})`)
      await work(client)
    } finally {
      await client.end()
    }
  }

  /** Lets whoever comes next have it, once this process is gone. */
  async markFree(name: string, key: string): Promise<void> {
    await commentOn(this.admin, name, writeMark({ kind: 'free', key }))
  }

  async unmark(name: string): Promise<void> {
    await commentOn(this.admin, name, null)
  }

  /** A copy of that snapshot which a process that is gone has left unused. */
  async claim(key: string): Promise<string | undefined> {
    const mark = writeMark({ kind: 'free', key })
    for (const { name, oid, comment } of await listDatabases(this.admin, this.#family)) {
      // A session gets its own locks again: what this process has, it knows.
      if (comment !== mark || this.#isOurs(name)) continue
      this.#claimed.add(name)
      if (await this.#claimOne(name, oid, mark)) return name
      this.#claimed.delete(name)
    }
    return undefined
  }

  /** For the command, where it would not find the server by itself: without the password. */
  get serverOption(): string {
    if (this.ours || this.url === process.env.MIGRATEST_SERVER_URL) return ''
    const url = new URL(this.url)
    url.password = ''
    return ` --server '${url.href}'`
  }

  /** The oldest go first; not those that somebody looks at. */
  async dropFailedBeyond(newest: number): Promise<void> {
    const kept = (await listDatabases(this.admin, this.#family)).flatMap(({ name, comment, connections }) => {
      const mark = readMark(comment)
      return mark?.kind === 'kept' && mark.failed ? [{ name, connections, at: mark.at ?? '' }] : []
    })
    const oldest = kept.sort((a, b) => (a.at < b.at ? 1 : -1)).slice(newest)
    // The server would wait five seconds for those who are connected.
    for (const { name } of oldest.filter(({ connections }) => connections === 0))
      await dropIfUnused(this.admin, name).catch(() => undefined)
  }

  /**
   * Drops what processes left that are gone, and what was kept for long enough. Whoever sweeps already is enough.
   * @param all also those that are free to be used
   */
  async sweep({ all = !this.ours } = {}): Promise<void> {
    if (!(await this.#tryLock(ALL, SWEEPING))) return
    try {
      const found = (await listDatabases(this.admin, this.#family)).filter(({ name }) => !this.#isOurs(name))
      let free = 0
      for (const database of found.toReversed()) {
        const mark = readMark(database.comment)
        if (mark?.kind === 'kept') {
          if (mark.until !== undefined && Date.parse(mark.until) < Date.now())
            await dropIfUnused(this.admin, database.name).catch(() => undefined)
        } else if (mark?.kind !== 'free' || all || ++free > MOST_FREE) await this.#dropIfLeft(database)
      }
    } finally {
      await this.#unlock(ALL, SWEEPING).catch(() => undefined)
    }
  }

  /** Whatever is connected to it is ended. A database that is not there is fine. */
  async drop(name: string): Promise<void> {
    try {
      await dropDatabase(await this.maker(), name)
    } catch (error) {
      // The administrator's connection broke meanwhile, or the server is gone and everything with it.
      const client = await connect(this.url).catch(() => Promise.reject(error))
      try {
        if ((error as { code?: string }).code === IN_USE) await this.#rollBackPrepared(name)
        await dropDatabase(briefAdmin(client), name)
      } finally {
        await client.end()
      }
    }
  }

  // --- internal ---

  async #openMaker(): Promise<Admin> {
    const client = await connectPatiently(this.url, 'migratest tests')
    this.#makerClient = client
    client.once('end', () => {
      if (this.#makerClient === client) this.#maker = undefined
    })
    return heldAdmin(client)
  }

  async #claimOne(name: string, oid: number, mark: string): Promise<boolean> {
    if (!(await this.#isOrphan(name)) || !(await this.#tryLock(CLAIMED, oid))) return false
    // Somebody may have had it since it was listed.
    const [still] = await listDatabases(this.admin, name)
    if (still?.name === name && still.comment === mark && still.connections === 0) {
      await this.unmark(name)
      return true
    }
    await this.#unlock(CLAIMED, oid)
    return false
  }

  #isOurs(name: string): boolean {
    return this.#tokenOf(name) === this.#token || this.#claimed.has(name)
  }

  #tokenOf(name: string): string {
    return name.slice(this.#family.length).split('_')[0] ?? ''
  }

  /** Transactions that a test has prepared and left: they would hold the database for ever. */
  async #rollBackPrepared(name: string): Promise<void> {
    const client = await connect(this.urlOf(name))
    try {
      const { rows } = await client.query<{ gid: string }>(
        'SELECT gid FROM pg_prepared_xacts WHERE database = current_database()',
      )
      for (const { gid } of rows) await client.query(`ROLLBACK PREPARED ${literal(gid)}`)
    } finally {
      await client.end()
    }
  }

  /** Nobody lives who made it. Who is connected to it may have lost the connection that held the lock. */
  async #dropIfLeft({ name, oid, connections }: FoundDatabase): Promise<void> {
    if (connections > 0 || !/^[0-9a-f]{8}$/.test(this.#tokenOf(name)) || !(await this.#isOrphan(name))) return
    if (!(await this.#tryLock(CLAIMED, oid))) return
    await dropIfUnused(this.admin, name).catch((error: { code?: string }) =>
      // Nobody is connected, so it is a prepared transaction.
      error.code === IN_USE ? this.drop(name).catch(() => undefined) : undefined,
    )
    await this.#unlock(CLAIMED, oid)
  }

  async #isOrphan(name: string): Promise<boolean> {
    const token = this.#tokenOf(name)
    const { rows } = await this.admin.query(
      `SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = ${LIVING} AND objid = (('x' || ${literal(token)})::bit(32)::bigint)::oid AND objsubid = 2
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    )
    return rows.length === 0
  }

  async #tryLock(kind: number, which: number): Promise<boolean> {
    const { rows } = await this.admin.query<{ got: boolean }>(
      `SELECT pg_try_advisory_lock(${kind}, ${which | 0}) AS got`,
    )
    return rows[0]?.got ?? false
  }

  async #unlock(kind: number, which: number): Promise<void> {
    await this.admin.query(`SELECT pg_advisory_unlock(${kind}, ${which | 0})`)
  }
}

// --- internal ---

const IN_USE = '55006'
const BUILD_MS = 60_000

interface OpeningRow {
  readonly oid: string
  readonly version: number
  readonly connections: number
  readonly volatile: boolean
}

/** Eight hex digits as the server's integer. */
function hex(digits: string): string {
  return `('x' || ${literal(digits)})::bit(32)::integer`
}
