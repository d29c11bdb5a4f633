/** Rows that old code may add and that only the new schema refuses, over their values: new keys, CHECKs, shorter types. */
import type { FillColumn, FillTable } from '../../fill/model.ts'
import type { Dialect } from '../../sql/dialect.ts'
import { type Broken, failureOf, type Run, rolledBack } from './broken.ts'
import { insertion, type NewRow, type OldQuery } from './oldQueries.ts'

/** A row, and what it takes to tell over which of its values it is refused. */
export interface PossibleRow {
  readonly insert: OldQuery
  readonly values: NewRow['values']
  /** The row that is there before it, whose values it shares. */
  readonly first?: OldQuery
  /** A row of ordinary values. */
  readonly usual: NewRow['values']
}

/**
 * Returns rows that old code may add: extreme ones, and such as share values with another in columns that are not unique.
 * @param plain two ordinary rows for each table, which differ in all unique columns
 * @param extreme more rows
 */
export function possibleRows(plain: readonly NewRow[], extreme: readonly NewRow[], dialect: Dialect): PossibleRow[] {
  const tables = new Set(plain.map(({ table }) => table))
  return [...tables].flatMap((table): PossibleRow[] => {
    const [one, other] = plain.filter((row) => row.table === table).map(({ values }) => values)
    if (!one) return []
    const first = insertion(table, one, dialect)
    const twins = other ? twinsOf(table, one, other) : []
    return [
      ...twins.map(({ values, usual }) => ({ insert: insertion(table, values, dialect), values, first, usual })),
      ...extreme
        .filter((row) => row.table === table)
        .map((row): PossibleRow => {
          const values = likely(row)
          return { insert: insertion(table, values, dialect), values, usual: one }
        }),
    ]
  })
}

/** Returns the rows that the database accepts. Runs in a transaction of its own, which is rolled back. */
export async function acceptedRows(run: Run, rows: readonly PossibleRow[]): Promise<PossibleRow[]> {
  return rolledBack(run, async () => {
    const good: PossibleRow[] = []
    for (const row of rows) if ((await failureOf(run, row.insert.sql, row.first?.sql)) === undefined) good.push(row)
    return good
  })
}

/**
 * Returns what refuses rows over their values. Runs in a transaction of its own, which is rolled back.
 * @param known what is told of anyway
 */
export async function refusing(run: Run, rows: readonly PossibleRow[], known: readonly Broken[]): Promise<Broken[]> {
  return rolledBack(run, async () => {
    const found = new Map<string, Broken>()
    for (const row of rows) {
      const { table } = row.insert
      const failure = await failureOf(run, row.insert.sql, row.first?.sql)
      if (!failure?.isOfValues || (row.first && (await failureOf(run, row.first.sql)))) continue
      const column = await culpritOf(run, row)
      const isTold = (one: Broken) =>
        one.table.id === table.id &&
        (one.column === undefined ||
          one.column === column ||
          withoutValues(one.error) === withoutValues(failure.message))
      if (known.some(isTold)) continue
      const key = `${table.id} ${column ?? withoutValues(failure.message)}`
      if (found.has(key)) continue
      const { insert, first } = row
      found.set(key, {
        table,
        column,
        error: failure.message,
        kind: 'refused',
        queries: [insert],
        ...(first && { first }),
        ...(column !== undefined && { value: row.values.get(column) ?? null }),
      })
    }
    return [...found.values()]
  })
}

// --- internal ---

/** Larger values are possible, but nobody has them: a limit above is no reason to stop a deployment. */
const MOST_CHARACTERS = 100
const MOST_NUMBER = '1000000'

/** Returns the row with texts and numbers of a size that code is likely to write. */
function likely({ table, values }: NewRow): NewRow['values'] {
  const kinds = new Map(table.columns.map(({ name, type }) => [name, type.kind]))
  return new Map([...values].map(([name, value]) => [name, value === null ? null : shortened(value, kinds.get(name))]))
}

function shortened(value: string, kind: FillColumn['type']['kind'] | undefined): string {
  if (kind === 'text') return [...value].slice(0, MOST_CHARACTERS).join('')
  const isLarge = (kind === 'integer' || kind === 'decimal') && Math.abs(Number(value)) > Number(MOST_NUMBER)
  return isLarge ? `${value.startsWith('-') ? '-' : ''}${MOST_NUMBER}` : value
}

interface Twin {
  readonly values: NewRow['values']
  readonly usual: NewRow['values']
}

/**
 * Rows that share all with another but what keeps them apart: each key of several columns by one of these at a time, and texts
 * by their case alone.
 */
function twinsOf(table: FillTable, one: NewRow['values'], other: NewRow['values']): Twin[] {
  const keys = [table.primaryKey, ...table.uniques].filter((names) => names.length > 0)
  const twin = (apart: ReadonlySet<string>): Twin => {
    const values = new Map([...one].map(([name, value]) => [name, apart.has(name) ? (other.get(name) ?? null) : value]))
    return { values, usual: other }
  }
  const all = new Set(keys.flat())
  const several = keys.filter((names) => names.length > 1)
  const byOne = several.flatMap((names) =>
    names.map((kept) => {
      const elsewhere = new Set(keys.filter((key) => key !== names).flat())
      return twin(new Set([...all].filter((name) => !names.includes(name) || name === kept || elsewhere.has(name))))
    }),
  )
  const byCase = table.columns
    .filter(({ name, type }) => type.kind === 'text' && keys.some((key) => key.length === 1 && key[0] === name))
    .flatMap(({ name }): Twin[] => {
      const value = one.get(name)
      const cased = value?.toUpperCase() === value ? value?.toLowerCase() : value?.toUpperCase()
      if (cased === undefined || cased === value) return []
      return [{ values: new Map([...twin(all).values, [name, cased]]), usual: other }]
    })
  return [twin(all), ...byOne, ...byCase]
}

/** Returns the one column with whose ordinary value, or none, the row would be accepted; undefined if there are several. */
async function culpritOf(run: Run, { insert, values, first, usual }: PossibleRow): Promise<string | undefined> {
  const found: string[] = []
  for (const { name, nullable, type } of insert.columns) {
    const others = [usual.get(name), nullable ? null : undefined, type.kind === 'text' ? 'a' : '1']
    for (const other of others) {
      if (other === undefined || other === values.get(name) || found.includes(name)) continue
      const mended = insert.withValues?.(new Map([...values, [name, other]]))
      if (mended && (await failureOf(run, mended.sql, first?.sql)) === undefined) found.push(name)
    }
  }
  return found.length === 1 ? found[0] : undefined
}

function withoutValues(message: string): string {
  return message.replace(/^Duplicate entry '.*' for/, 'Duplicate entry for')
}
