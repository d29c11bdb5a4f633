/** The result of `generate`. */
import type { Schema } from '../schema/schema.ts'
import type { Question } from './questions/questions.ts'
import type { Statement } from './statement.ts'

/** One migration. */
export interface GeneratedMigration {
  readonly up: readonly Statement[]
  readonly down: readonly Statement[]
  readonly upText: string
  readonly downText: string
  /**
   * A file in TypeScript with both halves, where people have to write code; then the texts say only what happens around it.
   */
  readonly code?: string
  /** A word behind the name, such as `indexes`; empty for the first migration. */
  readonly suffix: string
  /** `true` if a half must not run in a transaction. */
  readonly alone?: boolean
}

export interface Generated {
  /** Questions that must be answered first; then there are no statements. */
  readonly questions: readonly Question[]
  /** The statements of all migrations, and those that take all of them back. */
  readonly up: readonly Statement[]
  readonly down: readonly Statement[]
  /** The same as text; empty if there is nothing to do. Where code stands, there is a comment. */
  readonly upText: string
  readonly downText: string
  /** In the order of their ups; empty if there is nothing to do. Without `online`, there is one. */
  readonly migrations: readonly GeneratedMigration[]
  /** A title made from the change, such as `add_users_email`. */
  readonly name: string
  readonly from: Schema
  readonly to: Schema
  /** Objects that were left as they are, see {@link Wanted}: kind and name. */
  readonly left: readonly string[]
  /** Tables and columns that were set aside, with their new names: one sentence each. */
  readonly aside?: readonly string[]
  /** A failure with generated rows in the tables, though it works without: rows like these may be there. */
  readonly remark?: string
}
