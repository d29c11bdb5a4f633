/** Preset for a MariaDB server for tests: in Docker, installed on this machine, or running elsewhere. */
import type { Connection } from 'mysql2/promise'
import { type MysqlOptions, mysqlPreset } from '../src/testing/server/mysql/preset.ts'
import type { TestServer } from '../src/testing/testServer.ts'

export type MariadbOptions = MysqlOptions

/**
 * Returns the server, with clients of `mysql2`. The call itself starts nothing: the server starts when a test file that
 * uses it is loaded.
 */
export function mariadb(options: MariadbOptions = {}): TestServer<Connection> {
  return mysqlPreset('mariadb', options)
}
