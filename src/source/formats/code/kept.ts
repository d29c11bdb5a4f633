/**
 * Keeps a library's object on our connection from one migration to the next: making one takes longer than a statement
 * does. After a failure it is made anew, since it may believe that a transaction is open.
 */
export class Kept<T> {
  readonly #known = new WeakMap<object, Map<string, T>>()

  /** Calls `work` with the object for a client, of which there is one for each key. */
  async use<R>(client: unknown, key: string, make: () => Promise<T>, work: (made: T) => Promise<R>): Promise<R> {
    const known = this.#known.get(client as object)
    const made = known?.get(key) ?? (await make())
    known?.delete(key)
    const result = await work(made)
    this.#known.set(client as object, (known ?? new Map<string, T>()).set(key, made))
    return result
  }

  /** Has the objects for a client made anew. */
  forget(client: unknown): void {
    this.#known.delete(client as object)
  }
}
