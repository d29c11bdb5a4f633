/** One test's database on a PostgreSQL server. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { ownTables } from '../../../database/ownTables.ts'
import { readSchema } from '../../../database/postgres/catalog.ts'
import { CleanState, nextTransaction, OthersConnected } from '../../../database/postgres/cleanState.ts'
import { borrowClient, openUrl } from '../../../database/postgres/connection.ts'
import { endSession, keepAlive, sessionsOn } from '../../../database/postgres/databases.ts'
import { postgresDriver } from '../../../database/postgres/driver.ts'
import type { PostgresError, Session } from '../../../database/postgres/session.ts'
import { identifier } from '../../../database/postgres/tables.ts'
import type { Driver } from '../../../migrate/driver.ts'
import type { Schema } from '../../../schema/schema.ts'
import { withoutEnding } from '../../ending.ts'
import type { LeftOpen, OpenTransaction, Row } from '../../testServer.ts'
import type { SnapshotFamily } from '../databaseServer.ts'
import { ServerDatabase } from '../serverDatabase.ts'
import { connectAhead, connectPatiently, patiently } from './connections.ts'
import type { PostgresRegistry } from './registry.ts'

export class PostgresTestDatabase extends ServerDatabase<Client, PostgresRegistry, CleanState> {
  readonly dialect = 'postgres'
  /** Opened when the schema is first asked for. */
  #reader: Promise<Session> | undefined
  /** Looks whether it is as it was; stays, since getting ready takes longer than looking. */
  #inspector: Client | undefined

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
    return true
  }

  async query(client: Client, sql: string, params: readonly unknown[] = []): Promise<Row[]> {
    const result = await client.query(sql, [...params])
    // Several statements at once give several results; the last one is what was asked for.
    const last: { rows?: Row[] } | undefined = Array.isArray(result) ? result.at(-1) : result
    return last?.rows ?? []
  }

  async openDriver(): Promise<Driver> {
    const session = await patiently(() => openUrl(this.url))
    return postgresDriver(session, { keepExtensions: this.extensions })
  }

  /** Of any session: a client or pool that the test made itself would be waited for all the same. */
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
      // Rolled back to a savepoint, it goes on.
      if (status === 'T') failed = undefined
      rolledBack = false
    })
    // Before pg's own listener, which hands the error to whoever waits for it.
    connection.prependListener('errorMessage', (error: PostgresError) => {
      if (error.code !== ABORTED) failed ??= `${error.message}${statementOf(client)}`
      else if (failed !== undefined) error.message += `. The first statement that failed: ${failed}`
    })
    connection.on('commandComplete', ({ text }: { text: string }) => {
      // Within one message: a ROLLBACK may be one to a savepoint, and a BEGIN only a warning; it is both that tell.
      const begun = text === 'BEGIN' || text === 'START TRANSACTION'
      if (text === 'COMMIT' || text === 'PREPARE TRANSACTION' || (begun && rolledBack)) ended = true
      rolledBack = text === 'ROLLBACK'
    })
    return {
      rollBack: async () => {
        const whole = !ended
        const { readyForQuery = true } = client as unknown as { readyForQuery?: boolean }
        // A statement that nobody waited for: what it holds goes with its session.
        if (readyForQuery) await client.query('ROLLBACK').catch(() => undefined)
        else await endSession(this.registry.admin, pidOf(client) ?? 0).catch(() => undefined)
        return whole
      },
    }
  }

  protected extensionSql(name: string): string {
    return `CREATE EXTENSION IF NOT EXISTS ${identifier(name)}`
  }

  protected async read(within: Client | undefined): Promise<Schema> {
    // Where only this session sees what is there.
    if (within) return readSchema(await borrowClient(within), { exclude: ownTables() })
    this.#reader ??= patiently(() => openUrl(this.url))
    try {
      return await readSchema(await this.#reader, { exclude: ownTables(), keep: true })
    } catch (error) {
      // The next who asks gets a new connection: this one may be what failed.
      await this.#closeReader()
      throw error
    }
  }

  protected async readLikeness(): Promise<CleanState | undefined> {
    return CleanState.read(await this.#inspect())
  }

  protected async restoreTo(
    likeness: CleanState,
    _: SnapshotFamily<CleanState>,
    since: string,
  ): Promise<string | undefined> {
    const ready = this.#inspector !== undefined
    const inspector = await this.#inspect()
    if (!ready) await likeness.prepare(inspector)
    await this.#closeReader()
    try {
      return await likeness.restore(inspector, since)
    } catch (error) {
      if (!(error instanceof OthersConnected)) throw error
      await this.#endOthers()
      return likeness.restore(inspector, since)
    }
  }

  protected async closeOwn(): Promise<void> {
    const inspector = this.#inspector
    this.#inspector = undefined
    await inspector?.end().catch(() => undefined)
    await this.#closeReader()
  }

  // --- internal ---

  async #inspect(): Promise<Client> {
    this.#inspector ??= await connectAhead(this.url, 'migratest inspector')
    return this.#inspector
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

  /** Sessions that have been ended take a moment to go. */
  async #endOthers(): Promise<void> {
    const own = await this.#ownPids()
    for (let tries = 0; tries < 100; tries++) {
      const others = (await sessionsOn(this.registry.admin, this.name)).filter(({ pid }) => !own.has(pid))
      if (others.length === 0) return
      // Who was told to go by its client is let go: it rolls back by itself.
      if (tries >= 2) for (const { pid } of others) await endSession(this.registry.admin, pid)
      await sleep(tries < 4 ? 1 : 5)
    }
    throw new Error('somebody stays connected')
  }
}

/** Since when a copy that was made just now is a test's own. */
export async function sinceNow(registry: PostgresRegistry): Promise<string> {
  return nextTransaction(registry.admin as Client)
}

// --- internal ---

const GIVEN = 'migratest test'

/** in_failed_sql_transaction */
const ABORTED = '25P02'

/** The statement that is under way on a client, to stand behind its error. */
function statementOf(client: Client): string {
  const { _getActiveQuery, activeQuery } = client as unknown as {
    _getActiveQuery?(): { text?: string } | null
    activeQuery?: { text?: string } | null
  }
  const { text } = (_getActiveQuery ? _getActiveQuery.call(client) : activeQuery) ?? {}
  return text ? ` (${text.replace(/\s+/g, ' ').trim().slice(0, 120)})` : ''
}

function pidOf(client: Client): number | undefined {
  return (client as unknown as { processID?: number }).processID
}
