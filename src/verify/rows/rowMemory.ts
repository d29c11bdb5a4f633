/** Reads the tables and rows of a database again and again: where its marks tell what has changed, only that. */
import type { Excluded, FillDatabase } from '../../fill/fillDatabase.ts'
import type { FillTable } from '../../fill/model.ts'
import { hasSameRows, isSameSequence, type Marks, objectsMark, tablesToRead } from './marks.ts'
import type { Asked, Broken, Contents, Counter, RowReader, Unchanged, Use } from './rowReader.ts'
import { isReadable, type Snapshot, type TableRows } from './snapshot.ts'

/** The content of a database at one moment. */
export interface State {
  readonly tables: readonly FillTable[]
  readonly rows: Snapshot
  readonly counters: readonly Counter[]
  readonly broken: readonly Broken[]
  readonly uses: readonly Use[]
  /** The mark of all types, if no function, trigger or policy is there; undefined if one is, or nobody can tell. */
  readonly types?: string | undefined
}

export interface Reading {
  readonly fill: FillDatabase
  readonly reader: RowReader
  readonly exclude: Excluded
  /** The tables, where they are known and marks cannot tell. */
  readonly tables: readonly FillTable[] | undefined
  /** `true` to read counters and to use objects, too. */
  readonly isWhole: boolean
}

export class RowMemory {
  readonly #isCounted: boolean
  #last: Last | undefined

  /** @param isCounted `false` if migrations may write past what the server counts, so that everything must be read */
  constructor(isCounted: boolean) {
    this.#isCounted = isCounted
  }

  async read(reading: Reading): Promise<State> {
    const { fill, reader, exclude } = reading
    const marks = this.#isCounted ? await reader.marks?.() : undefined
    const last = this.#last
    // If this reading fails, the next one begins anew.
    this.#last = undefined
    if (!marks) {
      const tables = reading.tables ?? (await fill.readTables(exclude, true))
      return everything(reading, tables)
    }
    const since = last && { last, marks }
    const tables = since ? await tablesSince(reading, since) : await fill.readTables(exclude, true)
    const read = since ? await changed(reading, tables, since) : await everything(reading, tables, marks)
    const state = { ...read, types: marks.hasOnlyViews ? marks.others : undefined }
    this.#last = { marks, state }
    return state
  }
}

// --- internal ---

interface Last {
  readonly marks: Marks
  readonly state: State
}

/** The reading before, and the marks of now. */
interface Since {
  readonly last: Last
  readonly marks: Marks
}

async function everything({ reader, isWhole }: Reading, tables: readonly FillTable[], marks?: Marks): Promise<State> {
  const read = await contentsOf(reader, { rows: tables, broken: tables, counters: isWhole ? tables : [] })
  if (!isWhole) return { tables, ...read, uses: [] }
  const uses = await reader.uses(tables, marks && unchanged(marks, () => false))
  return { tables, ...read, uses }
}

interface Read extends Omit<Contents, 'rows'> {
  readonly rows: Snapshot
}

async function contentsOf(reader: RowReader, { rows: tables, broken, counters }: Asked): Promise<Read> {
  const readable = tables.filter(isReadable)
  const asked = { rows: readable, broken, counters }
  const lists = Object.values(asked).filter(({ length }) => length > 0)
  const together = lists.length > 1 ? await reader.atOnce?.(asked).catch(() => undefined) : undefined
  const { rows, ...others } = together ?? {
    rows: readable.length > 0 ? await reader.rows(readable) : [],
    broken: broken.length > 0 ? await reader.broken(broken) : [],
    counters: counters.length > 0 ? await reader.counters(counters) : [],
  }
  return { rows: readable.map((table, n) => ({ table, rows: rows[n] ?? [] })), ...others }
}

/** Returns the tables of now; if none has changed, those of before. */
async function tablesSince({ fill, exclude }: Reading, { last, marks }: Since): Promise<readonly FillTable[]> {
  const { tables } = last.state
  const ids = tablesToRead(tables, last.marks, marks)
  if (!ids) return fill.readTables(exclude, true)
  const there = [...ids].filter((id) => marks.tables.has(id))
  if (!tables.some(({ id }) => ids.has(id)) && there.length === 0) return tables
  const read = there.length > 0 ? await fill.readTables(exclude, true, there) : []
  const others = tables.filter(({ id }) => !ids.has(id))
  // As if all had been read: in the order in which they were made.
  return [...others, ...read].sort((one, other) => Number(one.id) - Number(other.id))
}

async function changed(reading: Reading, tables: readonly FillTable[], since: Since): Promise<State> {
  const { reader, isWhole } = reading
  const { last, marks } = since
  const known = new Map(last.state.rows.map((one) => [one.table, one]))
  const same = new Set(tables.filter((table) => known.has(table) && hasSameRows(table.id, last.marks, marks)))
  const ids = new Set([...same].map(({ id }) => id))
  // A table's constraints hold as before if neither its rows nor those that they refer to are others.
  const holds = (table: FillTable) => same.has(table) && table.foreignKeys.every(({ parent }) => ids.has(parent))
  const counts = (table: FillTable) =>
    same.has(table) &&
    table.columns.every(({ sequence }) => sequence === undefined || isSameSequence(sequence, last.marks, marks))
  const asked = {
    rows: tables.filter((table) => !same.has(table)),
    broken: tables.filter((table) => !holds(table)),
    counters: isWhole ? tables.filter((table) => !counts(table)) : [],
  }
  const read = await contentsOf(reader, asked)
  const fresh = new Map(read.rows.map((one) => [one.table, one]))
  const rows = tables.flatMap((table): TableRows[] => [(same.has(table) ? known : fresh).get(table) ?? []].flat())
  const broken = inOrder(tables, holds, last.state.broken, read.broken)
  if (!isWhole) return { tables, rows, counters: [], broken, uses: [] }
  const areSame = asked.counters.length === 0 && tables.length === last.state.tables.length
  const counters = areSame ? last.state.counters : inOrder(tables, counts, last.state.counters, read.counters)
  const uses = await reader.uses(
    tables,
    unchanged(marks, (id) => ids.has(id)),
  )
  return { tables, rows, counters, broken, uses }
}

function unchanged(marks: Marks, isSame: Unchanged['isSame']): Unchanged {
  return { objects: objectsMark(marks), areViews: marks.hasOnlyViews, types: marks.others, isSame }
}

/** Returns what is known of the tables that are kept, and what was read of the others, in the order of the tables. */
function inOrder<T extends { readonly table: string }>(
  tables: readonly FillTable[],
  isKept: (table: FillTable) => boolean,
  before: readonly T[],
  read: readonly T[],
): T[] {
  return tables.flatMap((table) => (isKept(table) ? before : read).filter((one) => one.table === table.name))
}
