/** The interface of a dialect's writer of migrations. Pure: two schemas in, statements out; the caller tries them. */
import type { SchemaObject } from '../schema/model.ts'
import type { Schema } from '../schema/schema.ts'
import type { Hints, Rename } from './hints.ts'
import type { Answered, Question } from './questions/questions.ts'
import type { Statement } from './statement.ts'

export interface Generator {
  /**
   * Returns the statements that rename, if renames come first and by themselves: they run, the schema is read again, and `statements`
   * gets what they led to. Omit it where renames are written among the other statements.
   * @throws CannotGenerateError if something to be renamed is not there
   */
  renames?(from: Schema, renames: readonly Rename[]): readonly Statement[]
  /**
   * Returns the statements that lead from one schema to the other, in the order in which they run; empty if nothing is
   * to do. The same input gives the same statements.
   * @throws CannotGenerateError for a change that no statement makes
   */
  statements(from: Schema, to: Schema, hints: Hints): readonly Statement[]
  /**
   * Returns what a refusal means: the hints to write the statements anew with; `undefined` if there is no further way,
   * or none that the refusal points to.
   */
  refused(refusal: Refusal, hints: Hints): Hints | undefined
  /**
   * All statements ran, but the schema that they led to is not the wanted one: returns the hints for the next try;
   * `undefined` if there is no further way.
   * @param reached what the statements led to
   */
  unreached(from: Schema, to: Schema, reached: Schema, hints: Hints): Hints | undefined
  /**
   * Returns whether two schemas differ in what {@link Schema.diff} does not count as a change: the order of columns or of triggers. Omit it
   * where that order means nothing.
   */
  differs?(wanted: Schema, reached: Schema): boolean
  /**
   * Returns a query that gives one row with `n`, the number of a table's rows, and `digest`, a text that is equal for equal values of these
   * columns in whatever order; `undefined` for a table without rows of its own.
   * @param apart the tables that {@link Generator.apart} names
   */
  digest(
    schema: Schema,
    table: SchemaObject,
    columns: readonly string[],
    apart: ReadonlySet<string>,
  ): string | undefined
  /**
   * Returns the names of tables that are counted by themselves, because they bring their rows to another table or take them away from it: a table
   * that becomes a partition, with all others of that table. Omit it where no table counts the rows of others.
   */
  apart?(from: Schema, to: Schema): ReadonlySet<string>
  /** Returns what is to be asked beyond renames and values of columns, which are asked for every dialect, and not answered yet. */
  questions(from: Schema, to: Schema, answered: Answered): readonly Question[]
}

export interface Refusal {
  readonly from: Schema
  readonly to: Schema
  readonly statement: Statement
  /** The client's error; its fields are the dialect's own. */
  readonly error: Error
}
