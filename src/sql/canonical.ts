/** Hashes the tokens of a script in canonical spelling. A large file has millions of tokens, so they are not stored. */
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

  /**
   * Returns a hash of all tokens as hex digits. A NUL, which SQL cannot contain, separates them. No tokens can be
   * pushed afterwards.
   */
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
