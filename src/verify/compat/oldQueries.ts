/** The queries that code of an old version sends, derived from its schema: it reads, adds and changes rows of each table. Pure. */
import { literal as mysqlLiteral } from '../../database/mysql/tables.ts'
import { literal as postgresLiteral } from '../../database/postgres/tables.ts'
import type { FillColumn, FillTable, Text } from '../../fill/model.ts'
import { written } from '../../fill/mysql/types.ts'
import { DIALECTS, type Dialect } from '../../sql/dialect.ts'

export interface OldQuery {
  readonly table: FillTable
  readonly verb: 'SELECT' | 'INSERT' | 'UPSERT' | 'UPDATE' | 'CALL'
  readonly columns: readonly FillColumn[]
  readonly sql: string
  /** The same query about one column each. Which of them fail tells which columns it is about. */
  readonly parts: readonly OldQuery[]
  /** Of an INSERT: the same without a column, or with another name for it, to see what else it fails over. */
  without?(column: string, renamed?: string): OldQuery
  /** Of an INSERT: the same columns and perhaps one more, with values of another row. Undefined if that row lacks one. */
  withValues?(values: NewRow['values'], more?: FillColumn): OldQuery | undefined
}

/** A row that old code adds: values by the name of the column. */
export interface NewRow {
  readonly table: FillTable
  readonly values: ReadonlyMap<string, Text>
}

/**
 * @param added for each table a row that the old schema accepts
 * @param there for each table by its id a row that is there, as values in the order of its columns
 */
export function oldQueries(
  tables: readonly FillTable[],
  added: readonly NewRow[],
  there: ReadonlyMap<string, readonly Text[]>,
  dialect: Dialect,
): OldQuery[] {
  return tables.flatMap((table) => {
    const columns = table.columns
    const row = there.get(table.id)
    const values = added.find((one) => one.table.id === table.id)?.values
    return [
      ...(columns.length > 0 ? [reading(table, columns)] : []),
      ...(values ? insertions(table, values, dialect) : []),
      ...(values && dialect === 'postgres' ? upserts(table, values) : []),
      ...(row ? updates(table, row, dialect) : []),
    ]
  })
}

/** Returns a query that reads columns of a table or a view. */
export function reading(table: FillTable, columns: readonly FillColumn[]): OldQuery {
  return split(table, 'SELECT', columns, (some) => selection(table, some))
}

/** Returns the INSERT of a row: all columns for which it has a value, but those that the server numbers or makes. */
export function insertion(table: FillTable, values: NewRow['values'], dialect: Dialect): OldQuery {
  return insertions(table, values, dialect)[0]
}

// --- internal ---

function split(
  table: FillTable,
  verb: OldQuery['verb'],
  columns: readonly FillColumn[],
  sql: (columns: readonly FillColumn[]) => string,
): OldQuery {
  const one = (some: readonly FillColumn[]) => ({ table, verb, columns: some, sql: sql(some), parts: [] })
  return { ...one(columns), parts: columns.length > 1 ? columns.map((column) => one([column])) : [] }
}

function selection({ sql }: FillTable, columns: readonly FillColumn[]): string {
  return `SELECT ${columns.map((column) => column.sql).join(', ')} FROM ${sql} LIMIT 1`
}

/** Code gives all columns but those that the server numbers or makes, or only those that it has to give. */
function insertions(table: FillTable, values: NewRow['values'], dialect: Dialect): [OldQuery, ...OldQuery[]] {
  const given = table.columns.filter(
    (column) => values.has(column.name) && !column.numbered && column.generated === null,
  )
  const required = given.filter(({ nullable, default: usual }) => !nullable && usual === null)
  const insert = (columns: readonly FillColumn[], row = values): OldQuery => {
    const valueFor = ({ name, was = name }: FillColumn & { readonly was?: string }) => row.get(was) ?? null
    const cells = columns.map((column) => cell(valueFor(column), column, dialect))
    const nothing = dialect === 'mysql' ? '() VALUES ()' : 'DEFAULT VALUES'
    const what =
      columns.length > 0 ? `(${columns.map(({ sql }) => sql).join(', ')}) VALUES (${cells.join(', ')})` : nothing
    return {
      table,
      verb: 'INSERT',
      columns,
      sql: `INSERT INTO ${table.sql} ${what}`,
      parts: [],
      without: (gone, renamed) =>
        insert(
          columns.flatMap((column) => {
            if (column.name !== gone) return [column]
            return renamed === undefined
              ? []
              : [{ ...column, sql: DIALECTS[dialect].quote(renamed), name: renamed, was: column.name }]
          }),
          row,
        ),
      withValues(other, more) {
        const all = more ? [...columns, more] : columns
        return all.every(({ name }) => other.has(name)) ? insert(all, other) : undefined
      },
    }
  }
  return given.length === required.length ? [insert(given)] : [insert(given), insert(required)]
}

/** PostgreSQL: a row that is added, or changed if its key is there, names the columns of a key (ON CONFLICT). */
function upserts(table: FillTable, values: ReadonlyMap<string, Text>): OldQuery[] {
  const given = table.columns.filter(({ name, generated }) => values.has(name) && generated === null)
  return table.uniques.flatMap((names): OldQuery[] => {
    const key = names.flatMap((name) => given.find((column) => column.name === name) ?? [])
    const [first] = key
    if (!first || key.length < names.length) return []
    const cells = given.map((column) => cell(values.get(column.name) ?? null, column, 'postgres'))
    const set = given.find(({ numbered }) => !numbered) ?? first
    const into = `${given.map(({ sql }) => sql).join(', ')}) OVERRIDING SYSTEM VALUE VALUES (${cells.join(', ')})`
    const sql = `INSERT INTO ${table.sql} (${into} ON CONFLICT (${key.map((one) => one.sql).join(', ')}) DO UPDATE SET ${set.sql} = excluded.${set.sql}`
    return [{ table, verb: 'UPSERT', columns: key, sql, parts: [] }]
  })
}

function updates(table: FillTable, row: readonly Text[], dialect: Dialect): OldQuery[] {
  const value = (column: FillColumn) => cell(row[table.columns.indexOf(column)] ?? null, column, dialect)
  const isKey = ({ name }: FillColumn) => table.primaryKey.includes(name)
  const keys = table.columns.filter(isKey)
  const columns = table.columns.filter(
    (column) => !isKey(column) && column.generated === null && !column.numbered && isText(column, dialect),
  )
  if (columns.length === 0 || keys.length === 0 || !keys.every((key) => isText(key, dialect))) return []
  const where = keys.map((key) => `${key.sql} = ${value(key)}`).join(' AND ')
  const update = (some: readonly FillColumn[]) =>
    `UPDATE ${table.sql} SET ${some.map((column) => `${column.sql} = ${value(column)}`).join(', ')} WHERE ${where}`
  return [split(table, 'UPDATE', columns, update)]
}

/** Whether a value that was read as text can be written as it was read. */
function isText({ type }: FillColumn, dialect: Dialect): boolean {
  return dialect === 'postgres' || !['bytes', 'bit', 'geometry', 'vector', 'other'].includes(type.kind)
}

/** A value as a parameter without a type comes to the server. */
function cell(value: Text, { type }: FillColumn, dialect: Dialect): string {
  if (dialect === 'mysql') return written(value, type, mysqlLiteral)
  return value === null ? 'NULL' : postgresLiteral(value)
}
