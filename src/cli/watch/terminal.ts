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
    const key = await new Promise<string>((resolve) => {
      this.#answer = resolve
      signal.addEventListener('abort', () => resolve('n'), { once: true })
      if (signal.aborted) resolve('n')
    })
    this.#answer = undefined
    return key === 'y' || key === 'Y'
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
