/** One test's database on a PostgreSQL server. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { notOfTheSchema } from '../../../database/ownTables.ts'
import { readSchema } from '../../../database/postgres/catalog/catalog.ts'
import {
  CleanState,
  INSPECTOR_SETTINGS,
  OthersConnected,
  presentMoment,
} from '../../../database/postgres/cleanState/cleanState.ts'
import { type FileOwners, LoggedCleanState } from '../../../database/postgres/cleanState/loggedCleanState.ts'
import { laterOf, type Moment } from '../../../database/postgres/cleanState/moment.ts'
import { borrowClient, openUrl } from '../../../database/postgres/connection.ts'
import { endSession, keepAlive, sessionsOn } from '../../../database/postgres/databases.ts'
import { postgresDriver } from '../../../database/postgres/driver.ts'
import type { PostgresError, Session } from '../../../database/postgres/session.ts'
import { identifier } from '../../../database/postgres/tables.ts'
import type { Driver } from '../../../migrate/driver.ts'
import type { Hidden } from '../../../migrate/source.ts'
import type { Schema } from '../../../schema/schema.ts'
import { withoutEnding } from '../../ending.ts'
import { type Disposable, type LeftOpen, type OpenTransaction, type Place, type Row, set } from '../../testServer.ts'
import type { SnapshotFamily } from '../databaseServer.ts'
import { ServerDatabase } from '../serverDatabase.ts'
import { connectAhead, connectPatiently, patiently } from './connections.ts'
import type { PostgresRegistry } from './registry.ts'

export type PostgresLikeness = CleanState | LoggedCleanState

export class PostgresTestDatabase extends ServerDatabase<Client, PostgresRegistry, PostgresLikeness> {
  readonly dialect = 'postgres'
  /** The session that reads schemas, opened when a schema is first requested. */
  #reader: Promise<Session> | undefined
  /** The sessions made of clients, one each: a session listens to its client's errors. */
  readonly #borrowed = new WeakMap<Client, Session>()
  /** The client that restores the clean state. It stays open, since preparing it takes longer than the check itself. */
  #inspector: Client | undefined
  /** Set once this copy has been restored by the log. */
  #owners: FileOwners | undefined

  connect(): Promise<Client> {
    return connectPatiently(this.url, GIVEN)
  }

  connectAhead(): Promise<Client> {
    return connectAhead(this.url, GIVEN)
  }

  activate(client: Client): boolean {
    const { _ending, _queryable = true } = client as unknown as { _ending?: boolean; _queryable?: boolean }
    if (_ending || !_queryable) return false
    keepAlive(client)
    // What other processes wrote before this moment need not be looked through.
    const latest = this.registry.latestMoment
    if (latest !== undefined && this.since !== undefined) this.since = laterOf(this.since, latest)
    return true
  }

  async query(client: Client, sql: string, params: readonly unknown[] = []): Promise<Row[]> {
    const result = await client.query(sql, [...params])
    // Several statements in one query give several results; the last one is the one to return.
    const last: { rows?: Row[] } | undefined = Array.isArray(result) ? result.at(-1) : result
    return last?.rows ?? []
  }

  async openDriver(_: Client, { keepsLock, ...place }: Place & Disposable = {}): Promise<Driver> {
    const session = await patiently(() => openUrl(this.url))
    return postgresDriver(session, { keepExtensions: this.extensions, keepsLock, ...set(place) })
  }

  /** Checks all sessions: migrating would also wait for a client or pool that the test opened itself. */
  async openTransaction(): Promise<string | undefined> {
    const all = await sessionsOn(this.registry.admin, this.name)
    return all.find(({ state }) => state.startsWith('idle in transaction'))?.query
  }

  async disconnect(client: Client): Promise<void> {
    await client.end()
  }

  async leftOpen(clients: readonly Client[], patienceMs: number): Promise<LeftOpen[]> {
    const given = new Set(clients.map(pidOf))
    const own = await this.#ownPids()
    const look = async () => (await sessionsOn(this.registry.admin, this.name)).filter(({ pid }) => !own.has(pid))
    const all = await withoutEnding(look, ({ pid }) => !given.has(pid), patienceMs)
    return all.map(({ pid, application, state, query }) => ({
      application,
      statement: query,
      state: state === 'active' ? 'running' : state.startsWith('idle in transaction') ? 'in-transaction' : 'idle',
      given: given.has(pid),
    }))
  }

  async begin(client: Client): Promise<OpenTransaction> {
    await client.query('BEGIN')
    let ended = false
    let rolledBack = false
    const { connection } = client as unknown as { connection: NodeJS.EventEmitter }
    let failed: string | undefined
    connection.on('readyForQuery', ({ status }: { status: string }) => {
      if (status === 'I') ended = true
      // After a rollback to a savepoint, the transaction is usable again.
      if (status === 'T') failed = undefined
      rolledBack = false
    })
    // Run before pg's own listener, which passes the error to the caller.
    connection.prependListener('errorMessage', (error: PostgresError) => {
      if (error.code !== ABORTED) failed ??= `${error.message}${statementOf(client)}`
      else if (failed !== undefined) error.message += `. The first statement that failed: ${failed}`
    })
    connection.on('commandComplete', ({ text }: { text: string }) => {
      // Within one message: a ROLLBACK alone may be one to a savepoint, and a BEGIN alone may only cause a warning.
      // Only a ROLLBACK followed by a BEGIN shows that the transaction has ended.
      const begun = text === 'BEGIN' || text === 'START TRANSACTION'
      if (text === 'COMMIT' || text === 'PREPARE TRANSACTION' || (begun && rolledBack)) ended = true
      rolledBack = text === 'ROLLBACK'
    })
    return {
      rollBack: async () => {
        const whole = !ended
        const { readyForQuery = true } = client as unknown as { readyForQuery?: boolean }
        // If a statement still runs because the test did not wait for it, end its session; that releases its locks.
        if (readyForQuery) await client.query('ROLLBACK').catch(() => undefined)
        else await endSession(this.registry.admin, pidOf(client) ?? 0).catch(() => undefined)
        return whole
      },
    }
  }

  protected extensionSql(name: string): string {
    return `CREATE EXTENSION IF NOT EXISTS ${identifier(name)}`
  }

  protected async read(
    hidden: Hidden | undefined,
    within: Client | undefined,
    often: boolean,
    isCounted: boolean,
  ): Promise<Schema> {
    const exclude = notOfTheSchema(undefined, hidden)
    // Only this session sees the changes of its open transaction.
    if (within) {
      const session = this.#borrowed.get(within) ?? (await borrowClient(within))
      this.#borrowed.set(within, session)
      return readSchema(session, { exclude, keep: often })
    }
    this.#reader ??= patiently(() => openUrl(this.url))
    try {
      return await readSchema(await this.#reader, { exclude, keep: true, isCounted })
    } catch (error) {
      // The next caller gets a new connection, since this one may be the reason for the failure.
      await this.#closeReader()
      throw error
    }
  }

  protected async readLikeness(): Promise<PostgresLikeness | undefined> {
    const inspector = await this.#inspect()
    const logged = (await this.registry.log()) && (await LoggedCleanState.read(inspector))
    return logged ?? CleanState.read(inspector)
  }

  protected async restoreTo(
    likeness: PostgresLikeness,
    _: SnapshotFamily<PostgresLikeness>,
    since: Moment,
  ): Promise<Moment | undefined> {
    await this.#closeReader()
    const restore = () =>
      likeness instanceof CleanState ? this.#restoreByReading(likeness, since) : this.#restoreByLog(likeness, since)
    try {
      return await restore()
    } catch (error) {
      if (!(error instanceof OthersConnected)) throw error
      await this.#endOthers()
      return restore()
    }
  }

  async closeOwn(): Promise<void> {
    const inspector = this.#inspector
    this.#inspector = undefined
    await inspector?.end().catch(() => undefined)
    await this.#closeReader()
  }

  // --- internal ---

  async #restoreByReading(likeness: CleanState, since: Moment): Promise<Moment | undefined> {
    const ready = this.#inspector !== undefined
    const inspector = await this.#inspect()
    if (!ready) await likeness.prepare(inspector)
    return likeness.restore(inspector, since)
  }

  async #restoreByLog(likeness: LoggedCleanState, since: Moment): Promise<Moment | undefined> {
    const log = await this.registry.log()
    if (!log) return undefined
    const own = this.#inspector && pidOf(this.#inspector)
    const written = await log.look(this.name, own === undefined ? [] : [own], since)
    if (written.others) throw new OthersConnected()
    const restored = await likeness.restore(() => this.#inspect(), written, since, this.#owners)
    this.#owners = restored?.owners
    return restored?.since
  }

  /** The session is ready for `LoggedCleanState`. */
  async #inspect(): Promise<Client> {
    if (this.#inspector) return this.#inspector
    const inspector = await connectAhead(this.url, 'migratest inspector')
    await inspector.query(INSPECTOR_SETTINGS)
    this.#inspector = inspector
    return inspector
  }

  async #closeReader(): Promise<void> {
    const reader = await this.#reader?.catch(() => undefined)
    this.#reader = undefined
    await reader?.close().catch(() => undefined)
  }

  async #ownPids(): Promise<Set<number | undefined>> {
    const reader = await this.#reader?.catch(() => undefined)
    return new Set([this.#inspector && pidOf(this.#inspector), reader && pidOf(reader.client as Client)])
  }

  /** Ends the other sessions on the database. It takes a moment until they are gone. */
  async #endOthers(): Promise<void> {
    const own = await this.#ownPids()
    for (let tries = 0; tries < 100; tries++) {
      const others = (await sessionsOn(this.registry.admin, this.name)).filter(({ pid }) => !own.has(pid))
      if (others.length === 0) return
      // At first wait: a session that its client is closing ends without our help.
      if (tries >= 2) for (const { pid } of others) await endSession(this.registry.admin, pid)
      await sleep(tries < 4 ? 1 : 5)
    }
    throw new Error('somebody stays connected')
  }
}

/** Returns the present moment, from which on changes to a new copy are the test's. */
export function sinceNow(registry: PostgresRegistry): Promise<Moment> {
  return presentMoment(registry.admin as Client)
}

// --- internal ---

const GIVEN = 'migratest test'

/** The SQLSTATE `in_failed_sql_transaction`. */
const ABORTED = '25P02'

/** Returns the statement that a client is running, in the form that is appended to error messages. */
function statementOf(client: Client): string {
  const inside = client as unknown as {
    _getActiveQuery?(): { text?: string } | null
    activeQuery?: { text?: string } | null
  }
  // Newer versions of pg warn whoever reads `activeQuery`.
  const { text } = (inside._getActiveQuery ? inside._getActiveQuery() : inside.activeQuery) ?? {}
  return text ? ` (${text.replace(/\s+/g, ' ').trim().slice(0, 120)})` : ''
}

function pidOf(client: Client): number | undefined {
  return (client as unknown as { processID?: number }).processID
}
