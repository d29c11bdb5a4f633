/** The SQL that the driver sends for a step in SQL: around its body, and what a failure of it means. */
import type { MigrationStep } from '../../../migrate/driver.ts'
import type { Script } from '../../../sql/script.ts'
import type { ToolTable } from '../../toolTable.ts'
import { bookkeepingSql, type DriverSession, STEP } from '../driverSession.ts'
import { asStatementError } from '../failure.ts'
import { developmentTables, type OwnDevelopment } from '../rows/development.ts'
import { ScriptFailure, type WantedRows } from '../session.ts'
import { type Rebuild, restoreTables, saveTables } from './keptTables.ts'
import type { OneTransaction } from './oneTransaction.ts'
import type { Records } from './records.ts'
import type { Message } from './stepMessages.ts'

/** The SQL around a step's body, and how many statements precede the body. */
export interface Around {
  readonly before: number
  readonly prefix: string
  readonly script: Script | undefined
  readonly suffix: string
  /** `true` if the statements before the body check the version. */
  readonly guarded: boolean
  /** The rows to hear of, which the SQL behind the body asks for. */
  readonly wanted?: WantedRows
}

export function sqlOf({ head, start, end, tail }: Message, { script }: Around): string {
  return `${head}${script?.text.slice(start, end) ?? ''}${tail}`
}

/**
 * Returns whether a step may be sent before the answer to the one before it: in one short message, whose guard does not
 * come before a statement that must be the first of its transaction.
 */
export function canBeGuarded({ work }: MigrationStep): boolean {
  if (work.kind !== 'sql') return work.kind === 'nil'
  const { text, statements, transactionMode } = work.script
  if (text.length > LONGEST_AHEAD || transactionMode !== '') return false
  return !statements.some(
    ({ words, changesSyntax, start, end }) =>
      changesSyntax || (words[0] === 'set' && /transaction/i.test(text.slice(start, end))),
  )
}

export class StepSql {
  readonly #on: DriverSession
  readonly #records: Records
  readonly #one: OneTransaction
  readonly #tool: ToolTable
  readonly #isDevelopment: boolean

  /** @param isDevelopment `true` if the database has the additional tables of one in development */
  constructor(on: DriverSession, records: Records, one: OneTransaction, tool: ToolTable, isDevelopment: boolean) {
    this.#on = on
    this.#records = records
    this.#one = one
    this.#tool = tool
    this.#isDevelopment = isDevelopment
  }

  /** Builds the SQL around a step's body. @param guard statements that check the version first */
  around(step: MigrationStep, rebuild: Rebuild, guard: readonly string[] = []): Around {
    const script = step.work.kind === 'sql' ? step.work.script : undefined
    // A migration that drops our schema would wait forever for the row that the lock holds; the timeout makes it fail
    // instead.
    const limit = this.#on.lock.table ? ["SET LOCAL lock_timeout = '15s';"] : []
    const before = [
      this.#on.inside ? `SAVEPOINT ${STEP};` : `BEGIN ${script?.transactionMode ?? ''};`,
      ...limit,
      ...guard,
      ...(rebuild === 'no' ? [] : saveTables(this.#on.tables, this.#development)),
    ]
    const prefix = `${before.join('\n')}\n`
    // The newline is for a body that ends in a comment, the semicolon for one that ends without a semicolon.
    const tail = this.#one.isOn ? `${this.#on.restore}\n${this.#one.end(step)}` : this.#tail(step, rebuild)
    const suffix = `\n;${tail}\n${this.#on.end}`
    return { before: before.length, prefix, script, suffix, guarded: guard.length > 0 }
  }

  /** Converts the error of a message of a step. */
  failureOf(error: unknown, step: MigrationStep, message: Message, around: Around): Error {
    if (!(error instanceof ScriptFailure)) return asStatementError(error)
    const { head, start, end, own, first } = message
    const index = first + error.completed - own
    const isGuard = around.guarded && index < first && error.completed > 0
    if (isGuard || index >= (around.script?.statements.length ?? 0)) return this.#on.tailError(error.error, step)
    // Positions count from the beginning of the message.
    const sent = { sql: sqlOf(message, around), from: head.length, length: end - start, shift: start }
    return asStatementError(error.error, index, sent)
  }

  // --- internal ---

  /** Builds the SQL that restores role and settings, then writes the history and the version row. */
  #tail(step: MigrationStep, rebuild: Rebuild): string {
    return [
      this.#on.restore,
      rebuild === 'no' ? '' : restoreTables(this.#on.tables, rebuild, this.#tool.creation, this.#development),
      this.#records.record(step),
      bookkeepingSql(step),
    ].join('\n')
  }

  /** SQL for the additional tables of a development database; undefined if there are none. */
  get #development(): OwnDevelopment | undefined {
    return this.#isDevelopment ? developmentTables(this.#on.tables) : undefined
  }
}

/** A longer text is not sent ahead. */
const LONGEST_AHEAD = 2 ** 16
