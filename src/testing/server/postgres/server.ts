/** Test databases on a PostgreSQL server. */
import type { Client } from 'pg'
import type { CleanState } from '../../../database/postgres/cleanState.ts'
import type { TestServer } from '../../testServer.ts'
import { DatabaseServer, type DatabaseServerOptions, type Engine } from '../databaseServer.ts'
import { PostgresTestDatabase, sinceNow } from './database.ts'
import { digestOf } from './digest.ts'
import { PostgresRegistry } from './registry.ts'
import { PostgresSnapshots } from './snapshots.ts'

export function postgresServer(options: DatabaseServerOptions): TestServer<Client> {
  return new DatabaseServer(ENGINE, options)
}

// --- internal ---

const ENGINE: Engine<Client, PostgresRegistry, CleanState> = {
  dialect: 'postgres',
  open: (url, ours) => PostgresRegistry.open(url, ours),
  store: (registry, bytes) => new PostgresSnapshots(registry, bytes),
  database: (name, origin) => new PostgresTestDatabase(name, origin),
  digest: (registry, name) => digestOf(registry.urlOf(name)),
  now: (registry) => sinceNow(registry),
  settings() {
    const names = ['PGOPTIONS', 'PGDATESTYLE', 'PGTZ', 'PGCLIENTENCODING', 'PGGEQO']
    return names.map((name) => `${name}=${process.env[name] ?? ''}`)
  },
}
