/** The numbers that the history has for migrations whose tool knows them by an identity, such as a name. */
export class Numbers {
  readonly #numbers: Map<string, number>
  readonly #taken: Set<number>

  constructor(numbers: Iterable<readonly [identity: string, number: number]> = []) {
    this.#numbers = new Map(numbers)
    this.#taken = new Set(this.#numbers.values())
  }

  of(identity: string): number | undefined {
    return this.#numbers.get(identity)
  }

  /** Gives a migration the number that it wants, or the next free one. */
  give(identity: string, wanted: number | undefined): number {
    const number = wanted !== undefined && !this.#taken.has(wanted) ? wanted : this.highest + 1
    this.#numbers.set(identity, number)
    this.#taken.add(number)
    return number
  }

  get highest(): number {
    return Math.max(0, ...this.#taken)
  }

  identityOf(wanted: number): string | undefined {
    return [...this.#numbers].find(([, number]) => number === wanted)?.[0]
  }

  copy(): Numbers {
    return new Numbers(this.#numbers)
  }
}
