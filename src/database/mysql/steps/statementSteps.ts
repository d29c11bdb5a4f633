/** Runs the statements of a migration, each in one message with our journal. */
import type { MigrationStep } from '../../../migrate/driver.ts'
import { ConnectionError } from '../../../migrate/errors.ts'
import { NEVER } from '../../../migrate/never.ts'
import type { Script } from '../../../sql/script.ts'
import { asStatementError } from '../failure.ts'
import { type Row, ScriptFailure, type Session } from '../session.ts'
import * as tables from '../tables.ts'
import { rollBack } from './journal.ts'
import { type DriverParts, noticeOf, rowsStay } from './parts.ts'
import { refuseOtherCharset, refuseTooLong } from './refusals.ts'
import { hasChanged, type StatementJournal } from './statementJournal.ts'
import {
  composeMessage,
  describeEffect,
  effectOf,
  isDeferred,
  kindOf,
  recordDone,
  rowsFrom,
  type StatementToSend,
  staysStarted,
} from './statementMessage.ts'

/** Runs one statement; with the observer, if there is one. */
export function executeStatement(
  parts: DriverParts,
  step: MigrationStep,
  script: Script,
  index: number,
  signal: AbortSignal,
): Promise<void> {
  const { session } = parts
  const { observer } = parts.options
  const run = (text?: string) => executeOne(parts, step, script, index, signal, text)
  if (!observer?.isActive) return run()
  return observer.observe(
    {
      step,
      index,
      statement: script.statements[index],
      inTransaction: false,
      query: (sql) => session.query(sql),
      another: session.another,
    },
    // The observer is told of a failure as the engine is.
    (text) => run(text).catch((error) => Promise.reject(asStatementError(error, index))),
  )
}

/**
 * Runs consecutive statements that only change rows as one transaction and one message, which moves the journal once.
 * If one of them fails, the statements before it are run again and committed, so that the result is the same as when
 * running them one by one.
 * @returns how many statements have run; 0 if this one has to run by itself
 */
export async function executeRows(
  parts: DriverParts,
  step: MigrationStep,
  index: number,
  signal: AbortSignal,
): Promise<number> {
  const { session, names, journal } = parts
  const { work } = step
  const some = work.kind === 'sql' ? rowsFrom(work.script, index) : []
  if (work.kind !== 'sql' || some.length < 2 || signal.aborted || (await rowsStay(parts))) return 0
  const { text } = work.script
  const texts = some.map(({ start, end }) => text.slice(start, end))
  const isFirst = journal.isFirst(step)
  const begun = journal.beginning(step, { started: 0, progress: null })
  const move = (done: number) => tables.journal(names(), step.version, { started: done, done }, null)
  journal.sent()
  try {
    await session.script([...begun, 'START TRANSACTION', ...texts, move(index + texts.length), 'COMMIT'], signal)
    if (isFirst) journal.began()
    journal.did(step, undefined)
    return texts.length
  } catch (error) {
    await rollBack(session)
    if (!(error instanceof ScriptFailure)) throw asStatementError(error, index)
    if (isFirst && error.index >= begun.length) journal.began()
    await journal.writeDone()
    if (journal.isOurs(error) || error.index < begun.length) throw await journal.tailError(error, step)
    const at = Math.min(error.index - begun.length - 1, texts.length - 1)
    if (at < 0 || signal.aborted) throw asStatementError(error, index)
    if (at > 0) await session.script(['START TRANSACTION', ...texts.slice(0, at), move(index + at), 'COMMIT'], NEVER)
    const sent = { sql: texts[at] ?? '', from: some[at]?.start ?? 0 }
    throw asStatementError(error, index + at, sent, { undone: true })
  }
}

// --- internal ---

/** @param text another text of the statement that does the same */
async function executeOne(
  parts: DriverParts,
  step: MigrationStep,
  script: Script,
  index: number,
  signal: AbortSignal,
  text?: string,
): Promise<void> {
  const { session, packet, names, changed, journal, looks, foreseen } = parts
  const isFirst = journal.isFirst(step)
  if (isFirst) refuseOtherCharset(step, names())
  const { start = 0, end = 0, words = [], parts: unit } = script.statements[index] ?? {}
  const sql = script.text.slice(start, end)
  // A unit that the file itself delimits (from BEGIN or LOCK TABLES to its end) is sent piece by piece.
  const pieces = (unit ?? [{ start, end }]).map((piece) => ({
    sql: text ?? script.text.slice(piece.start, piece.end),
    from: piece.start,
  }))
  for (const piece of pieces) refuseTooLong(piece.sql, index, piece.from, packet)
  const kind = kindOf(sql, words, unit !== undefined)
  const statement: StatementToSend = {
    kind,
    index,
    texts: pieces.map((piece) => piece.sql),
    progress: await looks.progressOf(kind, sql),
    rowsStay: kind === 'rows' && (await rowsStay(parts)),
    isFirst,
    isLast: index === script.statements.length - 1,
  }
  const writes = journal.writes(step)
  const look = looks.after(kind, script, index)
  const message = composeMessage(statement, writes, noticeOf(step), look?.sql)
  journal.sent()
  looks.forget()
  let seen: Row | undefined
  const onRow = (row: Row, at: number) => {
    if (message.partAt(at) === 'look') seen = row
    else message.onRow(row)
  }
  const took = (errno?: number) => {
    if (isFirst) journal.began()
    journal.did(step, isDeferred(statement) ? index : undefined)
    looks.keep(look, seen, errno)
    if (kind === 'opaque' || changed.isUnsettled) foreseen.ranOther()
    else if (kind === 'schema' || words[0] === 'create') foreseen.ran(sql, names().database)
  }
  try {
    await session.script(message.statements, signal, onRow)
    took()
  } catch (error) {
    if (error instanceof ScriptFailure && message.partAt(error.index) === 'look') return took(error.error.errno)
    await rollBack(session)
    if (!(error instanceof ScriptFailure)) {
      // The run was cancelled before the message was sent.
      if (isFirst && signal.aborted && !(error instanceof ConnectionError)) await journal.unsent(step)
      throw error
    }
    const part = message.partAt(error.index)
    if (isFirst && part !== 'beginning') journal.began()
    journal.did(step, undefined)
    if (journal.isOurs(error) || part === 'beginning') throw await journal.tailError(error, step)
    // The statement took effect; only recording it failed or was cancelled.
    if (part === 'ending') return await session.script(recordDone(index, writes), NEVER)
    const effect = await readEffect(session, statement, error)
    if (!staysStarted(kind, effect)) {
      const refused = writes.journal({ started: index, done: index })
      await session.script([refused, 'COMMIT'], NEVER).catch(() => undefined)
    }
    const databaseState = effect === true ? describeEffect(kind, index, step.to) : undefined
    const piece = pieces[message.textAt(error.index)]
    throw asStatementError(error, index, piece, { undone: effect === false, databaseState })
  } finally {
    if (words[0] === 'use' || kind === 'opaque') await changed.findDatabase()
  }
}

/** Returns whether a rejected statement had an effect; undefined if that is unknown. */
async function readEffect(
  session: Session,
  statement: StatementToSend,
  { error }: ScriptFailure,
): Promise<boolean | undefined> {
  const effect = effectOf(statement, error.errno)
  if (typeof effect !== 'object') return effect
  return hasChanged(session, JSON.parse(effect.compare) as StatementJournal).catch(() => undefined)
}
