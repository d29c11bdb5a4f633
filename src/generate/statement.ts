/** One statement of a generated migration. */

/** A place of a migration at which code converts the rows of a table. */
export interface RowConversion {
  /** The table, and the columns that tell its rows apart, which are not converted. */
  readonly table: string
  readonly key: readonly string[]
  readonly from: readonly ConvertedColumn[]
  readonly to: readonly ConvertedColumn[]
}

export interface ConvertedColumn {
  /** The plain name. */
  readonly name: string
  /** The type of its values in TypeScript. */
  readonly type: string
}

export interface Statement {
  /** The SQL, ending with a semicolon where the dialect wants one. */
  readonly sql: string
  readonly does: 'create' | 'alter' | 'drop'
  /** The key of the object it is about, as {@link keyOf} writes it. A refusal is about this object. */
  readonly object: string
  /** The name of what goes with its rows, such as `table users` or `column users.email`. */
  readonly destroys?: string
  /** One line for people, without the comment's sign, where a reader would ask why. */
  readonly comment?: string
  /** One line for people: who waits for it and why, if it takes long and no gentler way is known. */
  readonly blocks?: string
  /** Code that a person writes stands here. `sql` gives the rows values that mean nothing instead, for the proof. */
  readonly converts?: RowConversion
}

/** Returns what identifies an object in a schema: its kind, its table, its name. */
export function keyOf({ kind, table, name }: ObjectName): string {
  return table === null ? `${kind} ${name}` : `${kind} ${table} ${name}`
}

// --- internal ---

interface ObjectName {
  readonly kind: string
  readonly table: string | null
  readonly name: string
}
