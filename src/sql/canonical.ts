/** The tokens of a script in canonical spelling, as a hash: a large file has millions of them, and they are not kept. */
import { createHash } from 'node:crypto'

export class Canonical {
  readonly #hash = createHash('sha256')
  #open: string[] = []
  #isEmpty = true
  #digest: string | undefined

  push(token: string): void {
    this.#open.push(token)
    if (this.#open.length >= MOST_OPEN) this.#close()
  }

  /** Hex digits over all tokens, each divided from the next by a NUL, which no SQL holds. Nothing can be pushed after it. */
  digest(): string {
    if (this.#open.length > 0) this.#close()
    this.#digest ??= this.#hash.digest('hex')
    return this.#digest
  }

  // --- internal ---

  #close(): void {
    this.#hash.update(`${this.#isEmpty ? '' : '\0'}${this.#open.join('\0')}`)
    this.#isEmpty = false
    this.#open = []
  }
}

// --- internal ---

const MOST_OPEN = 200
