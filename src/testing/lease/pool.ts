/**
 * Pools of databases that are ready before a test asks for one: copied, connected, and used again if their clean state
 * can be restored. Each process has one pool for each snapshot that its tests begin with.
 */

import { clearTimeout, setTimeout } from '../../migrate/realTime.ts'
import type { TestDatabase } from '../testServer.ts'
import { atProcessEnd, whileWorking } from './hold.ts'

export interface PreparedDatabase<Client> {
  readonly database: TestDatabase<Client>
  /** A client, already connected. */
  readonly client: Client
}

export interface PoolOptions<Client> {
  /** Makes another copy; `undefined` if there is no snapshot to copy. */
  readonly clone: () => Promise<TestDatabase<Client> | undefined>
  /** The most databases that may be ready at a time. */
  readonly most: number
  /** `true` to make databases while no test waits for them. */
  readonly refills: boolean
  /** Set if no other process can use the databases: drops the snapshot that they are copies of. */
  readonly forget?: (() => Promise<void>) | undefined
}

export class Pool<Client> {
  readonly #options: PoolOptions<Client>
  readonly #ready: PreparedDatabase<Client>[] = []
  readonly #waiting: ((ready: PreparedDatabase<Client> | undefined) => void)[] = []
  /** The number of databases that are being made or restored. */
  #coming = 0
  /** The number of those that are being made. */
  #making = 0
  #out = 0
  #peak = 0
  #taken = 0
  /** The number of databases whose tests are over but that are not being restored yet. */
  #back = 0
  /** `true` if the last database could be restored. */
  #restores = true
  #offering: NodeJS.Timeout | undefined

  constructor(options: PoolOptions<Client>) {
    this.#options = options
  }

  /**
   * Takes a database for a test. Returns `undefined` if none is ready or about to be: the caller then makes one itself,
   * and also passes that one to `end()`.
   */
  async take(): Promise<PreparedDatabase<Client> | undefined> {
    this.#taken++
    this.#peak = Math.max(this.#peak, ++this.#out)
    const ready = await this.#next()
    if (!ready) return undefined
    try {
      await ready.database.poolable?.unshare()
    } catch {
      await ready.database.drop().catch(() => undefined)
      return undefined
    }
    return ready
  }

  /**
   * Ends a test's use of a database. Counts the database as returning at once; when `finish` has closed the test's
   * clients, restores it, drops it, or forgets it if it is kept. Never rejects.
   */
  async end(database: TestDatabase<Client>, finish: () => Promise<'clean' | 'changed' | 'kept'>): Promise<void> {
    this.#out--
    this.#back++
    const outcome = await finish().catch(() => 'changed' as const)
    this.#back--
    if (outcome === 'kept') this.#disappoint()
    else await this.#takeBack(database, outcome === 'changed').catch(() => undefined)
  }

  /** Ends a use that did not begin because the database could not be made. */
  cancel(): void {
    this.#out--
    this.#disappoint()
  }

  /**
   * Makes databases for the next tests, beginning with the second `take()`: a file with one test needs no second
   * database.
   */
  prepare(): void {
    this.#refill()
  }

  /** Makes the database for a file's first test while the file is still being loaded. */
  prepareFirst(): void {
    if (this.#taken === 0 && this.#coming === 0 && this.#ready.length === 0 && this.#options.most > 0) void this.#make()
  }

  /** Offers the ready databases to other processes, which may take them if this process ends. */
  async offer(): Promise<void> {
    if (this.isPrivate) return
    await Promise.all(this.#ready.map(({ database }) => database.poolable?.share().catch(() => undefined)))
  }

  get isPrivate(): boolean {
    return this.#options.forget !== undefined
  }

  /** Drops the databases that are ready. */
  async clear(): Promise<void> {
    clearTimeout(this.#offering)
    await Promise.all(this.#ready.splice(0).map(({ database }) => this.#drop(database)))
    await this.#options.forget?.()
  }

  // --- internal ---

  async #takeBack(database: TestDatabase<Client>, changed: boolean): Promise<void> {
    // Restoring this database costs less than making the new ones, so those do not count.
    const enough = this.#restores && this.#all() - this.#making >= this.#wanted()
    if (changed) this.#restores = false
    if (changed || !database.poolable || enough) {
      this.#disappoint()
      await this.#drop(database)
    } else {
      await this.#bring(async () => {
        this.#restores = (await database.poolable?.restore()) ?? false
        if (this.#restores) return database
        this.#disappoint(1)
        await this.#drop(database)
        return undefined
      })
    }
    this.#refill()
  }

  async #next(): Promise<PreparedDatabase<Client> | undefined> {
    for (let ready = this.#ready.shift(); ready; ready = this.#ready.shift()) {
      if (ready.database.poolable?.activate(ready.client) ?? true) return ready
      // The connection broke, perhaps because the server was restarted.
      void this.#drop(ready.database)
    }
    if (this.#expected() <= this.#waiting.length) return undefined
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** The number of databases that will be ready in a moment. */
  #expected(): number {
    return this.#coming + (this.#restores ? this.#back : 0)
  }

  /** The number of databases that are or will be ready; if databases can be restored, those in use count too. */
  #all(): number {
    return this.#ready.length + this.#expected() + (this.#restores ? this.#out - this.#waiting.length : 0)
  }

  /**
   * The number of databases to have: the most that tests have used at once plus one; if databases can be restored, the
   * ones in use come on top.
   */
  #wanted(): number {
    return Math.min((this.#restores ? 2 : 1) * this.#peak + 1, this.#options.most)
  }

  #refill(): void {
    while (this.#options.refills && this.#taken > 1 && this.#all() < this.#wanted()) void this.#make()
  }

  /**
   * Tells waiting callers for whom no database is coming to make their own.
   * @param gone databases still counted as coming that will not come
   */
  #disappoint(gone = 0): void {
    while (this.#waiting.length > Math.max(0, this.#expected() - gone)) this.#waiting.shift()?.(undefined)
  }

  #make(): Promise<void> {
    this.#making++
    return this.#bring(() => this.#options.clone().finally(() => this.#making--))
  }

  #bring(get: () => Promise<TestDatabase<Client> | undefined>): Promise<void> {
    return whileWorking(() => this.#bringOne(get))
  }

  async #bringOne(get: () => Promise<TestDatabase<Client> | undefined>): Promise<void> {
    this.#coming++
    let ready: PreparedDatabase<Client> | undefined
    try {
      const database = await get()
      if (database) ready = { database, client: await connectAhead(database) }
    } catch {
      // The next caller makes its own database and gets the error.
    } finally {
      this.#coming--
    }
    this.#deliver(ready)
  }

  #deliver(ready: PreparedDatabase<Client> | undefined): void {
    const waiting = this.#waiting.shift()
    if (waiting) {
      const usable = ready && (ready.database.poolable?.activate(ready.client) ?? true)
      waiting(usable ? ready : undefined)
      if (ready && !usable) void this.#drop(ready.database)
    } else if (ready) {
      this.#ready.push(ready)
      this.#offerLater()
    }
  }

  #offerLater(): void {
    clearTimeout(this.#offering)
    this.#offering = setTimeout(() => void this.offer(), OFFER_AFTER_MS)
    this.#offering.unref()
  }

  async #drop(database: TestDatabase<Client>): Promise<void> {
    await database.drop().catch(() => undefined)
  }
}

/** Returns the process's pool for a server and a snapshot. */
export function poolOf<Client>(server: object, key: string, make: () => Pool<Client>): Pool<Client> {
  const ofServer = pools.get(server) ?? new Map<string, Pool<never>>()
  pools.set(server, ofServer)
  const found = ofServer.get(key) as Pool<Client> | undefined
  if (found) return found
  const pool = make()
  ofServer.set(key, pool as unknown as Pool<never>)
  all.add(pool as unknown as Pool<never>)
  atProcessEnd(() => pool.clear())
  return pool
}

/**
 * Offers all ready databases to other processes, and drops those that no other process can use: a file's tests are
 * over, and its process may end with them.
 */
export async function offerAll(): Promise<void> {
  await Promise.all([...all].map((pool) => (pool.isPrivate ? pool.clear() : pool.offer())))
}

// --- internal ---

const OFFER_AFTER_MS = 500

const pools = new WeakMap<object, Map<string, Pool<never>>>()
const all = new Set<Pool<never>>()

async function connectAhead<Client>(database: TestDatabase<Client>): Promise<Client> {
  try {
    await database.poolable?.observe()
    return await (database.poolable?.connectAhead() ?? database.connect())
  } catch (error) {
    await database.drop().catch(() => undefined)
    throw error
  }
}
