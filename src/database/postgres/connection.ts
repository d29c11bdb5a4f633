/** Opens sessions over `pg`: from a URL, over a client the caller opened, or over a client lent by a pool. */
import type { EventEmitter } from 'node:events'
import type { Client, ClientConfig, Pool, PoolClient } from 'pg'
import { ConnectionError, UsageError } from '../../migrate/errors.ts'
import { loadPackage } from '../../migrate/loadPackage.ts'
import { now } from '../../migrate/realTime.ts'
import { type DatabaseAddress, isLoopback, UNREACHABLE } from '../address.ts'
import { cancellable } from '../cancellable.ts'
import { addressOf, type ConnectOptions, fallbackOf, labelOf } from './address.ts'
import { sendBehind } from './behind.ts'
import { isFatal } from './failure.ts'
import { rememberKeys } from './scram.ts'
import { Scripts } from './scripts.ts'
import {
  type Notice,
  type PostgresError,
  type Row,
  rowsIn,
  ScriptFailure,
  type Session,
  type WantedRows,
} from './session.ts'

let loadingPg: Promise<typeof import('pg')> | undefined

/**
 * Loads `pg` when first needed, and only once: jest refuses an import between two tests.
 * @throws NotInstalledError, NotLoadedError
 */
export async function loadPg(): Promise<Pick<typeof import('pg'), 'Client' | 'Query'>> {
  loadingPg ??= loadPackage('pg', 'A postgres:// database', () => import('pg'))
  loadingPg.catch(() => {
    loadingPg = undefined
  })
  const module = await loadingPg
  return module.default ?? module
}

/** Opens a connection. @throws ConnectionError */
export async function connect(url: string, options: ConnectOptions = {}): Promise<Client> {
  const { Client } = await loadPg()
  const { configs, wanted } = addressOf(url, options)
  const attempt = async (config: ClientConfig): Promise<Client> => {
    const client = new Client(config)
    // Without a listener, a connection that breaks while idle would end the process.
    client.on('error', () => undefined)
    rememberKeys(client)
    try {
      await client.connect()
      return client
    } catch (cause) {
      await client.end().catch(() => undefined)
      const other = fallbackOf(config, cause as Error)
      if (other) return attempt(other)
      throw connectionError(cause, labelOf(client), config)
    }
  }
  let failure: unknown
  for (const config of configs) {
    const client = await attempt(config).catch((error) => {
      failure ??= error
      return undefined
    })
    if (!client) continue
    if (wanted === 'any' || !(await isReadOnly(client))) return client
    await client.end().catch(() => undefined)
    failure ??= new ConnectionError(`Cannot migrate ${labelOf(client)}: it takes no writes.`, {
      hint: 'It is a standby. target_session_attrs asks for a primary server: name its host, too.',
    })
  }
  throw failure
}

/**
 * Returns the address a URL leads to, including everything `pg` takes into account: `?host=`, PGHOST, PGDATABASE. Does
 * not connect.
 */
export async function placeOf(url: string): Promise<DatabaseAddress> {
  const pg = await loadPg()
  const clients = addressOf(url, {}).configs.map((config) => new pg.Client(config))
  // If there are several hosts, a remote one takes precedence: the caller wants to know whether the database is on this
  // machine.
  const away = clients.find(({ host }) => !isLoopback(host))
  const { host, port, database } = away ?? (clients[0] as Client)
  return { host, port, database: database ?? '' }
}

export async function openUrl(url: string, options: ConnectOptions = {}): Promise<Session> {
  const client = await connect(url, options)
  const { Query } = await loadPg()
  return new PgSession(client, Query, {
    borrowed: false,
    isAlone: true,
    another: () => openUrl(url, options),
    end: () => client.end(),
  })
}

/**
 * Makes a session of the caller's client.
 * @throws UsageError if the client is not connected or has a transaction open
 */
export async function openClient(client: Client): Promise<Session> {
  refuseUnusable(client)
  return borrowClient(client)
}

/** Makes a session of a client that may have a transaction open, for reading what only that client's session sees. */
export async function borrowClient(client: Client): Promise<Session> {
  const { Query } = await loadPg()
  return new PgSession(client, Query, {
    borrowed: true,
    isAlone: false,
    another: undefined,
    end: async () => undefined,
  })
}

export async function openPool(pool: Pool): Promise<Session> {
  let client: PoolClient
  try {
    client = await pool.connect()
  } catch (cause) {
    throw connectionError(cause, 'the database of the pool', pool.options ?? {})
  }
  try {
    refuseUnusable(client)
  } catch (error) {
    client.release(true)
    throw error
  }
  const end = async (lost: boolean) => client.release(lost)
  const { Query } = await loadPg()
  return new PgSession(client, Query, { borrowed: true, isAlone: true, another: () => openPool(pool), end })
}

function refuseUnusable(client: Client | PoolClient): void {
  const { database, host, port } = client as Client
  const label = labelOf({ database, host, port })
  const { processID, getTransactionStatus } = inside(client)
  if (!processID) {
    throw new UsageError(`The client for ${label} is not connected.`, {
      hint: 'Call its connect() first, or hand over a URL.',
    })
  }
  const status = getTransactionStatus?.call(client)
  if (status === 'T' || status === 'E') {
    throw new UsageError(
      `The client for ${label} has a transaction open; migrations need to begin and end their own.`,
      {
        hint: 'COMMIT or ROLLBACK first, or hand over a URL or a pool.',
      },
    )
  }
}

// --- internal ---

/** Fields that every `pg` client has but its types leave out. */
interface ClientInside {
  readonly processID: number | null
  readonly password?: string
  readonly ssl?: ClientConfig['ssl']
  /** `false` while the server has not answered everything. */
  readonly readyForQuery?: boolean
  getTransactionStatus?(): 'I' | 'T' | 'E' | null
  readonly connection?: EventEmitter<{ commandComplete: [{ readonly text: string }]; errorMessage: [] }>
}

async function isReadOnly(client: Client): Promise<boolean> {
  const { rows } = await client.query(
    "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on' AS closed",
  )
  return rows[0]?.closed === true
}

interface Ownership {
  readonly borrowed: boolean
  /** `true` if nobody else uses the client meanwhile. */
  readonly isAlone: boolean
  readonly another: (() => Promise<Session>) | undefined
  /** Ends or returns the connection. `lost`: it broke while it was held. */
  readonly end: (lost: boolean) => Promise<void>
}

class PgSession implements Session {
  readonly label: string
  readonly client: Client | PoolClient
  readonly borrowed: boolean
  readonly another: (() => Promise<Session>) | undefined
  readonly sendsAhead: boolean
  roundTripMs = Number.POSITIVE_INFINITY
  readonly #end: Ownership['end']
  readonly #Query: typeof import('pg').Query
  readonly #scripts: Scripts
  #cancelling: Promise<void> | undefined
  #lost = false
  /** How many statements of ours the server completes before the next one of code. */
  #ownBefore = 0
  /** Error listener. Without it, a broken connection would end the caller's process. */
  readonly #onError = () => {
    this.#lost = true
  }

  constructor(
    client: Client | PoolClient,
    Query: typeof import('pg').Query,
    { borrowed, isAlone, another, end }: Ownership,
  ) {
    this.#Query = Query
    this.#scripts = new Scripts(client, Query)
    const { database, host, port } = client as Client
    this.client = client
    this.label = labelOf({ database, host, port })
    this.borrowed = borrowed
    this.sendsAhead = isAlone
    this.another = another
    this.#end = end
    client.on('error', this.#onError)
  }

  get inTransaction(): boolean | undefined {
    const { getTransactionStatus, readyForQuery } = inside(this.client)
    // A query that the caller has sent and not awaited may begin one.
    if (!readyForQuery) return undefined
    const status = getTransactionStatus?.call(this.client)
    return status ? status !== 'I' : undefined
  }

  async query(sql: string, params: readonly unknown[] = [], signal?: AbortSignal): Promise<Row[]> {
    // Without parameters there may be several statements; pg then returns a list of results.
    const run = () =>
      this.#timed(async () => {
        await this.#scripts.answered()
        return rowsIn([await this.client.query(sql, [...params])].flat())
      })
    try {
      return await (signal ? cancellable(signal, run, () => this.#cancel()) : run())
    } catch (error) {
      throw this.#broken(error) ?? error
    }
  }

  async script(
    sql: string,
    signal: AbortSignal,
    onNotice?: (notice: Notice) => void,
    wanted?: WantedRows,
  ): Promise<void> {
    try {
      await cancellable(
        signal,
        () => this.#timed(() => this.#scripts.run(sql, onNotice, wanted)),
        () => this.#cancel(),
      )
    } catch (error) {
      throw (error instanceof ScriptFailure && this.#broken(error.error)) || error
    }
  }

  get commands(): Session['commands'] {
    // The client over libpq has none, and does not tell.
    const { connection } = inside(this.client)
    if (!connection) return undefined
    return () => {
      const completed = new Set<string>()
      const note = ({ text }: { readonly text: string }) => {
        if (this.#ownBefore > 0) this.#ownBefore--
        else completed.add(text.replace(/[ \d]+$/, ''))
      }
      const noteError = () => completed.add('ERROR')
      connection.on('commandComplete', note)
      connection.on('errorMessage', noteError)
      return () => {
        connection.off('commandComplete', note)
        connection.off('errorMessage', noteError)
        return completed
      }
    }
  }

  get behind(): Session['behind'] {
    if (!inside(this.client).connection) return undefined
    return (before, ...given) => {
      const sent = sendBehind(this.client, this.#Query, before, ...given)
      if (sent) this.#ownBefore = before.length
      return sent
    }
  }

  onNotice(listener: (notice: Notice) => void): () => void {
    const heard = ({ severity = 'NOTICE', message = '' }: Partial<Notice>) => listener({ severity, message })
    this.client.on('notice', heard)
    return () => void this.client.off('notice', heard)
  }

  async close(): Promise<void> {
    await this.#end(this.#lost)
    this.client.off('error', this.#onError)
  }

  async #timed<T>(work: () => Promise<T>): Promise<T> {
    const begun = now()
    const result = await work()
    this.roundTripMs = Math.min(this.roundTripMs, now() - begun)
    return result
  }

  /**
   * Cancels the running statement over a separate connection, as psql does on ctrl-C. If that fails, the statement runs
   * to its end. A cancellation that comes between two scripts hits neither, so it is repeated while scripts wait.
   */
  #cancel(): Promise<void> {
    const cancel = async () => {
      const waited = this.#scripts.unanswered > 1
      do await this.#cancelOnce()
      while (waited && this.#scripts.unanswered > 0)
      this.#cancelling = undefined
    }
    this.#cancelling ??= cancel()
    return this.#cancelling
  }

  async #cancelOnce(): Promise<void> {
    const { host, port, user, database } = this.client as Client
    const { password, ssl, processID } = inside(this.client)
    const { Client } = await loadPg()
    const other = new Client({ host, port, user, database, password, ssl } as ClientConfig)
    other.on('error', () => undefined)
    try {
      await other.connect()
      await other.query('SELECT pg_cancel_backend($1)', [processID])
    } catch {
      // The run's own error says what happened.
    } finally {
      await other.end().catch(() => undefined)
    }
  }

  /** Returns a ConnectionError if the error is about the connection, not the statement. */
  #broken(error: unknown): ConnectionError | undefined {
    const { severity, code, message } = error as PostgresError
    const lost =
      severity === undefined
        ? /connection|socket|ECONNRESET|EPIPE|not queryable/i.test(message)
        : isFatal({ severity, code })
    if (!lost) return undefined
    return new ConnectionError(`The connection to ${this.label} broke: ${message}`, {
      hint: 'The server rolls back what was open. Look at the version ("migratest status") and run again.',
      cause: error,
    })
  }
}

function inside(client: Client | PoolClient): ClientInside {
  return client as unknown as ClientInside
}

const CERTIFICATE =
  'The certificate is signed by nobody this machine knows: name the authority with ?sslrootcert=FILE, or encrypt without checking who answers (?sslmode=require).'

const ADVICE: Record<string, string> = {
  ...UNREACHABLE,
  '28P01': 'The password or the user is wrong.',
  '28000':
    'The server refuses this user from here (pg_hba.conf); it may want SSL (?sslmode=require) or want none (?sslmode=disable).',
  SELF_SIGNED_CERT_IN_CHAIN: CERTIFICATE,
  DEPTH_ZERO_SELF_SIGNED_CERT: CERTIFICATE,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: CERTIFICATE,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: CERTIFICATE,
  ERR_TLS_CERT_ALTNAME_INVALID: 'The certificate is for another host name: ?sslmode=verify-ca checks all but the name.',
  '3D000': 'Create the database first, or correct its name in the URL.',
  '53300': 'All connections are taken: raise max_connections or close some.',
  '57P03': 'The server is starting or stopping: try again in a moment.',
}

function connectionError(cause: unknown, shown: string, { connectionTimeoutMillis }: ClientConfig): ConnectionError {
  const error = (cause instanceof AggregateError ? cause.errors[0] : cause) as Error & { code?: string }
  const timedOut = /timeout/i.test(error.message) && !error.code
  const words = timedOut ? `no answer within ${(connectionTimeoutMillis ?? 0) / 1000} s` : error.message
  return new ConnectionError(`Cannot connect to ${shown}: ${words}`, {
    hint: /^role .* does not exist$/.test(error.message)
      ? 'Create the user (CREATE ROLE … LOGIN), or correct the one in the URL.'
      : /does not support SSL/.test(error.message)
        ? 'This server has no SSL: connect with ?sslmode=disable, or ?sslmode=prefer to use it where there is one.'
        : ADVICE[timedOut ? 'ETIMEDOUT' : (error.code ?? '')],
    cause: error,
  })
}
