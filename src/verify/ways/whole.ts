/** A database as a whole: schema, rows and the numbers that come next; and what is different between two of them. */
import type { Text } from '../../fill/model.ts'
import { diffText } from '../../schema/diff.ts'
import type { Schema } from '../../schema/schema.ts'
import type { Counter } from '../rows/rowReader.ts'
import type { Snapshot, TableRows } from '../rows/snapshot.ts'

export interface Whole {
  readonly schema: Schema
  readonly tables: Snapshot
  readonly counters: readonly Counter[]
}

/** Days by which the clock is put back where a session can do that. */
export const CLOCK_SHIFT_DAYS = 200

export interface Difference {
  /** The difference for people, as lines with `-` (only in the one) and `+` (only in the other). */
  readonly text: string
  /** Names of what is different: `table users`, `rows of plans`, `next number of users.id`. */
  readonly objects: readonly string[]
  /** `true` if the schemas are equal, and only rows or numbers are not. */
  readonly isOfRows: boolean
}

/**
 * Returns what is different; undefined if nothing is.
 * @param again runs the way of `one` once more: what differs between two such runs says nothing
 * @param isNumbered `true` if that run gives out other numbers: then it says something whether there is a value at all
 */
export async function differenceOf(
  one: Whole,
  other: Whole,
  again: () => Promise<Whole>,
  isNumbered = false,
): Promise<Difference | undefined> {
  const first = compared(one, other, new Set())
  if (!first) return undefined
  const second = await again()
  const isStable = second.schema.diff(one.schema).changes.length === 0
  return compared(one, isStable ? other : { ...other, schema: one.schema }, volatileIn(one, second), isNumbered)
}

/** Returns what two runs of the same way do not agree about: the schema, or how many rows there are. */
export function instability(one: Whole, again: Whole): Difference | undefined {
  const values = [...volatileIn(one, again)].filter((name) => !name.endsWith('.*'))
  return compared(one, again, new Set(values))
}

// --- internal ---

/** Columns (`plans.id`) and tables (`plans.*`) whose values are others in each run. */
type Volatile = ReadonlySet<string>

/** Returns what two runs of the same way do not agree about. */
function volatileIn(one: Whole, again: Whole): Volatile {
  const found = new Set<string>()
  for (const { table, column, next } of one.counters) {
    const other = again.counters.find((same) => same.table === table && same.column === column)
    if (other && other.next !== next) found.add(numberOf(table, column))
  }
  for (const { table, rows } of one.tables) {
    const others = again.tables.find((same) => same.table.name === table.name)?.rows
    if (!others) continue
    if (others.length !== rows.length) found.add(`${table.name}.*`)
    for (const [place, { name }] of table.columns.entries()) {
      if (rows.some((row, n) => row[place] !== others[n]?.[place])) found.add(`${table.name}.${name}`)
    }
  }
  return found
}

function numberOf(table: string, column: string): string {
  return `next number of ${table}.${column}`
}

/** @param shows `true` to compare of the volatile columns whether they have a value */
function compared(one: Whole, other: Whole, volatile: Volatile, shows = false): Difference | undefined {
  const schema = other.schema.diff(one.schema)
  const rows = other.tables.flatMap((after) => {
    const before = one.tables.find(({ table }) => table.name === after.table.name)
    return before ? rowsText(before, after, volatile, shows) : []
  })
  const counters = other.counters.flatMap((after) => {
    const before = one.counters.find(({ table, column }) => table === after.table && column === after.column)
    const what = numberOf(after.table, after.column)
    if (!before || before.next === after.next || volatile.has(`${after.table}.*`)) return []
    if (shows && volatile.has(what)) return []
    return [{ what, text: `- ${what}: ${before.next}\n+ ${what}: ${after.next}` }]
  })
  const texts = [diffText(schema), ...[...rows, ...counters].map(({ text }) => text)].filter(Boolean)
  if (texts.length === 0) return undefined
  return {
    text: texts.join('\n'),
    objects: [...schema.changes.map(({ object }) => object), ...[...rows, ...counters].map(({ what }) => what)],
    isOfRows: schema.changes.length === 0,
  }
}

const MOST_ROWS = 5

function rowsText(
  before: TableRows,
  after: TableRows,
  volatile: Volatile,
  shows: boolean,
): { what: string; text: string }[] {
  const { name } = after.table
  if (volatile.has(`${name}.*`)) return []
  const isOther = (column: string) => volatile.has(`${name}.${column}`)
  const columns = before.table.columns.filter(
    (column) => (shows || !isOther(column.name)) && after.table.columns.some((same) => same.name === column.name),
  )
  const names = columns.map((column) => column.name)
  const [mine, theirs] = [linesOf(before, names, isOther), linesOf(after, names, isOther)]
  const [gone, added] = [without(mine, theirs), without(theirs, mine)]
  if (gone.length + added.length === 0) return []
  const lines = [...shownRows('-', gone), ...shownRows('+', added)]
  return [{ what: `rows of ${name}`, text: [`  rows of ${name} (${names.join(', ')}):`, ...lines].join('\n') }]
}

function shownRows(sign: string, lines: readonly string[]): string[] {
  const more = lines.length - MOST_ROWS
  return [
    ...lines.slice(0, MOST_ROWS).map((line) => `${sign} ${line.slice(0, 200)}`),
    ...(more > 0 ? [`${sign} … ${more} more`] : []),
  ]
}

/** Each row as a line, with values of the moment in which it was made left out. */
function linesOf({ table, rows }: TableRows, names: readonly string[], isOther: (column: string) => boolean): string[] {
  const places = names.map((name) => table.columns.findIndex((column) => column.name === name))
  const shown = (row: readonly Text[], n: number) => {
    const value = row[places[n] ?? -1] ?? null
    return value !== null && isOther(names[n] ?? '') ? '(number)' : shownValue(value)
  }
  return rows.map((row) => `(${names.map((_, n) => shown(row, n)).join(', ')})`)
}

function shownValue(value: Text): string {
  if (value === null) return 'NULL'
  if (isOfNow(value)) return '(now)'
  return /^-?\d+(\.\d+)?$/.test(value) ? value : `'${value.replaceAll("'", "''").replaceAll('\n', '\\n')}'`
}

const DAY_MS = 86_400_000

/** Whether a value is the time of the run: two runs never agree about it, and neither do two time zones. */
function isOfNow(text: string): boolean {
  const near = (ms: number) =>
    [0, CLOCK_SHIFT_DAYS].some((days) => Math.abs(ms - Date.now() + days * DAY_MS) < 2 * DAY_MS)
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    if (text.length === 10) return near(Date.parse(text))
    const iso = text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00')
    return near(Date.parse(/([+-]\d\d:\d\d|Z)$/.test(iso) ? iso : `${iso}Z`))
  }
  if (!/^\d{10,13}(\.\d+)?$/.test(text)) return false
  return near(Number(text) * 1000) || near(Number(text))
}

/** Returns the lines of `some` that `others` do not have, each as often as it is missing. */
function without(some: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>()
  for (const line of others) left.set(line, (left.get(line) ?? 0) + 1)
  return some.filter((line) => {
    const count = left.get(line) ?? 0
    left.set(line, count - 1)
    return count <= 0
  })
}
