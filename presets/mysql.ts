/** A MySQL server for tests: in Docker, installed on this machine, or one you run. */
import type { Connection } from 'mysql2/promise'
import { mysqlPreset, type MysqlOptions as Options } from '../src/testing/server/mysql/preset.ts'
import type { TestServer } from '../src/testing/testServer.ts'

export type MysqlOptions = Options

/** Starts nothing by itself: the server starts when a test file that uses it is read. Databases are of `mysql2`. */
export function mysql(options: MysqlOptions = {}): TestServer<Connection> {
  return mysqlPreset('mysql', options)
}
