/** For migrations in code: writes columns of every row of a table from its other columns, some rows at a time. */
import { UsageError } from '../migrate/errors.ts'
import type { MigrationContext } from '../migrate/source.ts'
import type { Converting, ConvertRowsOptions, Key, WrittenRow } from './converting.ts'
import { convertingOnMysql } from './convertRowsMysql.ts'
import { convertingOnPostgres } from './convertRowsPostgres.ts'

export type { ConvertRowsOptions }

/**
 * Calls the function for each row, in the order of the key, and writes what it returns. Returns how many rows these were.
 * @throws what the function throws; an Error that names the row if it returns no value for a column
 */
export async function convertRows<Old extends object, New extends object>(
  context: Pick<MigrationContext, 'sql' | 'dialect' | 'signal'>,
  convert: (row: Old) => New | Promise<New>,
  options: ConvertRowsOptions,
): Promise<number> {
  const { key, to } = options
  if (key.length === 0 || to.length === 0)
    throw new UsageError('convertRows() needs the columns of a key, and those to write.')
  const all = { ...options, batch: options.batch ?? 1000 }
  const converting: Converting = await (context.dialect === 'mysql' ? convertingOnMysql : convertingOnPostgres)(
    context.sql,
    all,
  )
  let count = 0
  let last: Key | undefined
  for (;;) {
    context.signal.throwIfAborted()
    const rows = await converting.read(last)
    if (rows.length === 0) return count
    const written: WrittenRow[] = []
    for (const row of rows) {
      const made = (await convert(row.values as Old)) as Readonly<Record<string, unknown>>
      written.push({ key: row.key, values: to.map((column) => valueIn(made, column, row.key, options)) })
    }
    await converting.write(written)
    count += rows.length
    last = rows.at(-1)?.key
    if (rows.length < all.batch) return count
  }
}

/**
 * Stands in a generated migration where a person has to write a function. The file cannot be loaded before that.
 * @throws UsageError always
 */
export function fillIn(what: string): never {
  throw new UsageError(`fillIn() stands for a function that is not written yet: ${what}.`)
}

// --- internal ---

function valueIn(
  made: Readonly<Record<string, unknown>> | null | undefined,
  column: string,
  key: Key,
  { table, key: names }: ConvertRowsOptions,
): unknown {
  const value = made?.[column]
  if (value !== undefined) return value
  const row = names.map((name, i) => `${name} = ${String(key[i])}`).join(', ')
  throw new Error(`No value for ${column} was returned for the row of ${table} with ${row}. Return null for no value.`)
}
