/** Reads the settings of a newly opened session and restores them. */
import type { Session } from './session.ts'
import { identifier, literal } from './tables.ts'

export interface SessionSettings {
  readonly database: string | null
  readonly role: string | null
  readonly variables: ReadonlyMap<string, string>
}

export async function readSessionSettings(session: Session): Promise<SessionSettings> {
  const [[row = {}] = [], variables = []] = await session.queries([
    'SELECT DATABASE() AS db, CURRENT_ROLE() AS role',
    'SHOW SESSION VARIABLES',
  ])
  const role = row.role === null || row.role === 'NONE' ? null : String(row.role)
  return {
    database: row.db as string | null,
    role,
    variables: new Map(variables.map(({ Variable_name: name, Value }) => [String(name), String(Value)])),
  }
}

/** Restores each setting that a migration has changed, one by one; settings that are only global are left. */
export async function restoreSessionSettings(session: Session, before: SessionSettings): Promise<void> {
  await session.query('UNLOCK TABLES')
  const now = await readSessionSettings(session)
  const changes = [
    ...(before.database === null || before.database === now.database ? [] : [`USE ${identifier(before.database)}`]),
    ...(before.role === now.role ? [] : [`SET ROLE ${before.role ?? 'NONE'}`]),
    'SET SESSION timestamp = DEFAULT',
  ]
  for (const [name, value] of before.variables) {
    if (now.variables.get(name) === value || PASSING.has(name)) continue
    // Numbers are written as numbers; a setting shown as ON may only accept 1.
    const plain = value === 'ON' ? '1' : value === 'OFF' ? '0' : value
    changes.push(`SET SESSION ${name} = ${/^-?\d+(\.\d+)?$/.test(plain) ? plain : literal(value)}`)
  }
  for (const sql of changes) await session.query(sql).catch(() => undefined)
}

// --- internal ---

/** Variables that change without being set. */
const PASSING = new Set(
  'timestamp last_insert_id identity insert_id error_count warning_count rand_seed1 rand_seed2 pseudo_thread_id last_gtid statement_id in_transaction gtid_executed gtid_binlog_pos gtid_current_pos'.split(
    ' ',
  ),
)
