/** Reads the settings of a newly opened session and how to restore them. */
import type { Syntax } from '../../sql/tokens.ts'
import type { Session } from './session.ts'
import { identifier, literal } from './tables.ts'

export interface SessionSettings {
  readonly database: string
  /**
   * Schema of the version table, existing or yet to be created: the first of the search path that has the table, else
   * the current schema.
   */
  readonly schema: string | null
  /** How the server reads literals. */
  readonly syntax: Syntax
  /** Statements, one per line, that restore role and settings to their state at opening. */
  readonly restore: string
  /** A statement with which the session reports at once what it has written, for others who ask; empty for old servers. */
  readonly report: string
}

/** Reads the settings. @param table the name of the version table */
export async function readSessionSettings(session: Session, table: string): Promise<SessionSettings> {
  const settings = session.borrowed
    ? `(SELECT json_object_agg(name, setting) FROM pg_settings WHERE source = 'session' AND name NOT IN ('role', 'session_authorization') AND context IN ('user', 'superuser'))`
    : 'NULL'
  const [row] = await session.query(
    `SELECT current_database() AS database, coalesce(
      (SELECT s.name FROM unnest(current_schemas(false)) WITH ORDINALITY AS s (name, at)
       WHERE to_regclass(quote_ident(s.name) || '.' || ${literal(identifier(table))}) IS NOT NULL ORDER BY s.at LIMIT 1),
      current_schema()) AS schema, current_setting('standard_conforming_strings') AS conforming, session_user AS "user", current_setting('role') AS role, current_setting('server_version_num')::integer AS version, ${settings} AS settings`,
  )
  const role = row?.role === 'none' ? 'NONE' : identifier(String(row?.role))
  const kept = Object.entries((row?.settings ?? {}) as Record<string, string>)
  return {
    database: String(row?.database),
    schema: row?.schema as string | null,
    syntax: row?.conforming === 'off' ? { backslashEscapes: true } : {},
    report: Number(row?.version) >= 150_000 ? 'SELECT pg_catalog.pg_stat_force_next_flush();' : '',
    restore: [
      `SET SESSION AUTHORIZATION ${identifier(String(row?.user))};`,
      `SET ROLE ${role};`,
      'RESET ALL;',
      ...kept.map(([name, value]) => `SELECT pg_catalog.set_config(${literal(name)}, ${literal(value)}, false);`),
    ].join('\n'),
  }
}
