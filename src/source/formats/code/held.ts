/**
 * Clients that lend our connection to another tool's library while one of its migrations runs. A transaction that the
 * library begins is a savepoint of ours, and what would end the connection does nothing.
 */
import { EventEmitter } from 'node:events'
import { isSubmittable, type Submittable } from '../../../migrate/submittable.ts'
import type { Dialect } from '../../../sql/dialect.ts'
import { cutStatements } from '../../../sql/statements.ts'

/** How a migration runs. */
export interface HeldOptions {
  /** `true` if it runs without a transaction of ours: then the library's BEGIN and COMMIT are sent as they are. */
  readonly alone: boolean
  /**
   * `true` if the whole migration runs in one transaction that we ask the library for: then that transaction is ours, and
   * needs no savepoint.
   */
  readonly isWhole?: boolean
  /**
   * `true` if the library runs it without a transaction: then a statement that fails must not abort ours, since the
   * migration may catch the error and go on.
   */
  readonly guards?: boolean
}

/** A result as `pg` gives it. */
interface PgResult {
  readonly rows: Record<string, unknown>[]
  readonly rowCount: number
  readonly command: string
  readonly fields: readonly unknown[]
}

/** The part of a client of `pg` that libraries use, over a client of `pg` or a PGlite database. */
export interface HeldPg {
  /** Returns how many transactions are open that the library has begun within ours, one within the other. */
  depth(): number
  /** Returns `true` if the library rolled back the transaction that is the whole migration. */
  isUndone(): boolean
  /** Returns a cursor or a stream itself, as `pg` does. */
  query(config: unknown, values?: unknown, callback?: unknown): Promise<PgResult> | undefined
  /** Returns itself, so that it can stand for a pool. */
  connect(): Promise<HeldPg>
  release(): void
  end(callback?: () => void): Promise<void>
  on(): HeldPg
  once(): HeldPg
  off(): HeldPg
  removeListener(): HeldPg
  removeAllListeners(): HeldPg
}

type Callback = (error: unknown, result?: PgResult) => void

/** @param client the client that our driver gives to code migrations */
export function heldPg(client: unknown, options: HeldOptions): HeldPg {
  const nest = new Nest(options, 'postgres')
  const plain = isPglite(client) ? sendToPglite(client) : sendToPg(client as PgClient)
  const send = options.guards ? guarded(plain, () => nest.depth === 0) : plain
  const held: HeldPg = {
    depth: () => nest.depth,
    isUndone: () => nest.isUndone,
    query(config, values, callback) {
      if (isSubmittable(config)) return submitted(client, config) as never
      const done = [callback, values].find((one) => typeof one === 'function') as Callback | undefined
      const text = typeof config === 'string' ? config : String((config as { text?: unknown }).text ?? '')
      const replaced = nest.replace(text)
      const given = Array.isArray(values) ? values : undefined
      const sent =
        replaced === text ? send(config, given) : replaced === undefined ? Promise.resolve(NOTHING) : send(replaced)
      if (!done) return sent
      sent.then(
        (result) => done(null, result),
        (error) => done(error),
      )
      return undefined
    },
    connect: async () => held,
    release: () => undefined,
    end: async (callback) => callback?.(),
    on: () => held,
    once: () => held,
    off: () => held,
    removeListener: () => held,
    removeAllListeners: () => held,
  }
  return held
}

/** The part of a connection of `mysql2` with callbacks that libraries use. */
export interface HeldMysql {
  /** Returns how many transactions are open that the library has begun within ours, one within the other. */
  depth(): number
  /** Returns `true` if the library rolled back the transaction that is the whole migration. */
  isUndone(): boolean
  query(config: unknown, values?: unknown, callback?: unknown): unknown
  execute(config: unknown, values?: unknown, callback?: unknown): unknown
  beginTransaction(callback: (error: unknown) => void): void
  commit(callback: (error: unknown) => void): void
  rollback(callback: (error: unknown) => void): void
  release(): void
  end(callback?: () => void): void
  destroy(): void
  /** Returns the same connection with promises, as that of `mysql2` does. */
  promise(): HeldMysqlPromise
  on(): HeldMysql
  once(): HeldMysql
  off(): HeldMysql
  removeListener(): HeldMysql
  removeAllListeners(): HeldMysql
  listeners(): readonly unknown[]
  readonly threadId: number
}

/** The part of a connection of `mysql2/promise`, or of a pool of one, that libraries use. */
interface HeldMysqlPromise {
  /** Returns the rows, or what a statement did, and the fields. */
  query(config: unknown, values?: unknown): Promise<readonly [result: unknown, fields: unknown]>
  execute(config: unknown, values?: unknown): Promise<readonly [result: unknown, fields: unknown]>
  beginTransaction(): Promise<void>
  commit(): Promise<void>
  rollback(): Promise<void>
  getConnection(): Promise<HeldMysqlPromise>
  release(): void
  end(): Promise<void>
}

/**
 * @param client the connection of `mysql2/promise` that our driver gives to code migrations
 * @param settings what the library sets for its connections and `mysql2` also takes for a query: `supportBigNumbers`
 */
export function heldMysql(client: unknown, options: HeldOptions, settings: object = {}): HeldMysql {
  const core = (client as { connection: MysqlCore }).connection
  const nest = new Nest(options, 'mysql')
  const send =
    (method: 'query' | 'execute') =>
    (config: unknown, values?: unknown, callback?: unknown): unknown => {
      const text = typeof config === 'string' ? config : String((config as { sql?: unknown }).sql ?? '')
      const replaced = nest.replace(text)
      const asked = typeof config === 'string' ? { ...settings, sql: config } : { ...settings, ...(config as object) }
      if (replaced === text) return core[method](asked, values, callback)
      const done = [callback, values].find((one) => typeof one === 'function') as
        | ((error: unknown, result?: unknown) => void)
        | undefined
      if (replaced === undefined) {
        done?.(null, [])
        return new EventEmitter()
      }
      return core.query(replaced, (error: unknown, result: unknown) =>
        isSavepointGone(error) ? done?.(null, []) : done?.(error, result),
      )
    }
  const query = send('query')
  const held: HeldMysql = {
    depth: () => nest.depth,
    isUndone: () => nest.isUndone,
    query,
    execute: send('execute'),
    beginTransaction: (callback) => void query('BEGIN', callback),
    commit: (callback) => void query('COMMIT', callback),
    rollback: (callback) => void query('ROLLBACK', callback),
    release: () => undefined,
    end: (callback) => callback?.(),
    destroy: () => undefined,
    promise: () => withPromises(held),
    on: () => held,
    once: () => held,
    off: () => held,
    removeListener: () => held,
    removeAllListeners: () => held,
    listeners: () => [],
    threadId: core.threadId,
  }
  return held
}

// --- internal ---

function withPromises(held: HeldMysql): HeldMysqlPromise {
  const sent = (method: 'query' | 'execute') => (config: unknown, values?: unknown) =>
    new Promise<readonly [unknown, unknown]>((resolve, reject) => {
      const done = (error: unknown, result: unknown, fields: unknown) =>
        error ? reject(error) : resolve([result, fields])
      if (values === undefined) held[method](config, done)
      else held[method](config, values, done)
    })
  const ended = (method: 'beginTransaction' | 'commit' | 'rollback') => () =>
    new Promise<void>((resolve, reject) => held[method]((error) => (error ? reject(error) : resolve())))
  const made: HeldMysqlPromise = {
    query: sent('query'),
    execute: sent('execute'),
    beginTransaction: ended('beginTransaction'),
    commit: ended('commit'),
    rollback: ended('rollback'),
    getConnection: async () => made,
    release: () => undefined,
    end: async () => undefined,
  }
  return made
}

interface PgClient {
  query(config: unknown, values?: readonly unknown[]): Promise<PgResult>
}

interface Pglite {
  query(text: string, params?: readonly unknown[]): Promise<PgliteResult>
  exec(text: string): Promise<PgliteResult[]>
}

interface PgliteResult {
  readonly rows: Record<string, unknown>[]
  readonly fields: readonly unknown[]
  readonly affectedRows?: number
}

interface MysqlCore {
  readonly threadId: number
  query(config: unknown, values?: unknown, callback?: unknown): unknown
  execute(config: unknown, values?: unknown, callback?: unknown): unknown
}

const NOTHING: PgResult = { rows: [], rowCount: 0, command: '', fields: [] }

function isPglite(client: unknown): client is Pglite {
  return typeof (client as { exec?: unknown }).exec === 'function'
}

function sendToPg(client: PgClient) {
  return (config: unknown, values?: readonly unknown[]): Promise<PgResult> => client.query(config, values)
}

function sendToPglite(client: Pglite) {
  return async (config: unknown, given?: readonly unknown[]): Promise<PgResult> => {
    const { text, values = given } =
      typeof config === 'string' ? { text: config } : (config as { text: string; values?: readonly unknown[] })
    const result = values?.length ? await client.query(text, values) : (await client.exec(text)).at(-1)
    const { rows = [], fields = [], affectedRows } = result ?? {}
    const command = /^\s*(\w+)/.exec(text)?.[1]?.toUpperCase() ?? ''
    return { rows, fields, command, rowCount: affectedRows || rows.length }
  }
}

function submitted(client: unknown, config: Submittable): object {
  if (isPglite(client)) throw new Error('PGlite has no cursors and streams; a server of PostgreSQL has.')
  return (client as { query(config: Submittable): object }).query(config)
}

type Send = (config: unknown, values?: readonly unknown[]) => Promise<PgResult>

/**
 * Gives each statement a savepoint, one after another: what fails is then as if it had not been sent.
 * @param isSingle tells of a statement that is about to be sent whether it is in no transaction of the library
 */
function guarded(send: Send, isSingle: () => boolean): Send {
  let before: Promise<unknown> = Promise.resolve()
  return (config, values) => {
    const text = typeof config === 'string' ? config : String((config as { text?: unknown }).text ?? '')
    const guards = isSingle() && !/^\s*(?:savepoint|release|rollback)\b/i.test(text)
    const run = async () => {
      if (!guards) return send(config, values)
      await send(`SAVEPOINT ${GUARD}`)
      try {
        const result = await send(config, values)
        await send(`RELEASE SAVEPOINT ${GUARD}`)
        return result
      } catch (error) {
        await send(`ROLLBACK TO SAVEPOINT ${GUARD}`).catch(() => undefined)
        throw error
      }
    }
    const sent = before.then(run)
    before = sent.catch(() => undefined)
    return sent
  }
}

/**
 * MySQL commits by itself before it changes a table, and then there are no savepoints any more. The COMMIT or ROLLBACK
 * that the library meant would be no error there (ER_SP_DOES_NOT_EXIST).
 */
function isSavepointGone(error: unknown): boolean {
  return (error as { errno?: unknown } | null)?.errno === 1305
}

/** Replaces the statements that begin and end transactions by savepoints within ours. */
class Nest {
  readonly #alone: boolean
  readonly #isWhole: boolean
  readonly #dialect: Dialect
  depth = 0
  isUndone = false

  constructor({ alone, isWhole = false }: HeldOptions, dialect: Dialect) {
    this.#alone = alone
    this.#isWhole = isWhole
    this.#dialect = dialect
  }

  /** Returns the text to send instead; undefined for none. */
  replace(text: string): string | undefined {
    if (this.#alone) return text
    if (SIMPLE.test(text)) return this.#one(text)
    if (!/\b(?:begin|start|commit|end|rollback|abort|transaction)\b/i.test(text)) return text
    const parts = cutStatements(text, this.#dialect).statements.map(({ start, end }) => text.slice(start, end))
    const replaced = parts.map((part) => this.#one(part))
    if (replaced.every((part, place) => part === parts[place])) return text
    return replaced.filter((part) => part !== undefined).join(';\n') || undefined
  }

  #one(text: string): string | undefined {
    const statement = text.trim().replace(/;$/, '').toLowerCase()
    if (/^(?:begin|start transaction)\b/.test(statement)) {
      this.depth++
      return this.#isWhole && this.depth === 1 ? undefined : `SAVEPOINT ${NAME}_${this.depth}`
    }
    // A mode can only be set before the first statement of a transaction, and ours has begun.
    if (/^set transaction\b/.test(statement)) return undefined
    const ends = /^(?:commit|end)\b/.test(statement)
    const undoes = /^(?:rollback|abort)\b(?!\s+(?:work\s+|transaction\s+)?to\b)/.test(statement)
    if (!ends && !undoes) return text
    // It began before us, so it is ours to end.
    if (this.depth === 0) return undefined
    const name = `${NAME}_${this.depth--}`
    if (this.#isWhole && this.depth === 0) {
      this.isUndone ||= undoes
      return undefined
    }
    return ends ? `RELEASE SAVEPOINT ${name}` : `ROLLBACK TO SAVEPOINT ${name}`
  }
}

/** @throws Error if the library rolled back the whole migration and reported no error */
export function refuseUndone(held: { isUndone(): boolean }): void {
  if (held.isUndone())
    throw new Error('It rolled back its transaction, so it has changed nothing. Throw an error instead.')
}

/** The statements that libraries send to begin and to end a transaction. */
const SIMPLE = /^\s*(?:begin|start transaction|commit|rollback)\s*;?\s*$/i

const NAME = 'migratest_held'
const GUARD = 'migratest_guard'
