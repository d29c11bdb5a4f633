/** The interface through which the fill asks and changes a database. PostgreSQL and MySQL implement it. */
import type { Condition, FillColumn, FillTable, ForeignKey, Text } from './model.ts'

/** A question to {@link FillDatabase.passing}: which combinations of values satisfy conditions. */
export interface Question {
  readonly table: FillTable
  readonly conditions: readonly Condition[]
  /** Columns whose values are chosen together, and for each candidate its values in each sample row. */
  readonly choices: readonly {
    readonly columns: readonly FillColumn[]
    /** By candidate, sample row and column. */
    readonly values: readonly (readonly (readonly Text[])[])[]
  }[]
  /** The most combinations to answer. */
  readonly most: number
}

export interface FillDatabase {
  /**
   * Reads the tables of all schemas that belong to users.
   * @param exclude names of tables and schemas to leave out
   * @param often `true` if the caller will ask again; something may then stay on its session
   * @param ids only these tables; where the database cannot choose, all are read
   */
  readTables(exclude: Excluded, often?: boolean, ids?: readonly string[]): Promise<FillTable[]>
  /** Runs `work` in a transaction, or in a part of the transaction that is open; undoes it if `work` fails. */
  transaction<T>(work: () => Promise<T>): Promise<T>
  /** Runs `work`, which may fail without ending the transaction: what it did is undone then. */
  attempt<T>(work: () => Promise<T>): Promise<T>
  /** Returns the number of rows of each table. */
  counts(tables: readonly FillTable[]): Promise<number[]>
  /**
   * Returns, for each question, the candidates that satisfy the conditions in all sample rows, as one index for each
   * choice.
   * @param known answers of earlier calls, by what was asked; answers that depend on nothing but values are added
   */
  passing(questions: readonly Question[], known?: Map<string, number[][]>): Promise<number[][][]>
  /**
   * Returns the values of referenced columns that rows of `table` can use: one text for each of `columns`.
   * @param keys foreign keys whose common columns must have one value
   */
  keys(
    table: FillTable,
    keys: readonly { readonly key: ForeignKey; readonly parent: FillTable }[],
    columns: readonly string[],
    most: number,
  ): Promise<Text[][]>
  /**
   * Inserts rows, and passes over those that a unique constraint refuses. Returns the number of rows inserted.
   * @throws what the server answers; nothing is inserted then, and the transaction goes on
   */
  insert(table: FillTable, columns: readonly FillColumn[], rows: readonly (readonly Text[])[]): Promise<number>
  /**
   * Inserts rows one by one and passes over those that are refused, in one message. Omitted where the server has no way to
   * do so; rows are then inserted in ever smaller parts.
   */
  insertEach?(table: FillTable, lines: readonly Line[], limits: JudgeLimits): Promise<Judged>
  /** Switches the table's own triggers off until the returned function is called; `undefined` where that cannot be. */
  withoutTriggers?(table: FillTable): Promise<() => Promise<void>>
  /**
   * Runs `work` while foreign keys may be broken, and checks those of the tables afterwards.
   * @throws if the server does not allow it, or if a foreign key is broken afterwards
   */
  withoutForeignKeys<T>(tables: readonly FillTable[], work: () => Promise<T>): Promise<T>
  /** Makes a partition for all rows that have none. */
  makePartition?(table: FillTable): Promise<void>
  /** Lets the server go on numbering behind the numbers that were given explicitly. */
  numberOn(table: FillTable, columns: readonly FillColumn[]): Promise<void>
  /** Says in a sentence why the server refused rows. */
  reasonOf(error: unknown, table: FillTable): string
}

/** A row to insert: columns and their values. */
interface Line {
  readonly columns: readonly FillColumn[]
  readonly row: readonly Text[]
}

/** The numbers of rows at which judging stops. */
export interface JudgeLimits {
  /** Rows inserted. */
  readonly inserted: number
  /** Rows refused. */
  readonly refused: number
  /** Rows refused without one having been inserted. */
  readonly refusedAtFirst: number
}

export interface Judged {
  readonly inserted: number
  readonly refused: number
  /** Rows tried: the last of them is the one at which a limit was reached. */
  readonly ran: number
  /** The first error. */
  readonly error?: unknown
}

export interface Excluded {
  readonly tables: readonly string[]
  readonly schemas: readonly string[]
}
