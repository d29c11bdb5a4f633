/**
 * Steps that all run in one transaction. The server is asked less than for single ones: our record of all of them is
 * written at the end, and the next step is loaded while the server writes the tool's record of the one before.
 */
import { EarlierStepError, type MigrationStep, type StepWork } from '../../migrate/driver.ts'
import { NEVER } from '../../migrate/never.ts'
import { now } from '../../migrate/realTime.ts'
import { endedByCode, endingFound, idIn, isCommitted, TRANSACTION_ID } from './codeTransaction.ts'
import { bookkeepingSql, type DriverSession } from './driverSession.ts'
import { asStatementError } from './failure.ts'
import { ScriptFailure } from './session.ts'
import * as tables from './tables.ts'

export class OneTransaction {
  readonly #on: DriverSession
  /** Id of the transaction; undefined while there is none. */
  #id: string | undefined
  #signal = NEVER
  /** The steps whose records are not written yet, and the length of their texts. */
  #unwritten: tables.Applied[] = []
  #length = 0
  /** The message that ended the step before, if it has not been waited for. */
  #unanswered: Promise<void> | undefined

  constructor(on: DriverSession) {
    this.#on = on
  }

  get isOn(): boolean {
    return this.#id !== undefined
  }

  /** Runs `work` and commits what its steps did. @throws EarlierStepError if the last of them could not be recorded */
  async run(work: () => Promise<void>): Promise<void> {
    this.#id = idIn(await this.#on.session.query(`BEGIN; ${TRANSACTION_ID}`))
    this.#on.inside = true
    this.#on.defers = true
    try {
      await work()
      const late = await this.#answer()
      if (late) throw late
      await this.#on.session.script(`${this.#on.restore}\n${this.#written()}\nCOMMIT;`, this.#signal)
    } catch (error) {
      await this.#rollBack()
      if (!(error instanceof ScriptFailure)) throw error
      throw this.#on.tailError(error.error, this.#first)
    } finally {
      this.#on.inside = false
      this.#on.defers = false
      this.#id = undefined
      this.#unwritten = []
      this.#length = 0
      this.#signal = NEVER
    }
  }

  /** Runs a step in code. */
  async apply(step: MigrationStep, work: Extract<StepWork, { kind: 'code' }>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.#signal = signal
    // Code must not begin if the step before could not be recorded, and `pg` wants no query while it runs one.
    const late = await this.#answer()
    if (late) throw await this.#failure(late)
    const begun = now()
    const completed = this.#on.session.commands?.()
    try {
      await this.#on.observed(step, { index: 0, inTransaction: true }, async () => {
        await work.run(this.#on.context(work.log, signal))
      })
    } catch (error) {
      throw await this.#failure(error)
    } finally {
      completed?.()
    }
    const isHarmless = completed !== undefined && this.#on.session.inTransaction && [...completed()].every(isDdl)
    const check = tables.checkTransaction(this.#on.tables, this.#id ?? '')
    const before = isHarmless ? '' : `${check}\n${this.#on.restore}\n`
    this.#unanswered = this.#on.session.script(before + this.end(step, now() - begun), signal)
    this.#unanswered.catch(() => undefined)
  }

  /** Runs a step in SQL. @param run sends what {@link end} returns behind it */
  async applySql(run: () => Promise<void>, signal: AbortSignal): Promise<void> {
    this.#signal = signal
    const late = await this.#answer()
    if (late) throw await this.#failure(late)
    const begun = now()
    await run()
    const applied = this.#unwritten.at(-1)
    if (applied) this.#unwritten[this.#unwritten.length - 1] = { ...applied, ms: now() - begun, at: now() }
  }

  /** Returns the SQL that ends a step: the tool's record, and ours of the steps before where too much has been kept back. */
  end(step: MigrationStep, ms = 0): string {
    const written = this.#length > LONGEST_KEPT ? this.#written() : ''
    const { put } = step.history
    this.#unwritten.push({ step, ms, at: now() })
    this.#length += (put?.up?.length ?? 0) + (put?.down?.length ?? 0)
    return `${written}\n${bookkeepingSql(step)}`
  }

  // --- internal ---

  /** Version that the first unwritten step begins with, for messages. */
  get #first(): MigrationStep {
    return this.#unwritten[0]?.step ?? ({ from: Number.NaN } as MigrationStep)
  }

  /** Returns the SQL of the records that were kept back. */
  #written(): string {
    const sql = tables.recordAll(this.#on.tables, this.#unwritten, now())
    this.#unwritten = []
    this.#length = 0
    return sql
  }

  /** Waits for the end of the step before. Returns the error if it failed. */
  async #answer(): Promise<EarlierStepError | undefined> {
    const unanswered = this.#unanswered
    this.#unanswered = undefined
    try {
      await unanswered
      return undefined
    } catch (cause) {
      return new EarlierStepError('The migration before could not be recorded.', { cause })
    }
  }

  /** Rolls back, and says what a failure means. The end of the step before may be what failed. */
  async #failure(error: unknown): Promise<Error> {
    const late = error instanceof EarlierStepError ? error : await this.#answer()
    const cause = late ? late.cause : error
    await this.#rollBack()
    const hasEnded = await isCommitted(this.#on.session, this.#id ?? '')
    const found = cause instanceof ScriptFailure ? endingFound(cause.error) : undefined
    const told = found ?? asStatementError(cause instanceof ScriptFailure ? cause.error : cause)
    const meant = hasEnded ? endedByCode(told) : told
    return late ? new EarlierStepError(late.message, { cause: meant }) : meant
  }

  async #rollBack(): Promise<void> {
    await this.#on.session.script('ROLLBACK', NEVER).catch(() => undefined)
    await this.#on.session.script(this.#on.restore, NEVER).catch(() => undefined)
  }
}

// --- internal ---

/**
 * Commands that neither end a transaction, change a setting nor remove our tables. After others, functions and triggers
 * among them, the server is asked whether the transaction is still ours, and settings are put back.
 */
const DDL = new Set(
  [
    'CREATE TABLE',
    'ALTER TABLE',
    'CREATE INDEX',
    'ALTER INDEX',
    'DROP INDEX',
    'CREATE SEQUENCE',
    'ALTER SEQUENCE',
  ].concat([
    'CREATE TYPE',
    'ALTER TYPE',
    'CREATE VIEW',
    'CREATE FUNCTION',
    'CREATE TRIGGER',
    'COMMENT',
    'SAVEPOINT',
    'RELEASE',
  ]),
)

function isDdl(command: string): boolean {
  return DDL.has(command)
}

/** How long the texts of records may be that are kept back. */
const LONGEST_KEPT = 2 ** 18
