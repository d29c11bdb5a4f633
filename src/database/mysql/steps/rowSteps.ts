/** Runs migrations that only change rows, each in one transaction. */
import type { MigrationStep, StatementObserver, StepWork } from '../../../migrate/driver.ts'
import { describeVersion } from '../../../migrate/version.ts'
import { asStatementError } from '../failure.ts'
import { type Row, ScriptFailure, type Session } from '../session.ts'
import * as tables from '../tables.ts'
import { fitting } from './fitting.ts'
import { rollBack } from './journal.ts'
import { type DriverParts, noticeOf, rowsStay } from './parts.ts'
import { refuseOtherCharset, refuseOtherDatabases, refuseTooLong } from './refusals.ts'
import { withWarnings } from './statementMessage.ts'

/** Applies a migration that is empty or only changes rows: one transaction, one round trip. */
export async function applyRows(
  parts: DriverParts,
  step: MigrationStep,
  signal: AbortSignal,
  next?: StepWork,
): Promise<void> {
  const { session, options, packet, names, changed, journal, looks, foreseen, books } = parts
  const script = step.work.kind === 'sql' ? step.work.script : undefined
  if (options.onlyHere) refuseOtherDatabases(step)
  refuseOtherCharset(step, names())
  const body = script?.statements ?? []
  await changed.remember(script)
  const { history } = fitting(step, packet)
  const { observer } = options
  if (observer?.isActive) await journal.writeFinished()
  looks.begin(next)
  looks.forget()
  const around = journal.around(step)
  const before = [...around.before, tables.BEGIN_MEASURING, `START TRANSACTION ${script?.transactionMode ?? ''}`]
  const after = [...tables.changeHistory(names(), history), ...around.moved, ...books(step), 'COMMIT']
  const texts = body.map(({ start, end }) => script?.text.slice(start, end) ?? '')
  for (const [i, text] of texts.entries()) refuseTooLong(text, i, body[i]?.start ?? 0, packet)
  const heard = withWarnings(texts, noticeOf(step))
  const look = looks.after('rows', undefined, 0)
  const statements = [...before, ...heard.statements, ...after]
  let seen: Row | undefined
  const onRow = (row: Row, at: number) => {
    if (at === statements.length) seen = row
    else heard.onRow(row)
  }
  const took = (errno?: number) => {
    around.took()
    // It may have made a temporary table.
    if (body.some(({ words }) => words[0] === 'create')) foreseen.ran('create temporary', names().database)
    looks.keep(look, seen, errno)
  }
  try {
    if (observer?.isActive) await applyObserved(session, observer, step, { before, texts, after }, signal)
    else await session.script([...statements, ...(look ? [look.sql] : [])], signal, onRow)
    took()
  } catch (error) {
    if (error instanceof ScriptFailure && error.index === statements.length) return took(error.error.errno)
    await rollBack(session)
    if (!(error instanceof ScriptFailure)) throw asStatementError(error)
    if (around.before.length > 0 && error.index >= around.before.length) journal.ended()
    const index = heard.textAt(error.index - before.length)
    const statement = body[index]
    if (!statement) throw await journal.tailError(error, step)
    const databaseState = (await rowsStay(parts)) ? rowsStand(session, step) : undefined
    throw asStatementError(error, index, { sql: texts[index] ?? '', from: statement.start }, { databaseState })
  } finally {
    await changed.putBack(script)
  }
}

// --- internal ---

/** Sends each statement as a message of its own, so that the observer can look before and after it. */
async function applyObserved(
  session: Session,
  observer: StatementObserver,
  step: MigrationStep,
  { before, texts, after }: Readonly<Record<'before' | 'texts' | 'after', readonly string[]>>,
  signal: AbortSignal,
): Promise<void> {
  const query = (sql: string) => session.query(sql)
  const statements = step.work.kind === 'sql' ? step.work.script.statements : []
  await session.script(before, signal)
  for (const [index, text] of texts.entries()) {
    const run = (other?: string) =>
      session
        .script([other ?? text], signal)
        .catch((error) =>
          Promise.reject(asStatementError(error, index, { sql: text, from: statements[index]?.start ?? 0 })),
        )
    const statement = {
      step,
      index,
      statement: statements[index],
      inTransaction: true,
      query,
      another: session.another,
    }
    await observer.observe(statement, run)
  }
  await session.script(after, signal)
}

function rowsStand({ label }: Session, { from }: MigrationStep): string {
  return `${label} is at version ${describeVersion(from)}, clean; but rows that it wrote to tables without transactions (MyISAM, MEMORY) are there.`
}
