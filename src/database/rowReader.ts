/**
 * Reads the tables of a database and the rows of one, for people to look at. Everything is read as text, in transactions
 * that cannot write. What differs between databases is in a {@link RowDialect}.
 */
import { UsageError } from '../migrate/errors.ts'
import type { Hidden } from '../migrate/source.ts'

/** A table, view or materialized view. */
export interface TableSize {
  /** Its schema; empty where a database has no schemas. */
  readonly schema: string
  readonly name: string
  /** `true` if it is in the schema that names without one mean. */
  readonly near: boolean
  readonly kind: 'table' | 'view'
  /** Undefined for views, and where counting would take too long. */
  readonly rows: number | undefined
  /** `false` if the number of rows is the server's estimate. */
  readonly exact: boolean
  /** With indexes; undefined for views. */
  readonly bytes: number | undefined
}

/** How the values of a column are compared. `contains` ignores case; `empty` and `set` take no value. */
export const OPERATORS = ['=', '<>', '<', '>', 'contains', 'empty', 'set'] as const
export type Operator = (typeof OPERATORS)[number]

interface RowFilter {
  readonly column: string
  readonly operator: Operator
  readonly value: string
}

export interface RowRequest {
  readonly schema: string
  readonly table: string
  readonly order?: { readonly column: string; readonly descending: boolean } | undefined
  readonly filter?: RowFilter | undefined
}

export interface RowPage {
  readonly columns: readonly { readonly name: string; readonly type: string; readonly isKey: boolean }[]
  /** The first hundred rows; null for SQL's NULL. Long values are cut and end in `…`. */
  readonly rows: readonly (readonly (string | null)[])[]
  /** Number of rows that fit the filter. Counting ends at 100 001, which means more than 100 000. */
  readonly total: number
}

/** Rows, or values of rows, that a watch keeps aside until the database has a place for them. */
export interface WaitingRows {
  readonly table: string
  /** `true` for whole rows; `false` for values of rows that are there, together with their key. */
  readonly whole: boolean
  readonly columns: readonly string[]
  /** The first twenty. */
  readonly rows: readonly WaitingRow[]
  readonly total: number
}

interface WaitingRow {
  readonly values: readonly (string | null)[]
  /** Undefined if nobody has noted it. */
  readonly why: string | undefined
}

export interface RowReader {
  tables(): Promise<TableSize[]>
  waiting(): Promise<WaitingRows[]>
  /** @throws UsageError if there is no such table or column, StatementError if the database refuses the query */
  rows(request: RowRequest): Promise<RowPage>
  close(): Promise<void>
}

/** Most waiting rows of a table that are read. */
export const MOST_WAITING = 20
const MOST_ROWS = 100
/** Counting ends here. */
const MOST_COUNTED = 100_001

export interface RowColumn {
  readonly name: string
  readonly type: string
  readonly isKey: boolean
}

/** The part that differs between kinds of databases: how the catalog is read, and how a value becomes text. */
export interface RowDialect {
  /** Runs a query in a transaction that cannot write and ends after a few seconds. Parameters are bound by the server. */
  query(sql: string, params?: readonly string[]): Promise<Readonly<Record<string, unknown>>[]>
  /** Lists tables and views, with the server's own estimates. */
  list(): Promise<TableSize[]>
  columns(schema: string, table: string): Promise<RowColumn[]>
  /** Reads what waits. Values may be longer than shown. */
  waiting(): Promise<WaitingRows[]>
  quote(name: string): string
  placeholder(n: number): string
  /** Returns an expression for a column's value as text, cut after so many characters unless `most` is undefined. */
  text(column: RowColumn, most: number | undefined): string
  /** The operator that compares texts without regard to case. */
  readonly like: string
  /** Returns the order of a column. NULL comes last in both directions. */
  order(column: string, descending: boolean): string
}

/** @param hidden tables and schemas that are not shown: our own, and those of the tool whose migrations run here */
export function rowReader(dialect: RowDialect, hidden: Hidden, close: () => Promise<void>): RowReader {
  const { quote } = dialect
  const nameOf = ({ schema, name }: { schema: string; name: string }) =>
    schema === '' ? quote(name) : `${quote(schema)}.${quote(name)}`
  return {
    async tables() {
      const names = new Set(hidden.tables)
      const listed = (await dialect.list()).filter(
        ({ schema, name }) => !names.has(name) && !names.has(`${schema}.${name}`) && !hidden.schemas.includes(schema),
      )
      return counted(dialect, listed, nameOf)
    },
    async rows({ schema, table, order, filter }) {
      const columns = await dialect.columns(schema, table)
      if (columns.length === 0) throw new UsageError(`There is no table "${table}".`)
      const from = nameOf({ schema, name: table })
      const { where, params } = condition(dialect, columns, filter)
      const keys = columns.filter(({ isKey }) => isKey)
      const by = order
        ? [dialect.order(known(columns, order.column).name, order.descending)]
        : keys.map(({ name }) => quote(name))
      const values = columns.map((column, i) => `${dialect.text(column, MOST_CHARACTERS + 1)} AS ${quote(`c${i}`)}`)
      const sorted = by.length > 0 ? ` ORDER BY ${by.join(', ')}` : ''
      const sql = `SELECT ${values.join(', ')} FROM ${from}${where}${sorted} LIMIT ${MOST_ROWS}`
      const rows = await dialect.query(sql, params)
      const counting = `SELECT count(*) AS n FROM (SELECT 1 FROM ${from}${where} LIMIT ${MOST_COUNTED}) counted`
      const [total] = rows.length < MOST_ROWS ? [{ n: rows.length }] : await dialect.query(counting, params)
      return {
        columns,
        rows: rows.map((row) => columns.map((_, i) => cut(row[`c${i}`]))),
        total: Number(total?.n ?? rows.length),
      }
    },
    async waiting() {
      const all = await dialect.waiting()
      return all.map((store) => ({
        ...store,
        rows: store.rows.map(({ values, why }) => ({ values: values.map(cut), why })),
      }))
    },
    close,
  }
}

/** Longer values are cut. */
export const MOST_CHARACTERS = 400

// --- internal ---

/** Tables are counted up to here; above it, the server's estimate is shown. */
const COUNTED_EACH = 10_000

/** Counts all tables in one query, each up to a limit. If that takes too long, the estimates stay. */
async function counted(
  dialect: RowDialect,
  listed: readonly TableSize[],
  nameOf: (table: TableSize) => string,
): Promise<TableSize[]> {
  const tables = listed.filter(({ kind }) => kind === 'table')
  if (tables.length === 0) return [...listed]
  const each = tables.map(
    (table, i) =>
      `SELECT ${i} AS i, (SELECT count(*) FROM (SELECT 1 FROM ${nameOf(table)} LIMIT ${COUNTED_EACH + 1}) counted) AS n`,
  )
  const rows = await dialect.query(each.join(' UNION ALL ')).catch(() => [])
  const counts = new Map(rows.map(({ i, n }) => [tables[Number(i)], Number(n)]))
  return listed.map((table) => {
    const n = counts.get(table)
    if (n === undefined) return table
    return n <= COUNTED_EACH ? { ...table, rows: n, exact: true } : { ...table, rows: Math.max(n - 1, table.rows ?? 0) }
  })
}

/** @throws UsageError */
function known(columns: readonly RowColumn[], name: string): RowColumn {
  const found = columns.find((column) => column.name === name)
  if (!found) throw new UsageError(`There is no column "${name}".`)
  return found
}

function condition(
  dialect: RowDialect,
  columns: readonly RowColumn[],
  filter: RowFilter | undefined,
): { where: string; params: string[] } {
  if (!filter) return { where: '', params: [] }
  const { operator, value } = filter
  const column = known(columns, filter.column)
  const name = dialect.quote(column.name)
  if (operator === 'empty') return { where: ` WHERE ${name} IS NULL`, params: [] }
  if (operator === 'set') return { where: ` WHERE ${name} IS NOT NULL`, params: [] }
  const place = dialect.placeholder(1)
  if (operator === 'contains') {
    const pattern = `%${value.replace(/[!%_]/g, '!$&')}%`
    return { where: ` WHERE ${dialect.text(column, undefined)} ${dialect.like} ${place} ESCAPE '!'`, params: [pattern] }
  }
  if (!OPERATORS.includes(operator)) throw new UsageError(`"${operator}" is not an operator.`)
  return { where: ` WHERE ${name} ${operator} ${place}`, params: [value] }
}

function cut(value: unknown): string | null {
  if (value === null || value === undefined) return null
  const text = String(value)
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text
}
