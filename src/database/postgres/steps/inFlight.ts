/** Keeps the steps in order that are sent before the earlier ones have been answered. */
import { NotReachedError } from '../../../migrate/driver.ts'

export class InFlight {
  readonly #answers = new Set<Promise<void>>()
  #failed = false
  /** Ends when it is known what the last failure means. */
  #settling: Promise<void> | undefined

  get isEmpty(): boolean {
    return this.#answers.size === 0
  }

  /**
   * Runs `send`. If it fails first, all steps behind it fail too, since their version is not the expected one; when they
   * are all answered, `settle` decides what the failure means. It may send the step again, so a step that comes meanwhile is
   * sent when that has ended.
   * @throws NotReachedError if an earlier step failed
   */
  async run(send: () => Promise<void>, settle: (error: unknown) => Promise<void>): Promise<void> {
    const answer = this.#settling ? this.#settling.then(send, notReached) : send()
    this.#answers.add(answer)
    try {
      await answer
    } catch (error) {
      if (error instanceof NotReachedError) throw error
      if (this.#failed) return notReached(error)
      this.#settling = this.#settled(error, settle)
      try {
        await this.#settling
      } finally {
        this.#settling = undefined
      }
    } finally {
      this.#answers.delete(answer)
    }
  }

  // --- internal ---

  async #settled(error: unknown, settle: (error: unknown) => Promise<void>): Promise<void> {
    this.#failed = true
    await Promise.allSettled(this.#answers)
    this.#failed = false
    await settle(error)
  }
}

// --- internal ---

function notReached(cause: unknown): never {
  throw new NotReachedError('An earlier migration failed.', { cause })
}
