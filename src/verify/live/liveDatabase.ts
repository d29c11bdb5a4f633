/** A database that goes up version by version, with rows, while each statement is observed. */

import type { Effects } from '../../database/effects.ts'
import { MysqlObserver } from '../../database/mysql/live/observer.ts'
import { ASIDE_SCHEMA, ASIDE_TABLE, ownTables } from '../../database/ownTables.ts'
import { PostgresObserver } from '../../database/postgres/live/observer.ts'
import type { FillTable } from '../../fill/model.ts'
import { postgresFill } from '../../fill/postgres/database.ts'
import type { Driver, OtherSession } from '../../migrate/driver.ts'
import { MigrationFailedError } from '../../migrate/errors.ts'
import type { Migrator } from '../../migrate/migrator.ts'
import { hiddenBy } from '../../migrate/source.ts'
import { NIL_VERSION } from '../../migrate/version.ts'
import { migratorOn, moveWithSeeds } from '../../testing/lease/moves.ts'
import type { SeedTarget } from '../../testing/lease/options.ts'
import type { TestDatabase } from '../../testing/testServer.ts'
import type { Verified } from '../verified.ts'
import { type ManyRows, someRows, someRowsIn, type Unfilled } from './someRows.ts'

export class LiveDatabase<Client> {
  readonly #verified: Verified<Client>
  readonly #observer: PostgresObserver | MysqlObserver
  /** Tables and schemas that are not the migrations'. */
  readonly #own: { readonly tables: readonly string[]; readonly schemas: readonly string[] }
  #open: Opened<Client> | undefined
  #at = NIL_VERSION
  /** `true` if no table can lack rows that had some, or was found to take none. */
  #isFilled = false
  #unfilled: readonly Unfilled[] = []

  constructor(verified: Verified<Client>) {
    const { source, options } = verified
    const { dialect } = options.server
    const hidden = hiddenBy(source, dialect)
    const tables = hidden.tables.map((name) => name.split('.').at(-1) ?? name)
    this.#verified = verified
    this.#own = {
      tables: [...ownTables(options.table), ...ownTables(ASIDE_TABLE), ...tables],
      schemas: [ASIDE_SCHEMA, ...hidden.schemas],
    }
    this.#observer = dialect === 'mysql' ? new MysqlObserver() : new PostgresObserver(this.#own.tables)
  }

  /** Goes up to a version; what happens on the way is not looked at. */
  async reach(version: number): Promise<void> {
    if (this.#at === version) return
    const hasRows = this.#at !== NIL_VERSION
    await this.#move(version).catch((error) => {
      // On its way, a migration may fail over the rows that an earlier one was observed with: a new database has none.
      if (!hasRows || !(error instanceof MigrationFailedError)) throw error
      return this.#move(version)
    })
    this.#isFilled = false
  }

  /** Sees to it that all tables have rows. Returns those that have none. @param text the migration that comes next */
  async fill(text: string): Promise<readonly Unfilled[]> {
    // How MySQL and MariaDB change a table does not depend on its rows.
    const isMysql = this.#verified.options.server.dialect === 'mysql'
    if (isMysql && !/\b(?:update|delete|call|execute|load)\b/i.test(text)) return []
    const { client } = await this.#opened()
    if (this.#isFilled) return this.#unfilled
    this.#unfilled = (await someRows(client as object, this.#own)).unfilled
    return this.#unfilled
  }

  /** Gives some tables many rows. Returns all tables. */
  async fillMany(many: ManyRows): Promise<readonly FillTable[]> {
    const { client } = await this.#opened()
    return (await someRows(client as object, this.#own, many)).tables
  }

  /** PostgreSQL: returns the indexes of partitioned tables that lack one of a partition. */
  async incompleteIndexes(): Promise<readonly IncompleteIndex[]> {
    const { driver } = await this.#opened()
    const rows = this.#verified.options.server.dialect === 'mysql' ? [] : ((await driver.rows?.(INCOMPLETE)) ?? [])
    return rows as unknown as IncompleteIndex[]
  }

  /** Opens another session; undefined if the database has only one. */
  async another(): Promise<OtherSession | undefined> {
    const { database } = await this.#opened()
    if (database.url === undefined) return undefined
    const client = await database.connect()
    return { query: (sql) => database.query(client, sql), close: () => database.disconnect(client) }
  }

  /** Goes down to a version without being looked at. Where that is not possible, a new database goes up to it. */
  async descend(version: number): Promise<void> {
    if (this.#at > version) await this.#down(version).catch(() => undefined)
    await this.reach(version)
  }

  /** Goes up or down by one migration and returns what its statements did. @throws the error of the migration */
  async observe(version: number): Promise<Effects[]> {
    const effects = await this.#observer.during(() => (version < this.#at ? this.#down(version) : this.#move(version)))
    this.#isFilled = 'mayLackRows' in this.#observer && !this.#observer.mayLackRows
    return effects
  }

  /**
   * Goes up or down by one migration that fails over the rows that are there: returns what its statements did over rows for which
   * they do not. Undefined where such rows are not looked for, or not found.
   * @param begin brings a new database to where the migration begins
   */
  async observeFitting(version: number, begin: () => Promise<unknown>): Promise<Effects[] | undefined> {
    const observer = this.#observer
    if (!(observer instanceof PostgresObserver)) return undefined
    try {
      // Rows for which one statement does not fail may be such that a later one does.
      for (let tried = 0; observer.failures > tried && tried < MOST_UNFITTING; tried++) {
        await begin()
        const work = () => (version < this.#at ? this.#down(version) : this.#move(version))
        const effects = await observer
          .overFittingRows(work, (query) => someRowsIn(postgresFill({ query, inTransaction: true }), this.#own))
          .catch(() => undefined)
        if (effects) return effects
      }
      return undefined
    } finally {
      observer.forgetFailures()
    }
  }

  /** Drops the database. The next call begins with a new one. */
  async dispose(): Promise<void> {
    const opened = this.#open
    this.#open = undefined
    this.#at = NIL_VERSION
    this.#isFilled = false
    if (!opened) return
    await opened.driver.close()
    await opened.database.disconnect(opened.client).catch(() => undefined)
    await opened.database.drop().catch(() => undefined)
  }

  // --- internal ---

  /** Goes down. If that fails, the database is dropped. */
  async #down(version: number): Promise<void> {
    const { migrator } = await this.#opened()
    this.#isFilled = false
    try {
      await migrator.to(version)
      this.#at = version
    } catch (error) {
      await this.dispose()
      throw error
    }
  }

  async #move(version: number): Promise<void> {
    if (this.#at > version) await this.dispose()
    if (this.#at === version) return
    const { migrator, target } = await this.#opened()
    const { source, options } = this.#verified
    try {
      await moveWithSeeds(migrator, version, source, options, target)
      this.#at = version
    } catch (error) {
      await this.dispose()
      throw error
    }
  }

  async #opened(): Promise<Opened<Client>> {
    if (this.#open) return this.#open
    const { source, options } = this.#verified
    const { server, table, schema } = options
    const database = await server.create(source.format?.before())
    const client = await database.connect()
    const driver = await database.openDriver(client, { table, schema, observer: this.#observer })
    if ('prepare' in this.#observer)
      await this.#observer.prepare(async (sql) => [...((await driver.rows?.(sql)) ?? [])])
    // With a listener, steps run one by one, and nothing is printed.
    const migrator = migratorOn(driver, source, { ...options, onEvent: () => undefined })
    const target: SeedTarget<Client> = {
      dialect: server.dialect,
      client,
      url: database.url,
      query: async <T extends object>(sql: string, params?: readonly unknown[]) =>
        (await database.query(client, sql, params)) as object[] as T[],
    }
    this.#open = { database, client, driver, migrator, target }
    return this.#open
  }
}

/** So many statements of one migration may fail over rows; then it is observed without any. */
const MOST_UNFITTING = 5

export interface IncompleteIndex {
  readonly name: string
  readonly table: string
  /** The statement that makes it. */
  readonly definition: string
  /** The partitions that have no index which is attached to it. */
  readonly partitions: readonly string[]
}

const INCOMPLETE = `SELECT i.indexrelid::regclass::text AS name, i.indrelid::regclass::text AS "table", pg_get_indexdef(i.indexrelid) AS definition,
    (SELECT COALESCE(json_agg(p.inhrelid::regclass::text ORDER BY p.inhrelid), '[]') FROM pg_inherits p WHERE p.inhparent = i.indrelid AND NOT EXISTS
      (SELECT FROM pg_inherits a JOIN pg_index o ON o.indexrelid = a.inhrelid WHERE a.inhparent = i.indexrelid AND o.indrelid = p.inhrelid)) AS partitions
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relkind = 'I' AND NOT i.indisvalid ORDER BY 1`

interface Opened<Client> {
  readonly database: TestDatabase<Client>
  readonly client: Client
  readonly driver: Driver
  readonly migrator: Migrator
  readonly target: SeedTarget<Client>
}
