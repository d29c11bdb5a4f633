/**
 * Steps that all run in one transaction. The server is asked less than for single ones: our record of all of them is
 * written at the end, and the tool's record of a step in code goes with the first statement of the next one.
 */
import { EarlierStepError, type MigrationStep, type StepWork } from '../../../migrate/driver.ts'
import { NEVER } from '../../../migrate/never.ts'
import { now } from '../../../migrate/realTime.ts'
import type { LibraryContext, Log, RunSql, SharedByMigrations } from '../../../migrate/source.ts'
import { isSubmittable } from '../../../migrate/submittable.ts'
import { bookkeepingSql, type DriverSession } from '../driverSession.ts'
import { asStatementError } from '../failure.ts'
import { type PostgresError, ScriptFailure } from '../session.ts'
import * as tables from '../tables.ts'
import { endedByCode, endingFound, idIn, isCommitted, TRANSACTION_ID, watchCommands } from './codeTransaction.ts'

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
  /** The tool's records that go with the next message. */
  #riding: string[] = []
  /** The error of a record that went with a statement of code. */
  #failed: PostgresError | undefined
  /** Functions that libraries want to be called at the end. */
  #ends: ((error?: unknown) => Promise<unknown>)[] = []
  readonly #shared: SharedByMigrations = { onEnd: (end) => void this.#ends.push(end) }
  /** The client that code gets, one for all steps: libraries are kept by it. */
  readonly #client = {
    // Records of ours that wait go with the next query that is a text.
    query: (asked: unknown, values?: unknown) =>
      isSubmittable(asked) ? this.#pg.query(asked) : this.#query(asked, values),
  }

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
      for (const end of this.#ends.splice(0)) await end()
      const end = [...this.#takeRiding(), this.#on.restore, this.#written(), 'COMMIT;']
      await this.#on.session.script(end.join('\n'), this.#signal)
    } catch (error) {
      await this.#rollBack()
      for (const end of this.#ends.splice(0)) await end(error).catch(() => undefined)
      if (!(error instanceof ScriptFailure)) throw error
      throw this.#on.tailError(error.error, this.#first)
    } finally {
      this.#on.inside = false
      this.#on.defers = false
      this.#id = undefined
      this.#unwritten = []
      this.#length = 0
      this.#riding = []
      this.#failed = undefined
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
    let isHarmless = false
    const ended = watchCommands(this.#on.session)
    try {
      await this.#on.observed(step, { index: 0, inTransaction: true }, async () => {
        await work.run(this.#context(work.log, signal))
      })
    } catch (error) {
      throw await this.#failure(error)
    } finally {
      isHarmless = ended()
    }
    if (this.#failed) throw await this.#failure(this.#failed)
    const written = this.#keep(step, now() - begun)
    if (isHarmless && written === '' && this.#rides && step.alongside === undefined) {
      this.#riding.push(...(step.bookkeeping ?? []).map((sql) => `${sql};`))
      return
    }
    const check = isHarmless ? [] : [tables.checkTransaction(this.#on.tables, this.#id ?? ''), this.#on.restore]
    this.#send([...check, ...this.#takeRiding(), written, bookkeepingSql(step)])
  }

  /** Runs a step in SQL. @param run sends what {@link end} returns behind it */
  async applySql(run: () => Promise<void>, signal: AbortSignal): Promise<void> {
    this.#signal = signal
    if (this.#riding.length > 0) this.#send(this.#takeRiding())
    const late = await this.#answer()
    if (late) throw await this.#failure(late)
    const begun = now()
    await run()
    const applied = this.#unwritten.at(-1)
    if (applied) this.#unwritten[this.#unwritten.length - 1] = { ...applied, ms: now() - begun, at: now() }
  }

  /** Returns the SQL that ends a step: the tool's record, and ours of the steps before where too much has been kept back. */
  end(step: MigrationStep): string {
    return `${this.#keep(step, 0)}\n${bookkeepingSql(step)}`
  }

  // --- internal ---

  /** `true` if records can go with statements of code. An observer looks at each statement of a migration by itself. */
  get #rides(): boolean {
    return this.#on.session.behind !== undefined && !this.#on.observer
  }

  get #pg(): { query(asked: unknown, values?: unknown): Promise<unknown> } {
    return this.#on.session.client as { query(asked: unknown, values?: unknown): Promise<unknown> }
  }

  #context(log: Log, signal: AbortSignal): LibraryContext {
    const context = { ...this.#on.context(log, signal), shared: this.#shared }
    if (!this.#rides) return context
    const sql: RunSql = async (text, params) => {
      await this.#answered()
      return context.sql(text, params)
    }
    return { ...context, client: this.#client, sql }
  }

  /** Runs a query of code. The first one takes the records along, unless it needs a message of its own. */
  async #query(asked: unknown, values: unknown): Promise<unknown> {
    const { session } = this.#on
    const before = this.#takeRiding()
    if (before.length > 0) {
      const failed = (error: PostgresError) => {
        this.#failed = error
      }
      const sent = session.behind?.(before, asked, values, failed)
      if (sent) return sent
      this.#send(before)
    }
    // Several queries may wait here; they go on in their order.
    await this.#unanswered
    return this.#pg.query(asked, values)
  }

  /** Sends the records that wait, and waits until all that was sent is answered. */
  async #answered(): Promise<void> {
    if (this.#riding.length > 0) this.#send(this.#takeRiding())
    await this.#unanswered
  }

  #takeRiding(): string[] {
    return this.#riding.splice(0)
  }

  #send(statements: readonly string[]): void {
    this.#unanswered = this.#on.session.script(statements.join('\n'), this.#signal)
    this.#unanswered.catch(() => undefined)
  }

  /** Notes a step for our record. Returns the SQL of those that were noted, if they have become too long to be kept back. */
  #keep(step: MigrationStep, ms: number): string {
    const written = this.#length > LONGEST_KEPT ? this.#written() : ''
    const { put } = step.history
    this.#unwritten.push({ step, ms, at: now() })
    this.#length += (put?.up?.length ?? 0) + (put?.down?.length ?? 0)
    return written
  }

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

  /** Waits for the end of the step before, unless it goes with the next message. Returns the error if it failed. */
  async #answer(): Promise<EarlierStepError | undefined> {
    const unanswered = this.#unanswered
    this.#unanswered = undefined
    try {
      await unanswered
      if (this.#failed) throw new ScriptFailure(0, this.#failed)
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

/** How long the texts of records may be that are kept back. */
const LONGEST_KEPT = 2 ** 18
