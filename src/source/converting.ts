/** The part of `convertRows` that differs between databases: rows are read behind a key, and columns of rows are written. */
import type { RunSql } from '../migrate/source.ts'

export interface ConvertRowsOptions {
  /** The table as SQL names it: `users`, `app."Users"`. */
  readonly table: string
  /** Names of the columns of its primary key, or of another key without nulls; no function writes them. */
  readonly key: readonly string[]
  /** Names of the columns that the function gets. */
  readonly from: readonly string[]
  /** Names of the columns that it returns. */
  readonly to: readonly string[]
  /** How many rows are read and written at a time; default 1000. */
  readonly batch?: number
}

export interface Converting {
  /** @param after the key of the last row that was read; undefined at the beginning */
  read(after: Key | undefined): Promise<readonly ReadRow[]>
  write(rows: readonly WrittenRow[]): Promise<void>
}

/** The values of a key's columns, as {@link Converting.read} returns them. */
export type Key = readonly unknown[]

interface ReadRow {
  readonly key: Key
  readonly values: Readonly<Record<string, unknown>>
}

export interface WrittenRow {
  readonly key: Key
  /** In the order of `to`. */
  readonly values: readonly unknown[]
}

export interface ReadingSql {
  readonly quoted: (name: string) => string
  /** The key as it is compared and ordered by, as it is selected, and its parameters. */
  readonly compared: readonly string[]
  readonly selected: readonly string[]
  readonly given: readonly string[]
}

/** Returns the function that reads one batch after another, in the order of the key. */
export function reading(
  sql: RunSql,
  { table, key, from, batch }: Required<ConvertRowsOptions>,
  { quoted, compared, selected, given }: ReadingSql,
): Converting['read'] {
  // No column has such a name by accident.
  const alias = (i: number) => `migratest key ${i}`
  const columns = [...selected.map((text, i) => `${text} AS ${quoted(alias(i))}`), ...from.map(quoted)]
  const names = compared.join(', ')
  return async (after) => {
    const behind = after === undefined ? '' : ` WHERE (${names}) > (${given.join(', ')})`
    const rows = await sql<Record<string, unknown>>(
      `SELECT ${columns.join(', ')} FROM ${table}${behind} ORDER BY ${names} LIMIT ${batch}`,
      after ?? [],
    )
    return rows.map((row) => ({
      key: key.map((_, i) => row[alias(i)]),
      values: Object.fromEntries(from.map((name) => [name, row[name]])),
    }))
  }
}
