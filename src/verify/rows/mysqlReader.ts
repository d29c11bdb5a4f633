/** Reads and compares rows on MySQL and MariaDB. */
import type { MysqlError, Session } from '../../database/mysql/session.ts'
import { literal, identifier as quote } from '../../database/mysql/tables.ts'
import type { FillColumn, FillTable, Text } from '../../fill/model.ts'
import type { BrokenKey, Comparison, Counter, Pair, RowReader, Use } from './rowReader.ts'

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
    async brokenKeys(tables) {
      const queries = tables.flatMap((table) => table.foreignKeys.map((key) => brokenKey(table, key)))
      const answers = await session.queries(queries)
      return answers.flatMap(([row]) =>
        row && Number(row.broken) > 0
          ? [
              {
                table: String(row.tab),
                name: String(row.name),
                parent: String(row.parent),
                rows: Number(row.broken),
              } satisfies BrokenKey,
            ]
          : [],
      )
    },
    async counters(tables) {
      const numbered = tables.flatMap((table) =>
        table.columns.filter((column) => column.numbered).map((column) => ({ table, column })),
      )
      const found: Counter[] = []
      for (const { table, column } of numbered) {
        // SHOW CREATE TABLE says the current number, information_schema one that it remembers.
        const [created] = await session.query(`SHOW CREATE TABLE ${table.sql}`)
        const [row] = await session.query(`SELECT MAX(${column.sql}) AS most FROM ${table.sql}`)
        const text = String(Object.values(created ?? {})[1] ?? '')
        const next = /\bAUTO_INCREMENT=(\d+)/.exec(text.slice(text.lastIndexOf('\n)')))?.[1] ?? '1'
        const most = row?.most == null ? undefined : BigInt(String(row.most))
        found.push({ table: table.name, column: column.name, next: BigInt(next), most })
      }
      return found
    },
    async uses(tables) {
      const uses: Use[] = []
      const views = 'SELECT table_name AS name FROM information_schema.views WHERE table_schema = DATABASE() ORDER BY 1'
      for (const { name } of await session.query(views)) {
        const error = await failureOf(() => session.query(`SELECT 1 FROM ${quote(String(name))} LIMIT 1`))
        uses.push({ what: `the view ${String(name)}`, name: String(name), error })
      }
      for (const { name, tab, event } of await session.query(TRIGGERS)) {
        const found = tables.find((table) => table.name === String(tab))
        const statement = found && statementFor(found, String(event))
        if (!statement) continue
        const error = await failureOf(async () => {
          await session.query('START TRANSACTION')
          await session.query(statement).finally(() => session.query('ROLLBACK'))
        })
        uses.push({ what: `the trigger ${String(name)} of ${String(tab)}`, name: String(name), error })
      }
      return uses
    },
    partOf: async () => undefined,
  }
}

// --- internal ---

const TRIGGERS =
  'SELECT trigger_name AS name, event_object_table AS tab, event_manipulation AS event FROM information_schema.triggers WHERE trigger_schema = DATABASE() ORDER BY 2, 1'

/** Numbers of errors that say that something is not there: a column, a table, a routine, or what a view needs. */
const NOT_THERE = new Set([1054, 1146, 1305, 1356])

async function failureOf(use: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await use()
    return undefined
  } catch (error) {
    const { errno = 0, sqlMessage, message } = error as MysqlError
    return NOT_THERE.has(errno) ? (sqlMessage ?? message) : undefined
  }
}

/** A statement that fires triggers of a table, over one of its rows. */
function statementFor({ sql, columns }: FillTable, event: string): string | undefined {
  const given = columns.filter(({ generated }) => generated === null)
  const names = given.map((column) => column.sql).join(', ')
  const [first] = given
  if (!first) return undefined
  if (event === 'INSERT') return `INSERT INTO ${sql} (${names}) SELECT ${names} FROM ${sql} LIMIT 1`
  return event === 'UPDATE' ? `UPDATE ${sql} SET ${first.sql} = ${first.sql} LIMIT 1` : `DELETE FROM ${sql} LIMIT 1`
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

function brokenKey({ name: table, sql }: FillTable, key: FillTable['foreignKeys'][number]): string {
  const set = key.columns.map((column) => `c.${quote(column)} IS NOT NULL`).join(' AND ')
  const on = key.columns.map((column, n) => `p.${quote(key.parentColumns[n] ?? '')} = c.${quote(column)}`).join(' AND ')
  return `SELECT ${literal(table)} AS tab, ${literal(key.name)} AS name, ${literal(key.parent)} AS parent, (SELECT COUNT(*) FROM ${sql} c WHERE ${set} AND NOT EXISTS (SELECT 1 FROM ${key.parentSql} p WHERE ${on})) AS broken`
}
