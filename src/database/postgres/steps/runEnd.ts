/**
 * The end of a run whose lock stays: asks whether the lock was held, and what the state is. The last step can ask together with
 * its own message, and only what the run has recorded is read again.
 */
import { randomBytes } from 'node:crypto'
import type { DatabaseState, HistoryChange } from '../../../migrate/driver.ts'
import type { Lock } from '../../locking.ts'
import { type DriverSession, NO_SUCH_STATEMENT } from '../driverSession.ts'
import { isMissingTable } from '../failure.ts'
import { type Row, ScriptFailure, type WantedRows } from '../session.ts'
import { stateQuery, toState } from '../state.ts'

export class RunEnd {
  readonly #on: DriverSession
  /** The state at the beginning of the run; undefined if it is not known what has been recorded since. */
  #before: DatabaseState | undefined
  readonly #changed = new Set<number>()
  /** The answer that the last step has brought. */
  #answer: readonly Row[] | undefined
  /** The SQL that is prepared on the session, since the server needs four times as long to plan it as to run it. */
  #prepared: string | undefined

  constructor(on: DriverSession) {
    this.#on = on
  }

  /** Begins a run. */
  begin(state: DatabaseState): void {
    this.#before = state
    this.#changed.clear()
    this.#answer = undefined
  }

  /** Takes note of what is recorded next. */
  note({ put, remove, baseline }: HistoryChange): void {
    this.#answer = undefined
    if (baseline) this.#before = undefined
    if (put) this.#changed.add(put.version)
    for (const version of [remove ?? []].flat()) this.#changed.add(version)
  }

  /** Says that it is not known what is recorded. */
  forget(): void {
    this.#answer = undefined
    this.#before = undefined
  }

  /** Returns what the message of the last step asks behind it; undefined if the lock cannot be asked so. */
  withLastStep(): { readonly sql: string; readonly wanted: WantedRows } | undefined {
    const { held } = this.#on.lock
    if (!held) return undefined
    const receive = (rows: Row[]) => {
      this.#answer = rows
    }
    const sql = this.#before ? `${this.#tidy}${this.#executing(held.sql)}` : this.#query(held.sql)
    return { sql, wanted: { column: held.column, receive } }
  }

  /**
   * Returns whether a message failed behind its commit, because a migration has removed the prepared statement: the step has
   * been applied, and only the answer is missing.
   */
  lacksOnlyAnswer(error: unknown): boolean {
    if (!(error instanceof ScriptFailure)) return false
    const { code, message } = error.error
    const isSo = code === NO_SUCH_STATEMENT && message.includes(`"${NAME}"`)
    if (isSo) this.#prepared = undefined
    return isSo
  }

  /** Ends the run. Returns the state, which nobody else changes meanwhile; undefined if that must be read anew. */
  async keepLock(keep: NonNullable<Lock['keep']>): Promise<DatabaseState | undefined> {
    const answer = this.#answer
    this.#answer = undefined
    try {
      if (answer) this.#on.lock.held?.confirm(answer)
      return this.#state(answer ?? (await keep((held) => this.#query(held))))
    } catch (error) {
      if (!isMissingTable(error)) throw error
      await keep((held) => `${this.#tidy}${held}`)
      return undefined
    }
  }

  // --- internal ---

  get #tidy(): string {
    return `DISCARD TEMP; ${this.#on.report}`
  }

  /** @param held as for {@link stateQuery} */
  #executing(held: string): string {
    const sql = stateQuery(this.#on.tables, held, '$1')
    const prepare = this.#prepared === sql ? '' : `PREPARE ${NAME} (bigint[]) AS ${sql};`
    const before = prepare !== '' && this.#prepared !== undefined ? `DEALLOCATE ${NAME};` : ''
    this.#prepared = sql
    return `${before}${prepare}EXECUTE ${NAME} ('{${[...this.#changed].join()}}')`
  }

  #query(held: string): string {
    return `${this.#tidy}${stateQuery(this.#on.tables, held, this.#before && [...this.#changed])}`
  }

  /** Returns undefined if other records are there than were known. */
  #state(rows: readonly Row[]): DatabaseState | undefined {
    const before = this.#before
    const read = toState(rows)
    if (!before) return read
    const kept = before.history.filter(({ version }) => !this.#changed.has(version))
    const history = [...kept, ...read.history].sort((one, other) => one.version - other.version)
    return Number(rows[0]?.records) === history.length ? { ...read, history } : undefined
  }
}

// --- internal ---

/** Other drivers may have used the session before. */
const NAME = `migratest_end_${randomBytes(6).toString('hex')}`
