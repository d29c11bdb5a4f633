import { afterAll, describe, test } from 'vitest'
import { pglite } from '../../presets/pglite.ts'
import { postgres } from '../../presets/postgres.ts'
import { openDatabase } from '../../src/database/open.ts'
import { type DriverSubject, driverContract } from '../../src/migrate/contract/index.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import { PlainDatabase, PlainDriver } from '../migrate/plainDriver.ts'
import { describeOnServers } from '../support/servers.ts'

const sql = {
  create: (name: string) => `create table ${name} (id int)`,
  drop: (name: string) => `drop table ${name}`,
  fails: 'select nonsense',
}

describeOnServers(['container', 'embedded', 'installed'], 'PostgreSQL', (from) => {
  contract(postgres({ from }), (database) => database.url ?? '')
  if (from === 'container')
    describe('version 17', () => contract(postgres({ from, version: 17 }), (database) => database.url ?? ''))
})

describe('PGlite', () => {
  contract(pglite(), (_, client) => client)
})

describe('a driver without transactions', () => {
  for (const { name, run } of driverContract) {
    test(name, () => {
      const db = new PlainDatabase()
      const subject: DriverSubject = {
        open: async () => new PlainDriver(db),
        sql: { create: (thing) => `create ${thing}`, drop: (thing) => `drop ${thing}`, fails: 'fail' },
        exists: async (thing) => db.things.has(thing),
      }
      return run(subject)
    })
  }
})

function contract<Client>(
  server: TestServer<Client>,
  target: (database: { url: string | undefined }, client: Client) => Parameters<typeof openDatabase>[0],
): void {
  const dropped: Promise<void>[] = []
  afterAll(() => Promise.all(dropped))
  for (const { name, run } of driverContract) {
    test(name, async () => {
      const database = await server.create()
      const client = await database.connect()
      try {
        await run({
          open: () => openDatabase(target(database, client)),
          sql,
          exists: async (thing) =>
            (await database.query(client, `select to_regclass('public.${thing}') is not null as there`))[0]?.there ===
            true,
        })
      } finally {
        await database.disconnect(client)
        dropped.push(database.drop())
      }
    })
  }
}
