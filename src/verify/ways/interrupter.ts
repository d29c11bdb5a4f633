/** Interrupts migrations: a statement fails, or the session ends, as if the process had been killed. */
import type { ObservedStatement, StatementObserver } from '../../migrate/driver.ts'

/** `error`: a statement fails. `kill`: the session ends, as it does when its process is killed. */
export type Kind = 'error' | 'kill'

/** Interrupts each statement before it runs, and, outside of a transaction, between its end and the record of it. */
export class Interrupter implements StatementObserver {
  isActive = false
  /** `true` if it has interrupted, and nobody has taken note of it yet. */
  isDone = false
  /** `true` if there is nothing left to interrupt. */
  isOver = false
  /** The last interruption. */
  at: { readonly index: number; readonly hasRun: boolean } | undefined
  readonly #kind: Kind
  readonly #isMysql: boolean
  #done = new Set<string>()

  constructor(kind: Kind, isMysql: boolean) {
    this.#kind = kind
    this.#isMysql = isMysql
  }

  begin(): void {
    this.isActive = true
    this.isDone = false
    this.isOver = false
    this.at = undefined
    this.#done = new Set()
  }

  async observe(statement: ObservedStatement, run: (text?: string) => Promise<void>): Promise<void> {
    const { index, inTransaction, statement: text, step } = statement
    const key = `${index} ${text?.start}`
    if (!this.#done.has(key)) {
      this.#done.add(key)
      const interrupts = await this.#interrupt(statement, text ? { index, hasRun: false } : OF_CODE)
      if (interrupts) return run(interrupts === 'fail' ? FAILING : undefined)
    }
    await run()
    const after = `${key} after`
    // Outside of a transaction, the server ends what it runs when its process is killed, and nobody records that it has. On
    // MySQL, the record of a statement comes with the next one, so that being interrupted before that is the same.
    const isLast = step.work.kind !== 'sql' || index === step.work.script.statements.length - 1
    if (this.#kind !== 'kill' || inTransaction || (this.#isMysql && !isLast) || this.#done.has(after)) return
    this.#done.add(after)
    await this.#interrupt(statement, text ? { index, hasRun: true } : OF_CODE)
  }

  async #interrupt(
    { query, another, inTransaction }: ObservedStatement,
    at: { readonly index: number; readonly hasRun: boolean },
  ): Promise<'fail' | 'run' | undefined> {
    if (this.#kind === 'error') {
      if (this.#isMysql) {
        this.isDone = true
        this.at = at
        return 'fail'
      }
      // A statement that fails outside of a transaction has no effect, and this one cannot be replaced.
      if (!inTransaction) return undefined
      this.isDone = true
      this.at = at
      await query('SELECT 1 / 0').catch(() => undefined)
      return 'run'
    }
    if (!another) return undefined
    const [row] = await query(`SELECT ${this.#isMysql ? 'connection_id()' : 'pg_backend_pid()'} AS id`)
    const other = await another()
    try {
      const id = Number(row?.id)
      await other.query(this.#isMysql ? `KILL CONNECTION ${id}` : `SELECT pg_terminate_backend(${id}, 5000)`)
    } finally {
      await other.close()
    }
    this.isDone = true
    this.at = at
    return 'run'
  }
}

// --- internal ---

/** Code runs again from its beginning, wherever it was interrupted. */
const OF_CODE = { index: 0, hasRun: false }

const FAILING = "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'interrupted by verify'"
