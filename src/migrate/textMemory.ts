/** A memory of values by texts that forgets the oldest, so that the texts in it have at most so many letters. Pure. */
export class TextMemory<T> {
  readonly #most: number
  readonly #values = new Map<string, T>()
  #letters = 0

  constructor(most: number) {
    this.#most = most
  }

  get(text: string): T | undefined {
    return this.#values.get(text)
  }

  /** Keeps a value, unless its text alone is too long. */
  set(text: string, value: T): void {
    if (text.length > this.#most) return
    if (!this.#values.has(text)) this.#letters += text.length
    this.#values.set(text, value)
    for (const oldest of this.#values.keys()) {
      if (this.#letters <= this.#most) return
      this.#values.delete(oldest)
      this.#letters -= oldest.length
    }
  }
}
