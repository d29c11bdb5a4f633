/** A change of a table that is in use, in the steps that keep nobody out for long. */
import type { Statement } from '../statement.ts'

/**
 * The content of a migration. `change`: statements that take a moment, in one transaction. `alone`: a statement that cannot run in a
 * transaction, or must not, because it takes long. `check`: constraints that are checked over all rows while everybody goes on.
 */
export type StageKind = 'change' | 'alone' | 'check'

/** Migrations come in this order, as often as it takes. */
export const STAGE_KINDS: readonly StageKind[] = ['change', 'alone', 'check']

export interface OnlineStep {
  readonly kind: StageKind
  readonly statements: readonly Statement[]
}

export interface Operation {
  /** One after another, each in a later migration than the one before. */
  readonly steps: readonly OnlineStep[]
  /** Statements that do the same in one step, for a server that refuses a step. */
  readonly plain: readonly Statement[]
  /** The object that it makes or changes, such as `table users/column email`. A later operation on the same comes after it. */
  readonly about: readonly string[]
  /** For people: why others wait for it, as no gentler way is known. */
  readonly blocks?: string
}

/** The result of running a statement by itself. */
export interface Seen {
  readonly statement: Statement
  /** Names of the tables whose rows it wrote anew. */
  readonly rewritten: readonly string[]
  /** The statements to write instead, as the server accepts them; MySQL and MariaDB. */
  readonly accepted?: readonly AcceptedStatement[]
}

export interface AcceptedStatement {
  readonly statement: Statement
  /** For people: why others wait for it. */
  readonly blocks?: string
}
