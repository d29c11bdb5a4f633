/** The session of a driver, and what the driver's parts share: our tables, the lock, and the transaction of a step. */
import type { MigrationStep, OnNotice, StatementObserver } from '../../migrate/driver.ts'
import { StateMovedError } from '../../migrate/errors.ts'
import { NEVER } from '../../migrate/never.ts'
import type { Log, MigrationContext, RunSql } from '../../migrate/source.ts'
import { NIL_VERSION } from '../../migrate/version.ts'
import type { Statement } from '../../sql/statements.ts'
import type { Lock } from '../locking.ts'
import { asStatementError, isMissingTable } from './failure.ts'
import { type PostgresError, ScriptFailure, type Session } from './session.ts'
import * as names from './tables.ts'

export class DriverSession {
  readonly session: Session
  /** Restores the role and the settings that the session had when it was opened. */
  readonly restore: string
  /** Reports what the session has written: see `SessionSettings`. */
  readonly report: string
  readonly #lockFor: (tables: names.Tables) => Lock
  #tables: names.Tables
  #lock: Lock | undefined
  /** `true` while everything runs in one shared transaction, which single steps neither begin nor commit. */
  inside = false
  /** `true` if that transaction checks deferred constraints only at its end, as the tool's own runner does. */
  defers = false
  readonly #observer: StatementObserver | undefined

  constructor(
    session: Session,
    lockFor: (tables: names.Tables) => Lock,
    { tables, restore, report, observer }: Pick<DriverSession, 'tables' | 'restore' | 'report' | 'observer'>,
  ) {
    this.session = session
    this.#lockFor = lockFor
    this.#tables = tables
    this.restore = restore
    this.report = report
    this.#observer = observer
  }

  get tables(): names.Tables {
    return this.#tables
  }

  set tables(tables: names.Tables) {
    this.#tables = tables
    this.#lock = undefined
  }

  /** The lock of these tables. A command that only reads needs none. */
  get lock(): Lock {
    this.#lock ??= this.#lockFor(this.#tables)
    return this.#lock
  }

  /**
   * SQL that commits a step. In a shared transaction it instead checks the deferred constraints as a commit would,
   * while we still know which step caused a violation. It then rolls that check back, since the next step must find the
   * constraints deferred.
   */
  get end(): string {
    if (!this.inside) return 'COMMIT;'
    if (this.defers) return `RELEASE ${STEP};`
    return `SAVEPOINT ${TRIAL}; SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK TO ${TRIAL}; RELEASE ${TRIAL}; RELEASE ${STEP};`
  }

  async rollBack(): Promise<void> {
    const sql = this.inside ? `ROLLBACK TO ${STEP}; RELEASE ${STEP}` : 'ROLLBACK'
    await this.session.script(sql, NEVER).catch(() => undefined)
  }

  /** Rolls back after a failure and restores role and settings. */
  async putBack(): Promise<void> {
    await this.rollBack()
    await this.session.script(this.restore, NEVER).catch(() => undefined)
  }

  async transaction(statements: readonly string[]): Promise<void> {
    const begin = this.inside ? `SAVEPOINT ${STEP};` : 'BEGIN READ WRITE;'
    try {
      await this.session.script([begin, ...statements, this.end].join('\n'), NEVER)
    } catch (error) {
      await this.rollBack()
      if (error instanceof ScriptFailure) throw this.tailError(error.error, { from: NIL_VERSION } as MigrationStep)
      throw asStatementError(error)
    }
  }

  tailError(error: PostgresError, step: MigrationStep): Error {
    const found = error.message.indexOf(names.MOVED)
    if (found !== -1) {
      return new StateMovedError(step.from, error.message.slice(found + names.MOVED.length).replace(/"$/, ''))
    }
    if (isMissingTable(error)) return new OurTablesGone(error.message, { cause: error })
    if (error.code === NO_SUCH_STATEMENT) return new StatementGone(error.message, { cause: error })
    return asStatementError(error)
  }

  get observer(): StatementObserver | undefined {
    return this.#observer?.isActive ? this.#observer : undefined
  }

  /** Runs a statement under the eyes of the observer, if there is one. @param statement if it is a part of a unit */
  observed(
    step: MigrationStep,
    { index, inTransaction, statement }: { index: number; inTransaction: boolean; statement?: Statement },
    run: () => Promise<void>,
  ): Promise<void> {
    const observer = this.observer
    if (!observer) return run()
    const session = this.session
    const own = step.work.kind === 'sql' ? step.work.script.statements[index] : undefined
    const query = (sql: string) => session.query(sql)
    return observer.observe(
      { step, index, statement: statement ?? own, inTransaction, query, another: session.another },
      run,
    )
  }

  /** Passes the server's notices on while a step runs. @returns a function that stops that */
  hear({ work }: MigrationStep): () => void {
    const notice = work.kind === 'nil' ? undefined : work.notice
    return (notice && this.session.onNotice?.(notice)) ?? (() => undefined)
  }

  context(log: Log, signal: AbortSignal): MigrationContext {
    const sql = ((text, params) => this.session.query(text, params, signal)) as RunSql
    return { client: this.session.client, dialect: 'postgres', sql, signal, log }
  }
}

/** The prepared statement is gone: a migration ran DEALLOCATE ALL. */
export class StatementGone extends Error {}

/** The version or history table did not exist when we wrote to it. */
export class OurTablesGone extends Error {}

/** Returns the SQL that belongs to a step beside our own record: another tool's, and that of who runs the steps. */
export function bookkeepingSql({ bookkeeping = [], alongside }: MigrationStep): string {
  return [...bookkeeping, alongside ?? []]
    .flat()
    .map((sql) => `${sql};`)
    .join('\n')
}

export function noticeOf({ work }: MigrationStep): OnNotice | undefined {
  return work.kind === 'nil' ? undefined : work.notice
}

/** The SQLSTATE of a prepared statement that does not exist. */
export const NO_SUCH_STATEMENT = '26000'

/** Savepoint names: STEP for one of several steps in one transaction, TRIAL for work that is rolled back again. */
export const STEP = '"migratest step"'
export const TRIAL = '"migratest trial"'
