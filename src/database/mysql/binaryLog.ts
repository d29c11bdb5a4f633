/**
 * Asks the server's binary log which tables of a database were written since a moment, and whether anything else in the
 * log may concern the database. For servers that we started: their log holds rows, of all databases.
 *
 * The log lacks what has no row: an AUTO_INCREMENT number that was taken and not used, and rows that InnoDB itself
 * changes for a foreign key. It also lacks what a session writes after `SET sql_log_bin = 0`. The caller looks for
 * these: see `Stamps`.
 */
import type { Row, Session } from './session.ts'
import { literal } from './tables.ts'

/** A moment in the log. */
export interface LogPosition {
  readonly file: string
  readonly offset: number
}

export interface Logged {
  /** The tables of the database whose rows were written. */
  readonly tables: ReadonlySet<string>
  /** `true` if something else was logged that may have changed the database, or if the log is too long to be read. */
  readonly more: boolean
  /** The moment up to which this holds. */
  readonly upTo: LogPosition
}

/** Returns whether the server has a log that tells of every row of every database. */
export async function isLogging(session: Session): Promise<boolean> {
  const settings = await session.query("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format')")
  const isRows = settings.every(({ Value }) => Value === 'ON' || Value === 'ROW')
  return settings.length > 0 && isRows && (await endOfLog(session)) !== undefined
}

/** Makes a session leave no trace in the log: what we do to a database is no test's. */
export const UNLOGGED = 'SET SESSION sql_log_bin = 0'

/** Returns the present end of the log. */
export async function endOfLog(session: Session): Promise<LogPosition | undefined> {
  const show = async (what: string) => (await session.query(`SHOW ${what} STATUS`))[0]
  // MySQL 8.2 has given it another name, which MariaDB does not know.
  const status = await show('BINARY LOG').catch(() => show('MASTER'))
  if (status?.Binlog_Do_DB !== '' || status.Binlog_Ignore_DB !== '') return undefined
  return { file: String(status.File), offset: Number(status.Position) }
}

/** Returns the query that {@link readLogged} reads. It fails if the server has removed the file. */
export function loggedSql({ file, offset }: LogPosition): string {
  return `SHOW BINLOG EVENTS IN ${literal(file)} FROM ${offset} LIMIT ${MOST_EVENTS}`
}

/** Tells from the events of {@link loggedSql} what was written to a database. */
export function readLogged(events: readonly Row[], database: string, since: LogPosition): Logged {
  const tables = new Set<string>()
  let more = events.length >= MOST_EVENTS
  let upTo = since
  for (const { Event_type, End_log_pos, Info } of events) {
    const [kind, info] = [String(Event_type), String(Info)]
    // MariaDB does not say where some events within a transaction end.
    upTo = { file: upTo.file, offset: Math.max(upTo.offset, Number(End_log_pos)) }
    if (kind === 'Table_map') {
      const table = TABLE.exec(info)?.[1]
      if (table === undefined) more = true
      else if (table.startsWith(`${database}.`)) tables.add(table.slice(database.length + 1))
    } else if (kind === 'Rotate') {
      // The rest is in the next file.
      more = true
      upTo = { file: info.split(';')[0] ?? '', offset: FIRST_OFFSET }
    } else if (kind === 'Query' ? concerns(info, database) : !SILENT.test(kind)) more = true
  }
  return { tables, more, upTo }
}

/** Returns the later one of two moments. */
export function laterOf(one: LogPosition, other: LogPosition): LogPosition {
  const order = numberOf(one) - numberOf(other) || one.offset - other.offset
  return order > 0 ? one : other
}

// --- internal ---

/** Above that, which includes what other tests wrote meanwhile, comparing everything is faster. */
const MOST_EVENTS = 3000

/** The position in a log file at which its events begin, in bytes. */
const FIRST_OFFSET = 4

const TABLE = /^table_id: \d+ \((.*)\)$/s

/** Events that say nothing about a database, or only about the rows of the table in the event before them. */
const SILENT =
  /^(?:(?:Write|Update|Delete)_rows(?:_v1)?|Xid|Gtid|Gtid_list|Anonymous_Gtid|Previous_gtids|Format_desc|Annotate_rows|Rows_query|Binlog_checkpoint|Stop|Intvar|RAND|User var)$/i

const TRANSACTION = /^(?:BEGIN|COMMIT|ROLLBACK|START TRANSACTION|SAVEPOINT|ROLLBACK TO|RELEASE SAVEPOINT)\b/i

/** Statements that name the database that they change, unless it is the current one. */
const NAMES_ITS_DATABASE =
  /^(?:CREATE|ALTER|DROP|RENAME|TRUNCATE|GRANT|REVOKE|ANALYZE|OPTIMIZE|REPAIR|FLUSH|SET PASSWORD)\b/i

/** The statement that is logged without the current database, which it need not name. */
const MAY_NAME_NONE = /^ALTER\b(?!\s+(?:TABLE|USER)\b)/i

/**
 * Returns whether a logged statement may have changed the database. Only schema changes are logged as statements; if a
 * session has chosen to log changes of rows that way, too, these may reach every database through triggers and views.
 */
function concerns(info: string, database: string): boolean {
  const { current, statement = info } = CURRENT.exec(info)?.groups ?? {}
  if (TRANSACTION.test(statement)) return false
  if (current === database || info.includes(database) || !NAMES_ITS_DATABASE.test(statement)) return true
  return current === undefined && MAY_NAME_NONE.test(statement)
}

const CURRENT = /^use `(?<current>(?:[^`]|``)*)`; (?<statement>.*)$/s

function numberOf({ file }: LogPosition): number {
  return Number(/\d+$/.exec(file)?.[0] ?? 0)
}
