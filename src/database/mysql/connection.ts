/** Sessions over `mysql2`: opened by URL, or over a connection or pool of the caller's. */
import type { Connection, ConnectionOptions, Pool, PoolConnection } from 'mysql2/promise'
import { ConnectionError, UsageError } from '../../migrate/errors.ts'
import { loadPackage } from '../../migrate/loadPackage.ts'
import { cancellable } from '../cancellable.ts'
import { type ConnectOptions, clientConfig, connectionError, labelOf } from './address.ts'
import { type MysqlError, type Row, ScriptFailure, type Session } from './session.ts'
import { joined, together } from './steps/messages.ts'

let loadingMysql: Promise<typeof import('mysql2/promise')> | undefined

/**
 * Loads `mysql2` when first needed, and only once: jest refuses an import between two tests.
 * @throws NotInstalledError, NotLoadedError
 */
export async function loadMysql(): Promise<typeof import('mysql2/promise')> {
  loadingMysql ??= loadPackage('mysql2', 'A mysql:// database', async () => {
    const module = await import('mysql2/promise')
    return module.default ?? module
  })
  loadingMysql.catch(() => {
    loadingMysql = undefined
  })
  return loadingMysql
}

/** Opens a connection. @param more options in addition to the URL's. @throws ConnectionError */
export async function connect(
  url: string,
  options: ConnectOptions = {},
  more: ConnectionOptions = {},
): Promise<Connection> {
  const mysql = await loadMysql()
  const config = clientConfig(url, options)
  try {
    const client = await mysql.createConnection({ maxPreparedStatements: MOST_PREPARED, ...config, ...more })
    // Without a listener, a connection that breaks while idle would end the process.
    client.on('error', () => undefined)
    // The client's own default collation would be stored in views and routines; this selects the server's.
    await client.query('SET NAMES utf8mb4')
    if (options.statementLockTimeoutMs !== undefined) {
      await client.query(
        `SET SESSION lock_wait_timeout = ${Math.max(1, Math.ceil(options.statementLockTimeoutMs / 1000))}`,
      )
    }
    return client
  } catch (cause) {
    throw connectionError(cause as MysqlError, config)
  }
}

/** Opens a session by URL. @param idle `true` if an idle connection lets the process end */
export async function openUrl(url: string, options: ConnectOptions = {}, { idle = false } = {}): Promise<Session> {
  const client = await connect(url, options, OURS)
  const another = () => openUrl(url, options)
  return new MysqlSession(client, { borrowed: false, another, end: () => client.end(), idle })
}

/**
 * Makes a session of the caller's connection.
 * @param client of `mysql2/promise` or of `mysql2`.
 * @throws UsageError if it is closed
 */
export async function openClient(client: Connection | CallbackConnection): Promise<Session> {
  const promised = 'promise' in client ? client.promise() : client
  const { config, _closing } = raw(promised)
  if (_closing) {
    throw new UsageError(`The client for ${labelOf(config)} is closed.`, {
      hint: 'Hand over one that is connected, or a URL.',
    })
  }
  const another = async (): Promise<Session> => {
    const { createConnection } = await loadMysql()
    const other = await createConnection(placeIn(config))
    return new MysqlSession(other, { borrowed: false, another, end: () => other.end() })
  }
  return new MysqlSession(promised, { borrowed: true, another, end: async () => undefined })
}

/** Makes a session of a connection from the caller's pool. @param pool of `mysql2/promise` or of `mysql2` */
export async function openPool(pool: Pool | CallbackPool): Promise<Session> {
  const promised = 'promise' in pool ? pool.promise() : pool
  let client: PoolConnection
  try {
    client = await promised.getConnection()
  } catch (cause) {
    throw connectionError(cause as MysqlError, {})
  }
  const end = async (lost: boolean) => (lost ? client.destroy() : client.release())
  return new MysqlSession(client, { borrowed: true, another: () => openPool(pool), end })
}

/** The callback-style connection of `mysql2`. */
export interface CallbackConnection {
  promise(): Connection
}
export interface CallbackPool {
  promise(): Pool
}

/** Returns the server's id of this session. */
export function threadOf(client: Connection): number {
  return client.threadId
}

/** With `hold` false, lets the process end while the connection is open; with `hold` true, keeps it running. */
export function holdProcess(client: Connection, hold: boolean): void {
  const { stream } = raw(client)
  // A socket that has ended would wait for a connection, once more with each call.
  if (stream.destroyed) return
  if (hold) stream.ref?.()
  else stream.unref?.()
}

export function isUsable(client: Connection): boolean {
  const { _closing, _fatalError } = raw(client)
  return !_closing && !_fatalError
}

/** Returns whether a statement is running on the connection. */
export function isBusy(client: Connection): boolean {
  const { _command, _commands } = raw(client)
  return _command != null || (_commands?.length ?? 0) > 0
}

/** Resolves when its connection is closed. */
export function untilClosed(client: Connection): Promise<void> {
  return new Promise((resolve) => raw(client).stream.once?.('close', resolve))
}

// --- internal ---

/**
 * Our connection options: several statements in one message. Without IGNORE_SPACE, which mysql2 requests and no other
 * client does: it makes names of functions reserved words. Without the caller's stack, which costs more than sending, and
 * which nobody reads of ours.
 */
const OURS: ConnectionOptions = { multipleStatements: true, flags: ['-IGNORE_SPACE', '-LOCAL_FILES'], trace: false }

/**
 * The client keeps room for as many prepared statements from the start: for 16 000, its default, half a megabyte for each
 * connection, which costs a test more than a millisecond.
 */
const MOST_PREPARED = 1000

interface RawConnection {
  readonly config: ConnectionOptions & { readonly multipleStatements?: boolean; charsetNumber?: number }
  readonly stream: {
    readonly destroyed?: boolean
    ref?(): void
    unref?(): void
    once?(event: 'close', listener: () => void): void
    off?(event: 'close', listener: () => void): void
  }
  readonly _closing?: boolean
  /** The running command, and the queue of commands waiting for it. */
  readonly _command?: object | null
  readonly _commands?: { readonly length: number }
  readonly _fatalError?: Error | null
  query(options: object): RawQuery
}

interface RawQuery extends NodeJS.EventEmitter {
  /** Number of complete results: the only way to know which of several statements failed. */
  readonly _resultIndex: number
}

/**
 * Sends texts to the server in UTF-8 whatever a migration says with SET NAMES, as the mysql client sends a file: SET
 * NAMES only decides how the server reads those bytes. mysql2 would encode the following texts in the new character set
 * instead.
 * @returns a function that ends that; mysql2 then takes over the character set that the server has reported meanwhile
 */
function sendingUtf8(config: RawConnection['config']): () => void {
  let charset = config.charsetNumber
  Object.defineProperty(config, 'charsetNumber', {
    configurable: true,
    enumerable: true,
    get: () => UTF8MB4,
    set: (told: number) => {
      charset = told
    },
  })
  return () =>
    void Object.defineProperty(config, 'charsetNumber', {
      configurable: true,
      enumerable: true,
      writable: true,
      value: charset,
    })
}

/** Number of utf8mb4_general_ci, the same on every server. */
const UTF8MB4 = 45

/** Returns the callback-style connection under the promise wrapper. */
function raw(client: Connection): RawConnection {
  return (client as unknown as { connection: RawConnection }).connection
}

interface Ownership {
  readonly borrowed: boolean
  readonly another: () => Promise<Session>
  /** Ends or returns the connection. `lost`: it broke while it was held. */
  readonly end: (lost: boolean) => Promise<unknown> | unknown
  /** `true` if an idle connection lets the process end. */
  readonly idle?: boolean
}

class MysqlSession implements Session {
  readonly label: string
  readonly identity: object
  readonly client: Connection
  readonly borrowed: boolean
  readonly another: () => Promise<Session>
  readonly #end: Ownership['end']
  readonly #several: boolean
  readonly #idle: boolean
  #busy = 0
  #lost = false
  readonly #onError = () => {
    this.#lost = true
  }

  constructor(client: Connection, { borrowed, another, end, idle = false }: Ownership) {
    const { config } = raw(client)
    this.client = client
    this.identity = raw(client)
    this.label = labelOf(config)
    this.borrowed = borrowed
    this.another = another
    this.#end = end
    this.#several = config.multipleStatements === true
    this.#idle = idle
    if (idle) holdProcess(client, false)
    client.on('error', this.#onError)
  }

  async query(sql: string, params: readonly unknown[] = [], signal?: AbortSignal): Promise<Row[]> {
    const run = async () => {
      const [rows] = await this.client.query({ sql, ...PLAIN }, [...params])
      return rowsOf(rows)
    }
    try {
      return await this.#working(() => (signal ? cancellable(signal, run, () => this.#cancel()) : run()))
    } catch (error) {
      throw this.#broken(error) ?? error
    }
  }

  async queries(statements: readonly string[]): Promise<Row[][]> {
    if (statements.length === 0) return []
    if (statements.length === 1 || !this.#several) {
      const all: Row[][] = []
      for (const sql of statements) all.push(await this.query(sql))
      return all
    }
    try {
      const [results] = await this.#working(() => this.client.query({ sql: joined(statements), ...PLAIN }))
      return (results as unknown[]).map((rows) => (Array.isArray(rows) ? (rows as Row[]) : []))
    } catch (error) {
      throw this.#broken(error) ?? error
    }
  }

  async script(
    statements: readonly string[],
    signal: AbortSignal,
    onRow: (row: Row, statement: number) => void = () => undefined,
  ): Promise<void> {
    let done = 0
    for (const message of this.#several ? together(statements) : statements.map((sql) => [sql])) {
      const before = done
      await this.#working(() =>
        cancellable(
          signal,
          () => this.#run(message, before, onRow),
          () => this.#cancel(),
        ),
      )
      done += message.length
    }
  }

  onEnd(listener: () => void): void {
    raw(this.client).stream.once?.('close', listener)
  }

  async close(): Promise<void> {
    await this.#end(this.#lost)
    this.client.off('error', this.#onError)
  }

  /** Keeps the process from ending while `work` runs, since somebody waits for its result. */
  async #working<T>(work: () => Promise<T>): Promise<T> {
    if (!this.#idle) return work()
    if (this.#busy++ === 0) holdProcess(this.client, true)
    try {
      return await work()
    } finally {
      if (--this.#busy === 0) holdProcess(this.client, false)
    }
  }

  /** Runs a message. Rows are passed on one by one and not stored: a SELECT in a migration must not fill memory. */
  #run(message: readonly string[], before: number, onRow: (row: Row, statement: number) => void): Promise<void> {
    const count = message.length
    const sql = joined(message)
    return new Promise<void>((resolve, reject) => {
      const { stream } = raw(this.client)
      // mysql2 does not notify a query without a callback that the connection was lost.
      const lost = () => {
        this.#lost = true
        reject(this.#broken({ message: 'it was closed', fatal: true }))
      }
      if (!isUsable(this.client)) return lost()
      stream.once?.('close', lost)
      const unlock = sendingUtf8(raw(this.client).config)
      const settled = () => {
        stream.off?.('close', lost)
        unlock()
      }
      const query = raw(this.client).query({ sql, ...PLAIN })
      query.on('result', (row: Row, index: number) => onRow(row, before + index))
      query.on('fields', () => undefined)
      query.on('end', () => {
        settled()
        resolve()
      })
      query.on('error', (error: MysqlError) => {
        settled()
        reject(this.#broken(error) ?? new ScriptFailure(before + Math.min(query._resultIndex, count - 1), error))
      })
    })
  }

  /**
   * Cancels the running statement over a separate connection, as the mysql client does on ctrl-C. If that fails, the
   * statement runs to its end.
   */
  async #cancel(): Promise<void> {
    try {
      const { createConnection } = await loadMysql()
      const other = await createConnection(placeIn(raw(this.client).config))
      try {
        await other.query(`KILL QUERY ${threadOf(this.client)}`)
      } finally {
        await other.end()
      }
    } catch {
      // The run's own error says what happened.
    }
  }

  /** Returns a ConnectionError if the error is about the connection, not the statement. */
  #broken(thrown: unknown): ConnectionError | undefined {
    const error = thrown as MysqlError
    const killed = GONE.has(error?.code ?? '')
    if (!killed && (error?.errno ?? -1) > 0 && error?.sqlState !== undefined) return undefined
    if (!killed && !error?.fatal && !/clos|connection|ECONNRESET|EPIPE/i.test(`${error?.code} ${error?.message}`))
      return undefined
    this.#lost = true
    return new ConnectionError(`The connection to ${this.label} broke: ${error.message}`, {
      hint: 'The server rolls back what was open; a schema change that it had begun it may finish. Look at the version ("migratest status") and run again.',
      cause: error,
    })
  }
}

/** Error codes: somebody ended the session, or the server is shutting down. */
const GONE = new Set(['ER_SERVER_SHUTDOWN', 'ER_NEW_ABORTING_CONNECTION', 'ER_CONNECTION_KILLED'])

/** Result options that override those of the caller's connection. */
const PLAIN = { rowsAsArray: false, nestTables: false as unknown as string, typeCast: true, namedPlaceholders: false }

/** Returns the options for another connection to the same server. */
function placeIn({ host, port, socketPath, user, password, database, ssl }: ConnectionOptions): ConnectionOptions {
  const where = socketPath ? { socketPath } : { ...(host && { host }), ...(port && { port }) }
  return {
    ...where,
    ...(user && { user }),
    ...(password && { password }),
    ...(database && { database }),
    ...(ssl && { ssl }),
  }
}

/** Returns the rows of the last result that has rows; several statements, or a CALL, give several results. */
function rowsOf(result: unknown): Row[] {
  if (!Array.isArray(result)) return []
  if (result.length > 0 && result.every((one) => Array.isArray(one) || (one && 'affectedRows' in one))) {
    return (result.findLast((one) => Array.isArray(one)) as Row[] | undefined) ?? []
  }
  return result as Row[]
}
