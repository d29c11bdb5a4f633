/** Lists the databases of a server, who is connected to them, and their size. */
import type { Session } from './session.ts'
import { identifier, literal } from './tables.ts'

export interface SessionOn {
  readonly id: number
  readonly user: string
  readonly running: boolean
  readonly inTransaction: boolean
  /** The running statement; empty if there is none, since the server does not report the last one. */
  readonly statement: string
}

/** Returns the sessions whose current database this is. */
export async function sessionsOn(admin: Session, database: string): Promise<SessionOn[]> {
  const [processes = [], status = []] = await admin.queries(['SHOW FULL PROCESSLIST', 'SHOW ENGINE INNODB STATUS'])
  const transactions = openTransactions(String(status[0]?.Status ?? ''))
  return processes
    .filter(({ db }) => db === database)
    .map(({ Id, User, Command, Info }) => ({
      id: Number(Id),
      user: String(User),
      running: Command !== 'Sleep',
      inTransaction: transactions.has(Number(Id)),
      statement: String(Info ?? ''),
    }))
}

/**
 * Returns whether there are transactions that may hold rows of any database: prepared ones, which have no session, and
 * those of sessions whose current database does not have this prefix.
 */
export async function hasStrayTransactions(admin: Session, prefix: string): Promise<boolean> {
  const [processes = [], status = []] = await admin.queries(['SHOW FULL PROCESSLIST', 'SHOW ENGINE INNODB STATUS'])
  const text = String(status[0]?.Status ?? '')
  if (/^---TRANSACTION \(?\d+\)?, ACTIVE \(PREPARED\)/m.test(text)) return true
  const open = openTransactions(text)
  return processes.some(({ Id, db }) => open.has(Number(Id)) && !String(db ?? '').startsWith(prefix))
}

/** Returns the number of sessions on each database. */
export async function countSessions(admin: Session): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (const { db } of await admin.query('SHOW PROCESSLIST')) {
    if (db !== null) counts.set(String(db), (counts.get(String(db)) ?? 0) + 1)
  }
  return counts
}

/** Ends a session. One that has already ended is not an error. */
export async function endSession(admin: Session, id: number): Promise<void> {
  await admin.query(`KILL CONNECTION ${id}`).catch(() => undefined)
}

/** Returns the bytes of rows and indexes as estimated by the server; 0 if the database is gone. */
export async function sizeOf(admin: Session, database: string): Promise<number> {
  const [row] = await admin.query(
    `SELECT COALESCE(SUM(data_length + index_length), 0) AS bytes FROM information_schema.tables WHERE table_schema = ${literal(database)}`,
  )
  return Number(row?.bytes ?? 0)
}

export async function dropDatabase(admin: Session, name: string): Promise<void> {
  await admin.query(`DROP DATABASE IF EXISTS ${identifier(name)}`)
}

// --- internal ---

/**
 * Returns the sessions that have a transaction, from the text of the InnoDB monitor: information_schema.innodb_trx is a
 * cache that is not refreshed while somebody reads it ten times a second.
 */
function openTransactions(status: string): Set<number> {
  const ids = new Set<number>()
  for (const section of status.split(/^---TRANSACTION /m).slice(1)) {
    const id = /^(?:MySQL|MariaDB) thread id (\d+)/m.exec(section)?.[1]
    if (id !== undefined && /^\(?\d+\)?, ACTIVE/.test(section)) ids.add(Number(id))
  }
  return ids
}
