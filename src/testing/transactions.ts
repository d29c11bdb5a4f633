/** One database for all tests of a process that only query: each has its own connection, and a transaction that is rolled back. */
import type { OpenTransaction, TestDatabase } from './testServer.ts'

export interface Borrowed<Client> {
  readonly database: TestDatabase<Client>
  readonly client: Client
  readonly transaction: OpenTransaction
  /** After the rollback. */
  release(): Promise<void>
}

export class Shared<Client> {
  readonly #make: () => Promise<TestDatabase<Client>>
  #database: Promise<TestDatabase<Client>> | undefined
  #ahead: Promise<Client | undefined> | undefined
  #users = 0

  constructor(make: () => Promise<TestDatabase<Client>>) {
    this.#make = make
  }

  async take(): Promise<Borrowed<Client>> {
    this.#users++
    try {
      this.#database ??= this.#make()
      const making = this.#database
      const database = await making.catch((error) => {
        this.#database = undefined
        throw error
      })
      const client = await this.#connect(database)
      const { begin } = database
      if (!begin) throw new Error('no transactions')
      const transaction = await begin.call(database, client)
      this.#ahead ??= database.connectAhead?.().catch(() => undefined)
      const watched: OpenTransaction = {
        rollBack: async () => {
          const whole = await transaction.rollBack()
          // What this test has kept must not be met by another.
          if (!whole && this.#database === making) this.#forget()
          return whole
        },
      }
      return { database, client, transaction: watched, release: () => this.#release(database, making) }
    } catch (error) {
      this.#users--
      throw error
    }
  }

  /** With the process, or when nobody uses it. */
  async clear(): Promise<void> {
    const making = this.#database
    this.#forget()
    await (await making?.catch(() => undefined))?.drop().catch(() => undefined)
  }

  // --- internal ---

  async #connect(database: TestDatabase<Client>): Promise<Client> {
    const ahead = this.#ahead
    this.#ahead = undefined
    const client = await ahead
    return client && database.hand?.(client) ? client : database.connect()
  }

  #forget(): void {
    this.#database = undefined
    this.#ahead = undefined
  }

  async #release(database: TestDatabase<Client>, making: Promise<TestDatabase<Client>>): Promise<void> {
    this.#users--
    if (this.#database !== making && this.#users === 0) await database.drop().catch(() => undefined)
  }
}

export function sharedOf<Client>(
  server: object,
  key: string,
  make: () => Promise<TestDatabase<Client>>,
): Shared<Client> {
  const ofServer = known.get(server) ?? new Map<string, Shared<never>>()
  known.set(server, ofServer)
  const found = ofServer.get(key) as Shared<Client> | undefined
  if (found) return found
  const shared = new Shared(make)
  ofServer.set(key, shared as unknown as Shared<never>)
  process.once('beforeExit', () => void shared.clear())
  return shared
}

// --- internal ---

const known = new WeakMap<object, Map<string, Shared<never>>>()
