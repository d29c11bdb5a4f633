/** Reads keys from a terminal: single-key commands, or the answer to a question. */
import { createInterface, emitKeypressEvents } from 'node:readline'

interface Pressed {
  readonly name?: string
  readonly ctrl?: boolean
  readonly sequence?: string
}

export class Terminal {
  readonly #input = process.stdin
  #answer: ((key: string) => void) | undefined

  /** @param onKey receives the character; Ctrl-C and Ctrl-D arrive as `q` */
  constructor(onKey: (key: string) => void) {
    emitKeypressEvents(this.#input)
    this.#input.setRawMode(true)
    this.#input.resume()
    this.#input.on('keypress', (text: string | undefined, key: Pressed) => {
      const end = key.ctrl && (key.name === 'c' || key.name === 'd')
      // Ctrl-C and Ctrl-D quit even while a question is open.
      if (this.#answer && !end) this.#answer(text ?? '')
      else onKey(end ? 'q' : (text ?? ''))
    })
  }

  /** Waits for a key and returns `true` if it is `y`. Aborting the signal counts as no. */
  async confirm(signal: AbortSignal): Promise<boolean> {
    const key = await this.#key(signal)
    return key === 'y' || key === 'Y'
  }

  /** Waits for the key of a choice, 1 to `count`. Returns its number; undefined for another key or an aborted signal. */
  async choose(count: number, signal: AbortSignal): Promise<number | undefined> {
    // Two digits cannot be told from one before they are typed.
    const typed = count > 9 ? await this.line('', signal) : await this.#key(signal)
    const number = Number(typed)
    return Number.isInteger(number) && number >= 1 && number <= count ? number : undefined
  }

  /** Reads a line. Returns undefined if it is empty or `q`, or if the signal is aborted. */
  async line(prompt: string, signal: AbortSignal): Promise<string | undefined> {
    this.#answer = () => undefined
    const reader = createInterface({ input: this.#input, output: process.stdout, terminal: true })
    try {
      const text = await new Promise<string | undefined>((resolve) => {
        reader.once('close', () => resolve(undefined))
        signal.addEventListener('abort', () => resolve(undefined), { once: true })
        if (signal.aborted) resolve(undefined)
        else reader.question(prompt, resolve)
      })
      const trimmed = text?.trim()
      return trimmed === '' || trimmed === 'q' ? undefined : trimmed
    } finally {
      reader.close()
      this.#answer = undefined
      // The reader leaves the terminal as it was before raw mode.
      this.#input.setRawMode(true)
      this.#input.resume()
    }
  }

  /** Waits for one key; returns undefined if the signal is aborted. */
  async #key(signal: AbortSignal): Promise<string | undefined> {
    try {
      return await new Promise((resolve) => {
        this.#answer = resolve
        signal.addEventListener('abort', () => resolve(undefined), { once: true })
        if (signal.aborted) resolve(undefined)
      })
    } finally {
      this.#answer = undefined
    }
  }

  close(): void {
    this.#input.setRawMode(false)
    this.#input.pause()
  }
}

/**
 * Reads a line that the user types, before the watch reads single keys. Returns undefined if the terminal was closed.
 */
export async function typedLine(question: string): Promise<string | undefined> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await new Promise((resolve) => {
      terminal.once('close', () => resolve(undefined))
      terminal.question(question, resolve)
    })
  } finally {
    terminal.close()
  }
}
