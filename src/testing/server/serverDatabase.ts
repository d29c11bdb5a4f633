/** A test's database on a server: the part that all kinds of servers share. */
import type { Driver } from '../../migrate/driver.ts'
import { now } from '../../migrate/realTime.ts'
import type { Hidden } from '../../migrate/source.ts'
import type { Schema } from '../../schema/schema.ts'
import type { Dialect } from '../../sql/dialect.ts'
import { runGiven } from '../given.ts'
import type { Disposable, LeftOpen, OpenTransaction, Place, Poolable, Purpose, Row } from '../testServer.ts'
import type { DatabaseOrigin, OwnDatabase, SnapshotFamily } from './databaseServer.ts'
import { writeMark } from './marks.ts'
import type { Registry } from './registry.ts'

export abstract class ServerDatabase<Client, R extends Registry, Likeness>
  implements OwnDatabase<Client, Likeness>, Poolable<Client>
{
  abstract readonly dialect: Dialect
  readonly name: string
  readonly url: string
  protected readonly registry: R
  protected readonly extensions: readonly string[]
  #kin: SnapshotFamily<Likeness> | undefined
  /** The moment since which changes are those of the test, in the server's own counting. */
  protected since: string | undefined
  #reading: Promise<unknown> = Promise.resolve()
  #offered = false
  readonly #ticket: () => Promise<void>
  readonly #init: () => readonly string[]

  constructor(name: string, { registry, extensions, init, family, since, ticket }: DatabaseOrigin<R, Likeness>) {
    this.#init = init
    this.#ticket = ticket
    this.name = name
    this.url = registry.urlOf(name)
    this.registry = registry
    this.extensions = extensions
    this.#kin = family
    this.since = since
  }

  abstract connect(): Promise<Client>
  abstract connectAhead(): Promise<Client>
  abstract activate(client: Client): boolean
  abstract disconnect(client: Client): Promise<void>
  abstract query(client: Client, sql: string, params?: readonly unknown[]): Promise<Row[]>
  abstract openDriver(client: Client, options?: Place & Disposable): Promise<Driver>
  abstract openTransaction(): Promise<string | undefined>
  abstract leftOpen(clients: readonly Client[], patienceMs: number): Promise<LeftOpen[]>
  abstract begin(client: Client): Promise<OpenTransaction>

  /** Returns the SQL that creates an extension. */
  protected abstract extensionSql(name: string): string
  /** Reads the schema. @param within a client whose open transaction the result has to include */
  protected abstract read(
    hidden: Hidden | undefined,
    within: Client | undefined,
    often: boolean,
    isCounted: boolean,
  ): Promise<Schema>
  /** Reads the state to restore later; `undefined` if the database has something that cannot be restored. */
  protected abstract readLikeness(): Promise<Likeness | undefined>
  /**
   * Ends other sessions and restores the state.
   * @returns the moment of the restore, in the server's own counting; `undefined` if the state could not be restored
   */
  protected abstract restoreTo(
    likeness: Likeness,
    kin: SnapshotFamily<Likeness>,
    since: string,
  ): Promise<string | undefined>
  abstract closeOwn(): Promise<void>

  async refill(before: readonly string[]): Promise<void> {
    await this.prepare(this.#init(), before)
  }

  async prepare(init: readonly string[], before: readonly string[]): Promise<void> {
    const statements = [
      ...this.extensions.map((name) => ['extensions', this.extensionSql(name)] as const),
      ...init.map((sql) => ['init', sql] as const),
      ...before.map((sql) => ['before the first migration', sql] as const),
    ]
    if (statements.length === 0) return
    const client = await this.connect()
    try {
      for (const [option, sql] of statements) await runGiven(option, sql, () => this.query(client, sql))
    } finally {
      await this.disconnect(client)
    }
  }

  /** Reads the clean state of a family's first copy only: all other copies must equal it. */
  async observe(): Promise<void> {
    const kin = this.#kin
    if (!kin || kin.cleanState) return
    kin.cleanState = this.readLikeness()
    await kin.cleanState.catch(() => {
      kin.cleanState = undefined
    })
  }

  adopt(kin: SnapshotFamily<Likeness>, since: string | undefined): void {
    this.#kin = kin
    this.since = since
  }

  /** Reads the schema. Calls wait for each other, since there is only one connection for reading. */
  readSchema(hidden?: Hidden, within?: Client, often = false, isCounted = false): Promise<Schema> {
    const reading = this.#reading.then(() => this.read(hidden, within, often, isCounted))
    this.#reading = reading.catch(() => undefined)
    return reading
  }

  get poolable(): Poolable<Client> {
    return this
  }

  async restore(): Promise<boolean> {
    const kin = this.#kin
    const likeness = await kin?.cleanState?.catch(() => undefined)
    // After four failures in a row the next restore will most likely fail too, so only every sixteenth is tried.
    if (!kin || !likeness || this.since === undefined || (kin.misses >= 4 && ++kin.misses % 16 !== 0)) return false
    try {
      const since = await this.restoreTo(likeness, kin, this.since)
      kin.misses = since === undefined ? kin.misses + 1 : 0
      this.since = since
      return since !== undefined
    } catch {
      return false
    }
  }

  async share(): Promise<void> {
    if (!this.#kin || this.#offered || !this.registry.ours) return
    this.#offered = true
    await this.registry.markFree(this.name, this.#kin.key)
  }

  async unshare(): Promise<void> {
    if (!this.#offered) return
    this.#offered = false
    await this.registry.unmark(this.name)
  }

  async keep({ forMs, newest, ...about }: Purpose = {}): Promise<string> {
    await this.closeOwn()
    const at = now()
    const until = forMs === undefined ? undefined : new Date(at + forMs).toISOString()
    const failed = newest === undefined ? undefined : true
    const mark = writeMark({ kind: 'kept', at: new Date(at).toISOString(), until, failed, ...about })
    await this.registry.write(this.name, mark)
    if (newest !== undefined) await this.registry.dropFailedBeyond(newest)
    await this.#ticket()
    return `npx migratest databases open ${this.name}${this.registry.serverOption}`
  }

  async drop(): Promise<void> {
    // This process may end before the server has dropped the database: no other process may claim it meanwhile.
    await this.unshare().catch(() => undefined)
    await this.closeOwn()
    await this.registry.drop(this.name).finally(() => this.#ticket())
  }
}
