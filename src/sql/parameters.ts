/** Parameters written into SQL as literals, for people who want to read or run it by hand. */
import type { Dialect } from './dialect.ts'
import { tokenize } from './tokens.ts'

/** `$1` (PostgreSQL) or `?` (MySQL), wherever they are parameters and not part of a string or comment. */
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

// --- internal ---

/** As the client would send it: text whose type the server finds out. */
function literalOf(value: unknown, dialect: Dialect): string {
  if (value === null || value === undefined) return 'NULL'
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (typeof value === 'boolean') return String(value)
  if (value instanceof Date) return quoted(value.toISOString(), dialect)
  if (value instanceof Uint8Array) {
    const hex = Buffer.from(value).toString('hex')
    return dialect === 'mysql' ? `x'${hex}'` : `'\\x${hex}'`
  }
  if (Array.isArray(value) && dialect === 'postgres') return quoted(arrayText(value), dialect)
  return quoted(typeof value === 'object' ? JSON.stringify(value) : String(value), dialect)
}

function quoted(text: string, dialect: Dialect): string {
  const doubled = text.replaceAll("'", "''")
  if (!text.includes('\\')) return `'${doubled}'`
  return dialect === 'mysql' ? `'${doubled.replaceAll('\\', '\\\\')}'` : ` E'${doubled.replaceAll('\\', '\\\\')}'`
}

/** PostgreSQL's text of an array. */
function arrayText(values: readonly unknown[]): string {
  const items = values.map((value) => {
    if (value === null || value === undefined) return 'NULL'
    if (Array.isArray(value)) return arrayText(value)
    const text =
      value instanceof Date ? value.toISOString() : typeof value === 'object' ? JSON.stringify(value) : String(value)
    return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
  })
  return `{${items.join(',')}}`
}
