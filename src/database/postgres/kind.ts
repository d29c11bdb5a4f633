/** PostgreSQL: the value that `kinds.ts` loads. */
import type { Client, Pool } from 'pg'
import { closingOnFailure, type DatabaseKind } from '../kind.ts'
import { ownTables } from '../ownTables.ts'
import { readSchema } from './catalog.ts'
import { openClient, openPool, openUrl, placeOf } from './connection.ts'
import { postgresDriver } from './driver.ts'
import { asStatementError } from './failure.ts'

export const postgresKind: DatabaseKind = {
  async open(where, options) {
    const session = await (typeof where === 'string'
      ? openUrl(plain(where), options)
      : isPool(where)
        ? openPool(where)
        : openClient(where as Client))
    return closingOnFailure(session, () => postgresDriver(session, options))
  },
  locate: (url) => placeOf(plain(url)),
  async openSchema(url, options) {
    const session = await openUrl(plain(url), options)
    const exclude = ownTables(options.table)
    return {
      read: () => readSchema(session, { exclude }).catch((error) => Promise.reject(asStatementError(error))),
      close: () => session.close(),
    }
  },
  development: {
    open: async (url, options) => (await development()).openPostgresDevelopment(plain(url), options),
    fallback: async (url, options) => (await development()).postgresFallback(plain(url), options),
    createMissing: async (server, name) => (await development()).createMissing(server, name),
  },
}

// --- internal ---

function development() {
  return import('./development.ts')
}

/** Replaces golang-migrate's `pgx://` and `pgx5://`. */
function plain(url: string): string {
  return url.replace(/^pgx5?:/i, 'postgres:')
}

function isPool(client: object): client is Pool {
  return 'totalCount' in client
}
