/** Chooses a server for test databases when no preset is given. */
import { dialectOf, type ServerKind } from '../../server/kinds.ts'
import type { TestServer } from '../testServer.ts'
import { mysqlServer } from './mysql/server.ts'
import { createRole } from './postgres/roles.ts'
import { postgresServer } from './postgres/server.ts'
import { serverUrl } from './serverUrl.ts'

/**
 * Returns a server for test databases.
 * @param kind the kind of server to start, if one has to be started
 * @param url an administrator's URL; default `MIGRATEST_SERVER_URL`, else a server on demand, in whichever way this
 * machine can start one
 * @param roles roles that a PostgreSQL server that is started gets
 */
export function anyServer(
  kind: ServerKind,
  url = serverUrl(dialectOf(kind)),
  roles: readonly string[] = [],
): TestServer<unknown> {
  const setup = kind === 'postgres' ? roles.map(createRole) : []
  const options = {
    url,
    request: { kind, from: 'auto', version: undefined, image: undefined, flags: {}, setup },
    idleMs: undefined,
    extensions: [],
    init: () => [],
  } as const
  return kind === 'postgres' ? postgresServer(options) : mysqlServer(options)
}
