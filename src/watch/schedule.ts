/**
 * Executes one run at a time. Requests that arrive during a run cause one more run afterwards, which sees the latest
 * state.
 */
export class Schedule {
  readonly #run: () => Promise<void>
  #running: Promise<void> | undefined
  #again = false

  /** @param run must not reject; it reports its own failures */
  constructor(run: () => Promise<void>) {
    this.#run = run
  }

  poke(): void {
    this.#again = true
    this.#running ??= this.#work()
  }

  /** Resolves when no run is active or waiting. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running
  }

  async #work(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false
        await this.#run()
      }
    } finally {
      this.#running = undefined
    }
  }
}
