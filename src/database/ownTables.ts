/** Names of our two tables, in all dialects. */
const DEFAULT_TABLE = 'schema_migrations'

/** The version table and the history beside it. */
export function ownTables(table = DEFAULT_TABLE): [version: string, history: string] {
  return [table, `${table}_history`]
}
