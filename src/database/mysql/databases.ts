/** Lists the databases of a server, who is connected to them, and their size. */

import { type LogPosition, loggedSql } from './binaryLog.ts'
import type { Row, Session } from './session.ts'
import { identifier, literal } from './tables.ts'

export interface SessionOn {
  readonly id: number
  readonly user: string
  readonly running: boolean
  readonly inTransaction: boolean
  /** The running statement; empty if there is none, since the server does not report the last one. */
  readonly statement: string
}

/** The sessions and counters of a server at one moment. */
export interface ServerLook {
  /** Returns the sessions whose current database this is. */
  on(database: string): SessionOn[]
  /**
   * Returns whether there are transactions that may hold rows of any database: prepared ones that have no session, and
   * those of sessions for whose current database `isOurs` returns `false`.
   */
  hasStrayTransactions(isOurs: (database: string) => boolean): boolean
  /** The counts of {@link writesSql}, read after the sessions. */
  readonly writes: string | undefined
  /** The number of statements that may have changed a definition other than a table's; see {@link writesSql}. */
  readonly otherDefinitions: string
  /** The events of the binary log, read after the sessions. */
  readonly events: readonly Row[]
}

/**
 * @param counting returns what has been written on the server, if that is to be read, too: see {@link writesSql}
 * @param since the moment since which the binary log is to be read, too
 */
export async function lookAtServer(admin: Session, counting?: string, since?: LogPosition): Promise<ServerLook> {
  const [processes = [], [monitor] = [], counted, events = []] = await admin.queries([
    'SHOW FULL PROCESSLIST',
    'SHOW ENGINE INNODB STATUS',
    ...(counting === undefined ? [] : [counting]),
    ...(since === undefined ? [] : [loggedSql(since)]),
  ])
  const status = String(monitor?.Status ?? '')
  const transactions = openTransactions(status)
  return {
    on: (database) =>
      processes
        .filter(({ db }) => db === database)
        .map(({ Id, User, Command, Info }) => ({
          id: Number(Id),
          user: String(User),
          running: Command !== 'Sleep',
          inTransaction: transactions.ids.has(Number(Id)),
          statement: String(Info ?? ''),
        })),
    hasStrayTransactions: (isOurs) =>
      transactions.isAnyWithoutSession ||
      processes.some(({ Id, db }) => transactions.ids.has(Number(Id)) && !isOurs(String(db ?? ''))),
    writes: counted && writesIn(status, counted),
    otherDefinitions: JSON.stringify((counted ?? []).map(({ n: _, ...others }) => others)),
    events,
  }
}

/** Returns the sessions whose current database this is. */
export async function sessionsOn(admin: Session, database: string): Promise<SessionOn[]> {
  return (await lookAtServer(admin)).on(database)
}

/**
 * Returns the query that, beside InnoDB's log sequence number, tells whether anything has been written on the server.
 * MySQL keeps everything in InnoDB, so that number is enough, unless the log is switched off. MariaDB keeps definitions
 * and some engines' rows elsewhere: there, the query counts the rows that were written, and the statements other than
 * those that only read or only change a session. On both, it also counts the statements that change definitions other
 * than those of tables.
 */
export function writesSql(isMariadb: boolean): string {
  if (!isMariadb) return `SHOW GLOBAL STATUS WHERE Variable_name = '${REDO_LOG}' OR ${changesOthers('Variable_name')}`
  return `SELECT CAST(SUM(variable_value) AS char) AS n, CAST(SUM(IF(${changesOthers('variable_name')}, variable_value, 0)) AS char) AS others FROM information_schema.global_status WHERE variable_name IN ('HANDLER_WRITE', 'HANDLER_UPDATE', 'HANDLER_DELETE') OR (variable_name LIKE 'COM\\_%' AND variable_name NOT LIKE 'COM\\_SHOW\\_%' AND variable_name NOT LIKE 'COM\\_STMT\\_%' AND variable_name NOT IN (${HARMLESS.map((name) => `'COM_${name.toUpperCase()}'`).join(', ')}))`
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

/** Statements that change no definition; the rows that they write are counted by themselves. */
const HARMLESS =
  'select set_option change_db begin commit rollback savepoint release_savepoint rollback_to_savepoint admin_commands kill insert insert_select update update_multi delete delete_multi replace replace_select do empty_query help lock_tables unlock_tables ha_open ha_read ha_close prepare_sql execute_sql dealloc_sql execute_immediate call_procedure'.split(
    ' ',
  )

const REDO_LOG = 'Innodb_redo_log_enabled'

/** Statements that change only tables, databases as a whole, or accounts. */
const OF_TABLES =
  'create_table alter_table drop_table create_temporary_table drop_temporary_table create_index drop_index create_db drop_db create_user alter_user drop_user create_role drop_role'.split(
    ' ',
  )

/**
 * Returns the condition that a variable counts statements that change other definitions than tables, or the binary log.
 */
function changesOthers(name: string): string {
  const kinds = ['CREATE', 'ALTER', 'DROP'].map((kind) => `${name} LIKE 'COM\\_${kind}\\_%'`)
  const tables = OF_TABLES.map((one) => `'COM_${one.toUpperCase()}'`).join(', ')
  return `((${kinds.join(' OR ')} OR ${name} = 'COM_RESET') AND ${name} NOT IN (${tables}))`
}

/** Returns a text that stays the same as long as nothing is written; undefined if that cannot be told. */
function writesIn(status: string, counted: readonly Row[]): string | undefined {
  const sequence = /^Log sequence number\s+(\d+)/m.exec(status)?.[1]
  const n = counted[0]?.n
  // MySQL before 8.0.21 has no such setting.
  const isOff = counted.some(({ Variable_name, Value }) => Variable_name === REDO_LOG && Value === 'OFF')
  return sequence === undefined || isOff || n === null ? undefined : `${sequence} ${n ?? ''}`
}

interface Transactions {
  /** The sessions that have one. */
  readonly ids: ReadonlySet<number>
  /** `true` if one is prepared and its session has gone. A commit is prepared for a moment, too, if there is a binary log. */
  readonly isAnyWithoutSession: boolean
}

/**
 * Returns the open transactions, from the text of the InnoDB monitor: information_schema.innodb_trx is a cache that is
 * not refreshed while somebody reads it ten times a second.
 */
function openTransactions(status: string): Transactions {
  const ids = new Set<number>()
  let isAnyWithoutSession = false
  for (const section of status.split(/^---TRANSACTION /m).slice(1)) {
    const active = /^\(?\d+\)?, ACTIVE(?<prepared> \(PREPARED\))?/.exec(section)
    if (!active) continue
    const id = /^(?:MySQL|MariaDB) thread id (\d+)/m.exec(section)?.[1]
    if (id !== undefined) ids.add(Number(id))
    else if (active.groups?.prepared) isAnyWithoutSession = true
  }
  return { ids, isAnyWithoutSession }
}
