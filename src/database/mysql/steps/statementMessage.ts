/**
 * The message that runs one statement of a migration together with our journal, and what a failure of that message
 * means. Pure functions: the driver sends the message, and reads from the database whatever they ask for.
 */
import type { OnNotice } from '../../../migrate/driver.ts'
import { describeVersion } from '../../../migrate/version.ts'
import { changesRowsOnly, changesSessionOnly, leavesSession, runsOthers } from '../../../sql/rows.ts'
import type { Script } from '../../../sql/script.ts'
import type { Statement } from '../../../sql/statements.ts'
import type { Row } from '../session.ts'

export type StatementKind =
  /** It only changes rows. */
  | 'rows'
  /** It only changes settings of the session. */
  | 'session'
  /** It runs other statements that we do not see, some of which may have run when it fails. */
  | 'opaque'
  /** It may change the schema, so it commits. */
  | 'schema'

/** @param isUnit `true` for a unit that the file itself delimits, from BEGIN or LOCK TABLES to its end */
export function kindOf(sql: string, words: readonly string[], isUnit: boolean): StatementKind {
  if (isUnit || runsOthers(words)) return 'opaque'
  if (changesSessionOnly(words, sql)) return 'session'
  return changesRowsOnly(words, sql) ? 'rows' : 'schema'
}

/** The progress that the journal stores for a statement of kind `session`: such a statement may run again. */
export const SESSION_ONLY = '{}'

export interface StatementToSend {
  readonly kind: StatementKind
  /** Its index in the script, from 0. */
  readonly index: number
  /** Its text; of a unit, the texts of its statements. */
  readonly texts: readonly string[]
  /** The journal's entry about the objects that the statement is about to change; null if we do not know them. */
  readonly progress: string | null
  /** `true` if rows that it writes may stay after a rollback, because some tables have no transactions. */
  readonly rowsStay: boolean
  /** `true` if the migration has not been recorded as begun. */
  readonly isFirst: boolean
  /** `true` for the last statement of the script. */
  readonly isLast: boolean
}

/** Builds the statements that write to our tables. */
export interface OwnWrites {
  /** Records the migration as begun, in a transaction of its own. */
  begin(first: { readonly started: number; readonly progress: string | null }): readonly string[]
  /** Moves the journal. */
  journal(counts: { readonly started: number; readonly done: number }, progress?: string | null): string
}

export interface StatementMessage {
  readonly statements: readonly string[]
  /** Returns which of the texts the statement at this place of the message is; none if it is one of ours. */
  textAt(index: number): number
  /** Returns the part of the message that the statement at this place belongs to. */
  partAt(index: number): MessagePart
  onRow(row: Row): void
}

/**
 * `beginning`: our writes that record the migration as begun. `statement`: the statement, or our writes that commit
 * with it. `ending`: our writes after a statement that has committed. `look`: the look at the next statement's object.
 */
type MessagePart = 'beginning' | 'statement' | 'ending' | 'look'

/** @param look SQL that looks at the object of the next statement */
export function composeMessage(
  statement: StatementToSend,
  writes: OwnWrites,
  notice?: OnNotice,
  look?: string,
): StatementMessage {
  const { kind, index, texts, progress, isFirst } = statement
  // A schema change commits what was written before it.
  const commit = kind === 'schema' && progress !== null ? [] : ['COMMIT']
  const begin = isFirst
    ? writes.begin({ started: isUndoable(statement) ? 0 : 1, progress })
    : isUndoable(statement)
      ? []
      : [writes.journal({ started: index + 1, done: index }, progress), ...commit]
  const before = kind === 'rows' ? [...begin, 'START TRANSACTION'] : begin
  const heard = withWarnings(texts, notice)
  const after = isDeferred(statement) || (statement.isLast && progress !== null) ? [] : recordDone(index, writes)
  const end = before.length + heard.statements.length
  return {
    statements: [...before, ...heard.statements, ...after, ...(look === undefined ? [] : [look])],
    textAt: (at) => heard.textAt(at - before.length),
    partAt: (at) => {
      if (isFirst && at < begin.length) return 'beginning'
      if (look !== undefined && at === end + after.length) return 'look'
      return kind !== 'rows' && at >= end ? 'ending' : 'statement'
    },
    onRow: heard.onRow,
  }
}

/**
 * Returns whether a statement is recorded as done only when the next one begins, and the last one when the whole
 * migration is recorded. If that does not happen, the objects themselves show whether the statement took effect.
 */
export function isDeferred({ kind, progress, isLast }: StatementToSend): boolean {
  return kind === 'schema' && progress !== null && !isLast
}

/** Returns the writes that record a statement as done. */
export function recordDone(index: number, writes: Pick<OwnWrites, 'journal'>): string[] {
  return [writes.journal({ started: index + 1, done: index + 1 }, null), 'COMMIT']
}

/**
 * Returns whether a statement that failed had an effect; `undefined` if that is unknown. `compare`: the journal's
 * progress, if the objects recorded there show the effect.
 * @param errno the server's error number
 */
export function effectOf(
  { kind, progress, rowsStay }: Pick<StatementToSend, 'kind' | 'progress' | 'rowsStay'>,
  errno: number | undefined,
): boolean | { readonly compare: string } | undefined {
  if (kind === 'rows') return rowsStay
  if (kind === 'opaque') return undefined
  if (kind === 'session') return false
  if (progress !== null) return { compare: progress }
  return NOT_READ.has(errno ?? 0) ? false : undefined
}

/**
 * Returns whether the journal keeps a failed statement as started, because it may have had an effect. The server
 * rejects any other statement as a whole.
 */
export function staysStarted(kind: StatementKind, effect: boolean | undefined): boolean {
  return kind === 'opaque' || (kind === 'rows' && effect === true)
}

/** Describes what a failed statement left and what the user should do. @param to version of the version row */
export function describeEffect(kind: StatementKind, index: number, to: number): string {
  const n = index + 1
  const dirty = `the database is dirty at version ${describeVersion(to)}`
  return kind === 'rows'
    ? `Statement ${n} failed, and rows that it wrote to tables without transactions (MyISAM, MEMORY) are there; ${dirty}. Delete them by hand, fix the statement and run "migratest resume --not-applied ${n}".`
    : `Statement ${n} took effect in part before it failed, as some that name several objects do; ${dirty}. Take that part out of the statement and run "migratest resume", or repair the schema by hand and run "migratest force VERSION".`
}

/**
 * Adds SHOW WARNINGS after each statement, since the server forgets warnings with the next statement. Above MOST_HEARD
 * statements it adds none, since that would take longer than running them.
 */
export function withWarnings(texts: readonly string[], notice: OnNotice | undefined) {
  if (!notice || texts.length > MOST_HEARD) {
    return { statements: texts, textAt: (index: number) => index, onRow: () => undefined }
  }
  return {
    statements: texts.flatMap((text) => [text, 'SHOW WARNINGS']),
    /** Returns which of the texts the statement at this place is. */
    textAt: (index: number) => Math.floor(index / 2),
    onRow: ({ Level, Code, Message }: Row) => {
      if (typeof Level === 'string' && typeof Message === 'string' && Code !== undefined)
        notice({ severity: Level, message: Message })
    },
  }
}

/**
 * Returns the statements from `index` on that one transaction can run, up to the first that does more than change rows
 * or that changes the session.
 */
export function rowsFrom(script: Script, index: number): readonly Statement[] {
  let length = 0
  let end = index
  for (const statement of script.statements.slice(index, index + MOST_ROWS)) {
    const { words, parts, changesSyntax } = statement
    if (parts || changesSyntax || leavesSession(statement) || runsOthers(words)) break
    if (!['insert', 'update', 'delete', 'replace'].includes(words[0] ?? '')) break
    length += statement.end - statement.start
    if (length > MOST_LENGTH) break
    end++
  }
  return script.statements.slice(index, end)
}

// --- internal ---

/** Returns whether a rollback undoes the statement, so that the journal need not say that it has started. */
function isUndoable({ kind, rowsStay }: StatementToSend): boolean {
  return kind === 'rows' && !rowsStay
}

/** Errors raised before anything ran: a syntax error, or an invalid name. */
const NOT_READ = new Set([1064, 1300])

const MOST_HEARD = 50
const MOST_ROWS = 1000
const MOST_LENGTH = 2 ** 20
