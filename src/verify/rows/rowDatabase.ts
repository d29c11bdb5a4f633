/** A database that goes up and down through the versions and has rows on its way. */
import type { Borrowed } from '../../database/kind.ts'
import { kindOfClient } from '../../database/kinds.ts'
import { notOfTheSchema } from '../../database/ownTables.ts'
import type { Excluded, FillDatabase } from '../../fill/fillDatabase.ts'
import { fillTables } from '../../fill/fillTables.ts'
import type { FillColumn, FillTable, RowSet } from '../../fill/model.ts'
import { openFill } from '../../fill/openFill.ts'
import { UsageError } from '../../migrate/errors.ts'
import { hiddenBy } from '../../migrate/source.ts'
import { NIL_VERSION } from '../../migrate/version.ts'
import { MigratedDatabase } from '../../testing/lease/migratedDatabase.ts'
import type { Verified } from '../verified.ts'
import { mysqlReader } from './mysqlReader.ts'
import { postgresReader } from './postgresReader.ts'
import { rememberingFill } from './rememberingFill.ts'
import { RowMemory, type State } from './rowMemory.ts'
import type { RowReader } from './rowReader.ts'
import { isReadable } from './snapshot.ts'

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
  #tables: readonly FillTable[] | undefined
  #state: State | undefined
  /** Why no row could be made for a table, by its definition. */
  readonly #unfillable = new Map<string, string>()

  /** The columns that a table had when it was filled, by its identity. */
  readonly #filled = new Map<string, ReadonlySet<string>>()
  /** The server's answers about values, by the mark of types: see {@link State.types}. */
  readonly #answers = new Map<string, Map<string, number[][]>>()
  readonly #isWhole: boolean
  readonly #isCounted: boolean
  #memory: RowMemory

  constructor(verified: Verified<Client>, { isWhole, isCounted }: RowDatabaseOptions) {
    this.#verified = verified
    this.#isWhole = isWhole
    this.#isCounted = isCounted
    this.#memory = new RowMemory(isCounted)
  }

  /** Goes up to a version; to one below, with a new database, which has no rows but those of migrations and seeds. */
  async reach(version: number): Promise<void> {
    if (this.#at > version) await this.dispose()
    if (this.#at === version) return
    // A copy of a snapshot costs less than the migrations up to it.
    if (this.#open) await this.move(version)
    else await this.#openAt(version)
  }

  /**
   * Goes to a version. If that fails, the database is dropped.
   * @param whenFailed is called before that
   * @throws the error of the migration
   */
  async move(version: number, whenFailed?: () => Promise<void>): Promise<void> {
    const { db } = this.#open ?? (await this.#openAt(NIL_VERSION))
    this.#forget()
    try {
      await db.migrate(version)
      this.#at = version
    } catch (error) {
      await whenFailed?.()
      await this.dispose().catch(() => undefined)
      throw error
    }
  }

  /** Reads tables, rows, counters and foreign keys, unless they were read since they changed. */
  async state(): Promise<State> {
    const opened = this.#open ?? (await this.#openAt(NIL_VERSION))
    this.#state ??= await this.#read(opened, this.#tables)
    this.#tables = this.#state.tables
    return this.#state
  }

  /**
   * As {@link state}, where the tables are probably those that were known before: at a version to which the database came
   * back. Their identities may be others.
   */
  async stateAgain(tables: readonly FillTable[]): Promise<State> {
    const opened = this.#open ?? (await this.#openAt(NIL_VERSION))
    return this.#read(opened, tables).catch(() => this.state())
  }

  async reader(): Promise<RowReader> {
    return (this.#open ?? (await this.#openAt(NIL_VERSION))).reader
  }

  /**
   * Adds rows to the tables that have fewer than `most`, or whose rows lack values of a column that came later and that
   * the text names. Returns those that could not be filled.
   * @param text the migration that comes next
   * @param isMeant says which tables are meant; default: all
   */
  async fill(
    wanted: readonly Wanted[],
    { most = Number.POSITIVE_INFINITY, text = '', isMeant = () => true }: FillOptions = {},
  ): Promise<Unfilled[]> {
    const { tables, rows: all, types } = await this.state()
    const words = new Set(text.match(/[\p{L}_][\p{L}\p{N}_$]*/gu))
    const lacks = (table: FillTable) =>
      newColumns(table, this.#filled.get(table.id)).some(({ name }) => words.has(name))
    const poor = all
      .filter(({ table, rows }) => isMeant(table) && (rows.length < most || lacks(table)))
      .map(({ table }) => table)
    return this.#add(wanted, {
      tables,
      types,
      poor,
      counts: new Map(all.map(({ table, rows }) => [table.id, rows.length])),
    })
  }

  /**
   * Adds rows to the tables that are meant, without reading what the database holds.
   * @param state the state at this version before the database went down and up again; identities may be others
   */
  async fillAgain(
    wanted: readonly Wanted[],
    { tables, types }: State,
    isMeant: (table: FillTable) => boolean,
  ): Promise<void> {
    // The bounds of hash partitions are written with the identity of their table.
    if (tables.some((table) => /'\d+'::oid/.test(definitionOf(table)))) {
      await this.fill(wanted, { isMeant })
      return
    }
    const { fill } = this.#open ?? (await this.#openAt(NIL_VERSION))
    const poor = tables.filter((table) => isReadable(table) && isMeant(table))
    const parents = new Set(poor.flatMap(({ foreignKeys }) => foreignKeys.map(({ parent }) => parent)))
    const counted = tables.filter((table) => isReadable(table) && (poor.includes(table) || parents.has(table.id)))
    const counts = await fill.counts(counted)
    this.#tables = tables
    await this.#add(wanted, { tables, types, poor, counts: new Map(counted.map(({ id }, n) => [id, counts[n] ?? 0])) })
  }

  async dispose(): Promise<void> {
    const opened = this.#open
    this.#open = undefined
    this.#at = NIL_VERSION
    this.#forget()
    this.#filled.clear()
    this.#answers.clear()
    this.#memory = new RowMemory(this.#isCounted)
    await opened?.borrowed.session.close().catch(() => undefined)
    await opened?.db[Symbol.asyncDispose]()
    await opened?.db.ended
  }

  // --- internal ---

  get #excluded(): Excluded {
    const { source, options } = this.#verified
    return notOfTheSchema(options.table, hiddenBy(source, options.server.dialect))
  }

  /** Opens a database that only went up to the version. */
  async #openAt(version: number): Promise<Opened<Client>> {
    const { options, source } = this.#verified
    const { onEvent = () => undefined, ...rest } = options
    const made =
      version === NIL_VERSION
        ? { ...rest, onEvent, migrations: source, version: 'nil' as const }
        : { ...rest, migrations: source, version }
    const db = await MigratedDatabase.create(made, { holdConnection: true, isOnly: true })
    this.#open = { db, ...(await filling(db)) }
    this.#at = version
    return this.#open
  }

  /** @param tables the tables, if they are known */
  #read({ fill, reader }: Opened<Client>, tables: readonly FillTable[] | undefined): Promise<State> {
    return this.#memory.read({ fill, reader, tables, exclude: this.#excluded, isWhole: this.#isWhole })
  }

  /** Adds rows to the tables that are poor, and returns those that could not be filled. */
  async #add(wanted: readonly Wanted[], { tables, types, poor, counts: before }: Filling): Promise<Unfilled[]> {
    const { fill, reader } = this.#open ?? (await this.#openAt(NIL_VERSION))
    const unfilled: Unfilled[] = tables.flatMap(({ name, refused }) => (refused ? [{ table: name, why: refused }] : []))
    const database = types === undefined ? fill : rememberingFill(fill, this.#answersBy(types))
    let counts = before
    // A table that has room for one row, and has it, lacks nothing.
    const isEmpty = ({ id }: FillTable) => (counts.get(id) ?? 0) === 0
    const hopeful = poor.filter((table) => {
      const why = this.#unfillable.get(definitionOf(table))
      if (why !== undefined && isEmpty(table)) unfilled.push({ table: table.name, why })
      return why === undefined
    })
    if (hopeful.length === 0) return unfilled
    this.#state = undefined
    for (const { id, columns } of hopeful) this.#filled.set(id, new Set(columns.map(columnKey)))
    for (const [n, { set, rows }] of wanted.entries()) {
      // In a table that is in use, numbers have gaps.
      if (n === 1) await reader.takeNumbers(hopeful)
      const each = new Map(hopeful.map(({ id }) => [id, rows]))
      const options = { set, partitions: false, counts }
      const filled = await fill.transaction(() => fillTables(database, tables, each, options))
      const made = new Map(filled.map((one) => [one.table.id, one.rows]))
      counts = new Map([...counts].map(([id, count]) => [id, count + (made.get(id) ?? 0)]))
      for (const { table, rows: inserted, why } of filled) {
        if (inserted > 0 || why === undefined || this.#unfillable.has(definitionOf(table))) continue
        this.#unfillable.set(definitionOf(table), why)
        if (isEmpty(table)) unfilled.push({ table: table.name, why })
      }
    }
    return unfilled
  }

  #answersBy(types: string): Map<string, number[][]> {
    const answers = this.#answers.get(types) ?? new Map<string, number[][]>()
    this.#answers.set(types, answers)
    return answers
  }

  #forget(): void {
    this.#tables = undefined
    this.#state = undefined
  }
}

interface RowDatabaseOptions {
  /** `true` to read counters and to use objects, too. */
  readonly isWhole: boolean
  /** `false` if migrations may write past what the server counts: see {@link RowMemory}. */
  readonly isCounted: boolean
}

interface Filling {
  readonly tables: readonly FillTable[]
  /** See {@link State.types}. */
  readonly types: string | undefined
  /** The tables that are to have more rows. */
  readonly poor: readonly FillTable[]
  /** The rows that they, and the tables they refer to, have. */
  readonly counts: ReadonlyMap<string, number>
}

interface FillOptions {
  readonly most?: number
  readonly text?: string
  readonly isMeant?: (table: FillTable) => boolean
}

/** Columns that have come, or that have another type, since a table was filled. */
function newColumns({ columns }: FillTable, then: ReadonlySet<string> | undefined): FillColumn[] {
  if (!then) return []
  return columns.filter((column) => column.generated === null && !column.numbered && !then.has(columnKey(column)))
}

function columnKey({ id, written }: FillColumn): string {
  return `${id} ${written}`
}

const definitions = new WeakMap<FillTable, string>()

/** The definition of a table without what differs between two databases. */
export function definitionOf(table: FillTable): string {
  const known = definitions.get(table)
  if (known !== undefined) return known
  const { id: _, foreignKeys, ...rest } = table
  const keys = foreignKeys.map(({ parent, ...key }) => key)
  const text = JSON.stringify({ ...rest, keys }, (_key, value) => (typeof value === 'bigint' ? String(value) : value))
  definitions.set(table, text)
  return text
}

/** Opens what fills and reads a test's database. */
export async function filling<Client>(
  db: Pick<MigratedDatabase<Client>, 'client'>,
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
