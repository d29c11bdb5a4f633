/** The interface of a dialect's writer of migrations. Pure: two schemas in, statements out; the caller tries them. */
import type { Schema } from '../schema/schema.ts'
import type { Hints } from './hints.ts'
import type { Question } from './questions.ts'
import type { Statement } from './statement.ts'

export interface Generator {
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
  /** Returns what is to be asked before statements are written, except what the answers of the hints say already. */
  questions(from: Schema, to: Schema, hints: Hints): readonly Question[]
}

export interface Refusal {
  readonly from: Schema
  readonly to: Schema
  readonly statement: Statement
  /** The client's error; its fields are the dialect's own. */
  readonly error: Error
}
