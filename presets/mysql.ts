/** Preset for a MySQL server for tests: in Docker, installed on this machine, or running elsewhere. */
import type { Connection } from 'mysql2/promise'
import { mysqlPreset, type MysqlOptions as Options } from '../src/testing/server/mysql/preset.ts'
import type { TestServer } from '../src/testing/testServer.ts'

export type MysqlOptions = Options

/**
 * Returns the server, with clients of `mysql2`. The call itself starts nothing: the server starts when a test file that
 * uses it is loaded.
 */
export function mysql(options: MysqlOptions = {}): TestServer<Connection> {
  return mysqlPreset('mysql', options)
}
