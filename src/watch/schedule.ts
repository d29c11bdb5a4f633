/** One run at a time. What comes meanwhile is one more run afterwards, which sees the last of it. */
export class Schedule {
  readonly #run: () => Promise<void>
  #running: Promise<void> | undefined
  #again = false

  /** @param run tells its failures itself */
  constructor(run: () => Promise<void>) {
    this.#run = run
  }

  poke(): void {
    this.#again = true
    this.#running ??= this.#work()
  }

  /** Resolves when nothing runs and nothing waits. */
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
