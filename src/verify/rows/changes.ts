/** What a step did to rows that were there, from the rows before and after it. */
import type { FillColumn, FillTable, Text } from '../../fill/model.ts'
import type { Comparison, RowReader } from './rowReader.ts'
import { namesIn, type Said } from './said.ts'
import { type Matched, matched, type Snapshot } from './snapshot.ts'

export interface LostRows {
  readonly kind: 'lost'
  readonly table: FillTable
  readonly all: number
  readonly keys: readonly string[]
}

/** Values of a column that is gone. */
export interface DroppedValues {
  readonly kind: 'dropped'
  readonly table: FillTable
  readonly column: FillColumn
  readonly all: number
  readonly values: readonly ChangedValue[]
}

export interface ChangedValues {
  readonly kind: 'changed'
  readonly table: FillTable
  readonly column: FillColumn
  readonly after: FillColumn
  readonly all: number
  readonly values: readonly ChangedValue[]
  /** The column into which the way up moved the values, which are NULL after the way back. */
  readonly movedTo?: string
  /** `true` if the values were others after the way up already, and the way back left them so. */
  readonly isOfWayUp?: boolean
}

export interface ChangedValue {
  readonly key: string
  readonly before: Text
  readonly after: Text
  readonly comparison: Comparison
}

export type Change = LostRows | DroppedValues | ChangedValues

export async function changesOf(reader: RowReader, before: Snapshot, after: Snapshot, said: Said): Promise<Change[]> {
  const changes: Change[] = []
  const same = new Set(after)
  for (const one of before) {
    if (one.rows.length === 0 || same.has(one)) continue
    const { table } = one
    const found = matched(one, after, said)
    if (!found) {
      if ((await reader.partOf(table)) !== undefined) continue
      const keys = one.rows.map((row) => keyOf(table, row))
      changes.push({ kind: 'lost', table, all: one.rows.length, keys })
      continue
    }
    // As many rows as before: their keys were changed.
    const isLost =
      found.lost.length > 0 && found.after.rows.length + detachedFrom(table, before, after) < one.rows.length
    if (isLost) changes.push({ kind: 'lost', table, all: one.rows.length, keys: found.lost })
    else if (found.after.rows.length >= one.rows.length) changes.push(...newKeys(found))
    changes.push(...droppedIn(found), ...(await changedIn(reader, found)))
  }
  return changes
}

/** Returns values that the way up and back has changed, of rows and columns that the way up left alone or replaced. */
export async function changesOnTheWayBack(
  reader: RowReader,
  states: { readonly before: Snapshot; readonly up: Snapshot; readonly down: Snapshot },
  said: { readonly up: Said; readonly down: Said },
): Promise<Change[]> {
  const changes: Change[] = []
  const same = new Set(states.down)
  for (const one of states.before) {
    if (same.has(one)) continue
    const { table } = one
    const above = matched(one, states.up, said.up)
    const below = matched(one, states.down, said.down)
    if (!above || one.rows.length === 0) continue
    const survived = new Set(above.pairs?.map(({ key }) => key))
    if (!below) {
      changes.push({ kind: 'lost', table, all: one.rows.length, keys: [...survived] })
      continue
    }
    const lost = below.lost.filter((key) => survived.has(key))
    if (lost.length > 0 && below.after.rows.length < one.rows.length) {
      changes.push({ kind: 'lost', table, all: one.rows.length, keys: lost })
    }
    for (const change of await changedIn(reader, below)) {
      const there = above.columns.find((column) => column.before.name === change.column.name)
      const meanwhile = new Map(
        above.pairs?.map((pair) => [pair.key, there ? (pair.after[there.to] ?? null) : undefined]),
      )
      const others = change.values.filter(({ key, before, after }) => {
        if (!survived.has(key)) return false
        const between = meanwhile.get(key)
        // A value that the way up has dropped or moved is told otherwise; one that was there until the way back is lost by that.
        if (after === null) return between !== undefined && between !== null
        // What a statement of the way up wrote, and the way back left, the way up has answered for.
        const isWritten = namesIn(said.up, table.name).some((name) => said.up.fills(name, change.column.name))
        const isNarrowed = there !== undefined && there.before.written !== there.after.written && !isWritten
        return between === undefined || between === before || between !== after || isNarrowed
      })
      // One value for all rows is a default of a column that is new again, unless a statement writes it.
      const isOne = others.length > 1 && new Set(others.map(({ after }) => after)).size === 1
      const isDefault =
        !there &&
        isOne &&
        namesIn(said.down, table.name).every((name) => said.down.writes(name, change.column.name) === 'no')
      // Dropped without a copy, as the way up says; what the way back makes is another thing of the same name.
      const isGone = !there && !namesIn(said.up, table.name).some((name) => said.up.reads(name, change.column.name))
      const isOfWayUp = others.every(({ key, before, after }) => {
        const between = meanwhile.get(key)
        return between !== undefined && between !== before && between === after
      })
      if (others.length > 0 && !isDefault && !isGone) changes.push({ ...change, values: others, isOfWayUp })
      const movedTo = there ? undefined : placeOfAll(change.values, states)
      if (movedTo !== undefined && others.length === 0) changes.push({ ...change, movedTo })
    }
    // A column that has another name above, and that the way back has dropped.
    changes.push(
      ...droppedIn(below).filter(({ column }) => above.columns.some(({ before }) => before.name === column.name)),
    )
  }
  return changes
}

/**
 * Returns the columns, as `table.column`, that have all of their values again after the way up and back: whatever the way
 * up has dropped of them, the way back knows.
 */
export function columnsThatCameBack(before: Snapshot, down: Snapshot, said: Said): ReadonlySet<string> {
  const untouched = new Set(down)
  const found = before.flatMap((one) => {
    // Nothing was dropped of a table that nobody has touched.
    if (untouched.has(one)) return []
    const { pairs = [], columns = [] } = matched(one, down, said) ?? {}
    if (pairs.length < one.rows.length) return []
    const same = columns.filter(({ from, to }) => pairs.every((pair) => pair.before[from] === pair.after[to]))
    return same.map((column) => `${one.table.name}.${column.before.name}`)
  })
  return new Set(found)
}

// --- internal ---

/** So many different values are no coincidence. */
const TELLING = 3

/** Returns the column that only the upper version has and that holds all of the values which are NULL now. */
function placeOfAll(
  values: readonly ChangedValue[],
  { before, up }: { readonly before: Snapshot; readonly up: Snapshot },
): string | undefined {
  const lost = new Set(values.map((value) => value.before))
  if (lost.size < TELLING || values.some(({ after }) => after !== null)) return undefined
  for (const { table, rows } of up) {
    const old = before.find((one) => one.table.name === table.name)?.table.columns ?? []
    const place = table.columns.findIndex(
      ({ name }, n) =>
        !old.some((column) => column.name === name) && isWithin(lost, new Set(rows.map((row) => row[n]))),
    )
    if (place !== -1) return `${table.name}.${table.columns[place]?.name}`
  }
  return undefined
}

function isWithin<T>(some: ReadonlySet<T>, all: ReadonlySet<T | undefined>): boolean {
  return [...some].every((one) => all.has(one))
}

/** Returns how many rows are in partitions that were detached, and are tables of their own now. */
function detachedFrom({ partitions = [] }: FillTable, before: Snapshot, after: Snapshot): number {
  const own = after.filter(
    ({ table }) => partitions.includes(table.name) && !before.some((one) => one.table.name === table.name),
  )
  return own.reduce((sum, { rows }) => sum + rows.length, 0)
}

function keyOf({ primaryKey, columns }: FillTable, row: readonly Text[]): string {
  if (primaryKey.length === 0) return JSON.stringify(row)
  return primaryKey.map((name) => row[columns.findIndex((column) => column.name === name)]).join(', ')
}

/** Rows that are there with another primary key: as many as are missing. */
function newKeys({ before, after, columns, pairs = [], lost }: Matched): ChangedValues[] {
  const { table } = before
  const [name] = table.primaryKey
  const column = columns.find((one) => one.before.name === name)
  if (lost.length === 0 || !column || table.primaryKey.length > 1) return []
  const there = new Set(pairs.map((pair) => pair.after))
  const others = after.rows.filter((row) => !there.has(row)).slice(0, lost.length)
  const values = others.map(
    (row, n): ChangedValue => ({
      key: lost[n] ?? '',
      before: lost[n] ?? null,
      after: row[column.to] ?? null,
      comparison: 'changed',
    }),
  )
  return [{ kind: 'changed', table, column: column.before, after: column.after, all: before.rows.length, values }]
}

function droppedIn({ before, columns, pairs }: Matched): DroppedValues[] {
  const { table, rows } = before
  return table.columns.flatMap((column, n): DroppedValues[] => {
    if (columns.some(({ from }) => from === n) || column.generated !== null) return []
    const there = pairs?.map((pair) => pair.before) ?? rows
    const values = there
      .filter((row) => row[n] !== null)
      .map(
        (row): ChangedValue => ({ key: keyOf(table, row), before: row[n] ?? null, after: null, comparison: 'changed' }),
      )
    return values.length > 0 ? [{ kind: 'dropped', table, column, all: there.length, values }] : []
  })
}

async function changedIn(reader: RowReader, { before, columns, pairs = [] }: Matched): Promise<ChangedValues[]> {
  const changed: ChangedValues[] = []
  for (const column of columns) {
    if (column.before.generated !== null || column.after.generated !== null) continue
    const different = pairs.filter((pair) => {
      const old = pair.before[column.from]
      return old !== null && old !== undefined && old !== pair.after[column.to]
    })
    if (different.length === 0) continue
    const written = different.flatMap((pair) => {
      const [old, now] = [pair.before[column.from] ?? '', pair.after[column.to]]
      return now === null || now === undefined ? [] : [{ key: pair.key, before: old, after: now }]
    })
    const found = written.length > 0 ? await reader.compare(column.before, column.after, written) : []
    const values = [
      ...written.map((value, n): ChangedValue => ({ ...value, comparison: found[n] ?? 'changed' })),
      ...different
        .filter((pair) => pair.after[column.to] === null)
        .map(
          (pair): ChangedValue => ({
            key: pair.key,
            before: pair.before[column.from] ?? null,
            after: null,
            comparison: 'changed',
          }),
        ),
    ].filter((value) => value.comparison !== 'same' && !isStamp(value))
    if (values.length > 0) {
      changed.push({
        kind: 'changed',
        table: before.table,
        column: column.before,
        after: column.after,
        all: pairs.length,
        values,
      })
    }
  }
  return changed
}

/** The time of the change itself, which a trigger or ON UPDATE has written. */
function isStamp({ after }: ChangedValue): boolean {
  if (after === null || !/^\d{4}-\d\d-\d\d[ T]\d\d:/.test(after)) return false
  const iso = after.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00')
  const at = Date.parse(/[+-]\d\d:\d\d$/.test(iso) ? iso : `${iso}Z`)
  return Math.abs(at - Date.now()) < 86_400_000
}
