import type { SharedByMigrations } from '../../../migrate/source.ts'

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

/** A transaction of a library, as an object: on the connection it is ours, or a part of ours. */
export interface LibraryTransaction<T> {
  /** The object that the library passes to a migration. */
  readonly given: T
  isOver(): boolean
  /** @param error why ours was rolled back, if it was */
  end(error?: unknown): Promise<unknown>
}

/**
 * Holds a library's transaction for all migrations that share ours, as its own runner does. It ends with ours, so that
 * queries that nobody awaited do not come after it.
 */
export class Lasting<T> {
  #begun: { readonly shared: SharedByMigrations; readonly transaction: LibraryTransaction<T> } | undefined

  /** @param failed called when ours has been rolled back: the library must not be used again on this connection */
  async in(
    shared: SharedByMigrations,
    begin: () => Promise<LibraryTransaction<T>>,
    failed: () => void,
  ): Promise<LibraryTransaction<T>> {
    const known = this.#begun
    if (known?.shared === shared && !known.transaction.isOver()) return known.transaction
    const transaction = await begin()
    this.#begun = { shared, transaction }
    shared.onEnd(async (error) => {
      if (error !== undefined) failed()
      if (!transaction.isOver()) await transaction.end(error)
    })
    return transaction
  }
}
