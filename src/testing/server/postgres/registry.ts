/** The registry of a PostgreSQL server. Locks are advisory locks; the mark of a database is its comment. */
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Client } from 'pg'
import type { Moment } from '../../../database/postgres/cleanState/moment.ts'
import { LOG_SINCE_VERSION, WriteAheadLog } from '../../../database/postgres/cleanState/writeAheadLog.ts'
import { connect } from '../../../database/postgres/connection.ts'
import {
  type Admin,
  briefAdmin,
  commentOn,
  dropDatabase,
  dropIfUnused,
  heldAdmin,
  listDatabases,
} from '../../../database/postgres/databases.ts'
import { literal } from '../../../database/postgres/tables.ts'
import { runGiven } from '../../given.ts'
import { type FoundDatabase, type LockKind, Registry } from '../registry.ts'
import { connectPatiently } from './connections.ts'

export class PostgresRegistry extends Registry {
  /** `true` if the server may lose data (`fsync` is off), so that flushing costs nothing. */
  readonly volatile: boolean
  /** The server's `server_version_num`. */
  readonly version: number
  readonly admin: Admin
  readonly #client: Client
  #maker: Promise<Admin> | undefined
  #log: Promise<WriteAheadLog | undefined> | undefined
  #opened: WriteAheadLog | undefined
  #makerClient: Client | undefined

  private constructor(url: string, ours: boolean, client: Client, row: OpeningRow, token: string) {
    super({ url, ours, token, family: `migratest_${row.oid}_`, maxConnections: row.connections })
    this.version = row.version
    this.volatile = row.volatile
    this.#client = client
    this.admin = heldAdmin(client)
  }

  static async open(url: string, ours: boolean): Promise<PostgresRegistry> {
    const client = await connectPatiently(url, 'migratest tests')
    const token = randomBytes(4).toString('hex')
    const { rows } = await client.query<OpeningRow>(
      `SELECT oid::text, current_setting('server_version_num')::integer AS version, current_setting('max_connections')::integer AS connections, current_setting('fsync') = 'off' AS volatile,
         pg_advisory_lock(${NUMBERS.living}, ${hex(token)}) FROM pg_database WHERE datname = current_database()`,
    )
    return new PostgresRegistry(url, ours, client, rows[0] as OpeningRow, token)
  }

  onLost(listener: () => void): void {
    // Allow many listeners: each preset in the process adds one.
    this.#client.setMaxListeners(0).once('end', listener)
  }

  /**
   * Returns the connection for slow work, on which nobody waits for an answer. If connections are few, it is `admin`.
   */
  maker(): Promise<Admin> {
    if (this.few) return Promise.resolve(this.admin)
    this.#maker ??= this.#openMaker()
    return this.#maker
  }

  /** Closes that connection; the next caller gets a new one. */
  async renewMaker(): Promise<void> {
    this.#maker = undefined
    const client = this.#makerClient
    this.#makerClient = undefined
    await client?.end().catch(() => undefined)
  }

  /**
   * Returns the log of a server that we started. `undefined` if it cannot be read, or if writing it out on demand would
   * wait for a disk.
   */
  async log(): Promise<WriteAheadLog | undefined> {
    if (!this.ours || !this.volatile || this.version < LOG_SINCE_VERSION) return undefined
    this.#log ??= WriteAheadLog.open(this.admin as unknown as Client)
    this.#opened = await this.#log
    return this.#opened
  }

  /** The last moment that this process has seen of the server. */
  get latestMoment(): Moment | undefined {
    return this.#opened?.latest
  }

  async setUp(statements: readonly string[]): Promise<void> {
    const client = await connectPatiently(this.url, 'migratest tests')
    try {
      await client.query(`SELECT pg_advisory_lock(${NUMBERS.all}, ${numberOf('setting up')})`)
      for (const sql of statements) await runGiven('roles', undefined, () => client.query(sql))
    } finally {
      await client.end()
    }
  }

  list(prefix: string): Promise<FoundDatabase[]> {
    return listDatabases(this.admin, prefix)
  }

  write(name: string, comment: string | null): Promise<void> {
    return commentOn(this.admin, name, comment)
  }

  dropIfUnused(name: string): Promise<void> {
    return dropIfUnused(this.admin, name)
  }

  async drop(name: string): Promise<void> {
    try {
      await dropDatabase(await this.maker(), name)
    } catch (error) {
      // Either the administrator's connection broke, or the server is gone with all its databases.
      const client = await connect(this.url).catch(() => Promise.reject(error))
      try {
        if ((error as { code?: string }).code === IN_USE) await this.#rollBackPrepared(name)
        await dropDatabase(briefAdmin(client), name)
      } finally {
        await client.end()
      }
    }
  }

  protected async tryLock(kind: LockKind, which: string): Promise<boolean> {
    const { rows } = await this.admin.query<{ got: boolean }>(
      `SELECT pg_try_advisory_lock(${NUMBERS[kind]}, ${numberOf(which)}) AS got`,
    )
    return rows[0]?.got ?? false
  }

  protected async unlock(kind: LockKind, which: string): Promise<void> {
    await this.admin.query(`SELECT pg_advisory_unlock(${NUMBERS[kind]}, ${numberOf(which)})`)
  }

  protected async isLiving(token: string): Promise<boolean> {
    const { rows } = await this.admin.query(
      `SELECT FROM pg_locks WHERE ${LIVING} AND objid = (('x' || ${literal(token)})::bit(32)::bigint)::oid AND objsubid = 2`,
    )
    return rows.length > 0
  }

  protected async countLiving(): Promise<number> {
    const { rows } = await this.admin.query<{ processes: number }>(
      `SELECT count(*)::int AS processes FROM pg_locks WHERE ${LIVING} AND granted`,
    )
    return rows[0]?.processes ?? 1
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

  /** Rolls back the prepared transactions that a test left: they would block dropping the database for ever. */
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
}

// --- internal ---

const IN_USE = '55006'

/** The first number of each kind of advisory lock; the second number identifies the lock within its kind. */
const FIRST = 0x6d_67_72_74
const NUMBERS: Readonly<Record<LockKind, number>> = {
  living: FIRST,
  claimed: FIRST + 1,
  building: FIRST + 2,
  ticket: FIRST + 3,
  all: FIRST + 4,
}

const LIVING = `locktype = 'advisory' AND classid = ${FIRST} AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`

interface OpeningRow {
  readonly oid: string
  readonly version: number
  readonly connections: number
  readonly volatile: boolean
}

function numberOf(which: string): number {
  return crc32(which) | 0
}

/** Returns SQL that converts eight hex digits to an integer. */
function hex(digits: string): string {
  return `('x' || ${literal(digits)})::bit(32)::integer`
}
