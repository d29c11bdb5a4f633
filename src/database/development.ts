/** What a database in development has beyond what migrations need: who watches it, whose it is, and rows that survive. */
import type { Driver } from '../migrate/driver.ts'
import { MigratestError } from '../migrate/errors.ts'
import type { Schema } from '../schema/schema.ts'

/** More rows than may be carried unasked. Nothing has run. */
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

/** Somebody else watches this database. */
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

/** Rows or values that have no place just now. */
export interface LeftRows extends TableRows {
  /** Where only values of it are left: the column. */
  readonly column?: string
  readonly why: string
}

export interface Carried {
  /** How many rows are there again that a down had taken, by table. */
  readonly back: readonly TableRows[]
  /** What was carried and stays aside until it has a place. */
  readonly left: readonly LeftRows[]
}

/** Which tables steps have written to or changed. */
export type Reached = readonly string[] | 'all'

/** Keeps rows while migrations are undone and applied again. Its calls follow one another on the driver's session. */
export interface RowKeeper {
  /** Forgets what another run may have left undone. */
  begin(): void
  /** What `work` reaches, in the open transaction. */
  reached(work: () => Promise<void>): Promise<Reached>
  /**
   * Copies aside what these tables hold, but for rows that the migrations to be undone have inserted themselves.
   * @param undone versions. @throws TooManyRowsError
   */
  keep(reached: Reached, options: { undone: readonly number[]; most: number }): Promise<void>
  /** After the downs: notes what is still there. In a transaction, as `keep`. */
  compare(): Promise<void>
  /** Before the ups that share this transaction, and after each: notes what they write. */
  look(): Promise<void>
  looked(version: number, up: string | null): Promise<void>
  /** After the ups, in a transaction. */
  putBack(): Promise<Carried>
  /** Whether rows are aside though the transaction is over: a migration's code has committed it in the middle. */
  areStranded(): Promise<boolean>
  /** What is known of an applied migration's rows must outlive that its record is written anew. */
  remember(versions: readonly number[]): Promise<void>
  /** How many rows wait for a place. */
  waiting(): Promise<readonly TableRows[]>
  /** Lets those go. */
  forget(): Promise<void>
}

export type Marker =
  | { readonly kind: 'none' }
  /** `here`: it was set on this very database, not on one that this was copied from. */
  | { readonly kind: 'marked'; readonly environment: string; readonly here: boolean }

/** A database that files are followed with: its driver, its rows, its schema, whose it is, and a way back. */
export interface DevelopmentDatabase {
  readonly driver: Driver
  readonly rows: RowKeeper
  schema(): Promise<Schema>
  /** The objects that are there, as the driver's session sees them within a transaction: lines such as `table public.users`. */
  shape(): Promise<ReadonlySet<string>>
  /** Another where the schema may be another; costs less than reading it. */
  stamp(): Promise<string>
  /** Held until it is closed. @throws AlreadyWatchedError */
  watch(): Promise<void>
  /** Runs a file of SQL in one transaction. @throws MigrationFailedError */
  run(sql: string, file: string): Promise<void>
  /** Who holds what the driver's session waits for; undefined where it waits for nobody, or that cannot be told. */
  blockers(): Promise<string | undefined>
  marker(): Promise<Marker>
  mark(environment: string): Promise<void>
  /** Reads the text that {@link recordEffects} wrote. */
  effects(): Promise<string | undefined>
  /** Keeps what a watch knows of the migrations that are applied, for the next one. */
  recordEffects(text: string): Promise<void>
  /** Resolves when a connection breaks. */
  readonly lost: Promise<void>
  /** A copy to go back to, where steps do not share a transaction. Ends all sessions on the database. */
  readonly fallback: Fallback
  close(): Promise<void>
}

/** A copy beside the database. After each of its calls the database has to be opened anew. */
export interface Fallback {
  /** Nobody may be connected while it is made and put back. */
  readonly alone: boolean
  /** @returns how many sessions of others were ended */
  take(): Promise<number>
  /** Makes the copy the database. */
  restore(): Promise<void>
  drop(): Promise<void>
  /** Whether there is one whose maker is gone: then a run was cut off half-way. */
  wasCutOff(): Promise<boolean>
}

/** One session for what moves it and one for what looks on; neither is left open where the work with them fails. */
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
