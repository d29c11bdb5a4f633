import type { Hidden } from '../migrate/source.ts'

/** The default name of the version table, in all dialects; the names of our other tables derive from it. */
const DEFAULT_TABLE = 'schema_migrations'

/** The schema of our tables beside the migrations of another tool. */
export const ASIDE_SCHEMA = 'migratest'

/** The version table beside the migrations of another tool, where a database has no schemas. */
export const ASIDE_TABLE = 'migratest_versions'

/**
 * Returns the names of our tables: the version table and its history; two tables that only databases in development
 * have, for what is known of them and for rows kept aside; on MySQL the journal of the migration that is running; and
 * the lock, for databases where it is a table.
 */
export function ownTables(
  table = DEFAULT_TABLE,
): [version: string, history: string, development: string, kept: string, journal: string, lock: string] {
  return [table, `${table}_history`, `${table}_development`, `${table}_kept`, `${table}_journal`, `${table}_lock`]
}

/**
 * Returns the tables and schemas to leave out when a schema is read: our own, and those of the tool whose migrations
 * run there.
 */
export function notOfTheSchema(table: string | undefined, hidden: Hidden = NOTHING): Hidden {
  if (hidden.tables.length === 0) return { tables: ownTables(table), schemas: [] }
  return {
    tables: [...(table === undefined ? [] : ownTables(table)), ...ownTables(ASIDE_TABLE), ...hidden.tables],
    schemas: [ASIDE_SCHEMA, ...hidden.schemas],
  }
}

// --- internal ---

const NOTHING: Hidden = { tables: [], schemas: [] }
