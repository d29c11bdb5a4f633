/** A server for test databases where no preset was chosen. */
import { dialectOf, kindOfUrl, type ServerKind } from '../../server/kinds.ts'
import type { Dialect } from '../../sql/dialect.ts'
import type { TestServer } from '../testServer.ts'
import { mysqlServer } from './mysql/server.ts'
import { postgresServer } from './postgres/server.ts'

/**
 * @param kind of server, where it is to be started
 * @param url of an administrator; undefined: `MIGRATEST_SERVER_URL`, else a server on demand, whichever this machine has
 */
export function anyServer(kind: ServerKind, url = serverUrl(dialectOf(kind))): TestServer<unknown> {
  const options = {
    url,
    request: { kind, from: 'auto', version: undefined, image: undefined, flags: {}, setup: [] },
    idleMs: undefined,
    extensions: [],
    init: () => [],
  } as const
  return kind === 'postgres' ? postgresServer(options) : mysqlServer(options)
}

/** Never DATABASE_URL: that one may be somebody's data. */
export function serverUrl(dialect: Dialect): string | undefined {
  const url = process.env.MIGRATEST_SERVER_URL
  const kind = url === undefined ? undefined : kindOfUrl(url)
  return kind !== undefined && dialectOf(kind) === dialect ? url : undefined
}
