/**
 * A database in development offers more than migrations need: a watch lock, a marker of its environment, and rows that
 * survive migrations.
 */
import type { Driver } from '../migrate/driver.ts'
import { MigratestError } from '../migrate/errors.ts'
import type { Schema } from '../schema/schema.ts'

/** More rows would have to be carried than the limit allows. No migration has run. */
export class TooManyRowsError extends MigratestError {
  readonly code = 'MIGRATEST_TOO_MANY_ROWS'
  readonly rows: number
  constructor(tables: readonly TableRows[], most: number) {
    const rows = tables.reduce((sum, table) => sum + table.rows, 0)
    const largest = [...tables].sort((a, b) => b.rows - a.rows).slice(0, 3)
    super(
      `${rows} rows would have to be carried, more than ${most}: ${largest.map(({ table, rows: some }) => `${table} (${some})`).join(', ')}.`,
      { hint: 'Say --carry-rows with a higher number, or empty those tables.' },
    )
    this.rows = rows
  }
}

/** Another `migratest watch` is running on this database. */
export class AlreadyWatchedError extends MigratestError {
  readonly code = 'MIGRATEST_ALREADY_WATCHED'
  constructor(database: string, holder: string | undefined) {
    super(`Another watch follows ${database}${holder ? `: ${holder}` : '.'}`, {
      hint: 'Two would undo and apply each other’s migrations. End that one, or give this one a database of its own.',
    })
  }
}

export interface TableRows {
  readonly table: string
  readonly rows: number
}

/** Rows or values that cannot be put back at the moment. */
export interface LeftRows extends TableRows {
  /** The column, if only values of one column are left. */
  readonly column?: string
  readonly why: string
}

export interface Carried {
  /** The number of rows, by table, that a down had removed and that are back. */
  readonly back: readonly TableRows[]
  /** Carried rows and values that stay aside until they can be put back. */
  readonly left: readonly LeftRows[]
}

/** The tables that steps have written to or changed. */
export type Reached = readonly string[] | 'all'

/**
 * Keeps rows while migrations are undone and applied again. All its calls run one after another on the driver's
 * session.
 */
export interface RowKeeper {
  /** Discards unfinished state of an earlier run. */
  begin(): void
  /** Runs `work` in the open transaction and returns the tables it writes to or changes. */
  reached(work: () => Promise<void>): Promise<Reached>
  /**
   * Copies the rows of these tables aside, except those that the migrations to be undone have inserted.
   * @param undone the versions to be undone
   * @throws TooManyRowsError
   */
  keep(reached: Reached, options: { undone: readonly number[]; most: number }): Promise<void>
  /**
   * Keeps what undoing these versions has reached before. Returns `false` and keeps nothing if that is unknown. Optional,
   * with `reachesOnlyKept`.
   * @throws TooManyRowsError
   */
  keepExpected?(options: { undone: readonly number[]; most: number }): Promise<boolean>
  /** Runs `work` as {@link reached} does, and returns whether everything it reaches is kept. */
  reachesOnlyKept?(work: () => Promise<void>): Promise<boolean>
  /** Records, after the downs, which rows are still there. Call it in a transaction, like `keep`. */
  compare(): Promise<void>
  /** Looks at the tables before the ups. */
  look(): Promise<void>
  /**
   * Returns SQL for the end of an up that shares this transaction, which records what the up has written; undefined if it
   * writes no rows. Optional: omit it if the database does not tell.
   */
  looking?(version: number, up: string | null): string | undefined
  /** Puts rows back after the ups, in a transaction. */
  putBack(): Promise<Carried>
  /**
   * Returns `true` if rows are still aside after the transaction: the code of a migration has committed it half-way.
   */
  areStranded(): Promise<boolean>
  /** Preserves what is known of the rows of applied migrations while their history records are rewritten. */
  remember(versions: readonly number[]): Promise<void>
  /** Returns the number of rows, by table, that wait to be put back. */
  waiting(): Promise<readonly TableRows[]>
  /** Discards the rows that wait to be put back. */
  forget(): Promise<void>
}

export type Marker =
  | { readonly kind: 'none' }
  /** `here` is `true` if the marker was set on this database itself, not on one that this was copied from. */
  | { readonly kind: 'marked'; readonly environment: string; readonly here: boolean }

/** A database that follows migration files: its driver, rows, schema, marker, and a copy to return to. */
export interface DevelopmentDatabase {
  readonly driver: Driver
  readonly rows: RowKeeper
  schema(): Promise<Schema>
  /**
   * Lists the objects as the driver's session sees them within a transaction, in lines such as `table public.users`.
   */
  shape(): Promise<ReadonlySet<string>>
  /** Returns a text that changes whenever the schema may have changed; costs less than reading the schema. */
  stamp(): Promise<string>
  /** Takes the watch lock and holds it until the database is closed. @throws AlreadyWatchedError */
  watch(): Promise<void>
  /** Runs the SQL of a file in one transaction. @throws MigrationFailedError */
  run(sql: string, file: string): Promise<void>
  /**
   * Describes who holds the lock that the driver's session waits for; `undefined` if it waits for nobody, or that is
   * unknown.
   */
  blockers(): Promise<string | undefined>
  marker(): Promise<Marker>
  mark(environment: string): Promise<void>
  /** Reads the text that {@link recordEffects} wrote. */
  effects(): Promise<string | undefined>
  /** Stores what a watch knows of the applied migrations, for the next watch. */
  recordEffects(text: string): Promise<void>
  /** Resolves when a connection breaks. */
  readonly lost: Promise<void>
  /**
   * A copy to return to, for databases whose steps do not share a transaction. Making it ends all sessions on the
   * database.
   */
  readonly fallback: Fallback
  close(): Promise<void>
}

/** A copy next to the database. After each call the database has to be reopened. */
export interface Fallback {
  /** `true` if nobody may be connected while the copy is made and restored. */
  readonly alone: boolean
  /** Makes the copy. @returns the number of other sessions that were ended */
  take(): Promise<number>
  /** Replaces the database with the copy. */
  restore(): Promise<void>
  drop(): Promise<void>
  /** Returns `true` if a copy exists whose maker is gone: that run was interrupted half-way. */
  wasCutOff(): Promise<boolean>
}

/**
 * Opens two sessions, one for migrating and one for observing, and runs `work` with them. If `work` fails, closes both.
 */
export async function withTwoSessions<S extends { close(): Promise<void> }>(
  open: () => Promise<S>,
  work: (session: S, second: S) => Promise<DevelopmentDatabase>,
): Promise<DevelopmentDatabase> {
  const session = await open()
  let second: S | undefined
  try {
    second = await open()
    return await work(session, second)
  } catch (error) {
    await session.close().catch(() => undefined)
    await second?.close().catch(() => undefined)
    throw error
  }
}
