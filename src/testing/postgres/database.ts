/** One test's database on a PostgreSQL server. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { readSchema } from '../../database/postgres/catalog.ts'
import { commentOn, endSession, keepAlive, sessionsOn } from '../../database/postgres/cluster.ts'
import { borrowClient, openUrl } from '../../database/postgres/connection.ts'
import { postgresDriver } from '../../database/postgres/driver.ts'
import { Likeness, nextTransaction, OthersConnected } from '../../database/postgres/likeness.ts'
import type { Session } from '../../database/postgres/session.ts'
import { identifier, ownTables } from '../../database/postgres/tables.ts'
import type { Driver } from '../../migrate/driver.ts'
import type { Schema } from '../../schema/schema.ts'
import { runGiven } from '../given.ts'
import type { LeftOpen, OpenTransaction, Purpose, Row, TestDatabase } from '../testServer.ts'
import { connectAhead, connectPatiently, patiently } from './connections.ts'
import { writeMark } from './marks.ts'
import type { Registry } from './registry.ts'

/** Copies of one snapshot: what they are like is read once, of the first that is made ahead of a test. */
export interface Kin {
  readonly key: string
  likeness: Promise<Likeness | undefined> | undefined
  /** How many in a row could not be put back. */
  misses: number
}

export interface DatabaseOrigin {
  readonly registry: Registry
  readonly extensions: readonly string[]
  /** Of a copy: the others. */
  readonly kin?: Kin | undefined
  /** Of a copy: the first transaction after it was made. */
  readonly since?: string | undefined
  /** Lets another test have one, where not many can at a time. */
  readonly ticket: () => Promise<void>
}

export class PostgresTestDatabase implements TestDatabase<Client> {
  readonly name: string
  readonly url: string
  readonly #registry: Registry
  readonly #extensions: readonly string[]
  #kin: Kin | undefined
  #since: string | undefined
  /** Opened when the schema is first asked for. */
  #reader: Promise<Session> | undefined
  #reading: Promise<unknown> = Promise.resolve()
  /** Looks whether it is as it was; stays, since getting ready takes longer than looking. */
  #inspector: Client | undefined
  #offered = false
  readonly #ticket: () => Promise<void>

  constructor(name: string, { registry, extensions, kin, since, ticket }: DatabaseOrigin) {
    this.#ticket = ticket
    this.name = name
    this.url = registry.urlOf(name)
    this.#registry = registry
    this.#extensions = extensions
    this.#kin = kin
    this.#since = since
  }

  async prepare(init: readonly string[]): Promise<void> {
    const extension = (name: string) => `CREATE EXTENSION IF NOT EXISTS ${identifier(name)}`
    const statements = [
      ...this.#extensions.map((name) => ['extensions', extension(name)] as const),
      ...init.map((sql) => ['init', sql] as const),
    ]
    if (statements.length === 0) return
    const client = await this.connect()
    try {
      for (const [option, sql] of statements) await runGiven(option, sql, () => client.query(sql))
    } finally {
      await client.end()
    }
  }

  connect(): Promise<Client> {
    return connectPatiently(this.url, GIVEN)
  }

  /** Of the first copy only: all of them have to be like it. */
  async observe(): Promise<void> {
    const kin = this.#kin
    if (!kin || kin.likeness) return
    kin.likeness = this.#inspect().then((client) => Likeness.read(client))
    await kin.likeness.catch(() => {
      kin.likeness = undefined
    })
  }

  connectAhead(): Promise<Client> {
    return connectAhead(this.url, GIVEN)
  }

  /** From now on it is a copy: a snapshot was made of it. */
  adopt(kin: Kin, since: string): void {
    this.#kin = kin
    this.#since = since
  }

  hand(client: Client): boolean {
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
    return postgresDriver(session, { keepExtensions: this.#extensions })
  }

  /** One after another: a reader prepares its query once. */
  readSchema(within?: Client): Promise<Schema> {
    const reading = this.#reading.then(() => (within ? this.#readWithin(within) : this.#read()))
    this.#reading = reading.catch(() => undefined)
    return reading
  }

  /** Of any session: a client or pool that the test made itself would be waited for all the same. */
  async openTransaction(): Promise<string | undefined> {
    const all = await sessionsOn(this.#registry.admin, this.name)
    return all.find(({ state }) => state.startsWith('idle in transaction'))?.query
  }

  async disconnect(client: Client): Promise<void> {
    await client.end()
  }

  async leftOpen(clients: readonly Client[]): Promise<LeftOpen[]> {
    const given = new Set(clients.map(pidOf))
    const own = await this.#ownPids()
    const all = await sessionsOn(this.#registry.admin, this.name)
    return all
      .filter(({ pid }) => !own.has(pid))
      .map(({ pid, application, state, query }) => ({
        application,
        statement: query,
        state: state === 'active' ? 'running' : state.startsWith('idle in transaction') ? 'in a transaction' : 'idle',
        given: given.has(pid),
      }))
  }

  async begin(client: Client): Promise<OpenTransaction> {
    await client.query('BEGIN')
    let ended = false
    let rolledBack = false
    const { connection } = client as unknown as { connection: NodeJS.EventEmitter }
    connection.on('readyForQuery', ({ status }: { status: string }) => {
      if (status === 'I') ended = true
      rolledBack = false
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
        else await endSession(this.#registry.admin, pidOf(client) ?? 0).catch(() => undefined)
        return whole
      },
    }
  }

  async restore(): Promise<boolean> {
    const kin = this.#kin
    const likeness = await kin?.likeness?.catch(() => undefined)
    // Those that could not be put back lately tell that the next one cannot either; now and then one is tried.
    if (!kin || !likeness || this.#since === undefined || (kin.misses >= 4 && ++kin.misses % 16 !== 0)) return false
    try {
      const ready = this.#inspector !== undefined
      const inspector = await this.#inspect()
      if (!ready) await likeness.prepare(inspector)
      await this.#closeReader()
      const since = await this.#restoreAlone(likeness, inspector, this.#since)
      kin.misses = since === undefined ? kin.misses + 1 : 0
      this.#since = since
      return since !== undefined
    } catch {
      return false
    }
  }

  async offer(): Promise<void> {
    if (!this.#kin || this.#offered || !this.#registry.ours) return
    this.#offered = true
    await this.#registry.markFree(this.name, this.#kin.key)
  }

  async withdraw(): Promise<void> {
    if (!this.#offered) return
    this.#offered = false
    await this.#registry.unmark(this.name)
  }

  async keep({ forMs, newest, ...about }: Purpose = {}): Promise<string> {
    await this.#closeInspector()
    await this.#closeReader()
    const now = Date.now()
    const until = forMs === undefined ? undefined : new Date(now + forMs).toISOString()
    const failed = newest === undefined ? undefined : true
    const mark = writeMark({ kind: 'kept', at: new Date(now).toISOString(), until, failed, ...about })
    await commentOn(this.#registry.admin, this.name, mark)
    if (newest !== undefined) await this.#registry.dropFailedBeyond(newest)
    await this.#ticket()
    return `npx migratest databases open ${this.name}${this.#registry.serverOption}`
  }

  async drop(): Promise<void> {
    await this.#closeInspector()
    await this.#closeReader()
    await this.#registry.drop(this.name).finally(() => this.#ticket())
  }

  // --- internal ---

  async #read(): Promise<Schema> {
    this.#reader ??= patiently(() => openUrl(this.url))
    try {
      return await readSchema(await this.#reader, { exclude: ownTables() })
    } catch (error) {
      // The next who asks gets a new connection: this one may be what failed.
      await this.#closeReader()
      throw error
    }
  }

  /** Where only this session sees what is there. */
  async #readWithin(client: Client): Promise<Schema> {
    return readSchema(await borrowClient(client), { exclude: ownTables() })
  }

  async #restoreAlone(likeness: Likeness, inspector: Client, since: string): Promise<string | undefined> {
    try {
      return await likeness.restore(inspector, since)
    } catch (error) {
      if (!(error instanceof OthersConnected)) throw error
      await this.#endOthers()
      return likeness.restore(inspector, since)
    }
  }

  async #inspect(): Promise<Client> {
    this.#inspector ??= await connectAhead(this.url, 'migratest inspector')
    return this.#inspector
  }

  async #closeInspector(): Promise<void> {
    const inspector = this.#inspector
    this.#inspector = undefined
    await inspector?.end().catch(() => undefined)
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
      const others = (await sessionsOn(this.#registry.admin, this.name)).filter(({ pid }) => !own.has(pid))
      if (others.length === 0) return
      // Who was told to go by its client is let go: it rolls back by itself.
      if (tries >= 2) for (const { pid } of others) await endSession(this.#registry.admin, pid)
      await sleep(tries < 4 ? 1 : 5)
    }
    throw new Error('somebody stays connected')
  }
}

/** Since when a copy that was made just now is a test's own. */
export async function sinceNow(registry: Registry): Promise<string> {
  return nextTransaction(registry.admin as Client)
}

// --- internal ---

const GIVEN = 'migratest test'

function pidOf(client: Client): number | undefined {
  return (client as unknown as { processID?: number }).processID
}
