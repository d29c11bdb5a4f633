/** A test's database at a given migration version. */
import { ownTables } from '../../database/ownTables.ts'
import type { Driver } from '../../migrate/driver.ts'
import { MigratestError, NoWayDownError, UsageError } from '../../migrate/errors.ts'
import type { MigrationRun, Migrator } from '../../migrate/migrator.ts'
import type { MigrationState } from '../../migrate/plan/status.ts'
import { now } from '../../migrate/realTime.ts'
import { type Hidden, hiddenBy, type Source } from '../../migrate/source.ts'
import type { Target } from '../../migrate/version.ts'
import type { Schema } from '../../schema/schema.ts'
import type { Dialect } from '../../sql/dialect.ts'
import { ENDING_MS } from '../ending.ts'
import type { LeftOpen, Purpose, Row, TestDatabase } from '../testServer.ts'
import { acquire, type Lease, prewarm } from './acquire.ts'
import { atProcessEnd, endsWithTest, whileWorking } from './hold.ts'
import { tellLeftOpen } from './leftOpen.ts'
import { folderOrSource, sourceOf } from './migrations.ts'
import { migratorOn, moveWithSeeds, tellPassedOver, tellReplayed } from './moves.ts'
import type { DatabaseSnapshot, MigratedDatabaseOptions } from './options.ts'
import { saveState } from './saveState.ts'
import { applyPrepare } from './seeds.ts'

/** The test called `migrateTo` while it had a transaction open: each would wait for the other. */
export class OpenTransactionError extends MigratestError {
  readonly code = 'MIGRATEST_OPEN_TRANSACTION'
}

/** A test with a shared database did something that needs a database of its own. */
export class SharedDatabaseError extends MigratestError {
  readonly code = 'MIGRATEST_SHARED_DATABASE'
}

/** Returns the tables that do not count as schema: those of the folder's tool, and ours, where the options put them. */
export function hiddenOf(
  source: Source,
  { table, schema }: { readonly table?: string; readonly schema?: string },
  dialect: Dialect,
): Hidden {
  const { tables, schemas } = hiddenBy(source, dialect)
  const isUsual = table === undefined && schema === undefined
  return { tables: isUsual ? tables : [...tables, ...ownTables(table)], schemas }
}

export interface CreateOptions {
  /** `true` to use one connection for all moves, which keeps the migration lock; worthwhile for callers that make many. */
  readonly holdConnection?: boolean
  /** `true` to send many ups at once although somebody may listen to events: see `MigratorOptions.batch`. */
  readonly batch?: boolean
  /** `true` if only the migrations write to it, each on the held connection: what the server counts then tells whether any did. */
  readonly isCounted?: boolean
  /** `true` if no other database is likely to be wanted: none is made ahead, and this one is not used again. */
  readonly isOnly?: boolean
  /** The test's name and file, for warnings and for the mark on a kept database. */
  readonly test?: { readonly name: string; readonly file: string | undefined } | undefined
  /** Receives the name of the database if it is kept because the test failed, and the command that opens it. */
  readonly onKept?: ((name: string, open: string) => Promise<void> | void) | undefined
  /** Receives the target before the database moves to it. */
  readonly onTarget?: ((target: Target) => void) | undefined
}

/** One test's database. Disposing it closes its clients and drops it; the test need not close them. */
export class MigratedDatabase<Client = unknown> {
  readonly name: string
  readonly dialect: Dialect
  #client: Client
  readonly #lease: Lease<Client>
  readonly #database: TestDatabase<Client>
  readonly #options: MigratedDatabaseOptions<Client>
  readonly #source: Source
  readonly #clients: Client[]
  readonly #test: CreateOptions['test']
  readonly #onTarget: CreateOptions['onTarget']
  readonly #hold: boolean
  readonly #isCounted: boolean
  readonly #batch: boolean | undefined
  #held: Driver | undefined
  /** The last query: queries run one after another, and `pg` is not to be asked while it runs one. */
  #query: Promise<unknown> = Promise.resolve()
  /** `true` if more than rows may have changed. */
  #changed = false
  /** `true` if the test is over and a connection is still open that only the test could close. */
  #isHeld = false
  /** The command that opens the kept database. If keeping fails, the database is not kept. */
  #keeping: Promise<string> | undefined
  #disposed: Promise<void> | undefined
  readonly #looked = Promise.withResolvers<void>()
  /** The work that continues after the test has disposed of the database. */
  #after: Promise<void> | undefined

  private constructor(
    lease: Lease<Client>,
    source: Source,
    options: MigratedDatabaseOptions<Client>,
    { holdConnection = false, isCounted = false, batch, test, onTarget }: CreateOptions = {},
  ) {
    const { database, client } = lease
    this.name = database.name
    this.dialect = options.server.dialect
    this.#client = client
    this.#lease = lease
    this.#database = database
    this.#options = options
    this.#source = source
    this.#clients = [client]
    this.#test = test
    this.#onTarget = onTarget
    this.#hold = holdConnection
    this.#isCounted = isCounted && holdConnection
    this.#batch = batch
  }

  /**
   * Creates the database and migrates it to the test's version.
   * @throws ServerUnavailableError, and whatever the migrations throw
   */
  static async create<Client>(
    options: MigratedDatabaseOptions<Client>,
    create: CreateOptions = {},
  ): Promise<MigratedDatabase<Client>> {
    if (options.isolation === 'server') return MigratedDatabase.#createAlone(options, create)
    const { version = 'latest' } = options
    create.onTarget?.(version)
    const source = await sourceOf(options.migrations)
    const lease = await acquire(options, source, create.isOnly)
    // Running the migrations would have printed this warning.
    if (lease.at !== undefined) tellPassedOver(source)
    const db = new MigratedDatabase(lease, source, options, create)
    try {
      if (lease.at === undefined || (lease.at === 'nil' && !lease.transaction)) {
        const begun = now()
        if (version !== 'nil') await db.migrate(version)
        if (lease.ended !== undefined) tellReplayed(lease.ended, now() - begun)
        await applyPrepare(options, db)
        db.#changed = false
      }
      return db
    } catch (error) {
      await db[Symbol.asyncDispose]().catch(() => undefined)
      throw error
    }
  }

  /** Creates the database on a server of its own, which stops when the database is disposed of. */
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

  /**
   * Starts to prepare a database while the test file is still being loaded.
   * @throws UsageError for an option that names no folder
   */
  static prewarm<Client>(options: MigratedDatabaseOptions<Client>): void {
    options.server.warm()
    if (options.isolation !== undefined && options.isolation !== 'database') return
    folderOrSource(options.migrations)
    sourceOf(options.migrations)
      .then((source) => prewarm(options, source))
      .catch(() => undefined)
  }

  /**
   * The database's URL; `undefined` for PGlite, which runs in this process and has no URL.
   * @throws SharedDatabaseError
   */
  get url(): string | undefined {
    if (this.#lease.transaction) throw shared('Its URL', "would lead past the transaction that this test's rows are in")
    return this.#database.url
  }

  /** The client of the client library (`pg`, `mysql2`, PGlite), already connected. `snapshot()` replaces it. */
  get client(): Client {
    return this.#client
  }

  /** Opens another client, which is closed with the database. @throws SharedDatabaseError */
  connect(): Promise<Client> {
    return this.#during('connect', async () => {
      if (this.#lease.transaction) throw shared('connect()', "would not see the rows of the test's own transaction")
      const client = await this.#database.connect()
      this.#clients.push(client)
      return client
    })
  }

  /** Runs SQL on `client` and returns the rows. Several calls at once run in the order of the calls. */
  query<T extends object = Row>(sql: string, params?: readonly unknown[]): Promise<T[]> {
    return this.#during('query', async () => {
      const rows = this.#query.then(() => this.#database.query(this.client, sql, params))
      this.#query = rows.catch(() => undefined)
      return (await rows) as object[] as T[]
    })
  }

  /** Returns the version and the dirty flag. Version -1 is nil. */
  version(): Promise<MigrationState> {
    return this.#during('version', () => this.#withMigrator((migrator) => migrator.version()))
  }

  /**
   * Reads the schema, without the migrations' own tables. `String(await db.schema())` is its DDL.
   * @param client a client of this database with an open transaction, whose changes the result has to include; a prepared statement
   * stays on it
   */
  schema(client?: Client): Promise<Schema> {
    const within = client ?? (this.#lease.transaction ? this.client : undefined)
    return this.#during('schema', () =>
      this.#database.readSchema(this.#hidden, within, client !== undefined, this.#isCounted),
    )
  }

  /** Migrates to `target` on a separate connection. @throws OpenTransactionError, SharedDatabaseError */
  migrate(target: Target): Promise<MigrationRun> {
    this.#onTarget?.(target)
    return this.#during('migrateTo', async () => {
      if (this.#lease.transaction) throw shared('migrateTo()', 'would change it for all of them')
      await this.#mustBeIdle('migrating would wait for it for ever', 'migrateTo()')
      this.#changed = true
      return this.#withMigrator((migrator) => this.#move(migrator, target))
    })
  }

  /**
   * Saves the database's present state, rows included. Later tests of the file begin with copies of it through the
   * option `from: () => saved`. Closes this database's clients, since a database in use cannot be copied, and opens a new
   * `client`.
   * @throws OpenTransactionError, SharedDatabaseError; UsageError if other connections are open, or if a copy would be
   *   incomplete
   */
  snapshot(): Promise<DatabaseSnapshot> {
    return this.#during('snapshot', async () => {
      if (this.#lease.transaction)
        throw shared('snapshot()', "would not contain the rows of the test's own transaction")
      await this.#mustBeIdle('its state cannot be saved', 'snapshot()')
      const { version } = await this.#withMigrator((migrator) => migrator.version())
      // Restoring the rows would restore those of the saved state.
      this.#changed = true
      await this.#held?.close()
      this.#held = undefined
      try {
        return await saveState(this.#options, this.#database, this.#clients.splice(0), version)
      } finally {
        this.#client = await this.#database.connect()
        this.#clients.push(this.#client)
      }
    })
  }

  /**
   * Keeps the database on the server after the test and returns the command that opens it. Unless `forMs` is given, it
   * stays until its server goes.
   * @throws SharedDatabaseError
   */
  keep(purpose: Purpose = {}): Promise<string> {
    return this.#during('keep', async () => {
      if (this.#lease.transaction) throw shared('keep()', 'has nothing to keep: its rows are rolled back')
      this.#keeping = this.#database.keep({ test: this.#test?.name, file: this.#test?.file, ...purpose })
      return this.#keeping
    })
  }

  /**
   * Ends the test's use of the database. Closing the clients and restoring or dropping the database usually continues
   * in the background; `settled()` waits for that.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose()
    await this.#disposed
  }

  // --- internal ---

  /**
   * Runs a method of this class. If the test ends before the call does (a missing `await`), the call fails with that
   * explanation and with the stack of the call.
   */
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
    // The call succeeded this time, but a slower run would have failed.
    if (this.#disposed) throw tooLate()
    return result
  }

  /** @throws OpenTransactionError */
  async #mustBeIdle(because: string, method: string): Promise<void> {
    // A caller that holds the connection for many moves begins no transaction of its own.
    const open = this.#hold ? undefined : await this.#database.openTransaction()
    if (open === undefined) return
    throw new OpenTransactionError(
      `A transaction is open on this database, so ${because}. Its last statement:\n\n  ${open}`,
      { hint: `COMMIT or ROLLBACK before ${method}.` },
    )
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

  get #hidden(): Hidden {
    return hiddenOf(this.#source, this.#options, this.dialect)
  }

  /** Moves the database. If its format has no downs and the target is below, empties it and migrates it again. */
  async #move(migrator: Migrator, target: Target): Promise<MigrationRun> {
    const move = () => moveWithSeeds(migrator, target, this.#source, this.#options, this)
    try {
      return await move()
    } catch (error) {
      const { format } = this.#source
      if (!(error instanceof NoWayDownError) || !format || format.downs) throw error
      tellRebuilt(this.#source, format.tool)
      const { version: from } = await migrator.version()
      await migrator.drop()
      await this.#database.refill(format.before())
      return { ...(await move()), from }
    }
  }

  /** Ends the lease in the background while the next test begins. A process that ends on its own waits for it. */
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

  /** Closes the test's clients. Returns `true` if other connections, which we did not open, are still open. */
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

  /**
   * Resolves when the warnings about open connections have been printed. Await it where the process may end with this
   * test.
   */
  get leftOpenTold(): Promise<void> {
    return this.#looked.promise
  }

  /**
   * Drops the database unless the test left a connection open. A pool that is still open must not reach the next test's
   * database, nor have its connections ended by us, so that database is only dropped when the process ends.
   */
  async #dropUnlessHeld(): Promise<void> {
    const left = await this.#leftOpen([], ENDING_MS.underLoad)
    tellLeftOpen(left, this.#test, this.name)
    this.#isHeld = left.length > 0
    const drop = () => this.#database.drop().catch(() => undefined)
    if (this.#isHeld) {
      // The process cannot end while it has connections of ours.
      await this.#database.closeOwn?.()
      atProcessEnd(drop)
    } else if (!(await this.#isKept())) await drop()
  }

  async #leftOpen(clients: readonly Client[], patienceMs: number): Promise<LeftOpen[]> {
    // The sessions on a shared database belong to other tests.
    if (this.#lease.transaction) return []
    return this.#database.leftOpen(clients, patienceMs).catch(() => [])
  }

  /**
   * Resolves when the database that was disposed of has been restored or dropped. Until then, a role that has privileges in
   * it cannot be dropped.
   */
  get ended(): Promise<void> {
    return this.#after ?? Promise.resolve()
  }

  /** Returns `true` if the database stays after the test. */
  async #isKept(): Promise<boolean> {
    if (this.#isHeld) return true
    const line = await this.#keeping?.catch(() => undefined)
    return line !== undefined
  }

  async #withMigrator<T>(work: (migrator: Migrator) => Promise<T>): Promise<T> {
    const driver =
      this.#held ?? (await this.#database.openDriver(this.client, { ...this.#options, keepsLock: this.#hold }))
    if (this.#hold) this.#held = driver
    try {
      return await work(migratorOn(driver, this.#source, this.#options, this.#batch))
    } finally {
      if (!this.#hold) await driver.close()
    }
  }
}

/** Folders for which {@link tellRebuilt} has printed its line. */
const toldRebuilt = new Set<string>()

function tellRebuilt({ name }: Source, tool: string): void {
  if (toldRebuilt.has(name)) return
  toldRebuilt.add(name)
  process.stderr.write(
    `migratest: ${tool} has no downs, so on its way down a test's database is emptied and migrated again. Its rows do not come along.\n`,
  )
}

/** Cleanup of finished tests that still runs. */
const unfinished = new Set<Promise<void>>()

/** Resolves when the databases of finished tests have been restored or dropped. */
export async function settled(): Promise<void> {
  while (unfinished.size > 0) await Promise.all(unfinished)
}

// --- internal ---

/** The statements with which a test may have ended its transaction. */
const ENDINGS: Readonly<Record<Dialect, string>> = {
  postgres: 'COMMIT, ROLLBACK',
  mysql: 'COMMIT, ROLLBACK, or a schema change, with which MySQL commits by itself',
}

function shared(what: string, why: string): SharedDatabaseError {
  return new SharedDatabaseError(`With isolation: 'transaction' tests share a database: ${what} ${why}.`, {
    hint: "Leave the option out for this test, or say isolation: 'database'.",
  })
}
