/** The questions that are open on every page. Several may be asked at once; the first is shown. */
import type { AskedOfGenerate, Question } from '../watch/events.ts'
import type { UiState } from './protocol.ts'

type Shown = UiState['question']

export class Questions {
  readonly #tell: (shown: Shown) => void
  readonly #open = new Map<number, Open>()
  #asked = 0

  /** @param tell receives the question to show whenever another one is the first */
  constructor(tell: (shown: Shown) => void) {
    this.#tell = tell
  }

  /**
   * Asks until somebody answers. Resolves with `none` if the signal is aborted.
   * @param read makes the answer of what the page has sent
   */
  async ask<T>(question: Question | AskedOfGenerate, signal: AbortSignal, none: T, read: (sent: unknown) => T) {
    const id = ++this.#asked
    try {
      return await new Promise<T>((resolve) => {
        this.#open.set(id, { question, reply: (sent) => resolve(read(sent)) })
        signal.addEventListener('abort', () => resolve(none), { once: true })
        if (signal.aborted) resolve(none)
        else this.#show()
      })
    } finally {
      this.#open.delete(id)
      this.#show()
    }
  }

  /** @param id the number of the question, so that a late click cannot answer the next one */
  reply(id: number, sent: unknown): void {
    this.#open.get(id)?.reply(sent)
  }

  // --- internal ---

  #show(): void {
    const [first] = this.#open
    this.#tell(first && { id: first[0], question: first[1].question })
  }
}

// --- internal ---

interface Open {
  readonly question: Question | AskedOfGenerate
  reply(sent: unknown): void
}
