/** One database that goes through the versions, and what its schema was at each. */
import { NIL_VERSION } from '../migrate/version.ts'
import type { Schema } from '../schema/schema.ts'
import { MigratedDatabase } from '../testing/lease/migratedDatabase.ts'
import type { MigratedDatabaseOptions } from '../testing/lease/options.ts'

export class Walk<Client> {
  readonly #options: MigratedDatabaseOptions<Client>
  #db: MigratedDatabase<Client> | undefined
  #at = NIL_VERSION
  #schema: Schema | undefined

  constructor(options: MigratedDatabaseOptions<Client>) {
    this.#options = options
  }

  /** The schema of a database that is at `version` and got there by going up only, unless it is there already. */
  async schemaAt(version: number): Promise<Schema> {
    const db = await this.#database(version)
    if (this.#at !== version) await this.#move(db, version)
    this.#schema ??= await db.schema()
    return this.#schema
  }

  /** Moves the same database on, up or down, and gives its schema then. A failed move leaves no database behind. */
  async move(version: number): Promise<Schema> {
    const db = await this.#database(this.#at)
    await this.#move(db, version)
    this.#schema = await db.schema()
    return this.#schema
  }

  /** The next who asks gets a new database. */
  async dispose(): Promise<void> {
    const db = this.#db
    this.#db = undefined
    this.#at = NIL_VERSION
    this.#schema = undefined
    await db?.[Symbol.asyncDispose]()
  }

  // --- internal ---

  async #database(version: number): Promise<MigratedDatabase<Client>> {
    if (this.#db && this.#at > version) await this.dispose()
    this.#db ??= await MigratedDatabase.create({ ...this.#options, version: 'nil' }, { holdConnection: true })
    return this.#db
  }

  async #move(db: MigratedDatabase<Client>, version: number): Promise<void> {
    this.#schema = undefined
    try {
      await db.migrate(version)
      this.#at = version
    } catch (error) {
      // The migration's own error is the one to tell, also where its database cannot be dropped.
      await this.dispose().catch(() => undefined)
      throw error
    }
  }
}
