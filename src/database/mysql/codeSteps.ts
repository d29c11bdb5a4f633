/** Runs migrations in code. */
import type { MigrationStep } from '../../migrate/driver.ts'
import { ConnectionError, StatementError, UsageError } from '../../migrate/errors.ts'
import { NEVER } from '../../migrate/never.ts'
import type { Log, MigrationContext, RunSql } from '../../migrate/source.ts'
import { asStatementError } from './failure.ts'
import { rollBack } from './journal.ts'
import { type DriverParts, rowsStay } from './parts.ts'
import { setsCharset } from './refusals.ts'
import type { Session } from './session.ts'
import * as tables from './tables.ts'

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
    await work.run(contextOf(session, work.log, signal))
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

function contextOf(session: Session, log: Log, signal: AbortSignal): MigrationContext {
  const sql = ((text, params) => {
    if (!setsCharset(text)) return session.query(text, params, signal)
    const message = 'Code sends UTF-8: after this statement, the server would read other characters.'
    return Promise.reject(new UsageError(message, { hint: 'Leave it out: no setting is needed for UTF-8.' }))
  }) as RunSql
  return { client: session.client, dialect: 'mysql', sql, signal, log }
}
