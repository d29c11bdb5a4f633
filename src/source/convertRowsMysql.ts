/** Reads rows and writes columns of them on MySQL and MariaDB. */
import type { RunSql } from '../migrate/source.ts'
import { type Converting, type ConvertRowsOptions, reading } from './converting.ts'

export async function convertingOnMysql(sql: RunSql, options: Required<ConvertRowsOptions>): Promise<Converting> {
  const { table, key, to } = options
  const columns = await columnsOf(sql, table)
  const keys = key.map((name) => ({ name: quoted(name), type: columns.get(name)?.type ?? '' }))
  const compared = keys.map(({ name, type }) => (isNumbered(type) ? `(${name} + 0)` : name))
  const given = keys.map(({ type }) => parameter(type))
  const isRow = compared.map((name, i) => `${name} = ${given[i]}`).join(' AND ')
  // A column that takes the time of each update keeps the one that it has.
  const kept = [...columns].flatMap(([name, { extra }]) =>
    /on update/i.test(extra) && !to.includes(name) ? [`${quoted(name)} = ${quoted(name)}`] : [],
  )
  return {
    read: reading(sql, options, {
      quoted,
      compared,
      selected: keys.map(({ type }, i) => exactly(compared[i] ?? '', type)),
      given,
    }),
    async write(rows) {
      // One CASE for each column: more rows would make it compare too often.
      for (let at = 0; at < rows.length; at += MOST_CASES) {
        const some = rows.slice(at, at + MOST_CASES)
        const params: unknown[] = []
        const sets = to.map((name, i) => {
          const cases = some.map((row) => {
            params.push(...row.key, written(row.values[i]))
            return `WHEN ${isRow} THEN ?`
          })
          return `${quoted(name)} = CASE ${cases.join(' ')} END`
        })
        for (const row of some) params.push(...row.key)
        const which = some.map(() => `(${isRow})`).join(' OR ')
        await sql(`UPDATE ${table} SET ${[...sets, ...kept].join(', ')} WHERE ${which}`, params)
      }
    },
  }
}

// --- internal ---

const MOST_CASES = 100

interface ColumnFacts {
  readonly type: string
  readonly extra: string
}

async function columnsOf(sql: RunSql, table: string): Promise<ReadonlyMap<string, ColumnFacts>> {
  const rows = await sql<Record<string, unknown>>(`SHOW COLUMNS FROM ${table}`)
  return new Map(rows.map((row) => [String(row.Field), { type: String(row.Type), extra: String(row.Extra) }]))
}

/** Values of an enum are in the order of its list, in which only their numbers are compared. */
function isNumbered(type: string): boolean {
  return /^(?:enum|set)\(/.test(type)
}

/** Large numbers and times lose digits on their way through a number or a date of JavaScript; as text, they do not. */
function exactly(name: string, type: string): string {
  return castOf(type) === undefined ? name : `CAST(${name} AS CHAR)`
}

function parameter(type: string): string {
  const cast = castOf(type)
  return cast === undefined ? '?' : `CAST(? AS ${cast})`
}

function castOf(type: string): string | undefined {
  if (/^\w*int\b/.test(type)) return type.includes('unsigned') ? 'UNSIGNED' : 'SIGNED'
  const decimal = /^decimal\(\d+,\d+\)/.exec(type)?.[0]
  if (decimal !== undefined) return decimal
  if (/^(?:datetime|timestamp)\b/.test(type)) return 'DATETIME(6)'
  if (/^date\b/.test(type)) return 'DATE'
  return /^time\b/.test(type) ? 'TIME(6)' : undefined
}

/** An object is JSON; the client would take it apart. */
function written(value: unknown): unknown {
  const isPlain = typeof value === 'object' && value !== null && !(value instanceof Date || value instanceof Uint8Array)
  if (isPlain) return JSON.stringify(value)
  return typeof value === 'bigint' ? String(value) : value
}

function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}
