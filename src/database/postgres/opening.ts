/** What a session is like when it is opened, and the way back there. */
import type { Session } from './session.ts'
import { identifier, literal } from './tables.ts'

export interface Opening {
  readonly database: string
  readonly schema: string | null
  /** Statements, one a line, that put role and settings back to what they were at opening. */
  readonly restore: string
}

export async function readOpening(session: Session): Promise<Opening> {
  const settings = session.borrowed
    ? `(SELECT json_object_agg(name, setting) FROM pg_settings WHERE source = 'session' AND name NOT IN ('role', 'session_authorization') AND context IN ('user', 'superuser'))`
    : 'NULL'
  const [row] = await session.query(
    `SELECT current_database() AS database, current_schema() AS schema, session_user AS "user", current_setting('role') AS role, ${settings} AS settings`,
  )
  const role = row?.role === 'none' ? 'NONE' : identifier(String(row?.role))
  const kept = Object.entries((row?.settings ?? {}) as Record<string, string>)
  return {
    database: String(row?.database),
    schema: row?.schema as string | null,
    restore: [
      `SET SESSION AUTHORIZATION ${identifier(String(row?.user))};`,
      `SET ROLE ${role};`,
      'RESET ALL;',
      ...kept.map(([name, value]) => `SELECT pg_catalog.set_config(${literal(name)}, ${literal(value)}, false);`),
    ].join('\n'),
  }
}
