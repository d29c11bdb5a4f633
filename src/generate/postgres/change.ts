/** The change: both schemas, and facts that are not in them. */
import type { TableFacts } from '../../database/postgres/catalog/facts.ts'
import type { Hints } from '../hints.ts'
import type { Side } from './side.ts'

export interface Change {
  readonly from: Side
  readonly to: Side
  readonly hints: Hints
  /** Keys of objects and parts that have to go and come again, because of something that they need. */
  readonly forced: ReadonlySet<string>
}

/** A table on both sides, and what the steps so far do to its parts. */
export interface TableChange {
  readonly key: string
  readonly name: string
  /** Kind and name, as ALTER writes them: `TABLE users`. */
  readonly what: string
  readonly was: TableFacts
  readonly now: TableFacts
  /** The keys of its members on both sides, such as `column name`. */
  readonly members: { readonly was: ReadonlyMap<string, string>; readonly now: ReadonlyMap<string, string> }
}

/** A table that becomes a partition: the server takes its indexes and keys for those of its new table, where they are alike. */
export function joins({ was, now }: Pick<TableChange, 'was' | 'now'>): boolean {
  return was.bound === null && now.bound !== null
}

/** A partition that becomes a table: it keeps what it had because of its table, as its own. */
export function leaves({ was, now }: Pick<TableChange, 'was' | 'now'>): boolean {
  return was.bound !== null && now.bound === null
}

export function rungOf({ hints }: Change, key: string): number {
  return hints.rungs.get(key) ?? 0
}
