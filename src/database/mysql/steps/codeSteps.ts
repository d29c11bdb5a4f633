/** Runs migrations in code. */
import type { MigrationStep, StatementObserver } from '../../../migrate/driver.ts'
import { ConnectionError, StatementError, UsageError } from '../../../migrate/errors.ts'
import { NEVER } from '../../../migrate/never.ts'
import type { Log, MigrationContext, RunSql } from '../../../migrate/source.ts'
import { asStatementError } from '../failure.ts'
import { observedClient, type RunText } from '../observedClient.ts'
import type { Row, Session } from '../session.ts'
import * as tables from '../tables.ts'
import { rollBack } from './journal.ts'
import { type DriverParts, rowsStay } from './parts.ts'
import { setsCharset } from './refusals.ts'

/**
 * Runs code in a transaction as far as possible: a schema change commits it implicitly, and everything before that
 * change stays.
 */
export async function executeCode(
  parts: DriverParts,
  step: MigrationStep,
  work: Extract<MigrationStep['work'], { kind: 'code' }>,
  signal: AbortSignal,
): Promise<void> {
  const { session, names, journal } = parts
  const move = (started: number, done: number) => tables.journal(names(), step.version, { started, done })
  await journal.writeBegun()
  await session.script([move(1, 0), 'COMMIT', 'START TRANSACTION', `SAVEPOINT ${UNTOUCHED}`], NEVER)
  try {
    await work.run(contextOf(parts, step, work.log, signal))
    await session.script([move(1, 1), 'COMMIT'], NEVER)
  } catch (error) {
    // The savepoint no longer exists if something has committed.
    const whole = await session.query(`RELEASE SAVEPOINT ${UNTOUCHED}`).then(
      () => true,
      () => false,
    )
    await rollBack(session)
    const undone = whole && !(await rowsStay(parts).catch(() => true))
    if (undone) await session.script([move(0, 0), 'COMMIT'], NEVER).catch(() => undefined)
    if (!undone || error instanceof ConnectionError) throw asStatementError(error)
    const told = asStatementError(error, undefined, undefined, { undone })
    if (told instanceof StatementError) throw told
    throw new StatementError({ message: told.message, undone }, error)
  }
}

// --- internal ---

const UNTOUCHED = 'migratest_untouched'

function contextOf(
  { session, options }: DriverParts,
  step: MigrationStep,
  log: Log,
  signal: AbortSignal,
): MigrationContext {
  const { observer } = options
  const look = observer?.isActive ? observing(session, observer, step) : undefined
  const sql = (async (text, params) => {
    if (setsCharset(text)) {
      const message = 'Code sends UTF-8: after this statement, the server would read other characters.'
      throw new UsageError(message, { hint: 'Leave it out: no setting is needed for UTF-8.' })
    }
    let rows: Row[] = []
    const run = async (other = text) => {
      rows = await session.query(other, other === text ? params : undefined, signal)
    }
    await (look ? look(text, run) : run())
    return rows
  }) as RunSql
  const client = look ? observedClient(session.client, look) : session.client
  return { client, dialect: 'mysql', sql, signal, log }
}

/**
 * Returns what runs a statement of code under the eyes of the observer, one after another. Code is told of a failure as
 * without it.
 */
function observing(
  session: Session,
  observer: StatementObserver,
  step: MigrationStep,
): (text: string, run: RunText) => Promise<void> {
  let index = 0
  let last: Promise<void> = Promise.resolve()
  const observed = async (text: string, run: RunText) => {
    let failure: unknown
    const statement = {
      step,
      index: index++,
      text,
      statement: undefined,
      inTransaction: false,
      query: (sql: string) => session.query(sql),
      another: session.another,
    }
    const attempt = async (other?: string) => {
      failure = undefined
      try {
        await run(other)
      } catch (error) {
        failure = error
        throw asStatementError(error)
      }
    }
    await observer.observe(statement, attempt).catch((error) => {
      throw failure ?? error
    })
  }
  return (text, run) => {
    const ran = last.then(() => observed(text, run))
    last = ran.catch(() => undefined)
    return ran
  }
}
