/** Names of our tables, in all dialects. */
const DEFAULT_TABLE = 'schema_migrations'

/**
 * The version table and the history beside it; what only databases in development have: what is known of them, and rows kept aside; and
 * on MySQL the journal of a migration that is under way; and the lock, where it is a table.
 */
export function ownTables(
  table = DEFAULT_TABLE,
): [version: string, history: string, development: string, kept: string, journal: string, lock: string] {
  return [table, `${table}_history`, `${table}_development`, `${table}_kept`, `${table}_journal`, `${table}_lock`]
}
