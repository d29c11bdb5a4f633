/** Reads and compares rows on PostgreSQL and PGlite. */
import type { PostgresError, Session } from '../../database/postgres/session.ts'
import { literal, identifier as quote } from '../../database/postgres/tables.ts'
import type { FillColumn, FillTable, Text } from '../../fill/model.ts'
import { PostgresMarks } from './postgresMarks.ts'
import { PostgresUses } from './postgresUses.ts'
import {
  type Broken,
  type Comparison,
  type Counter,
  type Granted,
  grantedChecks,
  type RowReader,
  TAKEN,
} from './rowReader.ts'

export function postgresReader(session: Session): RowReader {
  const run = (sql: string) => session.query(sql)
  /** One that fails must not hide the others: a sequence that is gone, a condition whose function raises an error. */
  const asked = async (queries: readonly string[], failed: (error: PostgresError) => [] = () => []) => {
    if (queries.length === 0) return []
    return run(queries.join(' UNION ALL ')).catch(async () => {
      const singly: Record<string, unknown>[] = []
      for (const query of queries) singly.push(...(await run(query).catch(failed)))
      return singly
    })
  }
  const uses = new PostgresUses(session)
  const marks = new PostgresMarks(session)
  return {
    async rows(tables) {
      const all: Text[][][] = tables.map(() => [])
      for (const some of chunks(tables.map(rowsQuery), MOST)) {
        for (const row of await run(some.join(' UNION ALL '))) all[Number(row.n)] = (row.rows ?? []) as Text[][]
      }
      return all
    },
    async compare(before, after, pairs) {
      const ask = async (some: typeof pairs) =>
        (await run(comparison(before, after, some))).map((row) => row.is as Comparison)
      // A cast that fails ends the query, so one value must not decide for the others.
      return ask(pairs).catch(async () => {
        const singly: Comparison[] = []
        for (const pair of pairs) singly.push(...(await ask([pair]).catch((): Comparison[] => ['changed'])))
        return singly
      })
    },
    async broken(tables) {
      const granted = tables.flatMap(grantedBy)
      const rows: Record<string, unknown>[] = []
      for (const some of chunks(granted.map(brokenQuery), MOST)) rows.push(...(await asked(some)))
      return rows.flatMap((row) => brokenOf(granted, row))
    },
    async counters(tables) {
      const found: Counter[] = []
      for (const some of chunks(tables.flatMap(numberedIn), MOST)) {
        const rows = await asked(some.map(counter), unlessGone)
        found.push(...rows.flatMap((row) => counterOf(some, row)))
      }
      return found
    },
    async atOnce({ rows: tables, broken, counters }) {
      const granted = broken.flatMap(grantedBy)
      const numbered = counters.flatMap(numberedIn)
      if ([tables, granted, numbered].some(({ length }) => length > MOST)) throw new Error('too many for one message')
      const parts = [
        ['rows', tables.map(rowsQuery), 'rows'],
        ['broken', granted.map(brokenQuery), 'to_json(broken)'],
        [
          'counters',
          numbered.map(counter),
          "json_build_object('next', next::text, 'most', most::text, 'taken', taken)",
        ],
      ] as const
      const queries = parts.flatMap(([what, some, value]) =>
        some.length > 0 ? [`SELECT '${what}' AS what, n, ${value} AS value FROM (${some.join(' UNION ALL ')}) q`] : [],
      )
      const answer = queries.length > 0 ? await run(queries.join(' UNION ALL ')) : []
      const of = (what: string) => answer.filter((row) => row.what === what)
      const all: Text[][][] = tables.map(() => [])
      for (const { n, value } of of('rows')) all[Number(n)] = (value ?? []) as Text[][]
      return {
        rows: all,
        broken: of('broken').flatMap(({ n, value }) => brokenOf(granted, { n, broken: value })),
        counters: of('counters').flatMap(({ n, value }) => counterOf(numbered, { n, ...(value as object) })),
      }
    },
    async takeNumbers(tables) {
      const sequences = new Set(tables.flatMap(({ columns }) => columns.flatMap(({ sequence }) => sequence ?? [])))
      // A sequence that is at its end has none left.
      for (const some of chunks([...sequences], MOST))
        await asked(some.map((name) => `SELECT nextval(${literal(name)}) FROM generate_series(1, ${TAKEN})`))
    },
    async numberFrom(_, { sequence }, next) {
      if (sequence !== undefined) await run(`SELECT setval(${literal(sequence)}, ${next}, false)`)
    },
    uses: (tables, since) => uses.of(tables, since),
    marks: () => marks.read(),
    async partOf({ id }) {
      const [row] = await run(
        `SELECT inhparent::regclass::text AS parent FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhrelid = ${Number(id)} AND relispartition`,
      )
      return row && String(row.parent)
    },
  }
}

// --- internal ---

/** So many queries are asked together. */
const MOST = 60

function rowsQuery({ sql, columns }: FillTable, n: number): string {
  const cells = columns.map((column) => `${column.sql}::text`)
  return `SELECT ${n} AS n, (SELECT json_agg(ARRAY[${cells.join(', ') || 'NULL::text'}]) FROM ${sql}) AS rows`
}

function grantedBy(table: FillTable): Granted[] {
  return [
    ...table.foreignKeys.filter(({ isValid }) => isValid).map((key) => grantedKey(table, key)),
    ...grantedChecks(table),
    ...grantedValues(table),
  ]
}

function brokenQuery({ sql }: Granted, n: number): string {
  return `SELECT ${n} AS n, (${sql}) AS broken`
}

function brokenOf(granted: readonly Granted[], { n, broken }: Record<string, unknown>): Broken[] {
  const one = granted[Number(n)]
  return one && Number(broken) > 0 ? [{ ...one, rows: Number(broken) }] : []
}

/** Types whose values are compared by their operator, since one value has several texts. */
const NUMBERS = new Set(['integer', 'decimal', 'float'])
const BY_VALUE = new Set([
  'integer',
  'decimal',
  'float',
  'boolean',
  'date',
  'time',
  'timestamp',
  'interval',
  'uuid',
  'network',
])

function comparison(
  before: FillColumn,
  after: FillColumn,
  pairs: readonly { before: string; after: string }[],
): string {
  const rows = pairs.map((pair, n) => `(${n}, ${literal(pair.before)}, ${literal(pair.after)})`)
  const type = after.type.sql
  const isJson = after.type.kind === 'json'
  const areNumbers = NUMBERS.has(before.type.kind) && NUMBERS.has(after.type.kind)
  const plain = `(b::text::${type})::text = a`
  // A date is all that a time becomes, and not all that it was.
  const isLess = before.type.kind === 'timestamp' && (after.type.kind === 'date' || after.type.kind === 'time')
  const byValue = BY_VALUE.has(after.type.kind) ? `${plain} OR b::text::${type} = a::text::${type}` : plain
  const back = after.type.kind === 'date' ? `b::text::timestamptz = a::text::timestamptz` : 'false'
  const equal = isJson
    ? 'b::text::jsonb = a::text::jsonb'
    : areNumbers
      ? 'b::numeric = a::numeric'
      : isLess
        ? back
        : byValue
  const isOther = before.written !== after.written && !isJson
  const narrowed = isOther ? `WHEN (b::text::${before.type.sql}::${after.written})::text = a THEN 'narrowed'` : ''
  return `SELECT CASE WHEN ${equal} THEN 'same' ${narrowed} ELSE 'changed' END AS is FROM (VALUES ${rows.join(', ')}) AS pairs (n, b, a) ORDER BY n`
}

function grantedKey({ name: table, sql }: FillTable, key: FillTable['foreignKeys'][number]): Granted {
  const set = key.columns.map((column) => `c.${quote(column)} IS NOT NULL`).join(' AND ')
  const on = key.columns.map((column, n) => `p.${quote(key.parentColumns[n] ?? '')} = c.${quote(column)}`).join(' AND ')
  return {
    kind: 'foreign key',
    table,
    name: key.name,
    parent: key.parentSql,
    sql: `SELECT count(*) FROM ${sql} c WHERE ${set} AND NOT EXISTS (SELECT FROM ${key.parentSql} p WHERE ${on})`,
  }
}

/** Stored values of generated columns. Only a function can give another value for the same row, and only one of the user. */
function grantedValues({ name: table, sql, columns }: FillTable): Granted[] {
  return columns
    .filter(({ generated }) => generated !== null && /\w\(/.test(generated))
    .map(({ name, sql: column, generated }) => ({
      kind: 'generated column',
      table,
      name,
      sql: `SELECT count(*) FROM ${sql} WHERE ${column}::text IS DISTINCT FROM (${generated})::text`,
    }))
}

interface Numbered {
  readonly table: FillTable
  readonly column: FillColumn
}

function numberedIn(table: FillTable): Numbered[] {
  return table.columns.flatMap((column) => (column.sequence === undefined ? [] : [{ table, column }]))
}

function counterOf(numbered: readonly Numbered[], { n, next, most, taken }: Record<string, unknown>): Counter[] {
  const one = numbered[Number(n)]
  if (!one) return []
  const numbers = { next: BigInt(String(next)), most: most === null ? undefined : BigInt(String(most)) }
  return [{ table: one.table.name, column: one.column.name, ...numbers, isTaken: taken === true }]
}

/** The sequence itself knows its next number; pg_sequences does not after `setval(…, false)`. */
function counter({ table: { sql }, column }: Numbered, n: number): string {
  const sequence = column.sequence ?? ''
  const next = `SELECT CASE WHEN is_called THEN last_value + seqincrement ELSE last_value END AS next FROM ${sequence}, pg_sequence WHERE seqrelid = ${literal(sequence)}::regclass AND seqincrement > 0`
  return `SELECT ${n} AS n, next, (SELECT max(${column.sql}) FROM ${sql})::bigint AS most, EXISTS (SELECT FROM ${sql} WHERE ${column.sql} = next) AS taken FROM (${next}) AS q`
}

/**
 * A sequence that this user may not read must not hide the others. If one is gone, the tables are others than they were.
 */
function unlessGone(error: PostgresError): [] {
  if (error.code === UNDEFINED_TABLE) throw error
  return []
}

const UNDEFINED_TABLE = '42P01'

function chunks<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, n) => all.slice(n * size, (n + 1) * size))
}
