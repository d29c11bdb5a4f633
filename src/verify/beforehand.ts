/**
 * Works of checks that are done before it is their turn: those of one line in the order of the checks, the lines beside each
 * other, since each line has a database of its own. What a check says does not depend on it: it judges at its turn.
 */
import { setTimeout as sleep } from 'node:timers/promises'

export class Beforehand {
  readonly #lines = new Map<string, Planned[]>()
  /** The places of the checks in their order; empty if nothing may be done beforehand. */
  #places: ReadonlyMap<string, number> = new Map()
  #last: number | undefined
  #hasBegun = false
  #isStopped = false

  /**
   * Plans the work of a check.
   * @param line the line that it joins
   * @param key the check, see {@link order}
   * @param isEnd says of an error that nothing after it in this line is worth doing
   * @returns what waits for the result at the check's turn; if nobody has begun the work, it does it
   */
  plan<T>(
    line: string,
    key: string,
    work: () => Promise<T>,
    isEnd: (error: unknown) => boolean = () => false,
  ): () => Promise<T> {
    const planned: Planned<T> = { key, work, isEnd, begun: undefined }
    this.#lines.set(line, [...(this.#lines.get(line) ?? []), planned])
    return async () => {
      const { begun } = planned
      // A check that runs again works again.
      planned.begun = undefined
      if (!begun) return work()
      return begun.catch((error) => (error instanceof NotDone ? work() : Promise.reject(error)))
    }
  }

  /** Allows work beforehand. @param keys all checks that may run, in their order */
  order(keys: readonly string[]): void {
    this.#places = new Map(keys.map((key, place) => [key, place]))
  }

  /** Hears that it is a check's turn. When two have come one behind the other, the others are likely to follow. */
  turn(key: string): void {
    const place = this.#places.get(key)
    const isBehind = place !== undefined && this.#last !== undefined && place === this.#last + 1
    this.#last = place
    const isOnly = place !== undefined && this.#places.size === 1
    if (this.#hasBegun || !(isBehind || isOnly)) return
    this.#hasBegun = true
    for (const line of this.#lines.values()) {
      const coming = line.filter(({ key: other }) => this.#comes(other, place))
      this.#begin(coming.toSorted((one, other) => this.#placeOf(one) - this.#placeOf(other)))
    }
  }

  /** Begins nothing more, and waits for what is being done, but not for ever. */
  async stop(): Promise<void> {
    this.#isStopped = true
    const begun = [...this.#lines.values()].flat().map((planned) => planned.begun)
    const giveUp = new AbortController()
    await Promise.race([
      Promise.allSettled(begun),
      sleep(PATIENCE_MS, undefined, { signal: giveUp.signal }).catch(() => undefined),
    ])
    giveUp.abort()
  }

  // --- internal ---

  #comes(key: string, since: number): boolean {
    const place = this.#places.get(key)
    return place !== undefined && place >= since
  }

  #placeOf({ key }: Planned): number {
    return this.#places.get(key) ?? Number.POSITIVE_INFINITY
  }

  #begin(line: readonly Planned[]): void {
    let before: Promise<unknown> = Promise.resolve()
    for (const planned of line) {
      const begun = before.then(() => {
        if (this.#isStopped) throw new NotDone()
        return planned.work()
      })
      planned.begun = begun
      before = begun.catch((error) => {
        if (error instanceof NotDone || planned.isEnd(error)) throw new NotDone()
      })
      // Whoever awaits it hears of the failure. Nobody may.
      before.catch(() => undefined)
    }
  }
}

// --- internal ---

interface Planned<T = unknown> {
  readonly key: string
  readonly work: () => Promise<T>
  readonly isEnd: (error: unknown) => boolean
  begun: Promise<T> | undefined
}

class NotDone extends Error {}

const PATIENCE_MS = 5000
