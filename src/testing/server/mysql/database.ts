/** One test's database on a MySQL or MariaDB server. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from 'mysql2/promise'
import { type LogPosition, laterOf, readLogged, UNLOGGED } from '../../../database/mysql/binaryLog.ts'
import { readSchema } from '../../../database/mysql/catalog.ts'
import { CleanState } from '../../../database/mysql/cleanState.ts'
import {
  holdProcess,
  isBusy,
  isUsable,
  openClient,
  openUrl,
  threadOf,
  untilClosed,
} from '../../../database/mysql/connection.ts'
import { endSession, lookAtServer, type ServerLook, sessionsOn, writesSql } from '../../../database/mysql/databases.ts'
import { mysqlDriver } from '../../../database/mysql/driver.ts'
import type { Session } from '../../../database/mysql/session.ts'
import { changedBetween, readStamps, type Stamps, stampsSql } from '../../../database/mysql/stamps.ts'
import { notOfTheSchema } from '../../../database/ownTables.ts'
import type { Driver } from '../../../migrate/driver.ts'
import { UsageError } from '../../../migrate/errors.ts'
import type { Hidden } from '../../../migrate/source.ts'
import type { Schema } from '../../../schema/schema.ts'
import { withoutEnding } from '../../ending.ts'
import type { Disposable, LeftOpen, OpenTransaction, Place, Row } from '../../testServer.ts'
import type { SnapshotFamily } from '../databaseServer.ts'
import { ServerDatabase } from '../serverDatabase.ts'
import { snapshotName } from '../snapshotStore.ts'
import { connectAhead, connectPatiently, openPatiently } from './connections.ts'
import { isOurs, type MysqlRegistry } from './registry.ts'

export class MysqlTestDatabase extends ServerDatabase<Connection, MysqlRegistry, CleanState> {
  readonly dialect = 'mysql'
  /** The session that reads schemas and restores the clean state. */
  #inspector: Promise<Session> | undefined
  /** What had been written on the server when this database was in its clean state, before a test had it. */
  #writes: string | undefined
  #clean: Clean | undefined

  connect(): Promise<Connection> {
    return connectPatiently(this.url)
  }

  connectAhead(): Promise<Connection> {
    return connectAhead(this.url)
  }

  activate(client: Connection): boolean {
    if (!isUsable(client)) return false
    holdProcess(client, true)
    // What others wrote before this moment need not be looked through.
    const { latestInLog } = this.registry
    if (this.#clean && latestInLog) this.#clean = { ...this.#clean, since: laterOf(this.#clean.since, latestInLog) }
    return true
  }

  async disconnect(client: Connection): Promise<void> {
    const closed = untilClosed(client)
    if (!isBusy(client)) {
      await client.end()
      // We look at the sessions next, and would have to look again if the server still listed this one.
      await Promise.race([closed, sleep(CLOSE_MS, undefined, { ref: false })])
      return
    }
    // A disconnect message waits behind the running statement, and the server notices a closed socket only when that
    // statement is done.
    await endSession(this.registry.admin, threadOf(client)).catch(() => undefined)
    // The caller that waits for the statement gets the server's error that it was killed.
    await Promise.race([closed, sleep(KILL_MS, undefined, { ref: false })])
    client.destroy()
  }

  async query(client: Connection, sql: string, params: readonly unknown[] = []): Promise<Row[]> {
    const [result] = await client.query(sql, [...params])
    if (!Array.isArray(result)) return []
    // Several statements, or a CALL, give several results; the last one with rows is the one to return.
    const several = result.length > 0 && result.every((one) => Array.isArray(one) || 'affectedRows' in (one ?? {}))
    return ((several ? result.findLast((one) => Array.isArray(one)) : result) ?? []) as Row[]
  }

  async openDriver(
    _: Connection,
    { table, observer, disposable = false, keepsLock }: Place & Disposable = {},
  ): Promise<Driver> {
    // A schema change waits for other transactions on its table, by default for a year.
    return mysqlDriver(await openPatiently(this.url, { statementLockTimeoutMs: LONGEST_WAIT_MS }), {
      disposable,
      keepsLock,
      ...(table !== undefined && { table }),
      ...(observer && { observer }),
    })
  }

  /** Checks all sessions: migrating would also wait for a client or pool that the test opened itself. */
  async openTransaction(): Promise<string | undefined> {
    const own = await this.#ownIds()
    const open = (await sessionsOn(this.registry.admin, this.name)).find((one) => one.inTransaction && !own.has(one.id))
    return open && (open.statement || '(the server does not say which)')
  }

  async leftOpen(clients: readonly Connection[], patienceMs: number): Promise<LeftOpen[]> {
    const given = new Set(clients.map(threadOf))
    const own = await this.#ownIds()
    const look = async () => (await sessionsOn(this.registry.admin, this.name)).filter(({ id }) => !own.has(id))
    const settled = await withoutEnding(look, ({ id }) => !given.has(id), patienceMs)
    let all = settled
    // A session that sent its result a moment ago still counts as running.
    for (const pause of [1, 1, 3, 10, 50]) {
      if (!all.some(({ running }) => running)) break
      await sleep(pause)
      all = await look()
    }
    return all.map(({ id, running, inTransaction, statement }) => ({
      application: '',
      statement,
      state: running ? 'running' : inTransaction ? 'in-transaction' : 'idle',
      given: given.has(id),
    }))
  }

  /** Begins a transaction with a savepoint. A schema change commits implicitly, and the missing savepoint shows it. */
  async begin(client: Connection): Promise<OpenTransaction> {
    await client.query(`START TRANSACTION; SAVEPOINT ${MARK}`)
    return {
      rollBack: async () => {
        // If a statement still runs because the test did not wait for it, end its session; that releases its locks.
        const late = sleep(PATIENCE_MS, undefined, { ref: false }).then(() =>
          endSession(this.registry.admin, threadOf(client)),
        )
        late.catch(() => undefined)
        const whole = await client.query(`ROLLBACK TO SAVEPOINT ${MARK}`).then(
          () => true,
          () => false,
        )
        await client.query('ROLLBACK').catch(() => undefined)
        return whole
      },
    }
  }

  protected extensionSql(name: string): string {
    throw new UsageError(`extensions: MySQL has none, so ${name} cannot be made.`)
  }

  protected async read(hidden: Hidden | undefined, within: Connection | undefined): Promise<Schema> {
    const session = within ? await openClient(within) : await this.#inspect()
    return readSchema(session, this.name, { exclude: notOfTheSchema(undefined, hidden).tables })
  }

  protected async readLikeness(): Promise<CleanState | undefined> {
    return CleanState.read(await this.#inspect(), this.name)
  }

  override async observe(): Promise<void> {
    await super.observe()
    if (this.#writes !== undefined || this.#clean !== undefined) return
    const since = await this.registry.endOfLog()
    const stamps = since && (await this.#stamps())
    const { writes, otherDefinitions } = await this.#look()
    this.#writes = writes
    if (since && stamps) this.#clean = { since, otherDefinitions, stamps }
  }

  protected async restoreTo(likeness: CleanState, { key }: SnapshotFamily<CleanState>): Promise<string | undefined> {
    const [clean, before] = [this.#clean, this.#writes]
    this.#clean = undefined
    this.#writes = undefined
    const look = await this.#endOthers(clean?.since)
    const { hasStrayTransactions, writes, otherDefinitions } = look
    if (hasStrayTransactions(isOurs)) return undefined
    const logged = clean && look.isRead ? readLogged(look.events, this.name, clean.since) : undefined
    if (logged) this.registry.sawLog(logged.upTo)
    // Nothing has been written on the whole server since.
    if (likeness.isLogged && writes !== undefined && writes === before) {
      this.#writes = writes
      if (clean && logged) this.#clean = { ...clean, since: logged.upTo }
      return 'then'
    }
    const since = logged?.more === false ? logged.upTo : await this.registry.endOfLog()
    const stamps = since && (await this.#stamps())
    const session = await this.#inspect()
    const place = { database: this.name, from: snapshotName(key), isMariadb: this.registry.isMariadb }
    const told = clean && stamps && otherDefinitions === clean.otherDefinitions && changedBetween(clean.stamps, stamps)
    if (logged && !logged.more && told && likeness.isLogged && !likeness.refersElsewhere) {
      const outcome = await likeness.restoreTables(session, place, {
        written: logged.tables,
        others: told,
        sizes: stamps.sizes,
      })
      if (outcome === undefined) return undefined
      if (outcome === 'same') this.#writes = writes
    } else if (!(await likeness.restore(session, place))) return undefined
    if (since && stamps) this.#clean = { since, otherDefinitions, stamps }
    return 'then'
  }

  async closeOwn(): Promise<void> {
    const inspector = await this.#inspector?.catch(() => undefined)
    this.#inspector = undefined
    await inspector?.close().catch(() => undefined)
  }

  // --- internal ---

  #inspect(): Promise<Session> {
    if (!this.#inspector) {
      const opening = this.#openInspector()
      this.#inspector = opening
      const forget = () => {
        if (this.#inspector === opening) this.#inspector = undefined
      }
      opening.then((session) => session.onEnd(forget), forget)
    }
    return this.#inspector
  }

  async #openInspector(): Promise<Session> {
    const session = await openPatiently(this.url)
    if (await this.registry.isLogging()) await session.query(UNLOGGED)
    return session
  }

  async #ownIds(): Promise<Set<number>> {
    const inspector = await this.#inspector?.catch(() => undefined)
    return new Set(inspector ? [threadOf(inspector.client as Connection)] : [])
  }

  async #stamps(): Promise<Stamps> {
    const { isMariadb } = this.registry
    const results = await (await this.#inspect()).queries(stampsSql(this.name, isMariadb))
    return readStamps(results.at(-1) ?? [])
  }

  #look(since?: LogPosition): Promise<ServerLook> {
    return lookAtServer(this.registry.admin, writesSql(this.registry.isMariadb), since)
  }

  /** Ends the other sessions on the database and returns the first look without them. It takes a moment until they are gone. */
  async #endOthers(since: LogPosition | undefined): Promise<ServerLook & { isRead: boolean }> {
    const own = await this.#ownIds()
    let from = since
    for (let tries = 0; tries < 100; tries++) {
      const look = await this.#look(from).catch((error) => {
        // The server has removed that part of its log.
        if (from === undefined) throw error
        from = undefined
        return this.#look()
      })
      const others = look.on(this.name).filter(({ id }) => !own.has(id))
      // Transactions of others are most often over a moment later.
      const waits = tries < MOST_LOOKS && look.hasStrayTransactions(isOurs)
      if (others.length === 0 && !waits) return { ...look, isRead: from !== undefined }
      if (tries >= 2) for (const { id } of others) await endSession(this.registry.admin, id)
      await sleep(tries < 4 ? 1 : 5)
    }
    throw new Error('somebody stays connected')
  }
}

/**
 * Returns a hash of what a database holds, read on a separate connection; `undefined` if it holds values that the
 * server cannot hash. Each process then makes its own snapshot, since it cannot tell what is in those of others.
 */
export async function digestOf(url: string, name: string): Promise<string | undefined> {
  const session = await openUrl(url)
  try {
    return await CleanState.digestOf(session, name)
  } finally {
    await session.close().catch(() => undefined)
  }
}

// --- internal ---

/** The last moment at which the database was known to be clean, and what the server then remembered of it. */
interface Clean {
  readonly since: LogPosition
  readonly otherDefinitions: string
  readonly stamps: Stamps
}

/** How often we look whether the transactions of others are over, before the database is given up. */
const MOST_LOOKS = 6

const MARK = 'migratest_test'
const PATIENCE_MS = 2000
const KILL_MS = 1000
const CLOSE_MS = 20
const LONGEST_WAIT_MS = 20_000
