/** Writes the statements that give a table the rows and the next number back that it had. */

import { identifier } from '../tables.ts'
import { at } from './tables.ts'

/** The names of a table and of the copy of its original rows. */
export interface Place {
  readonly database: string
  /** The database that has the rows. */
  readonly from: string
  readonly isMariadb: boolean
}

/** A table as it is now: its rows and the next number that it gives out. */
export interface RowsFound {
  readonly name: string
  readonly number: string
  readonly rows: string
}

/** A table as it was before the test, and what is needed to restore it. */
export interface TableLikeness {
  readonly sql: string
  /** The AUTO_INCREMENT column. */
  readonly counter: string | undefined
  /** The columns that are not generated. */
  readonly written: readonly string[]
  /** Returns the query that reads `rows` in a database of that name. */
  readonly hash: (database: string) => string
  /** Next AUTO_INCREMENT value; empty if the table has none or has not given one yet. */
  readonly number: string
  /** Number of rows, and two sums of hashes. */
  readonly rows: string
  readonly triggers: boolean
}

/**
 * Returns statements that restore a table of which rows were added, or in which a few have changed; undefined if triggers
 * would fire.
 */
export function quickly(was: TableLikeness, now: RowsFound, place: Place): string[] | undefined {
  const statements = thoroughly(was, now, place)
  const isFilled = !was.rows.startsWith(EMPTY)
  const isNumbered = now.number !== was.number
  if (!statements || !isFilled || !isNumbered || was.number === '' || was.counter === undefined) return statements
  const table = at(place.database, now.name)
  const again = `ALTER TABLE ${table} AUTO_INCREMENT = ${was.number}`
  if (now.rows === was.rows) return [again]
  // In MySQL, setting the number costs more than to fill a small table anew, after which it is right in most cases.
  if (!place.isMariadb && countOf(was.rows) <= MOST_DELETED) return [`TRUNCATE TABLE ${table}`, refill(was, now, place)]
  return [`DELETE FROM ${table} WHERE ${identifier(was.counter)} >= ${was.number}`, again]
}

/** Returns statements that restore a table whatever has happened to its rows; undefined if triggers would fire. */
export function thoroughly(was: TableLikeness, now: RowsFound, place: Place): string[] | undefined {
  const table = at(place.database, now.name)
  const isFilled = !was.rows.startsWith(EMPTY)
  const isNumbered = now.number !== was.number
  if (isFilled && was.triggers) return undefined
  // A schema change takes the server longer than deleting what a test has written.
  const emptied = was.triggers || countOf(now.rows) > MOST_DELETED || (isNumbered && !isFilled)
  return [
    emptied ? `TRUNCATE TABLE ${table}` : `DELETE FROM ${table}`,
    ...(isFilled ? [refill(was, now, place)] : []),
    ...(isFilled && isNumbered && was.number !== '' ? [`ALTER TABLE ${table} AUTO_INCREMENT = ${was.number}`] : []),
  ]
}

/** Returns the number of rows that a hash of them begins with. */
export function countOf(rows: string): number {
  return Number.parseInt(rows, 10)
}

/** Up to that many rows are deleted one by one, since a schema change takes the server longer. */
export const MOST_DELETED = 1000

// --- internal ---

function refill({ written }: TableLikeness, { name }: RowsFound, { database, from }: Place): string {
  const columns = written.map(identifier).join(', ')
  return `INSERT INTO ${at(database, name)} (${columns}) SELECT ${columns} FROM ${at(from, name)}`
}

const EMPTY = '0 '
