/** Keeps the steps in order that are sent before the earlier ones have been answered. */
import { NotReachedError } from '../../migrate/driver.ts'

export class InFlight {
  readonly #answers = new Set<Promise<void>>()
  #failed = false

  get isEmpty(): boolean {
    return this.#answers.size === 0
  }

  /**
   * Runs `send`. If it fails first, all steps behind it fail too, since their version is not the expected one; when they
   * are all answered, `settle` decides what the failure means.
   * @throws NotReachedError if an earlier step failed
   */
  async run(send: () => Promise<void>, settle: (error: unknown) => Promise<void>): Promise<void> {
    const answer = send()
    this.#answers.add(answer)
    try {
      await answer
    } catch (error) {
      if (this.#failed) throw new NotReachedError('An earlier migration failed.', { cause: error })
      this.#failed = true
      await Promise.allSettled(this.#answers)
      this.#failed = false
      return settle(error)
    } finally {
      this.#answers.delete(answer)
    }
  }
}
