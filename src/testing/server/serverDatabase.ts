/** One test's database on a server: what is the same for all kinds of servers. */
import type { Driver } from '../../migrate/driver.ts'
import { now } from '../../migrate/realTime.ts'
import type { Schema } from '../../schema/schema.ts'
import type { Dialect } from '../../sql/dialect.ts'
import { runGiven } from '../given.ts'
import type { LeftOpen, OpenTransaction, Poolable, Purpose, Row } from '../testServer.ts'
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
  #since: string | undefined
  #reading: Promise<unknown> = Promise.resolve()
  #offered = false
  readonly #ticket: () => Promise<void>

  constructor(name: string, { registry, extensions, family, since, ticket }: DatabaseOrigin<R, Likeness>) {
    this.#ticket = ticket
    this.name = name
    this.url = registry.urlOf(name)
    this.registry = registry
    this.extensions = extensions
    this.#kin = family
    this.#since = since
  }

  abstract connect(): Promise<Client>
  abstract connectAhead(): Promise<Client>
  abstract activate(client: Client): boolean
  abstract disconnect(client: Client): Promise<void>
  abstract query(client: Client, sql: string, params?: readonly unknown[]): Promise<Row[]>
  abstract openDriver(): Promise<Driver>
  abstract openTransaction(): Promise<string | undefined>
  abstract leftOpen(clients: readonly Client[], patienceMs: number): Promise<LeftOpen[]>
  abstract begin(client: Client): Promise<OpenTransaction>

  /** SQL that makes an extension. */
  protected abstract extensionSql(name: string): string
  /** @param within a client whose own transaction is to be seen */
  protected abstract read(within: Client | undefined): Promise<Schema>
  /** Undefined where it is such that it cannot be put back. */
  protected abstract readLikeness(): Promise<Likeness | undefined>
  /** Ends who is connected, and puts it back. @returns the moment, as the server counts; undefined where it is not as it was */
  protected abstract restoreTo(
    likeness: Likeness,
    kin: SnapshotFamily<Likeness>,
    since: string,
  ): Promise<string | undefined>
  /** Closes all connections to it that are ours and no test's. */
  protected abstract closeOwn(): Promise<void>

  async prepare(init: readonly string[]): Promise<void> {
    const statements = [
      ...this.extensions.map((name) => ['extensions', this.extensionSql(name)] as const),
      ...init.map((sql) => ['init', sql] as const),
    ]
    if (statements.length === 0) return
    const client = await this.connect()
    try {
      for (const [option, sql] of statements) await runGiven(option, sql, () => this.query(client, sql))
    } finally {
      await this.disconnect(client)
    }
  }

  /** Of the first copy only: all of them have to be like it. */
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
    this.#since = since
  }

  /** One after another: there is one connection for reading. */
  readSchema(within?: Client): Promise<Schema> {
    const reading = this.#reading.then(() => this.read(within))
    this.#reading = reading.catch(() => undefined)
    return reading
  }

  get poolable(): Poolable<Client> {
    return this
  }

  async restore(): Promise<boolean> {
    const kin = this.#kin
    const likeness = await kin?.cleanState?.catch(() => undefined)
    // Those that could not be put back lately tell that the next one cannot either; now and then one is tried.
    if (!kin || !likeness || this.#since === undefined || (kin.misses >= 4 && ++kin.misses % 16 !== 0)) return false
    try {
      const since = await this.restoreTo(likeness, kin, this.#since)
      kin.misses = since === undefined ? kin.misses + 1 : 0
      this.#since = since
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
    // This process may be gone before the server has dropped it: nobody is to claim it meanwhile.
    await this.unshare().catch(() => undefined)
    await this.closeOwn()
    await this.registry.drop(this.name).finally(() => this.#ticket())
  }
}
