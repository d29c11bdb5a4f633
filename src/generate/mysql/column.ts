/** Changes of a table's columns, as clauses of ALTER TABLE. Their order counts: it is what SELECT * returns. */
import { usualCollation } from '../../database/mysql/collations.ts'
import { risingPositions } from './order.ts'
import type { Column, Table } from './tableModel.ts'
import { bare, quoted } from './text.ts'

export interface ColumnChanges {
  readonly drops: readonly string[]
  /** Names of the columns that go with their values. */
  readonly destroyed: readonly string[]
  readonly changes: readonly string[]
}

export interface ColumnWays {
  /** Old name by new name. */
  readonly oldNames: ReadonlyMap<string, string>
  /** Columns whose new form has been filled under another name: that name, by the new one. */
  readonly carried: ReadonlyMap<string, string>
  /** Definitions to use in the place of the wanted ones, such as one with a default for rows that exist. */
  readonly instead: ReadonlyMap<string, string>
}

/** @param from the table with the columns' new names */
export function columnChanges(from: Table, to: Table, { oldNames, carried, instead }: ColumnWays): ColumnChanges {
  const had = new Map(from.columns.map((column) => [column.name, column]))
  const has = new Map(to.columns.map((column) => [column.name, column]))
  const oldName = (name: string) => quoted(oldNames.get(name) ?? name)
  const gone = from.columns.filter(({ name }) => !has.has(name))
  const remade = from.columns.filter((column) => {
    const now = has.get(column.name)
    return now !== undefined && !carried.has(column.name) && mustBeRemade(column, now)
  })
  const stays = (name: string) => {
    const was = had.get(name)
    return was !== undefined && !remade.includes(was) && !carried.has(name)
  }
  const kept = from.columns.filter(({ name }) => has.has(name) && stays(name))
  const places = new Map(to.columns.map(({ name }, at) => [name, at]))
  const inPlace = risingPositions(kept.map(({ name }) => places.get(name) ?? 0))
  const lastInPlace = Math.max(-1, ...inPlace)
  const changes = to.columns.flatMap((column, at): string[] => {
    const was = had.get(column.name)
    const previous = to.columns[at - 1]
    const place = previous ? ` AFTER ${quoted(previous.name)}` : ' FIRST'
    const wanted = instead.get(column.name) ?? column.definition
    const text = `${quoted(column.name)} ${wanted}`
    if (was === undefined || remade.includes(was))
      return [`ADD COLUMN ${text}${at > lastInPlace && from.columns.length > 0 ? '' : place}`]
    const from_ = carried.get(column.name)
    if (from_ !== undefined) return [`CHANGE COLUMN ${quoted(from_)} ${text}${place}`]
    const moved = !inPlace.has(at)
    const isRenamed = (oldNames.get(column.name) ?? column.name) !== column.name
    if (!moved && !hasChanged(was, from, column, to) && wanted === column.definition)
      return isRenamed ? [`RENAME COLUMN ${oldName(column.name)} TO ${quoted(column.name)}`] : []
    const verb = isRenamed ? `CHANGE COLUMN ${oldName(column.name)} ${text}` : `MODIFY COLUMN ${text}`
    return [`${verb}${moved ? place : ''}`]
  })
  const dropped = from.columns.filter(
    (column) => gone.includes(column) || remade.includes(column) || carried.has(column.name),
  )
  return {
    drops: dropped.map(({ name }) => `DROP COLUMN ${oldName(name)}`),
    destroyed: dropped
      .filter((column) => !carried.has(column.name) && column.generated === null)
      .map(({ name }) => name),
    changes,
  }
}

/** The collation of a column with text; null for others. */
export function collationOf(column: Column, table: Table): string | null {
  const plain = bare(column.definition)
  const named = / COLLATE (\w+)/.exec(plain)?.[1]
  if (named !== undefined) return named
  const set = / CHARACTER SET (\w+)/.exec(plain)?.[1]
  if (set !== undefined) return usualCollation(set)
  return /^(?:var)?char\b|^(?:tiny|medium|long)?text\b|^enum\b|^set\b/i.test(plain) ? defaultCollation(table) : null
}

// --- internal ---

/** Whether a column takes another definition; where the table's character set changes, by what that means for it. */
function hasChanged(was: Column, from: Table, now: Column, to: Table): boolean {
  if (was.touched) return true
  if (defaultCollation(from) === defaultCollation(to)) return was.definition !== now.definition
  return (
    withoutCollation(was.definition) !== withoutCollation(now.definition) ||
    collationOf(was, from) !== collationOf(now, to)
  )
}

/** Whether ALTER TABLE cannot turn one into the other: what is computed when it is read has no place for values. */
function mustBeRemade(was: Column, now: Column): boolean {
  if (was.generated !== null && was.touched) return true
  return was.generated !== now.generated && (was.generated === 'virtual' || now.generated === 'virtual')
}

function withoutCollation(definition: string): string {
  const plain = bare(definition)
  const at = plain.search(/ (?:CHARACTER SET \w+|COLLATE \w+)/)
  if (at === -1) return definition
  const length = /^(?: CHARACTER SET \w+)?(?: COLLATE \w+)?/.exec(plain.slice(at))?.[0].length ?? 0
  return definition.slice(0, at) + definition.slice(at + length)
}

function defaultCollation({ options }: Table): string {
  return options.get('COLLATE') ?? usualCollation(options.get('CHARSET') ?? '')
}
