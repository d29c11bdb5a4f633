/** Runs the statements of a step outside a transaction, under the journal. */
import { type Driver, describeAt, type MigrationStep } from '../driver.ts'
import { StatementError } from '../errors.ts'
import type { LoadedStep } from '../load.ts'
import { failure } from './failure.ts'

/** Continues a step that has begun, after its first `done` statements. */
export async function continueJournaled(
  driver: Driver,
  step: MigrationStep,
  loaded: LoadedStep,
  done: number,
  signal: AbortSignal,
) {
  for (let i = done; i < loaded.plan.statements; ) {
    if (signal.aborted) {
      const databaseState = (await tryAbandon(driver, step, i, NOT_BEGUN))
        ? cleanStill(driver, step)
        : stoppedNow(driver, step, i, loaded.plan.statements)
      throw failure(signal.reason, driver, loaded, i, signal, databaseState)
    }
    try {
      if (driver.executeSome) i += await driver.executeSome(step, i, signal)
      else {
        await driver.execute(step, i, signal)
        i++
      }
    } catch (error) {
      const at = (error instanceof StatementError ? error.info.statement : undefined) ?? i
      const databaseState = (await tryAbandon(driver, step, at, error))
        ? cleanStill(driver, step)
        : dirtyNow(driver, step, at, loaded.plan.statements)
      throw failure(error, driver, loaded, at, signal, databaseState)
    }
  }
  await driver.finish(step)
}

export function cleanStill(driver: Driver, step: MigrationStep): string {
  return `The migration left no changes: ${driver.database} is at version ${describeAt(driver, step.from)}, clean.`
}

// --- internal ---

/** The error of a statement that was not started because the run was cancelled. */
const NOT_BEGUN = new StatementError({ message: 'cancelled', undone: true }, undefined)

/**
 * Removes the record of `begin` if the first statement failed without any effect, because then the migration has
 * changed nothing. Returns `true` if it did.
 */
async function tryAbandon(driver: Driver, step: MigrationStep, index: number, error: unknown): Promise<boolean> {
  const undone = error instanceof StatementError && error.info.undone === true
  // A resumed migration (from === to) no longer knows the version to go back to.
  if (index > 0 || !undone || !driver.abandon || step.from === step.to) return false
  await driver.abandon(step)
  return true
}

function dirtyNow(driver: Driver, step: MigrationStep, index: number, total: number): string {
  if (step.work.kind === 'code') {
    return `It failed outside a transaction: what it did before remains, and the database is dirty at version ${describeAt(driver, step.to)}. ${WAYS_ON}`
  }
  return `Statement ${index + 1} of ${total} failed outside a transaction. ${standing(driver, step, index)}`
}

function stoppedNow(driver: Driver, step: MigrationStep, index: number, total: number): string {
  return `It stopped before statement ${index + 1} of ${total}. ${standing(driver, step, index)}`
}

function standing(driver: Driver, step: MigrationStep, done: number): string {
  const before =
    done === 0
      ? 'No statement before it has run'
      : done === 1
        ? 'Statement 1 took effect'
        : `Statements 1 to ${done} took effect`
  return `${before}; the database is dirty at version ${describeAt(driver, step.to)}. ${WAYS_ON}`
}

const WAYS_ON =
  'Fix the migration and run "migratest resume", or repair the schema by hand and run "migratest force VERSION".'
