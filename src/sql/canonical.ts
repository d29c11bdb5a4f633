/** The tokens of a script in canonical spelling, kept as text in pieces: a large file has millions of them. */
import type { Hash } from 'node:crypto'

export class Canonical {
  readonly #pieces: string[] = []
  #open: string[] = []

  push(token: string): void {
    this.#open.push(token)
    if (this.#open.length >= MOST_OPEN) this.#close()
  }

  /** Feeds them to a hash, each divided from the next by a NUL, which no SQL holds. */
  feed(hash: Hash): void {
    this.#close()
    for (const [i, piece] of this.#pieces.entries()) hash.update(i === 0 ? piece : `\0${piece}`)
  }

  toString(): string {
    this.#close()
    return this.#pieces.join('\0')
  }

  // --- internal ---

  #close(): void {
    if (this.#open.length > 0) this.#pieces.push(this.#open.join('\0'))
    this.#open = []
  }
}

// --- internal ---

const MOST_OPEN = 2000
