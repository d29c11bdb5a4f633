/**
 * Runs planned steps one after another. Prefetches the next body, sets and clears the dirty flag, and turns failures
 * into errors that say where they happened and what to do.
 */

import { BatchFailedError, type Driver, type MigrationStep, NotReachedError, type StepWork } from '../driver.ts'
import { StatementError } from '../errors.ts'
import type { LoadedStep } from '../load.ts'
import type { PlanStep } from '../plan/moves.ts'
import { now, turn } from '../realTime.ts'
import { Ahead, hearing, type RunInput } from './ahead.ts'
import { cancelled, failure } from './failure.ts'
import { cleanStill, continueJournaled } from './journaled.ts'
import { runInOneTransaction, sharing } from './oneTransaction.ts'
import { Several } from './several.ts'

/**
 * Runs the steps and returns those that ran. Holds at most three bodies in memory: the running one and the next two; and as
 * many as the driver takes at once.
 */
export async function runSteps(input: RunInput): Promise<PlanStep<number>[]> {
  const { driver, steps, signal, onEvent } = input
  const ran = input.batch ? await runBatches(input) : []
  const ahead = new Ahead(input)
  const several = new Several(input, ahead)
  let ended = now()
  while (ran.length < steps.length) {
    const planned = steps[ran.length] as PlanStep<number>
    // Migrations that were sent run to their end, even after stop().
    if (ahead.isEmpty) {
      if (input.stopped()) break
      if (signal.aborted) throw cancelled(driver, ran.at(-1)?.to ?? planned.from, signal)
      const together = driver.allOrNothing ? sharing(steps, ran.length, input.oneTransaction) : []
      if (together.length > 1) {
        const done = await runInOneTransaction(input, together)
        ran.push(...done)
        if (done.length < together.length) break
        continue
      }
      const done = await several.run(ran.length)
      ran.push(...done)
      if (done.length > 0) continue
    }
    const { loaded, step: taken, tell, applied } = await ahead.take(ran.length, planned)
    const beforeCode = isBeforeCode(input, planned, steps[ran.length + 1])
    const isLast = ran.length + 1 === steps.length && !input.beside
    const step = { ...taken, ...(beforeCode && { beforeCode }), ...(isLast && { isLast }) }
    onEvent({ type: 'started', step: planned })
    tell()
    if (!applied && signal.aborted) throw cancelled(driver, planned.from, signal)
    // A step that was sent ahead begins when the server has answered the one before it.
    const begun = applied ? ended : now()
    const sent = applied ?? ahead.send(planned, step)
    const next = sent || driver.transactionalDdl ? undefined : await ahead.following()
    const running = planned.atomic
      ? runAtomic(driver, step, loaded, signal, next, sent && reached(ahead, sent, () => driver.apply(step, signal)))
      : runJournaled(driver, step, loaded, signal, next)
    running.catch(() => undefined)
    // Read the next bodies while the database runs this step, which a driver may send only in a later microtask.
    if (step.work.kind !== 'code') {
      if (!sent) await turn()
      await ahead.fill(sent !== undefined)
    }
    await running
    ended = (sent && ahead.answered()) ?? now()
    await input.beside?.after(planned, loaded.text, steps.length - ran.length - 1)
    const ms = (sent ? ended : now()) - begun
    onEvent({ type: 'finished', step: planned, ms })
    ran.push(planned)
    several.took(ms)
  }
  return ran
}

// --- internal ---

const BATCH_STEPS = 100
const BATCH_LENGTH = 2 ** 19

/**
 * Runs as many steps as possible in batches and returns those that ran. A failure ends the batches: we ask the database
 * which migrations it applied, and the caller runs the rest one by one, which gives better error messages.
 */
async function runBatches(input: RunInput): Promise<PlanStep<number>[]> {
  const { driver, steps, signal, onEvent } = input
  const ran: PlanStep<number>[] = []
  while (driver.applyAll && !input.stopped() && !signal.aborted) {
    const batch: MigrationStep[] = []
    let length = 0
    for (const planned of steps.slice(ran.length, ran.length + BATCH_STEPS)) {
      const fits = planned.atomic || driver.disposable === true
      if (!fits || planned.code || planned.direction !== 'up' || length > BATCH_LENGTH) break
      const loaded = await input.load(planned)
      // The file changed after planning: end the batch here. The step throws the error when it runs by itself.
      if (loaded.plan.fingerprint !== planned.fingerprint) break
      const step = loaded.step(hearing(onEvent, planned, input.isHeard))
      length += step.work.kind === 'sql' ? step.work.script.text.length : 0
      batch.push(step)
    }
    if (batch.length < 2) break
    const begun = now()
    const failed = await driver.applyAll(batch, signal).then(
      () => false,
      (cause) => {
        if (driver.disposable) throw new BatchFailedError('Several migrations failed together.', { cause })
        return true
      },
    )
    const done = failed ? await countDone(driver, batch) : batch.length
    const ms = (now() - begun) / Math.max(done, 1)
    for (const step of steps.slice(ran.length, ran.length + done)) {
      onEvent({ type: 'started', step })
      onEvent({ type: 'finished', step, ms })
      ran.push(step)
    }
    if (failed) break
  }
  return ran
}

async function countDone(driver: Driver, batch: readonly MigrationStep[]): Promise<number> {
  const { history, dirty } = await driver.state()
  const applied = new Set(history.map(({ version }) => version))
  const left = batch.findIndex(({ version }) => !applied.has(version))
  return dirty ? 0 : left === -1 ? batch.length : left
}

/** Returns whether nothing happens in the database between this step and the next one, which is in code. */
function isBeforeCode({ beside }: RunInput, step: PlanStep<number>, next: PlanStep<number> | undefined): boolean {
  return step.code && step.atomic && next?.code === true && next.atomic && next.origin === 'file' && !beside
}

/** Waits for a step that was sent. If an earlier one failed at first, all that were sent have done nothing. */
async function reached(ahead: Ahead, sent: Promise<void>, again: () => Promise<void>): Promise<void> {
  try {
    await sent
  } catch (error) {
    if (!(error instanceof NotReachedError)) throw error
    ahead.forget()
    await again()
  }
}

async function runAtomic(
  driver: Driver,
  step: MigrationStep,
  loaded: LoadedStep,
  signal: AbortSignal,
  next: StepWork | undefined,
  sent: Promise<void> | undefined,
): Promise<void> {
  try {
    await (sent ?? driver.apply(step, signal, next))
  } catch (error) {
    // The server refused the statement because it was in a transaction, so nothing ran. If it is the migration's only
    // statement, it can run without one.
    if (isRefusedInTransaction(error) && loaded.plan.statements === 1 && !loaded.plan.code) {
      return runJournaled(driver, step, loaded, signal)
    }
    throw failure(error, driver, loaded, undefined, signal, cleanStill(driver, step))
  }
}

async function runJournaled(
  driver: Driver,
  step: MigrationStep,
  loaded: LoadedStep,
  signal: AbortSignal,
  next?: StepWork,
): Promise<void> {
  await driver.begin(step, next)
  await continueJournaled(driver, step, loaded, 0, signal)
}

/** Returns `true` for SQLSTATE 25001, active_sql_transaction. */
function isRefusedInTransaction(error: unknown): boolean {
  return error instanceof StatementError && error.info.sqlState === '25001'
}
