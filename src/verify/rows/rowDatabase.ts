/** A database that goes up and down through the versions and has rows on its way. */
import type { Borrowed } from '../../database/kind.ts'
import { kindOfClient } from '../../database/kinds.ts'
import { notOfTheSchema } from '../../database/ownTables.ts'
import type { FillDatabase } from '../../fill/fillDatabase.ts'
import { fillTables } from '../../fill/fillTables.ts'
import type { FillTable, RowSet } from '../../fill/model.ts'
import { openFill } from '../../fill/openFill.ts'
import { UsageError } from '../../migrate/errors.ts'
import { hiddenBy } from '../../migrate/source.ts'
import { NIL_VERSION } from '../../migrate/version.ts'
import { MigratedDatabase } from '../../testing/lease/migratedDatabase.ts'
import type { Verified } from '../verified.ts'
import { mysqlReader } from './mysqlReader.ts'
import { postgresReader } from './postgresReader.ts'
import type { RowReader } from './rowReader.ts'

/** Rows to have in each table: so many of one kind. */
export interface Wanted {
  readonly set: RowSet
  readonly rows: number
}

export interface Unfilled {
  readonly table: string
  readonly why: string
}

export class RowDatabase<Client> {
  readonly #verified: Verified<Client>
  #open: Opened<Client> | undefined
  #at = NIL_VERSION

  constructor(verified: Verified<Client>) {
    this.#verified = verified
  }

  /** Goes up to a version, from nothing if the database is above it. */
  async reach(version: number): Promise<void> {
    if (this.#at > version) await this.dispose()
    if (this.#at !== version) await this.move(version)
  }

  /** Goes to a version. If that fails, the database is dropped. @throws the error of the migration */
  async move(version: number): Promise<void> {
    const { db } = await this.#opened()
    try {
      await db.migrate(version)
      this.#at = version
    } catch (error) {
      await this.dispose().catch(() => undefined)
      throw error
    }
  }

  async tables(): Promise<FillTable[]> {
    const { source, options } = this.#verified
    const { fill } = await this.#opened()
    return fill.readTables(notOfTheSchema(options.table, hiddenBy(source, options.server.dialect)))
  }

  async reader(): Promise<RowReader> {
    return (await this.#opened()).reader
  }

  /** Adds rows to the tables that have fewer than wanted. Returns those that could not be filled. */
  async fill(
    tables: readonly FillTable[],
    wanted: readonly Wanted[],
    most = Number.POSITIVE_INFINITY,
  ): Promise<Unfilled[]> {
    const { fill } = await this.#opened()
    const unfilled = new Map<string, string>()
    const readable = tables.filter(({ refused }) => refused === undefined)
    const counts = await fill.counts(readable)
    const poor = readable.filter((_, n) => (counts[n] ?? 0) < most)
    if (poor.length === 0) return []
    for (const { set, rows } of wanted) {
      const each = new Map(poor.map(({ id }) => [id, rows]))
      const filled = await fill.transaction(() => fillTables(fill, tables, each, { set, partitions: false }))
      for (const one of filled) if (one.rows === 0 && one.why !== undefined) unfilled.set(one.table.name, one.why)
    }
    return [...unfilled].map(([table, why]) => ({ table, why }))
  }

  async dispose(): Promise<void> {
    const opened = this.#open
    this.#open = undefined
    this.#at = NIL_VERSION
    await opened?.borrowed.session.close().catch(() => undefined)
    await opened?.db[Symbol.asyncDispose]()
  }

  // --- internal ---

  async #opened(): Promise<Opened<Client>> {
    if (this.#open) return this.#open
    const { options, source } = this.#verified
    const db = await MigratedDatabase.create(
      { onEvent: () => undefined, ...options, migrations: source, version: 'nil' },
      { holdConnection: true },
    )
    this.#open = { db, ...(await filling(db)) }
    return this.#open
  }
}

/** Opens what fills and reads a test's database. */
export async function filling<Client>(
  db: MigratedDatabase<Client>,
): Promise<{ readonly borrowed: Borrowed; readonly fill: FillDatabase; readonly reader: RowReader }> {
  const { borrow } = await kindOfClient(db.client as object)
  if (!borrow) throw new UsageError('This kind of database cannot be filled with rows.')
  const borrowed = await borrow(db.client as object)
  const reader = borrowed.dialect === 'mysql' ? mysqlReader(borrowed.session) : postgresReader(borrowed.session)
  return { borrowed, fill: openFill(borrowed), reader }
}

interface Opened<Client> {
  readonly db: MigratedDatabase<Client>
  readonly borrowed: Borrowed
  readonly fill: FillDatabase
  readonly reader: RowReader
}
