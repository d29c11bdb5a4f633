/** Reads from information_schema what the fill has to know, on MySQL and on MariaDB. */
import type { Session } from '../../database/mysql/session.ts'
import { identifier } from '../../database/mysql/tables.ts'
import { ARE_TABLES } from '../../database/tableTypes.ts'
import type { Excluded } from '../fillDatabase.ts'
import type { Condition, FillColumn, FillTable, ForeignKey } from '../model.ts'
import { type ColumnRow, typeOf } from './types.ts'

export async function readTables(session: Session, exclude: Excluded): Promise<FillTable[]> {
  const [version] = await session.query('SELECT VERSION() AS version')
  const isMariadb = /mariadb/i.test(String(version?.version))
  const answers = await session.queries(queries(isMariadb))
  const [tables = [], columns = [], checks = [], keys = [], indexes = [], partitions = [], triggers = []] =
    answers as unknown as [TableRow[], ColumnRow[], CheckRow[], KeyRow[], IndexRow[], PartitionRow[], NameRow[]]
  const of = <T extends NameRow>(rows: readonly T[], name: string) => rows.filter((row) => row.tab === name)
  return tables
    .filter(({ tab }) => !exclude.tables.includes(tab))
    .map(({ tab, type }) => ({
      ...tableOf(tab, isMariadb, {
        columns: of(columns, tab),
        checks: of(checks, tab),
        keys: of(keys, tab),
        indexes: of(indexes, tab),
        partitions: of(partitions, tab),
        triggers: of(triggers, tab).length,
      }),
      ...(type === 'SYSTEM VERSIONED' && { keepsHistory: true }),
    }))
}

// --- internal ---

interface NameRow {
  readonly tab: string
}

interface TableRow extends NameRow {
  readonly type: string
}

interface CheckRow extends NameRow {
  readonly name: string
  readonly clause: string
}

interface KeyRow extends NameRow {
  readonly name: string
  readonly col: string
  readonly parent: string
  readonly parentCol: string
  readonly onDelete: string
}

interface IndexRow extends NameRow {
  readonly name: string
  readonly col: string | null
  readonly expression: string | null
}

interface PartitionRow extends NameRow {
  readonly method: string
  readonly expression: string | null
  readonly bound: string | null
}

interface Rows {
  readonly columns: readonly ColumnRow[]
  readonly checks: readonly CheckRow[]
  readonly keys: readonly KeyRow[]
  readonly indexes: readonly IndexRow[]
  readonly partitions: readonly PartitionRow[]
  readonly triggers: number
}

function queries(isMariadb: boolean): string[] {
  const here = 'table_schema = DATABASE()'
  return [
    `SELECT table_name AS tab, table_type AS type FROM information_schema.tables WHERE ${here} AND ${ARE_TABLES} ORDER BY table_name`,
    `SELECT table_name AS tab, column_name AS name, data_type AS type, column_type AS full, is_nullable AS nullable, column_default AS value, extra AS extra, generation_expression AS computed, character_maximum_length AS length, character_set_name AS characters, numeric_precision AS digits, numeric_scale AS scale, datetime_precision AS fraction FROM information_schema.columns WHERE ${here} ORDER BY table_name, ordinal_position`,
    isMariadb
      ? 'SELECT table_name AS tab, constraint_name AS name, check_clause AS clause FROM information_schema.check_constraints WHERE constraint_schema = DATABASE()'
      : `SELECT t.table_name AS tab, c.constraint_name AS name, c.check_clause AS clause FROM information_schema.check_constraints c JOIN information_schema.table_constraints t ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name AND t.constraint_type = 'CHECK' WHERE c.constraint_schema = DATABASE() AND t.enforced = 'YES'`,
    `SELECT k.table_name AS tab, k.constraint_name AS name, k.column_name AS col, k.referenced_table_name AS parent, k.referenced_column_name AS parentCol, r.delete_rule AS onDelete FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name WHERE k.table_schema = DATABASE() AND k.referenced_table_schema = DATABASE() ORDER BY k.table_name, k.constraint_name, k.ordinal_position`,
    `SELECT table_name AS tab, index_name AS name, column_name AS col, ${isMariadb ? 'NULL' : 'expression'} AS expression FROM information_schema.statistics WHERE ${here} AND non_unique = 0 ORDER BY table_name, index_name, seq_in_index`,
    `SELECT table_name AS tab, partition_method AS method, partition_expression AS expression, partition_description AS bound FROM information_schema.partitions WHERE ${here} AND partition_name IS NOT NULL ORDER BY table_name, partition_ordinal_position`,
    `SELECT event_object_table AS tab FROM information_schema.triggers WHERE trigger_schema = DATABASE() AND event_manipulation = 'INSERT'`,
  ]
}

function tableOf(name: string, isMariadb: boolean, rows: Rows): FillTable {
  const columns = rows.columns.map((row): FillColumn => {
    const generated = row.computed ? plain(row.computed, isMariadb) : null
    const { value, isConstant } = defaultOf(row, isMariadb)
    const sequence = isMariadb ? /^nextval\((`.+`)\)$/i.exec(value ?? '')?.[1] : undefined
    const isJson = rows.checks.some(({ clause }) => clause.replaceAll(/[\s()]/g, '') === `json_valid\`${row.name}\``)
    return {
      id: row.name,
      name: row.name,
      sql: identifier(row.name),
      written: row.full,
      type: isJson ? { kind: 'json', sql: 'json' } : typeOf(row, isMariadb),
      nullable: row.nullable === 'YES',
      default: generated === null ? value : null,
      constant: isConstant && value !== null ? value : undefined,
      numbered: /auto_increment/i.test(row.extra) || sequence !== undefined,
      ...(sequence !== undefined && { sequence }),
      generated,
    }
  })
  return {
    id: name,
    name,
    sql: identifier(name),
    columns,
    primaryKey: rows.indexes.filter((index) => index.name === 'PRIMARY').flatMap(({ col }) => col ?? []),
    foreignKeys: foreignKeysOf(rows.keys),
    conditions: [
      ...rows.checks.map(
        ({ name: check, clause }): Condition => ({
          name: check,
          columns: withBases(namedIn(plain(clause, isMariadb), columns), columns),
          sql: plain(clause, isMariadb),
          isValid: true,
        }),
      ),
      ...columns
        .filter(({ generated, nullable }) => generated !== null && !nullable)
        .map(
          ({ name: column, generated: sql, type }): Condition => ({
            name: `${column} is not null`,
            columns: withBases(namedIn(sql ?? '', columns), columns),
            sql: `(${sql}) IS NOT NULL`,
            yields: type,
          }),
        ),
      ...partitionsOf(rows.partitions, columns),
    ],
    uniques: [...Map.groupBy(rows.indexes, (index) => index.name).values()].map((index) => [
      ...new Set(
        withBases(
          index.flatMap(({ col, expression }) => (col ? [col] : namedIn(expression ?? '', columns))),
          columns,
        ),
      ),
    ]),
    triggers: rows.triggers,
  }
}

function foreignKeysOf(keys: readonly KeyRow[]): ForeignKey[] {
  return [...Map.groupBy(keys, ({ name }) => name)].map(([name, parts]) => ({
    name,
    columns: parts.map(({ col }) => col),
    parent: parts[0]?.parent ?? '',
    parentSql: identifier(parts[0]?.parent ?? ''),
    parentColumns: parts.map(({ parentCol }) => parentCol),
    deferrable: false,
    isValid: true,
    onDelete: parts[0]?.onDelete ?? 'NO ACTION',
  }))
}

/** A row has to fit one of the partitions: below the last bound of a range, or one of the values of a list. */
function partitionsOf(partitions: readonly PartitionRow[], columns: readonly FillColumn[]): Condition[] {
  const [first] = partitions
  const bounds = partitions.flatMap(({ bound }) => bound ?? [])
  const expression = first?.expression
  if (!first || !expression || bounds.length === 0) return []
  const isRange = first.method.startsWith('RANGE')
  if (isRange && bounds.some((bound) => /MAXVALUE/i.test(bound))) return []
  const sql = isRange ? `(${expression}) < (${bounds.at(-1)})` : `(${expression}) IN (${bounds.join(', ')})`
  // The lower bounds are good values, too, and mining finds them here.
  const names = namedIn(sql, columns)
  return [{ name: 'bounds of the partitions', columns: withBases(names, columns), sql }]
}

/** MySQL returns expressions with their quotes escaped once more. */
function plain(sql: string, isMariadb: boolean): string {
  return isMariadb ? sql : sql.replaceAll(/\\(['\\])/g, '$1')
}

function withBases(names: readonly string[], columns: readonly FillColumn[]): string[] {
  const all = names.flatMap((name) => {
    const generated = columns.find((column) => column.name === name)?.generated
    return generated ? namedIn(generated, columns) : [name]
  })
  return [...new Set(all)]
}

/** The columns that an expression names. */
function namedIn(sql: string, columns: readonly FillColumn[]): string[] {
  const outside = sql.replaceAll(/'(?:[^']|'')*'/g, "''")
  const words = new Set(
    [...outside.matchAll(/`((?:[^`]|``)*)`|([\p{L}_][\p{L}\p{N}_$]*)/gu)].map(([, quoted, word]) =>
      (quoted?.replaceAll('``', '`') ?? word ?? '').toLowerCase(),
    ),
  )
  return columns.filter(({ name }) => words.has(name.toLowerCase())).map(({ name }) => name)
}

/** MySQL returns a constant without quotes, MariaDB as SQL. */
function defaultOf({ value, extra }: ColumnRow, isMariadb: boolean): { value: string | null; isConstant: boolean } {
  if (value === null || (isMariadb && value === 'NULL')) return { value: null, isConstant: false }
  if (!isMariadb) return { value, isConstant: !/DEFAULT_GENERATED/i.test(extra) && !/^CURRENT_TIMESTAMP/i.test(value) }
  const quoted = /^'((?:[^']|'')*)'$/.exec(value)
  if (quoted) return { value: (quoted[1] ?? '').replaceAll("''", "'"), isConstant: true }
  return { value, isConstant: /^-?\d+(?:\.\d+)?$/.test(value) }
}
