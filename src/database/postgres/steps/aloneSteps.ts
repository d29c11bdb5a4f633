/** Runs steps outside of a transaction, statement by statement, with a journal. */
import type { MigrationStep } from '../../../migrate/driver.ts'
import { StatementError, UsageError } from '../../../migrate/errors.ts'
import { NEVER } from '../../../migrate/never.ts'
import { refusesTransaction, type Script } from '../../../sql/script.ts'
import type { Statement } from '../../../sql/statements.ts'
import { bookkeepingSql, type DriverSession } from '../driverSession.ts'
import { asStatementError, isAnswer } from '../failure.ts'
import { ScriptFailure } from '../session.ts'
import * as tables from '../tables.ts'

export class AloneSteps {
  readonly #on: DriverSession

  constructor(on: DriverSession) {
    this.#on = on
  }

  async begin(step: MigrationStep): Promise<void> {
    // The journal is committed after each statement, which would also commit everything else in the shared transaction.
    if (this.#on.inside) {
      const message = `${nameOf(step)} runs outside a transaction`
      throw new StatementError({ message, sqlState: ACTIVE_TRANSACTION }, undefined)
    }
    const { baseline } = step.history
    const total = step.work.kind === 'sql' ? step.work.script.statements.length : 1
    this.#refuseLosingOurTables(step)
    await this.#on.transaction([
      baseline && step.direction === 'up' ? tables.setBaseline(this.#on.tables, baseline) : '',
      tables.moveRow(this.#on.tables, { version: step.from, dirty: false }, { version: step.to, dirty: true }),
      tables.beginJournal(this.#on.tables, step, total),
    ])
  }

  async execute(step: MigrationStep, index: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await this.#writeJournal(step, { started: index + 1, done: index })
    const { work } = step
    const unhear = this.#on.hear(step)
    try {
      if (work.kind === 'code')
        await this.#on.observed(step, { index, inTransaction: false }, async () => {
          await work.run(this.#on.context(work.log, signal))
        })
      else if (work.kind === 'sql') await this.#executeObserved(step, work.script, index, signal)
    } catch (error) {
      await this.#on.putBack()
      // The server rejected the statement, so it had no effect. After a lost connection we cannot know, nor can we
      // after code.
      if (work.kind !== 'sql' || !isAnswer(error)) throw asStatementError(error, index)
      await this.#writeJournal(step, { started: index, done: index })
      const { words = [] } = work.script.statements[index] ?? {}
      throw await this.#withEffect(asStatementError(error, index), words)
    } finally {
      unhear()
    }
    await this.#writeJournal(step, { started: index + 1, done: index + 1 })
  }

  async finish(step: MigrationStep): Promise<void> {
    if (step.work.kind === 'sql' && step.work.script.statements.some(givesUpLocks)) {
      // The migration gave up the session's locks, ours among them.
      await this.#on.lock.acquire({ timeout: RETAKE_MS, signal: NEVER })
    }
    const { remove, baseline } = step.history
    const history =
      step.direction === 'up'
        ? tables.endJournal(this.#on.tables, step.version, step.history.put)
        : tables.changeHistory(this.#on.tables, { remove, baseline })
    await this.#on.transaction([
      this.#on.restore,
      history,
      bookkeepingSql(step),
      tables.moveRow(this.#on.tables, { version: step.to, dirty: true }, { version: step.to, dirty: false }),
    ])
  }

  async abandon(step: MigrationStep): Promise<void> {
    await this.#on.transaction([
      this.#on.restore,
      tables.forgetJournal(this.#on.tables, step),
      tables.moveRow(this.#on.tables, { version: step.to, dirty: true }, { version: step.from, dirty: false }),
    ])
  }

  // --- internal ---

  /**
   * Runs a statement outside our transaction. For an observer, a unit runs part by part, and a statement that may be in a
   * transaction runs in one of its own, so that its locks can still be seen when it has ended.
   */
  async #executeObserved(step: MigrationStep, script: Script, index: number, signal: AbortSignal): Promise<void> {
    const statement = script.statements[index]
    if (!statement || !this.#on.observer) return this.#executeSql(script, index, signal)
    if (statement.parts) {
      for (const part of statement.parts) {
        const run = () => this.#executeSql(script, index, signal, part)
        await this.#on.observed(step, { index, inTransaction: true, statement: part }, run)
      }
      return
    }
    const run = () => this.#executeSql(script, index, signal)
    if (isOwnTransaction(statement)) return this.#on.observed(step, { index, inTransaction: false }, run)
    await this.#on.session.script('BEGIN', signal)
    await this.#on.observed(step, { index, inTransaction: true }, run)
    await this.#on.session.script('COMMIT', signal)
  }

  #executeSql(
    script: Script,
    index: number,
    signal: AbortSignal,
    { start, end } = script.statements[index] as { start: number; end: number },
  ): Promise<void> {
    return this.#on.session.script(script.text.slice(start, end), signal).catch((error) => {
      if (error instanceof ScriptFailure) {
        // If the failure is in a unit (BEGIN … COMMIT), one of the unit's statements failed.
        const parts = script.statements[index]?.parts ?? []
        const failed = start === parts[0]?.start ? parts[error.completed] : undefined
        const own = failed ?? { start, end }
        const sent = { sql: script.text.slice(start, end), from: own.start - start, length: own.end - own.start }
        const thrown = asStatementError(error.error, index, { ...sent, shift: own.start })
        if (!failed || !(thrown instanceof StatementError)) throw thrown
        throw new StatementError({ ...thrown.info, offset: thrown.info.offset ?? own.start }, thrown.cause)
      }
      throw error
    })
  }

  /**
   * Writes the journal under the role and in the transaction mode that the session had when it was opened. The
   * migration's own settings are kept.
   */
  async #writeJournal(step: MigrationStep, progress: { started: number; done: number }): Promise<void> {
    const local = this.#on.restore
      .split('\n')
      .filter((line) => /^SET (SESSION AUTHORIZATION|ROLE)/.test(line))
      .map((line) => line.replace('SET ', 'SET LOCAL '))
    const sql = [
      'BEGIN READ WRITE;',
      ...local,
      tables.journal(this.#on.tables, step.version, progress),
      'COMMIT;',
    ].join('\n')
    try {
      await this.#on.session.script(sql, NEVER)
    } catch (error) {
      await this.#on.session.query('ROLLBACK').catch(() => undefined)
      throw error instanceof ScriptFailure ? this.#on.tailError(error.error, step) : error
    }
  }

  /**
   * Adds to the error whether the rejected statement had an effect. Only statements that use several transactions can
   * have one.
   */
  async #withEffect(error: Error, words: readonly string[]): Promise<Error> {
    if (!(error instanceof StatementError)) return error
    const { info } = error
    if (['call', 'do', 'execute', 'vacuum'].includes(words[0] ?? '')) return error
    if (!words.includes('concurrently')) return new StatementError({ ...info, undone: true }, error.cause)
    const rows = await this.#on.session
      .query(
        'SELECT indexrelid::regclass::text AS name FROM pg_catalog.pg_index WHERE NOT indisvalid ORDER BY 1 LIMIT 3',
      )
      .catch(() => [])
    if (rows.length === 0) return new StatementError({ ...info, undone: true }, error.cause)
    const names = rows.map(({ name }) => String(name)).join(', ')
    const left = `It left an invalid index behind (${names}), which costs writes and serves no query: DROP INDEX CONCURRENTLY it before you run this again.`
    return new StatementError({ ...info, hint: [info.hint, left].filter(Boolean).join('\n\n') }, error.cause)
  }

  /** Throws for a migration that would drop our tables outside a transaction: we could not restore them. */
  #refuseLosingOurTables({ work }: MigrationStep): void {
    if (work.kind !== 'sql') return
    const drop = work.script.statements.find(
      ({ words: [first, second] }) => first === 'drop' && (second === 'schema' || second === 'owned'),
    )
    if (!drop) return
    throw new UsageError(
      `"${work.script.text.slice(drop.start, drop.end)}" may remove the version table, which only a transaction can put back.`,
      { hint: 'Give the statement a migration of its own, without "-- migrate: no-transaction".' },
    )
  }
}

// --- internal ---

/** Returns whether a statement refuses to be in a transaction, or may end it. */
function isOwnTransaction({ words }: Statement): boolean {
  return ['call', 'do', 'set', 'reset', 'discard'].includes(words[0] ?? '') || refusesTransaction(words, 'postgres')
}

const RETAKE_MS = 15_000

function givesUpLocks({ words: [first, second] }: Statement): boolean {
  return first === 'discard' && second === 'all'
}

/** Returns a migration's name. In a folder of another tool, the name is whole. */
function nameOf({ version, name, bookkeeping }: MigrationStep): string {
  return bookkeeping ? name : `${version}_${name}`
}

const ACTIVE_TRANSACTION = '25001'
