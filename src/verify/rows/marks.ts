/** What tells that tables, and the rows in them, are as they were at an earlier moment. Pure. */
import type { FillTable } from '../../fill/model.ts'

/** The marks of one moment: what has the same mark at two moments has not changed between them. */
export interface Marks {
  /** The mark of all that belongs to no relation: types, routines, languages. */
  readonly others: string
  /** The mark of all views. */
  readonly views: string
  /** `true` if nothing but views is there that somebody could use: no function, trigger, rule, policy or materialized view. */
  readonly hasOnlyViews: boolean
  /** By {@link FillTable.id}. */
  readonly tables: ReadonlyMap<string, TableMark>
  readonly sequences: readonly SequenceMark[]
}

export interface TableMark {
  readonly definition: string
  /** Undefined if it cannot be told whether the rows are the same. */
  readonly rows: string | undefined
}

export interface SequenceMark {
  readonly id: string
  /** Qualified and quoted. */
  readonly name: string
  readonly definition: string
  /** The last number it has given out; null if it has given out none, whatever the next will be. */
  readonly last: string | null
}

/**
 * Returns the ids of tables whose definition must be read again, which may be gone; undefined if that cannot be bounded.
 * @param tables the tables of the moment before
 */
export function tablesToRead(tables: readonly FillTable[], before: Marks, now: Marks): ReadonlySet<string> | undefined {
  if (before.others !== now.others) return undefined
  // The text of a default names a sequence, and is not marked when that gets another name.
  const sequences = new Map(before.sequences.map(({ id, definition }) => [id, definition]))
  if (now.sequences.some(({ id, definition }) => (sequences.get(id) ?? definition) !== definition)) return undefined
  const ids = [...new Set([...before.tables.keys(), ...now.tables.keys()])]
  const touched = new Set(ids.filter((id) => before.tables.get(id)?.definition !== now.tables.get(id)?.definition))
  // A foreign key is written with the names of the table that it refers to.
  const referring = tables.filter(({ foreignKeys }) => foreignKeys.some(({ parent }) => touched.has(parent)))
  return new Set([...touched, ...referring.map(({ id }) => id)])
}

/** Returns whether the rows of a table are the same at both moments. */
export function hasSameRows(id: string, before: Marks, now: Marks): boolean {
  const rows = now.tables.get(id)?.rows
  return before.others === now.others && rows !== undefined && before.tables.get(id)?.rows === rows
}

/** Returns whether a sequence gives the same number next at both moments. @param name quoted; it may lack its schema */
export function isSameSequence(name: string, before: Marks, now: Marks): boolean {
  const named = now.sequences.filter((one) => one.name === name || one.name.endsWith(`.${name}`))
  const there = named.length === 1 ? named[0] : undefined
  const then = before.sequences.find((one) => one.id === there?.id)
  return there?.last != null && there.last === then?.last && there.definition === then.definition
}

/** Returns the mark of what decides which objects can be used, and how. */
export function objectsMark({ others, views, hasOnlyViews, tables, sequences }: Marks): string {
  if (hasOnlyViews) return [others, views].join('\n')
  const all = [...tables].map(([id, { definition }]) => `${id} ${definition}`)
  return [others, views, ...all, ...sequences.map(({ id, definition }) => `${id} ${definition}`)].join('\n')
}
