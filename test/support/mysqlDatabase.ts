/** An empty MySQL or MariaDB database for one test, opened as often as the test likes. */
import type { Connection } from 'mysql2/promise'
import { onTestFinished } from 'vitest'
import { type OpenOptions, openDatabase } from '../../src/database/open.ts'
import type { Driver } from '../../src/migrate/driver.ts'
import type { MigrateEvent } from '../../src/migrate/events.ts'
import { Migrator, type MigratorOptions } from '../../src/migrate/migrator.ts'
import { memory } from '../../src/source/memory.ts'
import type { TestServer } from '../../src/testing/testServer.ts'

export interface MysqlScratch {
  readonly name: string
  readonly url: string
  readonly client: Connection
  readonly events: MigrateEvent[]
  open(options?: OpenOptions & { url?: string }): Promise<Driver>
  connect(): Promise<Connection>
  migrator(
    files: Parameters<typeof memory>[0],
    options?: Partial<MigratorOptions> & OpenOptions & { url?: string },
  ): Promise<Migrator>
  rows(sql: string): Promise<Record<string, unknown>[]>
  /** Names of tables and views, without the migrations' own. */
  tables(): Promise<string[]>
}

export async function mysqlScratch(server: TestServer<Connection>): Promise<MysqlScratch> {
  const database = await server.create()
  const client = await database.connect()
  const drivers: Driver[] = []
  const clients = [client]
  onTestFinished(async () => {
    await Promise.all(drivers.map((driver) => driver.close()))
    await Promise.all(clients.map((one) => one.end().catch(() => undefined)))
    await database.drop()
  })
  const url = database.url ?? ''
  const scratch: MysqlScratch = {
    name: database.name,
    url,
    client,
    events: [],
    async open(options = {}) {
      const driver = await openDatabase(options.url ?? url, options)
      drivers.push(driver)
      return driver
    },
    async connect() {
      const other = await database.connect()
      clients.push(other)
      return other
    },
    async migrator(files, options = {}) {
      const opened = options.database ?? (await scratch.open(options))
      const onEvent = (event: MigrateEvent) => void scratch.events.push(event)
      return new Migrator({ source: memory(files), onEvent, ...options, database: opened })
    },
    rows: (sql) => database.query(client, sql),
    async tables() {
      const rows = await database.query(client, 'show tables')
      return rows.map((row) => String(Object.values(row)[0])).filter((name) => !name.startsWith('schema_migrations'))
    },
  }
  return scratch
}
