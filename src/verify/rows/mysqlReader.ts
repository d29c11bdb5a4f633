/** Reads and compares rows on MySQL and MariaDB. */
import type { Session } from '../../database/mysql/session.ts'
import { identifier as quote } from '../../database/mysql/tables.ts'
import type { FillColumn, FillTable, Text } from '../../fill/model.ts'
import { usesOn } from './mysqlUses.ts'
import {
  type Comparison,
  type Counter,
  type Granted,
  grantedChecks,
  type Pair,
  type RowReader,
  TAKEN,
} from './rowReader.ts'

export function mysqlReader(session: Session): RowReader {
  return {
    async rows(tables) {
      const queries = tables.map(({ sql, columns }) => {
        const cells = columns.map((column, n) => `${asText(column)} AS v${n}`)
        return `SELECT ${cells.join(', ')} FROM ${sql}`
      })
      const answers = await session.queries(queries)
      return answers.map((rows, t) =>
        rows.map((row) =>
          (tables[t]?.columns ?? []).map((_, n): Text => (row[`v${n}`] == null ? null : String(row[`v${n}`]))),
        ),
      )
    },
    compare: async (before, after, pairs) => pairs.map((pair) => compare(before, after, pair)),
    async broken(tables) {
      const names = new Set(tables.map(({ id }) => id))
      const granted = tables.flatMap((table) => [
        ...table.foreignKeys.map((key) => grantedKey(table, key, names.has(key.parent) || key.parentSql.includes('.'))),
        ...grantedChecks(table),
      ])
      const answers = await session.queries(granted.map(({ sql }) => sql))
      return granted.flatMap((one, n) => {
        const rows = Number(answers[n]?.[0]?.broken ?? 0)
        return rows > 0 ? [{ ...one, rows }] : []
      })
    },
    async takeNumbers(tables) {
      for (const { sequence } of tables.flatMap(({ columns }) => columns))
        if (sequence !== undefined) for (let n = 0; n < TAKEN; n++) await session.query(`SELECT NEXTVAL(${sequence})`)
      for (const table of tables) {
        const next = table.columns.some(isAutoIncrement) ? await nextNumber(session, table) : undefined
        // A type that is at its end has none left.
        if (next !== undefined)
          await session.query(`ALTER TABLE ${table.sql} AUTO_INCREMENT = ${next + BigInt(TAKEN)}`).catch(() => [])
      }
    },
    async numberFrom({ sql }, { sequence }, next) {
      await session.query(
        sequence === undefined
          ? `ALTER TABLE ${sql} AUTO_INCREMENT = ${next}`
          : `SELECT SETVAL(${sequence}, ${next}, 0)`,
      )
    },
    async counters(tables) {
      const numbered = tables.flatMap((table) =>
        table.columns.filter((column) => column.numbered).map((column) => ({ table, column })),
      )
      const found: Counter[] = []
      for (const { table, column } of numbered) {
        const { sequence } = column
        const next = await (sequence === undefined ? nextNumber(session, table) : nextOf(session, sequence))
        const [row] = await session.query(`SELECT MAX(${column.sql}) AS most FROM ${table.sql}`)
        const most = row?.most == null ? undefined : BigInt(String(row.most))
        const isTaken = next === most || (sequence !== undefined && most !== undefined && next < most)
        found.push({ table: table.name, column: column.name, next, most, isTaken })
      }
      return found
    },
    uses: (tables) => usesOn(session, tables),
    partOf: async () => undefined,
  }
}

// --- internal ---

function isAutoIncrement({ numbered, sequence }: FillColumn): boolean {
  return numbered && sequence === undefined
}

/** MariaDB: returns the number that a sequence gives out when those that are cached have gone; it is lower only after RESTART. */
async function nextOf(session: Session, sequence: string): Promise<bigint> {
  const [row] = await session.query(`SELECT next_not_cached_value AS next FROM ${sequence}`)
  return BigInt(String(row?.next ?? 1))
}

/** SHOW CREATE TABLE says the current number, information_schema one that it remembers. */
async function nextNumber(session: Session, { sql }: FillTable): Promise<bigint> {
  const [created] = await session.query(`SHOW CREATE TABLE ${sql}`)
  const text = String(Object.values(created ?? {})[1] ?? '')
  return BigInt(/\bAUTO_INCREMENT=(\d+)/.exec(text.slice(text.lastIndexOf('\n)')))?.[1] ?? '1')
}

function asText({ sql, type }: FillColumn): string {
  if (type.kind === 'bytes' || type.sql === 'geometry' || type.kind === 'vector') return `LOWER(HEX(${sql}))`
  if (type.kind === 'bit') return `BIN(${sql} + 0)`
  return `CAST(${sql} AS CHAR)`
}

const NUMBERS = new Set(['integer', 'decimal', 'float', 'boolean', 'year'])

function compare(before: FillColumn, after: FillColumn, { before: old, after: now }: Pair): Comparison {
  if (old === now) return 'same'
  const isNumber = /^-?\d+(?:\.\d+)?$/.test(old) && /^-?\d+(?:\.\d+)?$/.test(now)
  if (isNumber && decimal(old) === decimal(now)) return 'same'
  if (after.type.kind === 'json' && canonical(old) === canonical(now)) return 'same'
  const isMoment = /^\d{4}-\d\d-\d\d/.test(old) && /^\d{4}-\d\d-\d\d/.test(now)
  if (isMoment && moment(old) === moment(now)) return 'same'
  if (before.written === after.written) return 'changed'
  if (isNumber && NUMBERS.has(after.type.kind)) {
    // Rounded or cut where the new type has no place for the fraction.
    return Math.abs(Number(old) - Number(now)) <= 1 ? 'narrowed' : 'changed'
  }
  if (isMoment)
    return Math.abs(Date.parse(`${moment(old)}Z`) - Date.parse(`${moment(now)}Z`)) <= 86_400_000
      ? 'narrowed'
      : 'changed'
  return old.startsWith(now) ? 'narrowed' : 'changed'
}

function decimal(text: string): string {
  const [whole = '', fraction = ''] = text.split('.')
  const tail = fraction.replace(/0+$/, '')
  return tail ? `${whole}.${tail}` : whole
}

function canonical(text: string): string {
  try {
    return JSON.stringify(sorted(JSON.parse(text)))
  } catch {
    return text
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, of]) => [key, sorted(of)]),
  )
}

function moment(text: string): string {
  const [date = '', time = ''] = text.split(' ')
  const [seconds = '', fraction = ''] = time.split('.')
  return `${date}T${seconds || '00:00:00'}.${fraction.padEnd(6, '0').slice(0, 6)}`
}

/** @param isThere `false` if the referenced table was dropped while the server did not check */
function grantedKey({ name: table, sql }: FillTable, key: FillTable['foreignKeys'][number], isThere: boolean): Granted {
  const set = key.columns.map((column) => `c.${quote(column)} IS NOT NULL`).join(' AND ')
  const on = key.columns.map((column, n) => `p.${quote(key.parentColumns[n] ?? '')} = c.${quote(column)}`).join(' AND ')
  const missing = isThere ? ` AND NOT EXISTS (SELECT 1 FROM ${key.parentSql} p WHERE ${on})` : ''
  return {
    kind: 'foreign key',
    table,
    name: key.name,
    parent: key.parent,
    sql: `SELECT COUNT(*) AS broken FROM ${sql} c WHERE ${set}${missing}`,
  }
}
