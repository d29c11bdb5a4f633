/** PostgreSQL: the value that `kinds.ts` loads. */
import type { Client, Pool } from 'pg'
import { DIALECTS } from '../../sql/dialect.ts'
import { closingOnFailure, type DatabaseKind, type OpenOptions } from '../kind.ts'
import { notOfTheSchema, ownTables } from '../ownTables.ts'
import type { ConnectOptions } from './address.ts'
import { borrowClient, loadPg, openClient, openPool, openUrl, placeOf } from './connection.ts'
import type { PostgresDriverOptions } from './driver.ts'
import { asStatementError } from './failure.ts'

export const postgresKind: DatabaseKind = {
  async open(where, options) {
    const opening =
      typeof where === 'string'
        ? openUrl(plain(where), own(options))
        : isPool(where)
          ? openPool(where)
          : openClient(where as Client)
    // `opening` waits for `pg`, too, and goes on first. The driver is loaded while the server lets the session in.
    const loading = loadPg().then(() => import('./driver.ts'))
    loading.catch(() => undefined)
    const session = await opening
    return closingOnFailure(session, async () => (await loading).postgresDriver(session, options))
  },
  locate: (url) => placeOf(plain(url)),
  async openSchema(url, options) {
    const session = await openUrl(plain(url), own(options))
    const exclude = notOfTheSchema(options.table, options.hidden)
    const { readSchema } = await import('./catalog/catalog.ts')
    return {
      read: () => readSchema(session, { exclude }).catch((error) => Promise.reject(asStatementError(error))),
      close: () => session.close(),
    }
  },
  borrow: async (client) => ({
    dialect: 'postgres',
    session: await (isPool(client) ? openPool(client) : borrowClient(client as Client)),
  }),
  async openRows(url, options) {
    const { postgresRows } = await import('./rowReader.ts')
    const kept = keptTable(options.schema, options.table)
    return postgresRows(await openUrl(plain(url), own(options)), notOfTheSchema(options.table, options.hidden), kept)
  },
  development: {
    open: async (url, options) => (await import('./development.ts')).openPostgresDevelopment(plain(url), own(options)),
    fallback: async (url, options) => new (await copies()).DatabaseCopy(plain(url), own(options)),
    createMissing: async (server, name) => (await copies()).createMissing(server, name),
  },
}

// --- internal ---

function keptTable(schema: string | undefined, table: string | undefined): string {
  const [, , , kept] = ownTables(table)
  const { quote } = DIALECTS.postgres
  return schema === undefined ? quote(kept) : `${quote(schema)}.${quote(kept)}`
}

function copies() {
  return import('./copies.ts')
}

/** Returns the PostgreSQL options. `ssl` can also have mysql2's type; a caller with a PostgreSQL URL passes pg's. */
function own(options: OpenOptions): PostgresDriverOptions & ConnectOptions {
  return options as PostgresDriverOptions & ConnectOptions
}

/** Replaces golang-migrate's `pgx://` and `pgx5://`. */
function plain(url: string): string {
  return url.replace(/^pgx5?:/i, 'postgres:')
}

function isPool(client: object): client is Pool {
  return 'totalCount' in client
}
