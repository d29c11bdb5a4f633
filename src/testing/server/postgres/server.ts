/** Test databases on a PostgreSQL server. */
import type { Client } from 'pg'
import { LOG_NEXT_NUMBERS } from '../../../database/postgres/cleanState/loggedCleanState.ts'
import type { TestServer } from '../../testServer.ts'
import { DatabaseServer, type DatabaseServerOptions, type Engine } from '../databaseServer.ts'
import { type PostgresLikeness, PostgresTestDatabase, sinceNow } from './database.ts'
import { digestOf } from './digest.ts'
import { PostgresRegistry } from './registry.ts'
import { PostgresSnapshots } from './snapshots.ts'

export function postgresServer(options: DatabaseServerOptions): TestServer<Client> {
  return new DatabaseServer(ENGINE, options)
}

// --- internal ---

const ENGINE: Engine<Client, PostgresRegistry, PostgresLikeness> = {
  dialect: 'postgres',
  open: (url, ours) => PostgresRegistry.open(url, ours),
  store: (registry, bytes) => new PostgresSnapshots(registry, bytes),
  database: (name, origin) => new PostgresTestDatabase(name, origin),
  digest: async (registry, name, freezing) =>
    digestOf(registry.urlOf(name), freezing && (await registry.log()) ? LOG_NEXT_NUMBERS : undefined),
  now: (registry) => sinceNow(registry),
  settings() {
    const names = ['PGOPTIONS', 'PGDATESTYLE', 'PGTZ', 'PGCLIENTENCODING', 'PGGEQO']
    return names.map((name) => `${name}=${process.env[name] ?? ''}`)
  },
}
