/** Runs steps in code in a transaction of ours, and checks that they have not ended it. */
import type { MigrationStep } from '../../../migrate/driver.ts'
import { bookkeepingSql, type DriverSession, NO_SUCH_STATEMENT, STEP } from '../driverSession.ts'
import { asStatementError, isAnswer } from '../failure.ts'
import type { PostgresError } from '../session.ts'
import * as tables from '../tables.ts'
import { endedByCode, endingFound, idIn, isCommitted, TRANSACTION_ID, watchCommands } from './codeTransaction.ts'
import type { Records } from './records.ts'

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
    const isHarmless = watchCommands(this.#on.session)
    try {
      await this.#on.observed(step, { index: 0, inTransaction: true }, async () => {
        await work.run(this.#on.context(work.log, signal))
      })
      recording = true
      this.#begun = await this.#recordCode(step, id, isHarmless(), signal)
    } catch (error) {
      isHarmless()
      await this.#on.putBack()
      const hasCommitted = await isCommitted(this.#on.session, id)
      const ended = recording && isAnswer(error) ? endingFound(error as PostgresError) : undefined
      // The signal came between our commit and the beginning of the next transaction.
      if (recording && hasCommitted && !ended) return
      const told =
        ended ?? (recording && isAnswer(error) ? this.#on.tailError(error as PostgresError, step) : undefined)
      throw hasCommitted ? endedByCode(told ?? asStatementError(error)) : (told ?? asStatementError(error))
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
   * @param isHarmless `true` if the code cannot have ended it, nor changed a setting
   * @returns the id of the transaction that was begun for the next step; undefined if none was
   */
  async #recordCode(
    step: MigrationStep,
    id: string,
    isHarmless: boolean,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const isNextBegun = step.beforeCode === true && !this.#on.inside && this.#on.lock.table === undefined
    const next = isNextBegun ? `BEGIN; ${TRANSACTION_ID}` : ''
    const send = async (record: string, before: string) => {
      const sql = [before, record, bookkeepingSql(step), this.#on.end, next].join('\n')
      const rows = await this.#on.session.query(sql, [], signal)
      return isNextBegun ? idIn(rows) : undefined
    }
    const check = isHarmless ? '' : `${tables.checkTransaction(this.#on.tables, id)}\n${this.#on.restore}\n`
    try {
      return await send(this.#records.record(step), `${check}SAVEPOINT ${RECORD};`)
    } catch (error) {
      // The code has removed the prepared statements, and cannot be run a second time.
      if ((error as PostgresError).code !== NO_SUCH_STATEMENT) throw error
      this.#records.forget()
      return send(this.#records.recordPlainly(step), `ROLLBACK TO ${RECORD};`)
    }
  }
}

// --- internal ---

/** The savepoint before our own writes. */
const RECORD = '"migratest record"'
