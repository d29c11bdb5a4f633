/**
 * A database shared by all tests of a process that only query. Each test has its own connection and a transaction that
 * is rolled back.
 */

import { clearTimeout, setTimeout } from '../../migrate/realTime.ts'
import type { OpenTransaction, TestDatabase } from '../testServer.ts'
import { atProcessEnd } from './hold.ts'

export interface SharedLease<Client> {
  readonly database: TestDatabase<Client>
  readonly client: Client
  readonly transaction: OpenTransaction
  /** Gives up the lease, after the rollback. */
  release(): Promise<void>
}

export class SharedDatabase<Client> {
  readonly #make: () => Promise<TestDatabase<Client>>
  #current: Generation<Client> | undefined

  constructor(make: () => Promise<TestDatabase<Client>>) {
    this.#make = make
  }

  async take(): Promise<SharedLease<Client>> {
    const generation = this.#current ?? { database: this.#make(), users: 0, ahead: undefined, idle: undefined }
    this.#current = generation
    generation.users++
    clearTimeout(generation.idle)
    try {
      const database = await generation.database
      const client = await connectOf(generation, database)
      const transaction = await database.begin(client)
      generation.ahead ??= database.poolable?.connectAhead().catch(() => undefined)
      const rollBack = async () => {
        const whole = await transaction.rollBack()
        // No other test may see what this test has committed.
        if (!whole) this.#forget(generation)
        return whole
      }
      return { database, client, transaction: { rollBack }, release: () => this.#release(generation) }
    } catch (error) {
      this.#forget(generation)
      await this.#release(generation)
      throw error
    }
  }

  /** Drops the database if nobody uses it. */
  async clear(): Promise<void> {
    const generation = this.#current
    if (!generation || generation.users > 0) return
    this.#forget(generation)
    await dropOf(generation)
  }

  // --- internal ---

  #forget(generation: Generation<Client>): void {
    if (this.#current === generation) this.#current = undefined
  }

  async #release(generation: Generation<Client>): Promise<void> {
    if (--generation.users > 0) return
    if (this.#current !== generation) await dropOf(generation)
    // A PGlite database in this process would keep the process from ending.
    else generation.idle = setTimeout(() => void this.clear(), IDLE_MS).unref()
  }
}

export function sharedOf<Client>(
  server: object,
  key: string,
  make: () => Promise<TestDatabase<Client>>,
): SharedDatabase<Client> {
  const ofServer = known.get(server) ?? new Map<string, SharedDatabase<never>>()
  known.set(server, ofServer)
  const found = ofServer.get(key) as SharedDatabase<Client> | undefined
  if (found) return found
  const shared = new SharedDatabase(make)
  ofServer.set(key, shared as unknown as SharedDatabase<never>)
  atProcessEnd(() => shared.clear())
  return shared
}

// --- internal ---

const IDLE_MS = 2000

/** One database and its users. A new one replaces it once a test has committed to it. */
interface Generation<Client> {
  readonly database: Promise<TestDatabase<Client>>
  users: number
  ahead: Promise<Client | undefined> | undefined
  idle: NodeJS.Timeout | undefined
}

const known = new WeakMap<object, Map<string, SharedDatabase<never>>>()

async function connectOf<Client>(generation: Generation<Client>, database: TestDatabase<Client>): Promise<Client> {
  const ahead = generation.ahead
  generation.ahead = undefined
  const client = await ahead
  return client && database.poolable?.activate(client) ? client : database.connect()
}

async function dropOf<Client>({ database }: Generation<Client>): Promise<void> {
  const made = await database.catch(() => undefined)
  await made?.drop().catch(() => undefined)
}
