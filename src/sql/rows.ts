/**
 * Classifies statements of MySQL and MariaDB: which run inside a transaction, and which commit it (MySQL manual,
 * "Statements That Cause an Implicit Commit").
 */
import type { Statement } from './statements.ts'

/** Returns whether the statement only changes rows, so that a rollback undoes it. @param text text of the statement */
export function changesRowsOnly(words: readonly string[], text: string): boolean {
  const [first = '', second = ''] = plainly(words)
  if (first === 'set') return second !== 'transaction' && !isOfServer(words, text) && !NOT_WITHIN.test(text)
  if (first === 'create' || first === 'drop') return second === 'temporary'
  if (first === 'load') return second !== 'index'
  return ROWS.has(first)
}

/** Returns whether the statement only changes settings of the session, so that running it again does no harm. */
export function changesSessionOnly(words: readonly string[], text: string): boolean {
  const [first = ''] = plainly(words)
  return first === 'use' || (first === 'set' && !isOfServer(words, text))
}

/** Returns whether the statement, or anything that it calls, may change the state of the session. */
export function leavesSession({ words, parts }: Pick<Statement, 'words' | 'parts'>): boolean {
  if (parts) return parts.some(leavesSession)
  return ['use', 'set', 'call', 'prepare', 'execute', 'begin'].includes(plainly(words)[0] ?? '')
}

/**
 * Returns whether the statement runs other statements that we do not see, so that some of them may have run when it
 * fails.
 */
export function runsOthers(words: readonly string[]): boolean {
  const [first = '', second = ''] = plainly(words)
  return OTHERS.has(first) || words[1] === ':' || (first === 'set' && second === 'statement')
}

/**
 * Returns whether the statement leaves state only in the session (settings, user variables, temporary tables, prepared
 * statements), which later statements may need.
 * @param text text of the script
 */
export function readies({ words, parts, start, end }: Statement, text: string): boolean {
  if (parts) return parts.some((part) => readies(part, text))
  const [first = '', second = ''] = plainly(words)
  if (first === 'prepare' || (first === 'create' && second === 'temporary')) return true
  const sql = text.slice(start, end)
  return changesSessionOnly(words, sql) || (first === 'select' && /\binto\s+@/i.test(sql))
}

// --- internal ---

/** Variables that cannot be set in a transaction, or that end it. */
const NOT_WITHIN =
  /\b(?:autocommit|sql_log_bin|transaction_isolation|tx_isolation|transaction_read_only|tx_read_only)\b/i

const OTHERS = new Set(['call', 'execute', 'begin', 'if', 'case', 'loop', 'while', 'repeat', 'for'])

const ROWS = new Set(
  'insert update delete replace select with values table do use savepoint release rollback explain describe desc show ('.split(
    ' ',
  ),
)

/**
 * Returns whether a SET changes something outside the session: accounts, or the server's settings. Also `true` for
 * MariaDB's SET STATEMENT, which runs the statement after it.
 */
function isOfServer(words: readonly string[], text: string): boolean {
  const [, second = '', third = ''] = plainly(words)
  if (['password', 'statement'].includes(second) || (second === 'default' && third === 'role')) return true
  return /\b(?:global|persist|persist_only)\b/i.test(text)
}

/** Returns the statement's words; if it begins with a conditional comment, the words inside that comment. */
function plainly(words: readonly string[]): readonly string[] {
  const inside = /^\/\*m?!\d*\s*([\s\S]*)/i.exec(words[0] ?? '')?.[1]
  return inside === undefined ? words : inside.toLowerCase().split(/[^\w@]+/)
}
