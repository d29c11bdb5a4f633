/** A database at a version, for one test. */

import type { Driver } from '../../migrate/driver.ts'
import { MigratestError, UsageError } from '../../migrate/errors.ts'
import type { MigrationRun, Migrator } from '../../migrate/migrator.ts'
import type { Source } from '../../migrate/source.ts'
import type { MigrationState } from '../../migrate/status.ts'
import type { Target } from '../../migrate/version.ts'
import type { Schema } from '../../schema/schema.ts'
import { directory } from '../../source/directory.ts'
import { isUrl } from '../../source/folder.ts'
import type { Dialect } from '../../sql/dialect.ts'
import { ENDING_MS } from '../ending.ts'
import type { LeftOpen, Purpose, Row, TestDatabase } from '../testServer.ts'
import { acquire, type Lease, prewarm } from './acquire.ts'
import { atProcessEnd, endsWithTest, whileWorking } from './hold.ts'
import { tellLeftOpen } from './leftOpen.ts'
import { migratorOn, moveWithSeeds, tellPassedOver } from './moves.ts'
import type { MigratedDatabaseOptions } from './options.ts'

/** `migrateTo` was called while the test has a transaction open: the two would wait for each other. */
export class OpenTransactionError extends MigratestError {
  readonly code = 'MIGRATEST_OPEN_TRANSACTION'
}

/** A test that shares its database did what it can only do with one of its own. */
export class SharedDatabaseError extends MigratestError {
  readonly code = 'MIGRATEST_SHARED_DATABASE'
}

export interface CreateOptions {
  /** Whether one connection serves all moves, for who makes many. */
  readonly holdConnection?: boolean
  /** For what is told of the test's database. */
  readonly test?: { readonly name: string; readonly file: string | undefined } | undefined
  /** Hears the name of the database, if it is kept because the test failed. */
  readonly onKept?: ((name: string) => void) | undefined
  /** Hears where it is to go, before it does. */
  readonly onTarget?: ((target: Target) => void) | undefined
}

/** A database of one test's own. Dropped when disposed; closing its clients is not the test's business. */
export class MigratedDatabase<Client = unknown> {
  readonly name: string
  readonly dialect: Dialect
  /** The client library's own client, connected. */
  readonly client: Client
  readonly #lease: Lease<Client>
  readonly #database: TestDatabase<Client>
  readonly #options: MigratedDatabaseOptions<Client>
  readonly #source: Source
  readonly #clients: Client[]
  readonly #test: CreateOptions['test']
  readonly #onTarget: CreateOptions['onTarget']
  readonly #hold: boolean
  #held: Driver | undefined
  /** More than rows may have changed. */
  #changed = false
  /** The test is over, and somebody is still connected whom only the test could end. */
  #isHeld = false
  /** Its line; what fails leaves it as it was. */
  #keeping: Promise<string> | undefined
  #disposed: Promise<void> | undefined
  readonly #looked = Promise.withResolvers<void>()
  /** What goes on when it is disposed of. */
  #after: Promise<void> | undefined

  private constructor(
    lease: Lease<Client>,
    source: Source,
    options: MigratedDatabaseOptions<Client>,
    { holdConnection = false, test, onTarget }: CreateOptions = {},
  ) {
    const { database, client } = lease
    this.name = database.name
    this.dialect = options.server.dialect
    this.client = client
    this.#lease = lease
    this.#database = database
    this.#options = options
    this.#source = source
    this.#clients = [client]
    this.#test = test
    this.#onTarget = onTarget
    this.#hold = holdConnection
  }

  /** @throws ServerUnavailableError, and whatever the migrations throw */
  static async create<Client>(
    options: MigratedDatabaseOptions<Client>,
    create: CreateOptions = {},
  ): Promise<MigratedDatabase<Client>> {
    if (options.isolation === 'server') return MigratedDatabase.#createAlone(options, create)
    const { version = 'latest' } = options
    create.onTarget?.(version)
    const source = sourceOf(options)
    const lease = await acquire(options, source)
    // Running the migrations would say so.
    if (lease.at !== undefined) tellPassedOver(source)
    const db = new MigratedDatabase(lease, source, options, create)
    try {
      if (version !== 'nil' && (lease.at === undefined || lease.at === 'nil')) {
        await db.migrate(version)
        db.#changed = false
      }
      return db
    } catch (error) {
      await db[Symbol.asyncDispose]().catch(() => undefined)
      throw error
    }
  }

  /** On a server that goes with it. */
  static async #createAlone<Client>(
    options: MigratedDatabaseOptions<Client>,
    create: CreateOptions,
  ): Promise<MigratedDatabase<Client>> {
    const another = options.server.another?.()
    if (!another) {
      throw new UsageError("isolation: 'server' needs a server that can be started for it.", {
        hint: 'postgres() starts one in Docker or from binaries; one by its URL, and pglite(), are what they are.',
      })
    }
    const { isolation: _, ...rest } = options
    try {
      const db = await MigratedDatabase.create({ ...rest, server: another.server, snapshots: false }, create)
      const dispose = db[Symbol.asyncDispose].bind(db)
      db[Symbol.asyncDispose] = async () => {
        await dispose()
        await db.#after
        if (!(await db.#isKept())) await another.stop()
      }
      return db
    } catch (error) {
      await another.stop()
      throw error
    }
  }

  /** Begins to make one, for a file of tests that is being read. Never throws. */
  static prewarm<Client>(options: MigratedDatabaseOptions<Client>): void {
    options.server.warm()
    if (options.isolation !== undefined && options.isolation !== 'database') return
    if (options.migrations !== undefined) prewarm(options, sourceOf(options)).catch(() => undefined)
  }

  /** Undefined where the database is in this process (PGlite) and has none. */
  get url(): string | undefined {
    if (this.#lease.transaction) throw shared('Its URL', "would lead past the transaction that this test's rows are in")
    return this.#database.url
  }

  /** One more client, closed with the database. */
  connect(): Promise<Client> {
    return this.#during('connect', async () => {
      if (this.#lease.transaction) throw shared('connect()', "would not see the rows of the test's own transaction")
      const client = await this.#database.connect()
      this.#clients.push(client)
      return client
    })
  }

  /** Runs SQL on `client` and gives the rows. */
  query<T extends object = Row>(sql: string, params?: readonly unknown[]): Promise<T[]> {
    return this.#during('query', async () => (await this.#database.query(this.client, sql, params)) as object[] as T[])
  }

  /** The version and the dirty flag. -1 is nil. */
  version(): Promise<MigrationState> {
    return this.#during('version', () => this.#withMigrator((migrator) => migrator.version()))
  }

  /** What is in the database, without the migrations' own tables. `String(await db.schema())` is its DDL. */
  schema(): Promise<Schema> {
    return this.#during('schema', () => this.#database.readSchema(this.#lease.transaction ? this.client : undefined))
  }

  /** Moves to `target` on a connection of its own. @throws OpenTransactionError, SharedDatabaseError */
  migrate(target: Target): Promise<MigrationRun> {
    this.#onTarget?.(target)
    return this.#during('migrateTo', async () => {
      if (this.#lease.transaction) throw shared('migrateTo()', 'would change it for all of them')
      const open = await this.#database.openTransaction()
      if (open !== undefined) {
        throw new OpenTransactionError(
          `A transaction is open on this database, so migrating would wait for it for ever. Its last statement:\n\n  ${open}`,
          { hint: 'COMMIT or ROLLBACK before migrateTo().' },
        )
      }
      this.#changed = true
      return this.#withMigrator((migrator) => moveWithSeeds(migrator, target, this.#source, this.#options, this))
    })
  }

  /** Leaves the database on the server after the test, and gives the line that opens it. It goes with the server. */
  keep(purpose: Purpose = {}): Promise<string> {
    return this.#during('keep', async () => {
      if (this.#lease.transaction) throw shared('keep()', 'has nothing to keep: its rows are rolled back')
      this.#keeping = this.#database.keep({ test: this.#test?.name, file: this.#test?.file, ...purpose })
      return this.#keeping
    })
  }

  /** Its clients are closed, and it is put back or dropped, behind the test; `settled()` waits for that. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose()
    await this.#disposed
  }

  // --- internal ---

  /** A call that a test did not wait for fails with that reason and with the place of the call. */
  async #during<T>(method: string, work: () => Promise<T>): Promise<T> {
    const call: { stack?: string } = {}
    Error.captureStackTrace(call, this.#during)
    const tooLate = (cause?: unknown) => {
      const error = new UsageError(`The test was over before ${method}() was: is an await missing?`, { cause })
      error.stack = `${error.name}: ${error.message}\n${call.stack?.split('\n').slice(1).join('\n')}`
      return error
    }
    if (this.#disposed) throw tooLate()
    let result: T
    try {
      result = await work()
    } catch (error) {
      throw this.#disposed ? tooLate(error) : error
    }
    // It was quick enough this time; on another day it would not be.
    if (this.#disposed) throw tooLate()
    return result
  }

  async #dispose(): Promise<void> {
    const { transaction } = this.#lease
    const rolledBack = transaction ? transaction.rollBack().catch(() => false) : Promise.resolve(true)
    const after = whileWorking(() => this.#end(rolledBack).finally(this.#looked.resolve))
    this.#after = after
    if (!(await rolledBack)) {
      await after
      throw new SharedDatabaseError(
        `The test ended the transaction it runs in (${ENDINGS[this.dialect]}), so what it wrote could not be rolled back, and other tests may have seen it. Its database is not used again.`,
        { hint: "Give the test a database of its own: isolation: 'database'. Savepoints are fine." },
      )
    }
    if (!this.#database.poolable || endsWithTest()) await after
    else {
      const done: Promise<void> = after.finally(() => unfinished.delete(done))
      unfinished.add(done)
    }
  }

  /** Runs in the background while the next test begins. A process that ends by itself waits for it. */
  async #end(rolledBack: Promise<boolean>): Promise<void> {
    let others = false
    await this.#lease.end(async () => {
      await rolledBack
      others = await this.#closeClients()
      if (others || (await this.#isKept())) return 'kept'
      return this.#changed ? 'changed' : 'clean'
    })
    if (others) await this.#dropUnlessHeld()
  }

  /** Closes the test's clients. Returns `true` if connections that are not ours are still open. */
  async #closeClients(): Promise<boolean> {
    await this.#held?.close()
    const clients = this.#clients.splice(0)
    const left = await this.#leftOpen(clients, ENDING_MS.mostly)
    const others = left.some(({ given }) => !given)
    tellLeftOpen(
      left.filter(({ given }) => given),
      this.#test,
      this.name,
    )
    await Promise.all(clients.map((client) => this.#database.disconnect(client).catch(() => undefined)))
    if (!others) this.#looked.resolve()
    return others
  }

  /** Resolves when what the test left open has been told. Wait for it where the process may end with this test. */
  get leftOpenTold(): Promise<void> {
    return this.#looked.promise
  }

  /** A pool that the test left open must not meet the next test's database, nor see its own end. */
  async #dropUnlessHeld(): Promise<void> {
    const left = await this.#leftOpen([], ENDING_MS.atMost)
    tellLeftOpen(left, this.#test, this.name)
    this.#isHeld = left.length > 0
    const drop = () => this.#database.drop().catch(() => undefined)
    if (this.#isHeld) atProcessEnd(drop)
    else if (!(await this.#isKept())) await drop()
  }

  async #leftOpen(clients: readonly Client[], patienceMs: number): Promise<LeftOpen[]> {
    // Of a database that tests share, the sessions are theirs.
    if (this.#lease.transaction) return []
    return this.#database.leftOpen(clients, patienceMs).catch(() => [])
  }

  /** Whether it stays when the test is over. */
  async #isKept(): Promise<boolean> {
    if (this.#isHeld) return true
    const line = await this.#keeping?.catch(() => undefined)
    return line !== undefined
  }

  async #withMigrator<T>(work: (migrator: Migrator) => Promise<T>): Promise<T> {
    const driver = this.#held ?? (await this.#database.openDriver(this.client))
    if (this.#hold) this.#held = driver
    try {
      return await work(migratorOn(driver, this.#source, this.#options))
    } finally {
      if (!this.#hold) await driver.close()
    }
  }
}

/** Work behind tests that are over. */
const unfinished = new Set<Promise<void>>()

/** Resolves when databases of tests that are over have been put back or dropped. */
export async function settled(): Promise<void> {
  while (unfinished.size > 0) await Promise.all(unfinished)
}

// --- internal ---

function sourceOf<Client>({ migrations }: MigratedDatabaseOptions<Client>): Source {
  if (migrations === undefined) throw new UsageError("The option migrations is missing: a folder's path, or a source.")
  return typeof migrations === 'string' || isUrl(migrations) ? directory(migrations) : migrations
}

/** How a test may have ended its transaction. */
const ENDINGS: Readonly<Record<Dialect, string>> = {
  postgres: 'COMMIT, ROLLBACK',
  mysql: 'COMMIT, ROLLBACK, or a schema change, with which MySQL commits by itself',
}

function shared(what: string, why: string): SharedDatabaseError {
  return new SharedDatabaseError(`With isolation: 'transaction' tests share a database: ${what} ${why}.`, {
    hint: "Leave the option out for this test, or say isolation: 'database'.",
  })
}
