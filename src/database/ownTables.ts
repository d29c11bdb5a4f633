/** Names of our tables, in all dialects. */
const DEFAULT_TABLE = 'schema_migrations'

/** The version table and the history beside it; and what only databases in development have: what is known of them, and rows kept aside. */
export function ownTables(
  table = DEFAULT_TABLE,
): [version: string, history: string, development: string, kept: string] {
  return [table, `${table}_history`, `${table}_development`, `${table}_kept`]
}
