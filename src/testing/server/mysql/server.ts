/** Test databases on a MySQL or MariaDB server. */
import type { Connection } from 'mysql2/promise'
import { plainUrl } from '../../../database/mysql/address.ts'
import type { CleanState } from '../../../database/mysql/cleanState.ts'
import type { TestServer } from '../../testServer.ts'
import { DatabaseServer, type DatabaseServerOptions, type Engine } from '../databaseServer.ts'
import { digestOf, MysqlTestDatabase } from './database.ts'
import { MysqlRegistry } from './registry.ts'
import { MysqlSnapshots } from './snapshots.ts'

export function mysqlServer(options: DatabaseServerOptions): TestServer<Connection> {
  const { url } = options
  return new DatabaseServer(ENGINE, { ...options, url: url === undefined ? undefined : plainUrl(url) })
}

// --- internal ---

const ENGINE: Engine<Connection, MysqlRegistry, CleanState> = {
  dialect: 'mysql',
  open: (url, ours) => MysqlRegistry.open(url, ours),
  store: (registry, bytes) => new MysqlSnapshots(registry, bytes),
  database: (name, origin) => new MysqlTestDatabase(name, origin),
  digest: (registry, name) => digestOf(registry.urlOf(name), name),
  // Changed rows are detected from the rows themselves, so the moment is not needed.
  now: async () => 'then',
  settings: () => [],
}
