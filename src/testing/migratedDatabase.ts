/** A database at a version, for one test. */

import type { Driver } from '../migrate/driver.ts'
import { MigratestError, UsageError, VersionNotFoundError } from '../migrate/errors.ts'
import type { MigrateEvent } from '../migrate/events.ts'
import { Migrator, type MigratorOptions, type Run } from '../migrate/migrator.ts'
import { passedOverMessage, type Source } from '../migrate/source.ts'
import type { Version } from '../migrate/status.ts'
import type { Target } from '../migrate/version.ts'
import type { Schema } from '../schema/schema.ts'
import { directory } from '../source/directory.ts'
import type { Dialect } from '../sql/dialect.ts'
import { findSnapshots, type Held } from './findSnapshots.ts'
import { applySeed, type Seed } from './seeds.ts'
import type { Row, TestDatabase, TestServer } from './testServer.ts'

export interface MigratedDatabaseOptions<Client> extends Pick<MigratorOptions, 'outOfOrder' | 'onEvent'> {
  /** From a preset: `postgres()`, `pglite()`. */
  readonly server: TestServer<Client>
  /** A folder, or a source such as `memory({ … })`. */
  readonly migrations: string | URL | Source
  /** Where the test begins; default `'latest'`. */
  readonly version?: Target
  /** Rows that are put in each time the database passes a version on its way up: `{ 2: 'insert into …' }`. */
  readonly seeds?: Readonly<Record<number, Seed>>
  /**
   * `false`: every database is made by running its migrations. Default: on a server on demand, a database at a version that
   * was made before from the same texts and seeds is copied. With `onEvent` they always run.
   */
  readonly snapshots?: boolean
}

/** `migrateTo` was called while the test has a transaction open: the two would wait for each other. */
export class OpenTransactionError extends MigratestError {
  readonly code = 'MIGRATEST_OPEN_TRANSACTION'
}

/** A database of one test's own. Dropped when disposed; closing its clients is not the test's business. */
export class MigratedDatabase<Client = unknown> {
  readonly name: string
  readonly dialect: Dialect
  /** The client library's own client, connected. */
  readonly client: Client
  readonly #database: TestDatabase<Client>
  readonly #options: MigratedDatabaseOptions<Client>
  readonly #source: Source
  readonly #clients: Client[]
  /** Whether one connection serves all moves, for who makes many. */
  #hold = false
  #held: Driver | undefined
  #kept = false
  #disposed: Promise<void> | undefined

  private constructor(
    database: TestDatabase<Client>,
    client: Client,
    source: Source,
    options: MigratedDatabaseOptions<Client>,
  ) {
    this.name = database.name
    this.dialect = options.server.dialect
    this.client = client
    this.#database = database
    this.#options = options
    this.#source = source
    this.#clients = [client]
  }

  /** @throws ServerUnavailableError, and whatever the migrations throw */
  static async create<Client>(
    options: MigratedDatabaseOptions<Client>,
    { holdConnection = false }: { readonly holdConnection?: boolean } = {},
  ): Promise<MigratedDatabase<Client>> {
    const { migrations, server, version = 'latest' } = options
    if (migrations === undefined)
      throw new UsageError("The option migrations is missing: a folder's path, or a source.")
    const source = typeof migrations === 'string' || migrations instanceof URL ? directory(migrations) : migrations
    const held = await findSnapshots(options, source)
    const copy = held?.nearest === undefined ? undefined : await held.snapshots.clone(held.nearest)
    const database = copy ?? (await server.create())
    const isThere = copy !== undefined && held?.wanted !== undefined && held.nearest === held.wanted
    // Running the migrations would say so.
    if (isThere) tellPassedOver(source)
    try {
      if (held?.wanted !== undefined && !isThere) await MigratedDatabase.#freezeAt(database, source, options, held)
      const db = new MigratedDatabase(database, await database.connect(), source, options)
      db.#hold = holdConnection
      if (held?.wanted === undefined && version !== 'nil') await db.migrate(version)
      return db
    } catch (error) {
      await database.drop().catch(() => undefined)
      throw error
    }
  }

  /** Migrates it to where the test begins and keeps a copy of that. Who is connected has to go before it can be copied. */
  static async #freezeAt<Client>(
    database: TestDatabase<Client>,
    source: Source,
    options: MigratedDatabaseOptions<Client>,
    { snapshots, wanted = '', isStill }: Held<Client>,
  ): Promise<void> {
    const db = new MigratedDatabase(database, await database.connect(), source, options)
    try {
      const begun = performance.now()
      await db.migrate(options.version ?? 'latest')
      await db.#disconnect()
      if (performance.now() - begun > WORTH_KEEPING_MS && (await isStill())) await snapshots.freeze(database, wanted)
    } finally {
      await db.#disconnect()
    }
  }

  /** Undefined where the database is in this process (PGlite) and has none. */
  get url(): string | undefined {
    return this.#database.url
  }

  /** One more client, closed with the database. */
  connect(): Promise<Client> {
    return this.#during('connect', async () => {
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
  version(): Promise<Version> {
    return this.#during('version', () => this.#withMigrator((migrator) => migrator.version()))
  }

  /** What is in the database, without the migrations' own tables. `String(await db.schema())` is its DDL. */
  schema(): Promise<Schema> {
    return this.#during('schema', () => this.#database.readSchema())
  }

  /** Moves to `target` on a connection of its own. @throws OpenTransactionError */
  migrate(target: Target): Promise<Run> {
    return this.#during('migrateTo', async () => {
      const open = await this.#database.openTransaction()
      if (open !== undefined) {
        throw new OpenTransactionError(
          `A transaction is open on this database, so migrating would wait for it for ever. Its last statement:\n\n  ${open}`,
          { hint: 'COMMIT or ROLLBACK before migrateTo().' },
        )
      }
      return this.#withMigrator((migrator) => this.#moveWithSeeds(migrator, target))
    })
  }

  /** Leaves the database on the server after the test, and gives the line that opens it. It goes with the server. */
  async keep(): Promise<string> {
    this.#kept = true
    return this.#database.keep()
  }

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
    try {
      return await work()
    } catch (error) {
      throw this.#disposed ? tooLate(error) : error
    }
  }

  async #dispose(): Promise<void> {
    await this.#held?.close()
    await this.#disconnect()
    if (!this.#kept) await this.#database.drop()
  }

  async #disconnect(): Promise<void> {
    const clients = this.#clients.splice(0)
    await Promise.all(clients.map((client) => this.#database.disconnect(client).catch(() => undefined)))
  }

  async #withMigrator<T>(work: (migrator: Migrator) => Promise<T>): Promise<T> {
    const driver = this.#held ?? (await this.#database.openDriver(this.client))
    if (this.#hold) this.#held = driver
    const { outOfOrder, onEvent = printWarning } = this.#options
    try {
      const options: MigratorOptions = {
        source: this.#source,
        database: driver,
        ...(outOfOrder && { outOfOrder }),
        onEvent,
      }
      return await work(new Migrator(options))
    } finally {
      if (!this.#hold) await driver.close()
    }
  }

  /** Stops at each seed's version on the way up, and only where the way passes it. */
  async #moveWithSeeds(migrator: Migrator, target: Target): Promise<Run> {
    const seeds = Object.entries(this.#options.seeds ?? {}).map(([version, seed]) => ({
      version: Number(version),
      seed,
    }))
    if (seeds.length === 0) return migrator.to(target)
    const known = new Set((await this.#source.list()).map((migration) => migration.version))
    const stray = seeds.find(({ version }) => !known.has(version))
    if (stray) {
      const message = `seeds: there is no version ${stray.version} in ${this.#source.name}.`
      throw new VersionNotFoundError(stray.version, message)
    }
    const plan = await migrator.plan(target)
    const reached = new Set(
      plan.steps.filter((step) => step.direction === 'up' && step.version > plan.from).map((step) => step.version),
    )
    const steps: Run['steps'][number][] = []
    for (const { version, seed } of seeds.sort((a, b) => a.version - b.version)) {
      if (!reached.has(version)) continue
      steps.push(...(await migrator.to(version)).steps)
      await applySeed(`seeds[${version}]`, seed, this)
    }
    const last = await migrator.to(target)
    return { from: plan.from, to: last.to, steps: [...steps, ...last.steps] }
  }
}

/** Below this, running the migrations costs no more than copying a database does. */
const WORTH_KEEPING_MS = 20

const printed = new Set<string>()

function tellPassedOver(source: Source): void {
  const message = passedOverMessage(source)
  if (message !== undefined) printWarning({ type: 'warning', message })
}

/** Once a process: every test of a suite meets the same migrations. */
function printWarning(event: MigrateEvent): void {
  if (event.type !== 'warning' || printed.has(event.message)) return
  printed.add(event.message)
  process.stderr.write(`migratest: ${event.message}\n`)
}
