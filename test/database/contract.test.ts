import { afterAll, describe, test } from 'vitest'
import { mariadb } from '../../presets/mariadb.ts'
import { mysql } from '../../presets/mysql.ts'
import { pglite } from '../../presets/pglite.ts'
import { postgres } from '../../presets/postgres.ts'
import { openDatabase } from '../../src/database/open.ts'
import { type DriverSubject, driverContract } from '../../src/migrate/contract/index.ts'
import type { Driver } from '../../src/migrate/driver.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import { PlainDatabase, PlainDriver } from '../migrate/plainDriver.ts'
import { describeOnServers } from '../support/servers.ts'

const sql = {
  create: (name: string) => `create table ${name} (id int)`,
  drop: (name: string) => `drop table ${name}`,
  insert: (name: string) => `insert into ${name} values (1)`,
  fails: 'select nonsense',
}

describe('PostgreSQL', () => {
  contract(postgres(), (database) => openDatabase(database.url ?? ''))
})

describeOnServers(['container'], 'PostgreSQL 17', (from) =>
  contract(postgres({ from, version: 17 }), (database) => openDatabase(database.url ?? '')),
)

describeOnServers(['installed'], 'PostgreSQL', (from) =>
  contract(postgres({ from }), (database) => openDatabase(database.url ?? '')),
)

describeOnServers(
  ['container'],
  'MySQL',
  (from) => contract(mysql({ from }), (database) => openDatabase(database.url ?? '')),
  'mysql',
)

describeOnServers(
  ['container', 'installed'],
  'MariaDB',
  (from) => contract(mariadb({ from }), (database) => openDatabase(database.url ?? '')),
  'mariadb',
)

describe('PGlite', () => {
  contract(pglite(), (_, client) => openDatabase(client))
})

describe('a driver without transactions', () => {
  for (const { name, run } of driverContract) {
    test(name, () => {
      const db = new PlainDatabase()
      const subject: DriverSubject = {
        open: async () => new PlainDriver(db),
        sql: {
          create: (thing) => `create ${thing}`,
          drop: (thing) => `drop ${thing}`,
          insert: (thing) => `insert ${thing}`,
          fails: 'fail',
        },
        exists: async (thing) => db.things.has(thing),
      }
      return run(subject)
    })
  }
})

function contract<Client>(
  server: TestServer<Client>,
  open: (database: { url: string | undefined }, client: Client) => Promise<Driver>,
): void {
  const dropped: Promise<void>[] = []
  afterAll(() => Promise.all(dropped))
  for (const { name, run } of driverContract) {
    test(name, async () => {
      const database = await server.create()
      const client = await database.connect()
      try {
        await run({
          open: () => open(database, client),
          sql,
          exists: async (thing) => {
            const mine = server.dialect === 'mysql' ? 'database()' : "'public'"
            const found = `select 1 from information_schema.tables where table_schema = ${mine} and table_name = '${thing}'`
            return (await database.query(client, found)).length > 0
          },
        })
      } finally {
        await database.disconnect(client)
        dropped.push(database.drop())
      }
    })
  }
}
