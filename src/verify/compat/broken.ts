/** Runs queries of old code, without any effect, and tells which fail because of the schema and not of their values. */
import type { FillTable, Text } from '../../fill/model.ts'
import type { NewRow, OldQuery } from './oldQueries.ts'

/** One thing in the schema over which queries of old code fail. */
export interface Broken {
  readonly table: FillTable
  /** The column that it is about, if one is known. */
  readonly column: string | undefined
  readonly error: string
  readonly kind: Kind
  /** The queries that fail over it, each as short as it still fails. */
  readonly queries: readonly OldQuery[]
  /** The row that was there before a refused one. */
  readonly first?: OldQuery
  /** The refused row's value of the column. */
  readonly value?: Text
}

/** What is wrong, in terms that all databases share. */
type Kind =
  | 'no-table'
  | 'no-column'
  | 'not-null'
  | 'other-type'
  | 'not-writable'
  | 'no-key'
  | 'left-out'
  | 'refused'
  | 'other'

export type Run = (sql: string) => Promise<unknown>

/** Returns the queries that the database accepts. Runs in a transaction of its own, which is rolled back. */
export async function accepted(run: Run, queries: readonly OldQuery[]): Promise<OldQuery[]> {
  return rolledBack(run, async () => {
    const good: OldQuery[] = []
    for (const query of queries) if ((await failureOf(run, query.sql)) === undefined) good.push(query)
    return good
  })
}

/** Returns the new name of a column, if it was renamed. */
export type Renamed = (table: FillTable, column: string) => string | undefined

/** Returns what breaks the queries. Runs in a transaction of its own, which is rolled back. */
export async function brokenBy(run: Run, queries: readonly OldQuery[], renamed: Renamed): Promise<Broken[]> {
  return rolledBack(run, async () => {
    const found = new Map<string, Broken>()
    for (const query of queries) {
      for (const one of await failuresIn(run, query, renamed)) {
        const key = `${one.table.id} ${one.column ?? one.error}`
        const before = found.get(key)
        found.set(key, before ? { ...before, queries: [...before.queries, ...one.queries] } : one)
      }
    }
    return [...found.values()]
  })
}

/**
 * Returns INSERTs that fail although the values that they give are good: over what they leave out. Runs in a transaction of
 * its own, which is rolled back.
 * @param rowsNow for each table a row that the present schema accepts; asked for only if a query fails over values
 */
export async function leavingOut(
  run: Run,
  queries: readonly OldQuery[],
  rowsNow: () => Promise<readonly NewRow[]>,
): Promise<Broken[]> {
  const refused = await rolledBack(run, async () => {
    const found: OldQuery[] = []
    for (const query of queries) {
      if (!query.withValues) continue
      const failure = await failureOf(run, query.sql)
      if (failure && failure.kind === undefined) found.push(query)
    }
    return found
  })
  if (refused.length === 0) return []
  const rows = await rowsNow()
  return rolledBack(run, async () => {
    const broken: Broken[] = []
    for (const query of refused) {
      const { table } = query
      const values = rows.find((one) => one.table.id === table.id || one.table.name === table.name)?.values
      const good = values && query.withValues?.(values)
      const failure = good && (await failureOf(run, good.sql))
      if (!good || !failure || failure.kind !== undefined) continue
      const others = table.columns.filter(
        ({ name }) => values.has(name) && !query.columns.some((one) => one.name === name),
      )
      const column = await neededOf(run, others, (more) => query.withValues?.(values, more))
      // Without one that helps, it is not known what the code would have to give.
      if (column) broken.push({ table, column, error: failure.message, kind: 'left-out', queries: [good] })
    }
    return broken
  })
}

/** Returns whether a query fails over the same thing, within a transaction that is open or in one of its own. */
export async function isBroken(
  run: Run,
  { kind, error, queries, first }: Broken,
  inTransaction: boolean,
): Promise<boolean> {
  const [query] = queries
  if (!query) return false
  const ask = async () => {
    if (kind === 'left-out' || kind === 'refused')
      return (await failureOf(run, query.sql, first?.sql))?.message === error
    const failure = await schemaFailureOf(run, query.sql)
    return failure?.kind === kind && failure.message === error
  }
  return inTransaction ? ask() : rolledBack(run, ask)
}

/** Runs a statement, after another one if there is one, and undoes both. Returns why one of them fails. */
export async function failureOf(run: Run, sql: string, first?: string): Promise<Failure | undefined> {
  await run(`SAVEPOINT ${MARK}`)
  try {
    if (first !== undefined) await run(first)
    await run(sql)
    return undefined
  } catch (error) {
    const { message, sqlMessage, code = '', errno = 0 } = error as Error & Record<string, string & number>
    // A name of the database says nothing, since it is made for the test.
    const words = (sqlMessage ?? message).replace(/\b(Table|View) '[^'.]*\./, "$1 '")
    const isOfValues = OF_VALUES.has(errno) || OF_VALUES.has(code)
    return { message: words, kind: kindOf.get(errno) ?? kindOf.get(code), isOfValues }
  } finally {
    await run(`ROLLBACK TO SAVEPOINT ${MARK}`)
  }
}

/** Runs `work` in a transaction of its own, which is rolled back. */
export async function rolledBack<T>(run: Run, work: () => Promise<T>): Promise<T> {
  await run('BEGIN')
  try {
    return await work()
  } finally {
    await run('ROLLBACK')
  }
}

// --- internal ---

const MARK = 'migratest_old_code'

/**
 * Errors that follow from the schema, whatever the values are: SQLSTATE of PostgreSQL, and numbers of MySQL and MariaDB.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 * https://dev.mysql.com/doc/mysql-errors/9.4/en/server-error-reference.html
 */
const KINDS: Readonly<Record<Kind, readonly (string | number)[]>> = {
  'no-table': ['42P01', '3F000', 1146, 1049],
  'no-column': ['42703', 1054],
  'not-null': ['23502', 1048, 1364],
  'other-type': ['42804', '22P02', '22007', '42846', 1366, 1292, 1265],
  'not-writable': ['428C9', '55000', '42809', '0A000', 1471, 1288, 1348, 1393, 1394, 3105, 1906],
  'no-key': ['42P10'],
  // What a default or a missing value breaks has any code.
  'left-out': [],
  refused: [],
  other: ['42883', '42704', '42501', 1305, 1318, 1356, 1142, 1143],
}

const kindOf = new Map(
  Object.entries(KINDS).flatMap(([kind, codes]) => codes.map((code) => [code, kind as Kind] as const)),
)

/** Errors over values that another row of the same columns may not have: keys, CHECKs, lengths, ranges, labels, what a trigger raises. */
const OF_VALUES: ReadonlySet<string | number> = new Set([
  ...[
    '23505',
    '23514',
    '23P01',
    '22001',
    '22003',
    'P0001',
    '22P02',
    1062,
    1586,
    3819,
    4025,
    1406,
    1264,
    1265,
    1366,
    1644,
  ],
])

interface Failure {
  readonly message: string
  readonly kind: Kind | undefined
  readonly isOfValues: boolean
}

/** Returns everything that one query fails over, as far as it can be taken apart. */
async function failuresIn(run: Run, query: OldQuery, renamed: Renamed): Promise<Broken[]> {
  const failure = await schemaFailureOf(run, query.sql)
  if (!failure) return []
  const { kind, message: error } = failure
  const { table, columns } = query
  // Whatever else an upsert fails over, the INSERT fails over, too.
  if (query.verb === 'UPSERT' && kind !== 'no-key') return []
  const broken = (column: string | undefined): Broken => ({ table, column, error, kind, queries: [query] })
  if (kind === 'no-table') return [broken(undefined)]
  const parts: Broken[] = []
  for (const part of query.parts) parts.push(...(await failuresIn(run, part, renamed)))
  if (parts.length > 0) return parts
  const named = /column ["'`]?([^"'`\s]+)["'`]?|field ["'`]([^"'`]+)["'`]/i.exec(error)
  const single = query.without === undefined ? columns[0]?.name : undefined
  const column = single ?? (named?.[1] ?? named?.[2])?.split('.').at(-1) ?? (await culpritIn(run, query, error))
  // Other faults of the query show when it runs without that column.
  const isGiven = kind !== 'not-null' && columns.some(({ name }) => name === column)
  if (!isGiven || column === undefined || !query.without) return [broken(column)]
  const rest = query.without(column, kind === 'no-column' ? renamed(table, column) : undefined)
  return [broken(column), ...(await failuresIn(run, rest, renamed))]
}

/** Finds the column without which an INSERT does not fail in the same way. */
async function culpritIn(run: Run, query: OldQuery, error: string): Promise<string | undefined> {
  for (const { name } of query.without ? query.columns : []) {
    const without = query.without?.(name)
    if (without && (await failureOf(run, without.sql))?.message !== error) return name
  }
  return undefined
}

/** Finds the column that has to be given, so that an INSERT works. */
async function neededOf(
  run: Run,
  columns: OldQuery['columns'],
  withOne: (column: OldQuery['columns'][number]) => OldQuery | undefined,
): Promise<string | undefined> {
  for (const column of columns) {
    const query = withOne(column)
    if (query && (await failureOf(run, query.sql)) === undefined) return column.name
  }
  return undefined
}

async function schemaFailureOf(run: Run, sql: string): Promise<(Failure & { kind: Kind }) | undefined> {
  const failure = await failureOf(run, sql)
  return failure?.kind === undefined ? undefined : { ...failure, kind: failure.kind }
}
