/**
 * Databases that are ready before a test asks: copied, connected, and used again where they can be put back as they were.
 * One pool a process for each snapshot that its tests begin with.
 */

import { clearTimeout, setTimeout } from '../../migrate/realTime.ts'
import type { TestDatabase } from '../testServer.ts'
import { atProcessEnd, whileWorking } from './hold.ts'

export interface PreparedDatabase<Client> {
  readonly database: TestDatabase<Client>
  /** Connected. */
  readonly client: Client
}

export interface PoolOptions<Client> {
  /** Another copy; undefined where there is none to be had this way. */
  readonly clone: () => Promise<TestDatabase<Client> | undefined>
  /** The most that may wait for a test. */
  readonly most: number
  /** Whether databases are made while no test waits for them. */
  readonly refills: boolean
}

export class Pool<Client> {
  readonly #options: PoolOptions<Client>
  readonly #ready: PreparedDatabase<Client>[] = []
  readonly #waiting: ((ready: PreparedDatabase<Client> | undefined) => void)[] = []
  /** Being made or put back. */
  #coming = 0
  /** Of these, new ones. */
  #making = 0
  #out = 0
  #peak = 0
  #taken = 0
  /** Of tests that are over, and not put back yet. */
  #back = 0
  /** Whether the last database could be put back. */
  #restores = true
  #offering: NodeJS.Timeout | undefined

  constructor(options: PoolOptions<Client>) {
    this.#options = options
  }

  /** Undefined where none is ready, nor about to be: the caller makes its own, and gives that back all the same. */
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
   * Ends a test's use of a database. Counts it as coming back at once, and when `finish` has closed the test's clients, puts it
   * back, drops it, or forgets it if it is kept. Never rejects.
   */
  async end(database: TestDatabase<Client>, finish: () => Promise<'clean' | 'changed' | 'kept'>): Promise<void> {
    this.#out--
    this.#back++
    const outcome = await finish().catch(() => 'changed' as const)
    this.#back--
    if (outcome === 'kept') this.#disappoint()
    else await this.#takeBack(database, outcome === 'changed').catch(() => undefined)
  }

  /** Ends a use that never began: the database could not be made. */
  cancel(): void {
    this.#out--
    this.#disappoint()
  }

  /** From the second take on: a file with one test needs no second database. */
  prepare(): void {
    this.#refill()
  }

  /** Before its first test: the file that asks for it is still being read. */
  prepareFirst(): void {
    if (this.#taken === 0 && this.#coming === 0 && this.#ready.length === 0 && this.#options.most > 0) void this.#make()
  }

  /** What lies there may be had by the next process, should this one end. */
  async offer(): Promise<void> {
    await Promise.all(this.#ready.map(({ database }) => database.poolable?.share().catch(() => undefined)))
  }

  /** Drops what nobody has had. */
  async clear(): Promise<void> {
    clearTimeout(this.#offering)
    await Promise.all(this.#ready.splice(0).map(({ database }) => this.#drop(database)))
  }

  // --- internal ---

  async #takeBack(database: TestDatabase<Client>, changed: boolean): Promise<void> {
    // One that is put back costs less than those that are just being made.
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
      // Its connection broke: perhaps the server was restarted.
      void this.#drop(ready.database)
    }
    if (this.#expected() <= this.#waiting.length) return undefined
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Those that will be there in a moment. */
  #expected(): number {
    return this.#coming + (this.#restores ? this.#back : 0)
  }

  /** Those that are there; where databases come back, also those that tests have, or had a moment ago. */
  #all(): number {
    return this.#ready.length + this.#expected() + (this.#restores ? this.#out - this.#waiting.length : 0)
  }

  /** As many as tests have had at once, and one, beside those that tests have. */
  #wanted(): number {
    return Math.min((this.#restores ? 2 : 1) * this.#peak + 1, this.#options.most)
  }

  #refill(): void {
    while (this.#options.refills && this.#taken > 1 && this.#all() < this.#wanted()) void this.#make()
  }

  /** Who waits for one that will not come makes its own. @param gone of those that are counted as coming */
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
      // Whoever takes next makes its own, and meets what is wrong.
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

/** Of the process, by server and snapshot. */
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

/** A file's tests are over, and its process may go with them: what is ready, or is just being put back, others may have. */
export async function offerAll(): Promise<void> {
  await Promise.all([...all].map((pool) => pool.offer()))
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
