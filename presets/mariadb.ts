/** A MariaDB server for tests: in Docker, installed on this machine, or one you run. */
import type { Connection } from 'mysql2/promise'
import { type MysqlOptions, mysqlPreset } from '../src/testing/server/mysql/preset.ts'
import type { TestServer } from '../src/testing/testServer.ts'

export type MariadbOptions = MysqlOptions

/** Starts nothing by itself: the server starts when a test file that uses it is read. Databases are of `mysql2`. */
export function mariadb(options: MariadbOptions = {}): TestServer<Connection> {
  return mysqlPreset('mariadb', options)
}
