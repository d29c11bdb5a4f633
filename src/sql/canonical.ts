/** Hashes the tokens of a script in canonical spelling. A large file has millions of tokens, so they are not stored. */
import { createHash, type Hash, hash } from 'node:crypto'

export class Canonical {
  /** Made when the first tokens are hashed: many scripts are only cut. */
  #hash: Hash | undefined
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
    if (this.#digest !== undefined) return this.#digest
    // Most scripts are short, and for those one call costs a third.
    if (!this.#hash) this.#digest = hash('sha256', this.#open.join('\0'))
    else {
      if (this.#open.length > 0) this.#close()
      this.#digest = this.#hash.digest('hex')
    }
    return this.#digest
  }

  // --- internal ---

  #close(): void {
    this.#hash ??= createHash('sha256')
    this.#hash.update(`${this.#isEmpty ? '' : '\0'}${this.#open.join('\0')}`)
    this.#isEmpty = false
    this.#open = []
  }
}

// --- internal ---

const MOST_OPEN = 200
