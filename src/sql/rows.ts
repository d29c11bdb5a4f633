/** Which statements of MySQL and MariaDB a transaction holds, and which commit it (MySQL manual, "Statements That Cause an Implicit Commit"). */
import type { Statement } from './statements.ts'

/** Whether rows are all that it changes, so that a rollback takes it back. @param text the statement's */
export function changesRowsOnly(words: readonly string[], text: string): boolean {
  const [first = '', second = ''] = plainly(words)
  if (first === 'set') return second !== 'transaction' && !isOfServer(words, text) && !NOT_WITHIN.test(text)
  if (first === 'create' || first === 'drop') return second === 'temporary'
  if (first === 'load') return second !== 'index'
  return ROWS.has(first)
}

/** Whether it only prepares the session for what follows, so that running it again does no harm. */
export function changesSessionOnly(words: readonly string[], text: string): boolean {
  const [first = ''] = plainly(words)
  return first === 'use' || (first === 'set' && !isOfServer(words, text))
}

/** Whether it may leave the session other than it was, in itself or in what it calls. */
export function leavesSession({ words, parts }: Pick<Statement, 'words' | 'parts'>): boolean {
  if (parts) return parts.some(leavesSession)
  return ['use', 'set', 'call', 'prepare', 'execute', 'begin'].includes(plainly(words)[0] ?? '')
}

/** Whether it runs statements that are not seen here, so that some of them may have run where it fails. */
export function runsOthers(words: readonly string[]): boolean {
  const [first = '', second = ''] = plainly(words)
  return OTHERS.has(first) || words[1] === ':' || (first === 'set' && second === 'statement')
}

/** Whether what it leaves is the session's alone, and what follows may need it. @param text the script's */
export function readies({ words, parts, start, end }: Statement, text: string): boolean {
  if (parts) return parts.some((part) => readies(part, text))
  const [first = '', second = ''] = plainly(words)
  if (first === 'prepare' || (first === 'create' && second === 'temporary')) return true
  const sql = text.slice(start, end)
  return changesSessionOnly(words, sql) || (first === 'select' && /\binto\s+@/i.test(sql))
}

// --- internal ---

/** What cannot be set in a transaction, or ends it. */
const NOT_WITHIN =
  /\b(?:autocommit|sql_log_bin|transaction_isolation|tx_isolation|transaction_read_only|tx_read_only)\b/i

const OTHERS = new Set(['call', 'execute', 'begin', 'if', 'case', 'loop', 'while', 'repeat', 'for'])

const ROWS = new Set(
  'insert update delete replace select with values table do use savepoint release rollback explain describe desc show ('.split(
    ' ',
  ),
)

/** What a SET changes that no session has: accounts, the server's own settings. MariaDB's SET STATEMENT runs what follows it. */
function isOfServer(words: readonly string[], text: string): boolean {
  const [, second = '', third = ''] = plainly(words)
  if (['password', 'statement'].includes(second) || (second === 'default' && third === 'role')) return true
  return /\b(?:global|persist|persist_only)\b/i.test(text)
}

/** What a conditional comment begins with counts as if it stood there without one. */
function plainly(words: readonly string[]): readonly string[] {
  const inside = /^\/\*m?!\d*\s*([\s\S]*)/i.exec(words[0] ?? '')?.[1]
  return inside === undefined ? words : inside.toLowerCase().split(/[^\w@]+/)
}
