/** Renames: those that people said, and those that are none to MySQL since only letter case differs. */
import type { Rename } from '../hints.ts'
import { type Model, tableNamed } from './schemaModel.ts'
import { type Check, type Column, type ForeignKey, isFunctional, type Key, type Table } from './tableModel.ts'
import { mapNames, namesIn, pathOf, plainName, quoted, shown } from './text.ts'

export interface Renames {
  /** New name by old name. */
  readonly tables: ReadonlyMap<string, string>
  readonly sequences: ReadonlyMap<string, string>
  readonly views: ReadonlyMap<string, string>
  /** By the table's new name: new name of each column by its old one. */
  readonly columns: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly indexes: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** Enum values, as literals: by the table's new name and the column's new name. */
  readonly values: ReadonlyMap<string, ReadonlyMap<string, string>>
}

/** Returns which of the renames these two schemas need: what already has its new name is passed over. */
export function renamesBetween(from: Model, to: Model, said: readonly Rename[]): Renames {
  const pairs = (kind: string) =>
    said.filter((rename) => rename.kind === kind).map((rename) => [pathOf(rename.old), pathOf(rename.new)] as const)
  const has = ({ tables, sequences, views }: Model, name: string) =>
    tables.some((table) => table.name === name) || [...sequences, ...views].some((one) => plainName(one.name) === name)
  // A name that stays may be renamed only if another table takes it.
  const taken = new Set(pairs('table').map(([, now]) => now.at(-1)))
  const swapped = (old: string) => taken.has(old)
  const whole = (kind: string) =>
    new Map(
      pairs(kind)
        .map(([old, now]) => [old.at(-1) ?? '', now.at(-1) ?? ''] as const)
        .filter(([old, now]) => old !== now && has(from, old) && has(to, now) && !(has(to, old) && !swapped(old))),
    )
  const tables = whole('table')
  const newTable = (name: string) => tables.get(name) ?? name
  const columns = new Map<string, Map<string, string>>()
  const indexes = new Map<string, Map<string, string>>()
  for (const table of from.tables) {
    const other = tableNamed(to, newTable(table.name))
    if (!other) continue
    const names = columnRenames(table, other, membersOf(pairs('column'), table.name))
    columns.set(other.name, names)
    const now = renamedTable(table, other.name, names)
    indexes.set(other.name, indexRenames(now, other, membersOf(pairs('index'), table.name)))
  }
  const values = new Map<string, Map<string, string>>()
  for (const [old, now] of pairs('value')) {
    const [table = '', column = '', value = ''] = old.slice(-3)
    const name = newTable(table)
    const key = `${name}.${columns.get(name)?.get(column) ?? column}`
    values.set(key, new Map([...(values.get(key) ?? []), [value, now.at(-1) ?? '']]))
  }
  return { tables, sequences: whole('sequence'), views: whole('view'), columns, indexes, values }
}

/** Returns the schema as it is once the renames have run, so that it can be compared name by name. */
export function renamed(model: Model, { tables, views, columns }: Renames): Model {
  const newTable = (name: string) => tables.get(name) ?? name
  const newColumn = (table: string | undefined, column: string) =>
    table === undefined ? column : (columns.get(newTable(table))?.get(column) ?? column)
  const key = ({ table, name, ...rest }: ForeignKey): ForeignKey => {
    const own = rest.columns.map((column) => newColumn(table, column))
    const others = rest.refColumns.map((column) => newColumn(rest.refTable, column))
    return {
      table: newTable(table),
      name: followed(name, table, newTable(table), 'ibfk'),
      columns: own,
      refTable: rest.refTable === undefined ? undefined : newTable(rest.refTable),
      refColumns: others,
      definition: renamedKey(rest, own, others, newTable),
    }
  }
  return {
    ...model,
    tables: model.tables.map((table) => renamedTable(table, newTable(table.name), columns.get(newTable(table.name)))),
    foreignKeys: model.foreignKeys.map(key),
    views: model.views.map((view) => {
      const name = views.get(plainName(view.name))
      if (name === undefined) return view
      return {
        ...view,
        name: shown(name),
        head: view.head.replace(/ VIEW `(?:[^`]|``)*`/, () => ` VIEW ${quoted(name)}`),
      }
    }),
  }
}

// --- internal ---

type Pair = readonly [old: readonly string[], now: readonly string[]]

/** Returns the renames within a table: old and new names without the table's. */
function membersOf(pairs: readonly Pair[], table: string): [string, string][] {
  return pairs
    .filter(([old]) => old.at(-2) === table)
    .map(([old, now]) => [old.at(-1) ?? '', now.at(-1) ?? ''] as [string, string])
}

function columnRenames(table: Table, other: Table, said: readonly [string, string][]): Map<string, string> {
  const had = new Set(table.columns.map(({ name }) => name))
  const has = new Set(other.columns.map(({ name }) => name))
  const taken = new Set(said.map(([, now]) => now))
  const known = said.filter(
    ([old, now]) => old !== now && had.has(old) && has.has(now) && (!has.has(old) || taken.has(old)),
  )
  const result = new Map(known)
  const used = new Set(result.values())
  for (const name of had) {
    if (result.has(name) || has.has(name)) continue
    // Names of columns do not differ by letter case alone.
    const same = [...has].find((one) => one.toLowerCase() === name.toLowerCase() && !had.has(one) && !used.has(one))
    if (same !== undefined) result.set(name, same)
  }
  return result
}

/** An index with another name and the same definition is renamed: nothing is lost, and nothing is built. */
function indexRenames(table: Table, other: Table, said: readonly [string, string][]): Map<string, string> {
  const gone = table.keys.filter(({ name }) => !other.keys.some((key) => key.name === name))
  const added = other.keys.filter(({ name }) => !table.keys.some((key) => key.name === name))
  const same = (a: Key, b: Key) => a.before === b.before && a.after.toLowerCase() === b.after.toLowerCase()
  const result = new Map<string, string>()
  const take = (key: Key, other: Key | undefined) => {
    if (!other || key.name === 'PRIMARY' || other.name === 'PRIMARY' || !same(key, other)) return
    if (![...result.values()].includes(other.name)) result.set(key.name, other.name)
  }
  for (const key of gone) {
    const wanted = said.find(([old]) => old === key.name)?.[1]
    take(
      key,
      added.find(({ name }) => name === wanted),
    )
  }
  for (const key of gone) {
    if (result.has(key.name)) continue
    const free = added.filter(({ name }) => ![...result.values()].includes(name))
    take(
      key,
      free.find((one) => same(key, one)),
    )
  }
  return result
}

function renamedTable(table: Table, name: string, names: ReadonlyMap<string, string> | undefined): Table {
  const now = (column: string) => names?.get(column) ?? column
  const touches = (text: string) => namesIn(text).some((column) => now(column) !== column)
  return {
    ...table,
    name,
    columns: table.columns.map(
      (column): Column => ({
        ...column,
        name: now(column.name),
        definition: mapNames(column.definition, now),
        touched: touches(column.definition),
      }),
    ),
    keys: table.keys.map(
      (key): Key => ({ ...key, after: mapNames(key.after, now), touched: isFunctional(key) && touches(key.after) }),
    ),
    checks: table.checks.map(
      (check): Check => ({
        // MySQL renames the checks that it has named itself; MariaDB names them without the table.
        name: followed(check.name, table.name, name, 'chk'),
        definition: mapNames(check.definition, now),
        touched: touches(check.definition),
      }),
    ),
    periods: table.periods.map((period) => mapNames(period, now)),
    partition: table.partition === undefined ? undefined : mapNames(table.partition, now),
  }
}

function renamedKey(
  { columns, refTable, definition }: Pick<ForeignKey, 'columns' | 'refTable' | 'definition'>,
  own: readonly string[],
  others: readonly string[],
  newTable: (name: string) => string,
): string {
  let seen = 0
  const target = refTable === undefined ? 2 : 1
  return mapNames(definition, (name) => {
    const at = seen++
    if (at < columns.length) return own[at] ?? name
    if (at < columns.length + target) return refTable === undefined ? name : newTable(name)
    return others[at - columns.length - target] ?? name
  })
}

/** A name that the server made from the table's, which follows the table. */
function followed(name: string, table: string, now: string, kind: 'ibfk' | 'chk'): string {
  const prefix = `${table}_${kind}_`
  return name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length))
    ? `${now}_${kind}_${name.slice(prefix.length)}`
    : name
}
