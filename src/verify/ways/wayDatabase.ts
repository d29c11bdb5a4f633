/** A database that can be moved with any source, on any session, and read as a whole. */
import { notOfTheSchema } from '../../database/ownTables.ts'
import type { FillTable } from '../../fill/model.ts'
import type { Driver, StatementObserver } from '../../migrate/driver.ts'
import { type MigrationRun, Migrator } from '../../migrate/migrator.ts'
import type { Policies } from '../../migrate/plan/compare.ts'
import { numberOf } from '../../migrate/plan/target.ts'
import type { ResumeOptions } from '../../migrate/run/resume.ts'
import { hiddenBy, type Source } from '../../migrate/source.ts'
import type { Target } from '../../migrate/version.ts'
import type { Schema } from '../../schema/schema.ts'
import { hiddenOf, type MigratedDatabase } from '../../testing/lease/migratedDatabase.ts'
import { moveWithSeeds } from '../../testing/lease/moves.ts'
import type { SeedTarget } from '../../testing/lease/options.ts'
import type { TestDatabase } from '../../testing/testServer.ts'
import { filling } from '../rows/rowDatabase.ts'
import { snapshotOf } from '../rows/snapshot.ts'
import type { Verified } from '../verified.ts'
import type { Whole } from './whole.ts'

type Ways<Client> = Pick<Verified<Client>, 'options' | 'source'>
type Filling<Client> = Awaited<ReturnType<typeof filling<Client>>>

export class WayDatabase<Client> {
  readonly #verified: Ways<Client>
  readonly #database: TestDatabase<Client>
  readonly #observer: StatementObserver | undefined
  #client: Client | undefined
  #driver: Driver | undefined
  #filling: Filling<Client> | undefined

  private constructor(verified: Ways<Client>, database: TestDatabase<Client>, observer: StatementObserver | undefined) {
    this.#verified = verified
    this.#database = database
    this.#observer = observer
  }

  /** Creates an empty database. @param observer sees each statement of the migrations */
  static async create<Client>(verified: Ways<Client>, observer?: StatementObserver): Promise<WayDatabase<Client>> {
    const database = await verified.options.server.create(verified.source.format?.before())
    return new WayDatabase(verified, database, observer)
  }

  /** The database's URL; undefined for PGlite. */
  get url(): string | undefined {
    return this.#database.url
  }

  get name(): string {
    return this.#database.name
  }

  async query(sql: string): Promise<Record<string, unknown>[]> {
    return this.#database.query((await this.#opened()).client, sql)
  }

  /**
   * Migrates to `target`, with the seeds of the versions on the way.
   * @param source default: the one that is verified
   * @throws the error of a migration
   */
  async move(target: Target, source = this.#verified.source, policies: Policies = {}): Promise<MigrationRun> {
    const { client, driver } = await this.#opened()
    const { options } = this.#verified
    const seeds: SeedTarget<Client> = {
      dialect: options.server.dialect,
      client,
      url: this.url,
      query: async <T extends object>(sql: string, params?: readonly unknown[]) =>
        (await this.#database.query(client, sql, params)) as object[] as T[],
    }
    const migrator = this.#migratorOn(driver, source, policies)
    return moveWithSeeds(migrator, target, source, { ...options, seeds: await this.#seedsOf(source) }, seeds)
  }

  /** Continues the migration that stopped half-way. */
  async resume(options: ResumeOptions = {}): Promise<MigrationRun> {
    const { driver } = await this.#opened()
    return this.#migratorOn(driver, this.#verified.source, {}).resume(options)
  }

  /** Lets two processes migrate at once, without seeds. */
  async moveTwice(target: Target): Promise<PromiseSettledResult<MigrationRun>[]> {
    const { client } = await this.#opened()
    const { table, schema } = this.#verified.options
    const drivers = [
      await this.#database.openDriver(client, { table, schema }),
      await this.#database.openDriver(client, { table, schema }),
    ]
    try {
      return await Promise.allSettled(
        drivers.map((driver) => this.#migratorOn(driver, this.#verified.source, {}).to(target)),
      )
    } finally {
      for (const driver of drivers) await driver.close()
    }
  }

  async isDirty(): Promise<boolean> {
    const { driver } = await this.#opened()
    return (await this.#migratorOn(driver, this.#verified.source, {}).version()).dirty
  }

  /** What fills the database, and reads its rows. */
  async filling(): Promise<Filling<Client>> {
    this.#filling ??= await filling({ client: (await this.#opened()).client })
    return this.#filling
  }

  async tables(): Promise<FillTable[]> {
    return tablesOf(this.#verified, await this.filling())
  }

  /** Reads the schema, all rows, and the numbers that come next. */
  async whole(): Promise<Whole> {
    return wholeOf(this.#verified, () => this.schema(), await this.filling())
  }

  /** Takes some numbers from each sequence and each AUTO_INCREMENT, as rows do that are rolled back. */
  async takeNumbers(): Promise<void> {
    const { reader } = await this.filling()
    await reader.takeNumbers(await this.tables())
  }

  schema(): Promise<Schema> {
    const { options, source } = this.#verified
    return this.#database.readSchema(hiddenOf(source, options, options.server.dialect))
  }

  /** Closes the session of the migrations. The next move has a new one. */
  async closeDriver(): Promise<void> {
    const driver = this.#driver
    this.#driver = undefined
    await driver?.close()
  }

  /** Closes all sessions. The next call opens new ones. */
  async closeSessions(): Promise<void> {
    const [client, opened] = [this.#client, this.#filling]
    this.#client = undefined
    this.#filling = undefined
    await opened?.borrowed.session.close().catch(() => undefined)
    await this.closeDriver()
    if (client !== undefined) await this.#database.disconnect(client).catch(() => undefined)
  }

  async dispose(): Promise<void> {
    await this.closeSessions()
    await this.#database.drop().catch(() => undefined)
  }

  // --- internal ---

  async #opened(): Promise<{ readonly client: Client; readonly driver: Driver }> {
    const { table, schema } = this.#verified.options
    this.#client ??= await this.#database.connect()
    this.#driver ??= await this.#database.openDriver(this.#client, { table, schema, observer: this.#observer })
    return { client: this.#client, driver: this.#driver }
  }

  #migratorOn(driver: Driver, source: Source, policies: Policies): Migrator {
    const { outOfOrder } = this.#verified.options
    // Under an observer steps run one by one.
    const batch = this.#observer === undefined
    return new Migrator({
      source,
      database: driver,
      ...(outOfOrder && { outOfOrder }),
      ...policies,
      batch,
      transactions: 'each',
    })
  }

  /** Returns the seeds of versions that the source has. */
  async #seedsOf(source: Source): Promise<NonNullable<Verified<Client>['options']['seeds']>> {
    const seeds = Object.entries(this.#verified.options.seeds ?? {})
    if (seeds.length === 0) return {}
    const migrations = await source.list()
    const known = new Set(migrations.map(({ version }) => version))
    const isKnown = (key: string) => {
      try {
        return known.has(numberOf(/^\d+$/.test(key) ? Number(key) : key, migrations, source.name))
      } catch {
        return false
      }
    }
    return Object.fromEntries(seeds.filter(([key]) => isKnown(key)))
  }
}

/** Reads a test's database as a whole. */
export async function wholeOfDatabase<Client>(verified: Ways<Client>, db: MigratedDatabase<Client>): Promise<Whole> {
  const opened = await filling(db)
  try {
    return await wholeOf(verified, () => db.schema(), opened)
  } finally {
    await opened.borrowed.session.close().catch(() => undefined)
  }
}

// --- internal ---

/** Reads the schema, all rows, and the numbers that come next. */
async function wholeOf<Client>(
  verified: Ways<Client>,
  readSchema: () => Promise<Schema>,
  opened: Filling<Client>,
): Promise<Whole> {
  const schema = await readSchema()
  const tables = await tablesOf(verified, opened)
  const { reader } = opened
  return { schema, tables: await snapshotOf(reader, tables), counters: await reader.counters(tables) }
}

function tablesOf<Client>({ options, source }: Ways<Client>, { fill }: Filling<Client>): Promise<FillTable[]> {
  return fill.readTables(notOfTheSchema(options.table, hiddenBy(source, options.server.dialect)))
}
