/** Converts the server's errors to ours, with the place in the script and hints for the user. */
import { StatementError } from '../../migrate/errors.ts'
import { type MysqlError, ScriptFailure } from './session.ts'

const NO_SUCH_TABLE = 1146
const NO_SUCH_DATABASE = 1049

/** Returns whether the error says that one of our tables, or their database, does not exist. */
export function isMissingTable(error: unknown): boolean {
  const { errno } = causeOf(error)
  return errno === NO_SUCH_TABLE || errno === NO_SUCH_DATABASE
}

/** Returns whether the server itself rejected the statement, as opposed to a broken connection. */
function isAnswer(error: unknown): boolean {
  const { errno = -1, sqlState } = causeOf(error)
  return errno > 0 && sqlState !== undefined
}

export interface Sent {
  /** Text of the statement. */
  readonly sql: string
  /** Offset of the statement in the script. */
  readonly from: number
}

/** Converts any error to the type that the engine expects of a driver; connection errors stay unchanged. */
export function asStatementError(
  thrown: unknown,
  statement?: number,
  sent?: Sent,
  more: { undone?: boolean; databaseState?: string | undefined } = {},
): Error {
  if (thrown instanceof StatementError) return thrown
  const error = thrown instanceof ScriptFailure ? thrown.error : (thrown as MysqlError)
  if (!isAnswer(error)) return error
  const place = sent && offsetOfError(sent.sql, error)
  return new StatementError(
    {
      message: wordsOf(error),
      sqlState: error.sqlState,
      offset: place === undefined || !sent ? undefined : sent.from + place,
      statement,
      hint: HINTS[error.errno ?? 0],
      ...more,
    },
    error,
  )
}

/**
 * Returns the offset of an error. MySQL gives no position, only the text from the error on and its line, or the name
 * the error is about.
 * @param sql one statement
 */
export function offsetOfError(sql: string, { sqlMessage = '' }: MysqlError): number | undefined {
  const near = /near '([\s\S]*)' at line (\d+)$/.exec(sqlMessage)
  if (near) return offsetOfNear(sql, near[1] ?? '', Number(near[2]))
  for (const [, name = ''] of sqlMessage.matchAll(/'([^']+)'/g)) {
    const found = offsetOfName(sql, name) ?? offsetOfName(sql, name.split('.').at(-1) ?? '')
    if (found !== undefined) return found
  }
  return undefined
}

// --- internal ---

function causeOf(error: unknown): MysqlError {
  const thrown = error instanceof StatementError ? (error.cause as MysqlError) : (error as MysqlError)
  return thrown instanceof ScriptFailure ? thrown.error : (thrown ?? new Error())
}

/** Returns the message without the end of a syntax error, which repeats what the code frame shows. */
function wordsOf({ sqlMessage, message }: MysqlError): string {
  const words = sqlMessage ?? message
  // The text that follows the statement in the message is ours.
  const theirs = words.replace(/(?<=near '|\n);\n[\s\S]*(?=' at line \d+$)/, '')
  const near = theirs.replace(/(?<=near ')[\s\S]*(?=' at line \d+$)/, (text) => text.trim().replace(/\s+/g, ' '))
  return near.replace(/; check the manual that corresponds to your \w+ server version for the right syntax to use/, '')
}

function offsetOfNear(sql: string, near: string, line: number): number {
  if (near === '' || near.startsWith(';\n')) return sql.trimEnd().length
  const lines = sql.split('\n')
  const from = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0)
  // The text may also include what follows the statement in the message.
  for (let length = near.length; length > 0; length = Math.floor(length / 2)) {
    const head = near.slice(0, length).split('\n;\n')[0] ?? ''
    const found = head === '' ? -1 : sql.indexOf(head, Math.max(0, from - 1))
    if (found !== -1) return found
  }
  return from
}

/** Returns the offset of a name as a whole word: its only or first occurrence. */
function offsetOfName(sql: string, name: string): number | undefined {
  if (name.length === 0 || name.length > 64) return undefined
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const found = new RegExp(`(?<![\\p{L}\\p{N}_$])${escaped}(?![\\p{L}\\p{N}_$])`, 'iu').exec(sql)
  return found?.index
}

/** Hints about the usual causes, by the server's error number. */
const HINTS: Readonly<Record<number, string>> = {
  1205: 'Another session holds a lock on those rows, or on the table.',
  1213: 'Two sessions waited for each other, and this one was chosen to give up. Running it again is safe.',
  1142: 'The user who migrates lacks a privilege: GRANT it.',
  1044: 'The user who migrates lacks a privilege on that database: GRANT it.',
  1227: 'The user who migrates lacks a privilege of the whole server; a DEFINER of another user asks for SET_USER_ID or SUPER.',
  1419: 'With binary logs, routines and triggers need SUPER or log_bin_trust_function_creators = 1.',
  1418: 'With binary logs, a function says that it is DETERMINISTIC, NO SQL or READS SQL DATA; or set log_bin_trust_function_creators = 1.',
  1100: 'The file has locked other tables: write UNLOCK TABLES before this statement.',
  1153: 'The statement is larger than max_allowed_packet: raise that, or write several statements.',
}
