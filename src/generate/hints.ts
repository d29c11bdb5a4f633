/** Knowledge beyond the two schemas with which statements are written: people's answers, and what the server refused. */

/** `kind`: table, column, index, constraint, type, value, view, sequence, function, trigger, policy, schema. */
export interface Rename {
  readonly kind: string
  /**
   * The names as the schema writes them: qualified unless in the default schema, quoted if necessary. Those of columns, constraints and
   * enum values follow their table or type: `users.email`, `mood.'ok'`. `old` names the table as it was, `new` as it
   * will be.
   */
  readonly old: string
  readonly new: string
}

/** Columns of a table that become other columns of it, row by row, by code that a person writes. */
export interface Conversion {
  /** Names as in {@link Rename}, with the table as it was. */
  readonly old: readonly string[]
  /** With the table as it will be. */
  readonly new: readonly string[]
}

/** People's decisions. The keys are names as in {@link Rename}, before the change. */
export interface Answers {
  readonly renames: readonly Rename[]
  /** A SQL expression for the rows of a column that must not be null: `users.country` → `'DE'`. */
  readonly fill: ReadonlyMap<string, string>
  /** The value that takes the place of an enum value that goes: `mood.'lost'` → `'new'`, both as literals. */
  readonly map: ReadonlyMap<string, string>
  /** The expression by which a column changes its type: `users.age` → `age::integer`. */
  readonly using: ReadonlyMap<string, string>
  readonly conversions: readonly Conversion[]
}

/**
 * Further ways found by trying. A dialect may keep what it likes in here: the sets only grow, so that the search ends.
 */
export interface Hints {
  readonly answers: Answers
  /** Keys of objects to drop and make again although they could seemingly stay or be altered. */
  readonly rebuild: ReadonlySet<string>
  /** Keys of objects, or of members (`table users/column email`), to make as late as the order allows. */
  readonly late: ReadonlySet<string>
  /** Keys of objects or members whose two texts were found to mean the same. */
  readonly same: ReadonlySet<string>
  /**
   * The way in which an object or member is changed: 0, the shortest one, if it is not in here. The server has refused the
   * ways with lower numbers.
   */
  readonly rungs: ReadonlyMap<string, number>
}

/** The rung of this key is 1 where statements go on from where others led: what they see there need not be there the next time. */
export const ON_THE_WAY = 'on the way'

export const NO_ANSWERS: Answers = { renames: [], fill: new Map(), map: new Map(), using: new Map(), conversions: [] }

export function firstHints(answers: Answers): Hints {
  return { answers, rebuild: new Set(), late: new Set(), same: new Set(), rungs: new Map() }
}

/** Returns the hints with a key in one of the sets more; `undefined` if it was there already, so that nothing is new. */
export function withHint(
  hints: Hints,
  set: 'rebuild' | 'late' | 'same',
  ...keys: readonly string[]
): Hints | undefined {
  const added = keys.filter((key) => !hints[set].has(key))
  return added.length === 0 ? undefined : { ...hints, [set]: new Set([...hints[set], ...added]) }
}

/** Returns the hints with an object one rung up; `undefined` if it is on the last one. */
export function withRung(hints: Hints, key: string, last: number): Hints | undefined {
  const rung = (hints.rungs.get(key) ?? 0) + 1
  return rung > last ? undefined : { ...hints, rungs: new Map([...hints.rungs, [key, rung]]) }
}
