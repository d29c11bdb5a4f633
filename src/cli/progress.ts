/** Shows one line on the terminal while work takes long, and removes it when the work is done. */

const PATIENCE_MS = 400

export class Progress {
  readonly #shown: boolean
  #timer: NodeJS.Timeout | undefined
  #written = false

  /** @param shown `true` if a person sees the terminal */
  constructor(shown: boolean) {
    this.#shown = shown
  }

  start(text: string): void {
    this.clear()
    if (!this.#shown) return
    const begun = performance.now()
    this.#timer = setInterval(() => {
      const seconds = ((performance.now() - begun) / 1000).toFixed(1)
      // Truncate the line: one that wraps could not be erased.
      const width = (process.stderr.columns || 80) - 1
      process.stderr.write(`\r\u001b[2K${`  ${seconds} s  ${text}`.slice(0, width)}`)
      this.#written = true
    }, PATIENCE_MS)
    this.#timer.unref()
  }

  clear(): void {
    clearInterval(this.#timer)
    if (this.#written) process.stderr.write('\r\u001b[2K')
    this.#written = false
  }
}
