/** Runs several steps in one round trip, where the driver can, and as many as take a moment. */

import { ConnectionError } from '../errors.ts'
import type { PlanStep } from '../plan/moves.ts'
import { now, turn } from '../realTime.ts'
import type { Ahead, RunInput } from './ahead.ts'
import { continueJournaled } from './journaled.ts'

export class Several {
  readonly #input: RunInput
  readonly #ahead: Ahead
  /** The number of steps that may be in one message. They all run, even if `stop()` is called meanwhile. */
  #most = 1

  constructor(input: RunInput, ahead: Ahead) {
    this.#input = input
    this.#ahead = ahead
  }

  /** Call when a step has run. @param ms how long it took */
  took(ms: number): void {
    this.#most = Math.max(1, Math.min(this.#most * 2, MOST, Math.floor(LONGEST_MS / ms)))
  }

  /** Runs the next steps and returns them; none if they have to be run one by one. */
  async run(index: number): Promise<PlanStep<number>[]> {
    const { driver, beside, signal, onEvent, steps } = this.#input
    if (!driver.applySome || beside || this.#most < 2) return []
    const taken = await this.#ahead.several(index, this.#most)
    if (taken.length < 2) return []
    const begun = now()
    const applying = driver.applySome(
      taken.map(({ step }) => step),
      signal,
    )
    applying.catch(() => undefined)
    // Read the next bodies while the database runs these, which the driver may send only in a later microtask.
    await turn()
    this.#ahead.read(index + taken.length, MOST)
    const done = await applying.catch((error) => {
      throw error instanceof ConnectionError ? broken(error, taken.length) : error
    })
    const ms = (now() - begun) / Math.max(done.applied, 1)
    const planned = steps.slice(index, index + done.applied)
    for (const [i, step] of planned.entries()) {
      onEvent({ type: 'started', step })
      taken[i]?.tell()
      onEvent({ type: 'finished', step, ms })
    }
    if (done.applied > 0) this.took(ms)
    this.#ahead.drop(index + done.applied)
    if (done.begun === undefined) return planned
    const next = steps[index + done.applied] as PlanStep<number>
    const { loaded, step, tell } = taken[done.applied] as (typeof taken)[number]
    const from = now()
    onEvent({ type: 'started', step: next })
    tell()
    await continueJournaled(driver, step, loaded, done.begun, signal)
    onEvent({ type: 'finished', step: next, ms: now() - from })
    return [...planned, next]
  }
}

// --- internal ---

const MOST = 16
/** Steps that are sent together take about this long at most, since a run cannot be stopped between them. */
const LONGEST_MS = 1000

/** Returns the error of a connection that broke while several migrations ran. The history says which of them was running. */
function broken(error: ConnectionError, count: number): ConnectionError {
  return new ConnectionError(error.message, {
    hint: `${count} migrations were on their way, each with its own record. "migratest status" says which of them have run, and "migratest resume" goes on.`,
    cause: error,
  })
}
