/** Determines what to drop to empty a database. */
import type { Session } from './session.ts'
import { identifier, literal } from './tables.ts'

/** Returns the statements. @param keep names of tables to keep */
export async function dropStatements(session: Session, database: string, keep: readonly string[]): Promise<string[]> {
  const db = literal(database)
  const at = (name: unknown) => `${identifier(database)}.${identifier(String(name))}`
  const [tables = [], routines = [], events = []] = await session.queries([
    `SELECT table_name AS name, table_type AS type FROM information_schema.tables WHERE table_schema = ${db}`,
    `SELECT routine_name AS name, routine_type AS type FROM information_schema.routines WHERE routine_schema = ${db}`,
    `SELECT event_name AS name FROM information_schema.events WHERE event_schema = ${db}`,
  ])
  const dropped = tables.filter(({ name }) => !keep.includes(String(name)))
  const all = [
    ...events.map(({ name }) => `DROP EVENT IF EXISTS ${at(name)}`),
    ...dropped.map(({ name, type }) => `DROP ${WORDS[String(type)] ?? 'TABLE'} IF EXISTS ${at(name)}`),
    ...routines.map(({ name, type }) => `DROP ${type} IF EXISTS ${at(name)}`),
  ]
  // Triggers are dropped with their tables; tables may refer to each other.
  return all.length === 0
    ? []
    : [
        'SET @migratest_checks = @@foreign_key_checks, SESSION foreign_key_checks = 0',
        ...all,
        'SET SESSION foreign_key_checks = @migratest_checks',
      ]
}

// --- internal ---

const WORDS: Readonly<Record<string, string>> = { VIEW: 'VIEW', SEQUENCE: 'SEQUENCE' }
