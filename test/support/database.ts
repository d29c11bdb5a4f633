/** An empty PostgreSQL database for one test, opened as often as the test likes. */
import type { Client } from 'pg'
import { test as base, expect } from 'vitest'
import { type OpenOptions, openDatabase } from '../../src/database/open.ts'
import type { Driver } from '../../src/migrate/driver.ts'
import type { MigrateEvent } from '../../src/migrate/events.ts'
import { Migrator, type MigratorOptions } from '../../src/migrate/migrator.ts'
import { memory } from '../../src/source/memory.ts'
import type { TestDatabase } from '../../src/testing/testServer.ts'
import { anyPostgres } from './servers.ts'

anyPostgres.warm()

export class Scratch {
  readonly url: string
  readonly client: Client
  readonly events: MigrateEvent[] = []
  readonly #drivers: Driver[] = []
  readonly #clients: Client[]
  readonly #database: TestDatabase<Client>

  constructor(database: TestDatabase<Client>, client: Client) {
    this.#database = database
    this.url = database.url ?? ''
    this.client = client
    this.#clients = [client]
  }

  async open(options: OpenOptions & { url?: string } = {}): Promise<Driver> {
    const driver = await openDatabase(options.url ?? this.url, options)
    this.#drivers.push(driver)
    return driver
  }

  /** Resolves when another session of this database is running a statement that contains `text`. */
  async underWay(text: string): Promise<void> {
    const sql = `SELECT 1 FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active' AND position($1 IN query) > 0`
    await expect.poll(async () => (await this.client.query(sql, [text])).rowCount, { interval: 10 }).toBeGreaterThan(0)
  }

  async connect(): Promise<Client> {
    const client = await this.#database.connect()
    this.#clients.push(client)
    return client
  }

  /** A migrator over files given as an object. */
  async migrator(
    files: Parameters<typeof memory>[0],
    options: Partial<MigratorOptions> & OpenOptions & { url?: string } = {},
  ): Promise<Migrator> {
    const database = options.database ?? (await this.open(options))
    return new Migrator({ source: memory(files), onEvent: (event) => this.events.push(event), ...options, database })
  }

  async rows(sql: string): Promise<Record<string, unknown>[]> {
    return (await this.client.query(sql)).rows
  }

  warnings(): string[] {
    return this.events.filter((event) => event.type === 'warning').map((event) => event.message)
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#drivers.map((driver) => driver.close()))
    await Promise.all(this.#clients.map((client) => client.end().catch(() => undefined)))
    // A pool says that it has ended before its connections have; dropping the database would end them with an error.
    await this.#database.leftOpen([], 2000)
    await this.#database.drop()
  }
}

/** `other` is a second database, for tests that compare two. */
export const test = base.extend('db', scratchDatabase).extend('other', scratchDatabase)

/** The error a promise is rejected with. */
export async function failure<T extends Error = Error & { code?: string }>(promise: Promise<unknown>): Promise<T> {
  try {
    await promise
  } catch (error) {
    return error as T
  }
  throw new Error('It did not fail.')
}

// --- internal ---

async function scratchDatabase(
  { task: _ }: { task: unknown },
  { onCleanup }: { onCleanup(clean: () => Promise<void>): void },
) {
  const database = await anyPostgres.create()
  const scratch = new Scratch(database, await database.connect())
  onCleanup(() => scratch.dispose())
  return scratch
}
