/** The interface through which rows are read and values compared. PostgreSQL and MySQL implement it. */
import type { FillColumn, FillTable, Text } from '../../fill/model.ts'
import type { Marks } from './marks.ts'

/** A value before and after a step, both as text. */
export interface Pair {
  readonly before: string
  readonly after: string
}

/** The outcome of using an object: it worked, or the error. */
export interface Use {
  /** The object, as people call it: `the view open_orders`. */
  readonly what: string
  readonly name: string
  /** Why it cannot be used. Undefined if it can, as far as one can tell. */
  readonly error: string | undefined
  /** `true` if it failed over the values with which it was tried, not over what it names. */
  readonly isByValues?: boolean
  /** `true` if it would fail over any values: the error is about what the body itself names. */
  readonly isSure?: boolean
  /** `true` if a body fails over an ordinary row in a way that it hardly means. */
  readonly isUnfit?: boolean
}

/** Tells which objects are as they were when they were used the last time. */
export interface Unchanged {
  /** Decides which objects there are. */
  readonly objects: string
  /** `true` if no objects but views can be used: see {@link Marks.hasOnlyViews}. */
  readonly areViews: boolean
  /** The mark of types, labels and functions: another one if one of them has changed. */
  readonly types: string
  /** Says of a table whether its definition and its rows are the same. */
  isSame(id: string): boolean
}

/** Where a column's numbers come from. */
export interface Counter {
  readonly table: string
  readonly column: string
  /** The number that the next row gets. */
  readonly next: bigint
  /** The largest number in the column; `undefined` if there is none. */
  readonly most: bigint | undefined
  /** `true` if a row has the next number already. */
  readonly isTaken: boolean
}

/** Tables of which something is read at once. */
export interface Asked {
  readonly rows: readonly FillTable[]
  readonly broken: readonly FillTable[]
  readonly counters: readonly FillTable[]
}

export interface Contents {
  readonly rows: Text[][][]
  readonly broken: readonly Broken[]
  readonly counters: readonly Counter[]
}

export interface RowReader {
  /** Reads all rows of each table: the values of its columns as text, in order. */
  rows(tables: readonly FillTable[]): Promise<Text[][][]>
  /**
   * Compares values by their meaning in the new type. `same`: equal; `narrowed`: what the new type can hold of the value;
   * `changed`: another.
   */
  compare(before: FillColumn, after: FillColumn, pairs: readonly Pair[]): Promise<Comparison[]>
  /** Returns constraints, and stored values, that the server takes for granted and that rows break. */
  broken(tables: readonly FillTable[]): Promise<Broken[]>
  counters(tables: readonly FillTable[]): Promise<Counter[]>
  /** As the three above, in one message. Omitted where that is not possible; it may fail where one of them would not. */
  atOnce?(asked: Asked): Promise<Contents>
  /** Takes some of the numbers that the next rows would get, as rows do that were deleted or rolled back. */
  takeNumbers(tables: readonly FillTable[]): Promise<void>
  /** Makes `next` the number that the next row gets in a column that the server numbers. */
  numberFrom(table: FillTable, column: FillColumn, next: bigint): Promise<void>
  /**
   * Uses whatever has a body or an expression, such as views, functions and triggers of tables that have rows, and undoes it.
   * @param since what is known to be as it was at the last use; omitted if nothing is known
   */
  uses(tables: readonly FillTable[], since?: Unchanged): Promise<Use[]>
  /** Reads what tells later what has changed since. Omitted, or undefined, where the server cannot tell. */
  marks?(): Promise<Marks | undefined>
  /** Returns the name of the table that an id from before now has, if it became part of another. */
  partOf(table: FillTable): Promise<string | undefined>
}

export type Comparison = 'same' | 'narrowed' | 'changed'

/** So many numbers are taken, and not one: that is what a single row would take. */
export const TAKEN = 3

/** What the server takes for granted, and so many rows that break it. */
export interface Broken {
  readonly kind: 'foreign key' | 'check' | 'generated column'
  readonly table: string
  /** Name of the constraint, or of the column. */
  readonly name: string
  /** The table that a foreign key refers to. */
  readonly parent?: string | undefined
  readonly rows: number
}

/** Something that the server takes for granted, and the query that counts the rows that break it, as `rows`. */
export type Granted = Omit<Broken, 'rows'> & { readonly sql: string }

/** Returns the CHECKs that all rows should satisfy. */
export function grantedChecks({ name: table, sql, conditions }: FillTable): Granted[] {
  return conditions
    .filter(({ isValid }) => isValid)
    .map((check) => ({
      kind: 'check',
      table,
      name: check.name,
      sql: `SELECT COUNT(*) AS broken FROM ${sql} WHERE NOT (${check.sql})`,
    }))
}
