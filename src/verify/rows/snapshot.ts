/** The rows of a database at one moment, and what is different at a later one. Pure, but for reading. */
import type { FillColumn, FillTable, Text } from '../../fill/model.ts'
import type { RowReader } from './rowReader.ts'
import type { Said } from './said.ts'

export interface TableRows {
  readonly table: FillTable
  readonly rows: readonly (readonly Text[])[]
}

export type Snapshot = readonly TableRows[]

export async function snapshotOf(reader: RowReader, tables: readonly FillTable[]): Promise<Snapshot> {
  const readable = tables.filter(isReadable)
  const rows = await reader.rows(readable)
  return readable.map((table, n) => ({ table, rows: rows[n] ?? [] }))
}

export function isReadable({ refused }: FillTable): boolean {
  return refused === undefined
}

/** A table before and after, with the places of the columns that stayed. */
export interface Matched {
  readonly before: TableRows
  readonly after: TableRows
  readonly columns: readonly {
    readonly from: number
    readonly to: number
    readonly before: FillColumn
    readonly after: FillColumn
  }[]
  /** Rows that are in both, by primary key. Undefined if there is no key to tell them apart by. */
  readonly pairs:
    | readonly { readonly key: string; readonly before: readonly Text[]; readonly after: readonly Text[] }[]
    | undefined
  /** Keys of rows that are gone. Without a key, as many as there are fewer rows. */
  readonly lost: readonly string[]
}

/** Finds a table again: by its identity, by its name, or by the name that the migration gave it. */
export function matched(before: TableRows, later: Snapshot, said: Said): Matched | undefined {
  const { table } = before
  const bare = table.name.split('.').at(-1) ?? table.name
  const renamed = said.renamedTable(bare)
  const after =
    later.find((one) => one.table.id === table.id) ??
    later.find((one) => one.table.name === table.name) ??
    (renamed === undefined
      ? undefined
      : later.find((one) => one.table.name.toLowerCase().split('.').at(-1) === renamed))
  if (!after) return undefined
  const columns = table.columns.flatMap((column, from) => {
    const to = placeOf(column, after.table, table, said)
    const found = after.table.columns[to]
    return found ? [{ from, to, before: column, after: found }] : []
  })
  const keys = table.primaryKey.map((name) => columns.find((column) => column.before.name === name))
  const isKeyed = keys.length > 0 && keys.every((key) => key !== undefined)
  if (!isKeyed) {
    const fewer = Math.max(0, before.rows.length - after.rows.length)
    return {
      before,
      after,
      columns,
      pairs: undefined,
      lost: before.rows.slice(0, fewer).map((row) => JSON.stringify(row)),
    }
  }
  const places = keys.flatMap((key) => key ?? [])
  const byKey = new Map(after.rows.map((row) => [JSON.stringify(places.map(({ to }) => row[to])), row]))
  const pairs: { key: string; before: readonly Text[]; after: readonly Text[] }[] = []
  const lost: string[] = []
  for (const row of before.rows) {
    const key = places.map(({ from }) => row[from])
    const found = byKey.get(JSON.stringify(key))
    if (found) pairs.push({ key: key.join(', '), before: row, after: found })
    else lost.push(key.join(', '))
  }
  return { before, after, columns, pairs, lost }
}

// --- internal ---

function placeOf(column: FillColumn, after: FillTable, before: FillTable, said: Said): number {
  const newName = (name: string) => said.renamedColumn([before.name, after.name], name)
  const placeNamed = (wanted: string | undefined) =>
    after.columns.findIndex(({ name }) => name.toLowerCase() === wanted)
  const renamed = newName(column.name)
  // Where columns have no identity but their name, another one may have taken it. Two that swap names are both renamed.
  const isFree = before.columns.every(({ name }) => name.toLowerCase() !== renamed || newName(name) !== undefined)
  const isNamed = column.id === column.name && isFree
  if (isNamed && placeNamed(renamed) !== -1) return placeNamed(renamed)
  const itself = before.id === after.id ? after.columns.findIndex(({ id }) => id === column.id) : -1
  if (itself !== -1) return itself
  const same = after.columns.findIndex(({ name }) => name === column.name)
  return same !== -1 ? same : placeNamed(renamed)
}
