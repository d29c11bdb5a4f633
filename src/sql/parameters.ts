/** Inlines parameters into SQL as literals, for people who want to read the SQL or run it by hand. */
import type { Dialect } from './dialect.ts'
import { tokenize } from './tokens.ts'

/** Replaces the placeholders `$1` (PostgreSQL) or `?` (MySQL) by literals, except in strings and comments. */
export function inlineParameters(sql: string, params: readonly unknown[], dialect: Dialect): string {
  if (params.length === 0) return sql
  let out = ''
  let from = 0
  let nth = 0
  for (const { kind, start, end } of tokenize(sql, dialect)) {
    const text = sql.slice(start, end)
    const index =
      dialect === 'mysql'
        ? kind === 'symbol' && text === '?'
          ? nth++
          : -1
        : Number(/^\$(\d+)$/.exec(text)?.[1] ?? 0) - 1
    if (index < 0 || index >= params.length || kind === 'string') continue
    out += sql.slice(from, start) + literalOf(params[index], dialect)
    from = end
  }
  return out + sql.slice(from)
}

/** Returns the literal as the client sends a parameter: text whose type the server infers. */
export function literalOf(value: unknown, dialect: Dialect): string {
  if (value === null || value === undefined) return 'NULL'
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return `'${value}'`
  const bytes = bytesOf(value)
  if (bytes) return dialect === 'mysql' ? `x'${bytes.toString('hex')}'` : `'\\x${bytes.toString('hex')}'`
  if (Array.isArray(value) && dialect === 'postgres') return quoted(arrayText(value), dialect)
  return quoted(textOf(value), dialect)
}

// --- internal ---

function textOf(value: unknown): string {
  if (value instanceof Date) return localTime(value)
  const own = (value as { toPostgres?: (prepare: (value: unknown) => unknown) => unknown } | null)?.toPostgres
  if (typeof own === 'function') return String(own.call(value, (inner) => inner))
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function bytesOf(value: unknown): Buffer | undefined {
  if (value instanceof ArrayBuffer) return Buffer.from(value)
  return ArrayBuffer.isView(value) ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : undefined
}

/** Formats a date as `pg` does: in local time, with its offset. */
function localTime(date: Date): string {
  const offset = -date.getTimezoneOffset()
  const two = (n: number) => String(Math.floor(Math.abs(n))).padStart(2, '0')
  const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, -1)
  return `${local}${offset < 0 ? '-' : '+'}${two(offset / 60)}:${two(offset % 60)}`
}

function quoted(text: string, dialect: Dialect): string {
  const doubled = text.replaceAll("'", "''")
  if (!text.includes('\\')) return `'${doubled}'`
  return dialect === 'mysql' ? `'${doubled.replaceAll('\\', '\\\\')}'` : ` E'${doubled.replaceAll('\\', '\\\\')}'`
}

/** Returns PostgreSQL's text form of an array. */
function arrayText(values: readonly unknown[]): string {
  const items = values.map((value) => {
    if (value === null || value === undefined) return 'NULL'
    if (Array.isArray(value)) return arrayText(value)
    const bytes = bytesOf(value)
    const text = bytes ? `\\x${bytes.toString('hex')}` : textOf(value)
    return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
  })
  return `{${items.join(',')}}`
}
