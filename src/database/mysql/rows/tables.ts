/** Reads the facts about tables that are needed to carry their rows, and compares rows of two tables. */

import { ARE_TABLES } from '../../tableTypes.ts'
import type { Session } from '../session.ts'
import { identifier, literal } from '../tables.ts'

export interface RowColumn {
  readonly name: string
  readonly nullable: boolean
  readonly generated: boolean
  readonly counts: boolean
  /** Kind of default: none, a constant, or an expression. */
  readonly preset: 'none' | 'constant' | 'expression'
  /** Collation of a text column. */
  readonly collation: string | null
  /** `true` if the server updates it whenever its row changes (ON UPDATE). */
  readonly touched: boolean
}

export interface RowTable {
  readonly name: string
  readonly columns: readonly RowColumn[]
  /** Names of the columns that identify a row; empty if there are none. */
  readonly key: readonly string[]
  readonly references: readonly Reference[]
}

interface Reference {
  readonly columns: readonly string[]
  readonly table: string
  readonly to: readonly string[]
}

/** Returns a table's name, quoted and qualified. */
export function at(database: string, table: string): string {
  return `${identifier(database)}.${identifier(table)}`
}

export function list(columns: readonly string[]): string {
  return columns.map(identifier).join(', ')
}

/**
 * Returns the condition that two rows have the same values in these columns. Texts of different collations cannot be
 * compared directly; all others are compared in a way that can use an index.
 */
export function same(
  columns: readonly string[],
  [one, ofOne]: readonly [alias: string, columns: readonly RowColumn[]],
  [other, ofOther]: readonly [alias: string, columns: readonly RowColumn[]],
  operator: '=' | '<=>' = '=',
): string {
  const collation = (some: readonly RowColumn[], name: string) => some.find((column) => column.name === name)?.collation
  return columns
    .map((name) => {
      const [left, right] = [`${one}.${identifier(name)}`, `${other}.${identifier(name)}`]
      const [a, b] = [collation(ofOne, name), collation(ofOther, name)]
      // To detect any change, including upper and lower case, compare bytes.
      if (operator === '=' && a === b) return `${left} = ${right}`
      const exact = (value: string, is: string | null | undefined) =>
        is == null ? value : `CONVERT(${value} USING utf8mb4) COLLATE utf8mb4_bin`
      return `${exact(left, a)} ${operator} ${exact(right, b)}`
    })
    .join(' AND ')
}

export async function readRowTables(session: Session, database: string): Promise<RowTable[]> {
  const db = literal(database)
  const [tables = [], columns = [], keys = [], references = []] = await session.queries([
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ${db} AND ${ARE_TABLES} ORDER BY 1`,
    `SELECT table_name AS tab, column_name AS name, is_nullable AS nullable, column_default AS preset, extra AS extra, collation_name AS collation FROM information_schema.columns WHERE table_schema = ${db} ORDER BY table_name, ordinal_position`,
    `SELECT s.table_name AS tab, s.index_name AS name, s.column_name AS col, s.nullable AS nullable, s.sub_part AS part FROM information_schema.statistics s WHERE s.table_schema = ${db} AND s.non_unique = 0 ORDER BY s.index_name = 'PRIMARY' DESC, s.index_name, s.seq_in_index`,
    `SELECT table_name AS tab, constraint_name AS name, column_name AS col, referenced_table_name AS other, referenced_column_name AS target FROM information_schema.key_column_usage WHERE table_schema = ${db} AND referenced_table_schema = ${db} ORDER BY 1, 2, ordinal_position`,
  ])
  return tables.map(({ name }) => {
    const indexes = grouped(keys.filter(({ tab }) => tab === name))
    const key = indexes.find((parts) =>
      parts.every(({ col, nullable, part }) => col !== null && nullable !== 'YES' && part === null),
    )
    return {
      name: String(name),
      columns: columns.filter(({ tab }) => tab === name).map(toColumn),
      key: (key ?? []).map(({ col }) => String(col)),
      references: grouped(references.filter(({ tab }) => tab === name)).map((parts) => ({
        columns: parts.map(({ col }) => String(col)),
        table: String(parts[0]?.other),
        to: parts.map(({ target }) => String(target)),
      })),
    }
  })
}

/** Orders tables so that each precedes those that refer to it; tables in cycles keep their order. */
export function inOrder(tables: readonly RowTable[]): RowTable[] {
  const left = new Map(tables.map((table) => [table.name, table]))
  const ordered: RowTable[] = []
  while (left.size > 0) {
    const all = [...left.values()]
    const waits = ({ name, references }: RowTable) => references.some(({ table }) => table !== name && left.has(table))
    const next = all.find((table) => !waits(table)) ?? (all[0] as RowTable)
    left.delete(next.name)
    ordered.push(next)
  }
  return ordered
}

// --- internal ---

type Row = Record<string, unknown>

function grouped(rows: readonly Row[]): Row[][] {
  return [...new Set(rows.map(({ name }) => name))].map((name) => rows.filter((row) => row.name === name))
}

function toColumn({ name, nullable, preset, extra, collation }: Row): RowColumn {
  const more = String(extra)
  const text = preset === null ? null : String(preset)
  const isExpression =
    /DEFAULT_GENERATED/i.test(more) || /^(?:current_timestamp|now|uuid|\(|[a-z_]+\()/i.test(text ?? '')
  return {
    name: String(name),
    nullable: nullable === 'YES',
    generated: /GENERATED/i.test(more) && !/DEFAULT_GENERATED/i.test(more),
    counts: /auto_increment/i.test(more),
    preset: text === null || text === 'NULL' ? 'none' : isExpression ? 'expression' : 'constant',
    collation: collation === null ? null : String(collation),
    touched: /on update/i.test(more),
  }
}
