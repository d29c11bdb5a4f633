/** Moves one database through the versions and reads its schema at each. */
import { NIL_VERSION } from '../migrate/version.ts'
import type { Schema } from '../schema/schema.ts'
import { MigratedDatabase } from '../testing/lease/migratedDatabase.ts'
import type { MigratedDatabaseOptions } from '../testing/lease/options.ts'

export class Walk<Client> {
  readonly #options: MigratedDatabaseOptions<Client>
  readonly #isCounted: boolean
  #db: MigratedDatabase<Client> | undefined
  #at = NIL_VERSION
  #schema: Schema | undefined
  /** Ends when everything has ended that had the database for itself. */
  #turns: Promise<unknown> = Promise.resolve()

  /** @param isCounted `true` if only the migrations write to its database, and the server counts what they write */
  constructor(options: MigratedDatabaseOptions<Client>, isCounted = false) {
    this.#options = options
    this.#isCounted = isCounted
  }

  /**
   * Runs work that takes several moves, when the work before it has ended: two checks on one database would move it away
   * from each other. Not from within such work.
   */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turns.then(work)
    this.#turns = turn.catch(() => undefined)
    return turn
  }

  /**
   * Returns the schema at `version` of a database that only went up to it, unless the current database is already
   * there.
   */
  async schemaAt(version: number): Promise<Schema> {
    const db = await this.#database(version)
    if (this.#at !== version) await this.#move(db, version)
    this.#schema ??= await db.schema()
    return this.#schema
  }

  /** Returns the current database: an empty one if there is none. */
  database(): Promise<MigratedDatabase<Client>> {
    return this.#database(this.#at)
  }

  /** The version of the current database; that of an empty one if there is none. */
  get at(): number {
    return this.#at
  }

  /** Asks the current database, at the version where it is. */
  async query(sql: string): Promise<readonly Record<string, unknown>[]> {
    return (await this.#database(this.#at)).query(sql)
  }

  /** Moves the current database up or down and returns its schema. If the move fails, the database is dropped. */
  async move(version: number): Promise<Schema> {
    const db = await this.#database(this.#at)
    await this.#move(db, version)
    this.#schema = await db.schema()
    return this.#schema
  }

  /**
   * Drops the database, and waits until it is gone: a migration may drop a role that has privileges in it. The next call
   * creates a new one.
   */
  async dispose(): Promise<void> {
    const db = this.#db
    this.#db = undefined
    this.#at = NIL_VERSION
    this.#schema = undefined
    await db?.[Symbol.asyncDispose]()
    await db?.ended
  }

  // --- internal ---

  async #database(version: number): Promise<MigratedDatabase<Client>> {
    if (this.#db && this.#at > version) await this.dispose()
    this.#db ??= await MigratedDatabase.create(
      { ...this.#options, version: 'nil' },
      { holdConnection: true, isOnly: true, isCounted: this.#isCounted, batch: true },
    )
    return this.#db
  }

  async #move(db: MigratedDatabase<Client>, version: number): Promise<void> {
    this.#schema = undefined
    try {
      await db.migrate(version)
      this.#at = version
    } catch (error) {
      // Report the migration's own error even if the database cannot be dropped.
      await this.dispose().catch(() => undefined)
      throw error
    }
  }
}
