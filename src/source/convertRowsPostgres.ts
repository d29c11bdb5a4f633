/** Reads rows and writes columns of them on PostgreSQL. */
import type { RunSql } from '../migrate/source.ts'
import { type Converting, type ConvertRowsOptions, reading } from './converting.ts'

export async function convertingOnPostgres(sql: RunSql, options: Required<ConvertRowsOptions>): Promise<Converting> {
  const { table, key, to } = options
  const types = await typesOf(sql, table)
  const typeOf = (name: string) => types.get(name) ?? 'text'
  return {
    read: reading(sql, options, {
      quoted,
      compared: key.map(quoted),
      // As text, no key loses digits on its way through a number or a date of JavaScript.
      selected: key.map((name) => `${quoted(name)}::text`),
      given: key.map((name, i) => `$${i + 1}::text::${typeOf(name)}`),
    }),
    async write(rows) {
      const columns = [
        ...key.map((name, i) => `k${i} ${typeOf(name)}`),
        ...to.map((name, i) => `v${i} ${typeOf(name)}`),
      ]
      const records = rows.map((row) =>
        Object.fromEntries([
          ...row.key.map((value, i) => [`k${i}`, value]),
          ...row.values.map((value, i) => [`v${i}`, written(value)]),
        ]),
      )
      await sql(
        `UPDATE ${table} AS converted SET ${to.map((name, i) => `${quoted(name)} = made.v${i}`).join(', ')}
FROM json_to_recordset($1::json) AS made(${columns.join(', ')})
WHERE ${key.map((name, i) => `converted.${quoted(name)} = made.k${i}`).join(' AND ')}`,
        [JSON.stringify(records)],
      )
    },
  }
}

// --- internal ---

async function typesOf(sql: RunSql, table: string): Promise<ReadonlyMap<string, string>> {
  const rows = await sql<{ name: string; type: string }>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`,
    [table],
  )
  return new Map(rows.map(({ name, type }) => [name, type]))
}

/** A value as JSON that the type of its column reads again. */
function written(value: unknown): unknown {
  if (value instanceof Date) return localTime(value)
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))) return String(value)
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  return isOfClient(value) ? value.toPostgres(written) : value
}

/** Values such as intervals, which the client reads as objects that write themselves. */
function isOfClient(value: unknown): value is { toPostgres(prepare: (value: unknown) => unknown): unknown } {
  return typeof (value as { toPostgres?: unknown } | null)?.toPostgres === 'function'
}

/** A column without a time zone takes the hours as they are, one with a time zone counts the offset: as the client does. */
function localTime(date: Date): string {
  const offset = -date.getTimezoneOffset()
  const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, -1)
  const minutes = Math.abs(offset)
  const part = (n: number) => String(n).padStart(2, '0')
  return `${local}${offset < 0 ? '-' : '+'}${part(Math.floor(minutes / 60))}:${part(minutes % 60)}`
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
