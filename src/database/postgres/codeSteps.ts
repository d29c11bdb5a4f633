/** Runs steps in code in a transaction of ours, and checks that they have not ended it. */
import type { MigrationStep } from '../../migrate/driver.ts'
import { StatementError } from '../../migrate/errors.ts'
import { bookkeepingSql, type DriverSession, NO_SUCH_STATEMENT, STEP } from './driverSession.ts'
import { asStatementError, isAnswer } from './failure.ts'
import type { Records } from './records.ts'
import type { PostgresError, Row } from './session.ts'
import * as tables from './tables.ts'

export class CodeSteps {
  readonly #on: DriverSession
  readonly #records: Records
  /** Id of the transaction that has been begun for a step in code that comes next. */
  #begun: string | undefined

  constructor(on: DriverSession, records: Records) {
    this.#on = on
    this.#records = records
  }

  async apply(
    step: MigrationStep,
    work: Extract<MigrationStep['work'], { kind: 'code' }>,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted()
    const begin = `${this.#on.inside ? `SAVEPOINT ${STEP}` : 'BEGIN'}; ${TRANSACTION_ID}`
    const id = this.#begun ?? idIn(await this.#on.session.query(begin))
    this.#begun = undefined
    let recording = false
    try {
      await this.#on.observed(step, { index: 0, inTransaction: true }, async () => {
        await work.run(this.#on.context(work.log, signal))
      })
      recording = true
      this.#begun = await this.#recordCode(step, id, signal)
    } catch (error) {
      await this.#on.putBack()
      const isCommitted = await this.#isCommitted(id)
      const ended = recording && isAnswer(error) ? this.#endedByCode(error as PostgresError) : undefined
      // The signal came between our commit and the beginning of the next transaction.
      if (recording && isCommitted && !ended) return
      const told =
        ended ?? (recording && isAnswer(error) ? this.#on.tailError(error as PostgresError, step) : undefined)
      throw isCommitted ? endedByCode(told ?? asStatementError(error)) : (told ?? asStatementError(error))
    }
  }

  /** Rolls back the transaction that was begun for a step that does not come. */
  async end(): Promise<void> {
    if (this.#begun !== undefined) await this.#on.putBack()
    this.#begun = undefined
  }

  // --- internal ---

  /**
   * Records a step in code and commits it, in one message.
   * @param id the transaction that the code should still be in
   * @returns the id of the transaction that was begun for the next step; undefined if none was
   */
  async #recordCode(step: MigrationStep, id: string, signal: AbortSignal): Promise<string | undefined> {
    const isNextBegun = step.beforeCode === true && !this.#on.inside && this.#on.lock.table === undefined
    const next = isNextBegun ? `BEGIN; ${TRANSACTION_ID}` : ''
    const send = async (record: string, before: string) => {
      const sql = [before, record, bookkeepingSql(step), this.#on.end, next].join('\n')
      const rows = await this.#on.session.query(sql, [], signal)
      return isNextBegun ? idIn(rows) : undefined
    }
    const check = `${tables.checkTransaction(this.#on.tables, id)}\n${this.#on.restore}\nSAVEPOINT ${RECORD};`
    try {
      return await send(this.#records.record(step), check)
    } catch (error) {
      // The code has removed the prepared statements, and cannot be run a second time.
      if ((error as PostgresError).code !== NO_SUCH_STATEMENT) throw error
      this.#records.forget()
      return send(this.#records.recordPlainly(step), `ROLLBACK TO ${RECORD};`)
    }
  }

  /** Returns whether the code has committed the transaction that we began. */
  async #isCommitted(id: unknown): Promise<boolean> {
    const rows = await this.#on.session
      .query('SELECT pg_catalog.txid_status($1) AS status', [id])
      .catch((): { status?: unknown }[] => [])
    return rows[0]?.status === 'committed'
  }

  /** Returns the error for what `checkTransaction` has found, if that is the failure. */
  #endedByCode({ message }: PostgresError): Error | undefined {
    if (message.includes(tables.ENDED)) return new Error(ENDED_BY_CODE)
    if (!message.includes(tables.GONE)) return undefined
    return new Error('The migration removed the version table; write it in SQL, where it is put back.')
  }
}

// --- internal ---

/** Gives the transaction an id, by which its fate can be told later. */
const TRANSACTION_ID = 'SELECT pg_catalog.txid_current()::text AS id'

function idIn(rows: readonly Row[]): string {
  return String(rows[0]?.id)
}

const ENDED_BY_CODE =
  'The migration ended the transaction it runs in, so what it did could not be recorded with it. Export "transaction = false" for a migration that begins and ends its own.'

/** Returns the same error with a database state that no longer promises that everything was rolled back. */
function endedByCode(error: Error): StatementError {
  const info = error instanceof StatementError ? error.info : { message: error.message }
  const databaseState =
    'It had ended the transaction it runs in: what it did up to there stays, and the version does not say so. Take that back by hand, or say with "migratest fake" that it is applied.'
  return new StatementError({ ...info, databaseState }, error instanceof StatementError ? error.cause : error)
}

/** The savepoint before our own writes. */
const RECORD = '"migratest record"'
