/**
 * Decides what we write to our tables while migrations run, and when: the beginning of a migration is sent with its first
 * statement, its end with the message that follows.
 */
import type { DatabaseState, MigrationStep } from '../../../migrate/driver.ts'
import { StateMovedError } from '../../../migrate/errors.ts'
import { NEVER } from '../../../migrate/never.ts'
import { now } from '../../../migrate/realTime.ts'
import { describeVersion, NIL_VERSION } from '../../../migrate/version.ts'
import { asStatementError, isMissingTable } from '../failure.ts'
import { ScriptFailure, type Session } from '../session.ts'
import { impliedBy, readState } from '../state.ts'
import * as tables from '../tables.ts'
import { RunRecord, type RunRecordOptions } from './runRecord.ts'
import { type OwnWrites, recordDone } from './statementMessage.ts'

export class Journal {
  readonly #session: Session
  readonly #names: () => tables.Tables
  /** The parts that `applySeveral` uses to send several migrations in one message; all others call the methods here. */
  readonly record: RunRecord
  /** The migration to record as begun together with its first statement. */
  #begun: MigrationStep | undefined
  /** When that migration began. */
  #began = 0
  /** A statement that took effect, to record as done with the beginning of the next statement. */
  #done: { readonly version: number; readonly index: number } | undefined
  /** Version of the migration whose record was written when it began, so that `finish` need not write it again. */
  #recorded: number | undefined

  constructor(session: Session, options: RunRecordOptions) {
    this.#session = session
    this.#names = options.tables
    this.record = new RunRecord(options)
  }

  /** How the next migration that runs in one transaction is recorded. */
  around(step: MigrationStep): ReturnType<RunRecord['around']> {
    return this.record.around(step)
  }

  /** Call when all ends are written. */
  ended(): void {
    this.record.ended()
  }

  /** Defers the writes to the first statement, which sends them in the same message: nothing has begun before that. */
  async begin(step: MigrationStep): Promise<void> {
    if (!this.record.canPrecede(step)) await this.writeFinished()
    this.#begun = step
    this.#began = now()
    this.#recorded = step.version
  }

  /** Call before a migration goes on that has begun together with others. */
  goesOn(step: MigrationStep): void {
    this.#began = now()
    this.#recorded = step.version
  }

  /** Returns whether none of the migration's statements has run yet. */
  isFirst(step: MigrationStep): boolean {
    return this.#begun === step
  }

  /** Returns the statements that record the migration as begun, if none of its statements has run yet. */
  beginning(step: MigrationStep, first: tables.FirstStatement): string[] {
    return this.isFirst(step) ? this.record.beginning(step, first) : []
  }

  /** Call when a message with `beginning` is sent. */
  sent(): void {
    this.#begun = undefined
  }

  /** Call when `beginning` has committed. */
  began(): void {
    this.record.began()
  }

  /** Call if a message with `beginning` could not be sent. */
  async unsent(step: MigrationStep): Promise<void> {
    this.#begun = step
    await this.writeBegun()
  }

  /** Call when a statement took effect. @param index its index if that is to be recorded with the next statement */
  did(step: MigrationStep, index: number | undefined): void {
    this.#done = index === undefined ? undefined : { version: step.version, index }
  }

  /** Returns the writes of a statement's message. */
  writes(step: MigrationStep): OwnWrites {
    return { begin: (first) => this.record.beginning(step, first), ...this.#writesOf(step.version) }
  }

  /** Defers the writes to the beginning of the next migration. */
  async finish(step: MigrationStep): Promise<void> {
    await this.writeBegun()
    this.#done = undefined
    this.record.finish({ step, isRecorded: this.#recorded === step.version, ms: now() - this.#began })
  }

  async abandon(step: MigrationStep): Promise<void> {
    await this.writeBegun()
    await this.transaction(step, this.record.abandoning(step))
    this.record.ended()
  }

  /** Writes what has been deferred. */
  async settle(): Promise<void> {
    if (this.#begun) await this.writeBegun()
    else await this.writeFinished()
    await this.writeDone()
  }

  /** Ends a run: what has not begun is not recorded. */
  async end(): Promise<void> {
    this.#begun = undefined
    await this.writeDone().catch(() => undefined)
    await this.writeFinished()
  }

  async state(): Promise<DatabaseState> {
    await this.settle()
    return readState(this.#session, this.#names())
  }

  /** Records the finished migrations, if that has been deferred. */
  async writeFinished(): Promise<void> {
    const statements = this.record.ending()
    const step = this.record.last
    if (statements.length === 0) return
    this.record.ended()
    try {
      await this.#session.script(statements, NEVER)
    } catch (error) {
      await rollBack(this.#session)
      if (!(error instanceof ScriptFailure) || !step) throw asStatementError(error)
      throw await this.tailError(error, { ...step, from: step.to })
    }
  }

  /** Records the statement that took effect, if that has been deferred. */
  async writeDone(): Promise<void> {
    if (!this.#done) return
    const { version, index } = this.#done
    this.#done = undefined
    await this.#session.script(recordDone(index, this.#writesOf(version)), NEVER)
  }

  /** Records the migration as begun if none of its statements has run yet. */
  async writeBegun(): Promise<void> {
    const step = this.#begun
    if (!step) return
    const statements = this.record.beginning(step, { started: 0, progress: null })
    this.#begun = undefined
    try {
      await this.#session.script(statements, NEVER)
      this.record.began()
    } catch (error) {
      await rollBack(this.#session)
      throw error instanceof ScriptFailure ? await this.tailError(error, step) : asStatementError(error)
    }
  }

  /**
   * Creates our tables, and writes what a run that died has left to be written.
   * @returns `true` if a migration has begun and not finished
   */
  async prepare(): Promise<boolean> {
    const { versionTable, historyTable, journalTable } = this.#names()
    try {
      const [, running, journal] = await this.#session.queries([
        `SELECT version FROM ${versionTable} LIMIT 1`,
        `SELECT COUNT(*) AS n FROM ${historyTable} WHERE running IS NOT NULL`,
        `SELECT COUNT(*) AS n FROM ${journalTable}`,
      ])
      return [running, journal].some((rows) => Number(rows?.[0]?.n) > 0) && (await this.#writeEnds())
    } catch (error) {
      if (!isMissingTable(error)) throw error
      await this.#session.script(tables.createTables(this.#names()), NEVER)
      return false
    }
  }

  async transaction(step: MigrationStep | undefined, statements: readonly string[]): Promise<void> {
    try {
      await this.#session.script(['START TRANSACTION', ...statements, 'COMMIT'], NEVER)
    } catch (error) {
      await rollBack(this.#session)
      if (error instanceof ScriptFailure && step) throw await this.tailError(error, step)
      throw asStatementError(error)
    }
  }

  /** Converts an error of our own writes. The check after the version row fails with a number out of range. */
  async tailError(error: ScriptFailure, step: MigrationStep): Promise<Error> {
    if (error.error.errno !== OUT_OF_RANGE) return asStatementError(error)
    const { version, dirty } = await this.state()
    return new StateMovedError(step.from, `${describeVersion(version)}${dirty ? ' (dirty)' : ''}`)
  }

  /** Returns whether the error says that one of our tables no longer exists. */
  isOurs(error: ScriptFailure): boolean {
    const { history, journal } = this.#names()
    return isMissingTable(error) && [history, journal].some((name) => error.message.includes(name))
  }

  // --- internal ---

  #writesOf(version: number): Pick<OwnWrites, 'journal'> {
    return { journal: (counts, progress) => tables.journal(this.#names(), version, counts, progress) }
  }

  /** Returns `true` if the last migration that has begun has not ended. */
  async #writeEnds(): Promise<boolean> {
    const { versionTable, historyTable, journalTable } = this.#names()
    const [rows = [], history = []] = await this.#session.queries([
      `SELECT CAST(version AS char) AS version, dirty FROM ${versionTable} LIMIT 1`,
      `SELECT CAST(version AS char) AS version, running FROM ${historyTable} ORDER BY ${historyTable}.version`,
    ])
    const was = { version: Number(rows[0]?.version ?? NIL_VERSION), dirty: Number(rows[0]?.dirty ?? 0) !== 0 }
    const { version, dirty, ended } = impliedBy(rows[0], history)
    // If another tool has set the version below what stopped half-way, that one is not applied.
    const nothingRuns = [
      `DELETE FROM ${journalTable} WHERE version >= ${NIL_VERSION}`,
      `DELETE FROM ${historyTable} WHERE running = 'up' AND version > ${version}`,
    ]
    await this.transaction(undefined, [
      ...tables.endJournals(
        this.#names(),
        ended.map((of) => ({ version: of, ms: null })),
      ),
      ...(version === was.version && dirty === was.dirty ? [] : tables.moveRow(this.#names(), was, { version, dirty })),
      ...(dirty ? [] : nothingRuns),
    ])
    return dirty
  }
}

export async function rollBack(session: Session): Promise<void> {
  await session.query('ROLLBACK').catch(() => undefined)
  await session.query('UNLOCK TABLES').catch(() => undefined)
}

// --- internal ---

const OUT_OF_RANGE = 1690
