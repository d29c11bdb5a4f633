/** MySQL and MariaDB: the value that `kinds.ts` loads. */
import { closingOnFailure, type DatabaseKind, type OpenOptions } from '../kind.ts'
import { notOfTheSchema, ownTables } from '../ownTables.ts'
import { type ConnectOptions, placeOf } from './address.ts'
import { readSchema } from './catalog.ts'
import { openClient, openPool, openUrl } from './connection.ts'
import { mysqlDriver } from './driver.ts'
import { asStatementError } from './failure.ts'

export const mysqlKind: DatabaseKind = {
  async open(where, options) {
    const session = await openAny(where, options)
    return closingOnFailure(session, () => mysqlDriver(session, options))
  },
  locate: async (url) => placeOf(url),
  borrow: async (client) => ({ dialect: 'mysql', session: await openAny(client, {}) }),
  async openSchema(url, options) {
    const session = await openUrl(url, own(options))
    const { database } = placeOf(url)
    const exclude = notOfTheSchema(options.table, options.hidden).tables
    return {
      read: () => readSchema(session, database, { exclude }).catch((error) => Promise.reject(asStatementError(error))),
      async server() {
        const [row] = await session.query('SELECT VERSION() AS version')
        return /mariadb/i.test(String(row?.version)) ? 'mariadb' : 'mysql'
      },
      close: () => session.close(),
    }
  },
  async openRows(url, options) {
    const { mysqlRows } = await import('./rowReader.ts')
    const { besideOf } = await copies()
    const kept = besideOf(placeOf(url).database, 'kept')
    return mysqlRows(await openUrl(url, own(options)), notOfTheSchema(options.table, options.hidden), kept)
  },
  async rehearse(url, options) {
    const { rehearse } = await import('./rehearsal.ts')
    return rehearse(url, [...ownTables(options.table), ...(options.hidden?.tables ?? [])], async (copy) => {
      const session = await openUrl(copy, own(options))
      return closingOnFailure(session, () => mysqlDriver(session, { ...options, onlyHere: true }))
    })
  },
  development: {
    open: async (url, options) => {
      const { table, lock, hidden } = options
      return (await import('./development.ts')).openMysqlDevelopment(url, { table, lock, hidden, ...own(options) })
    },
    fallback: async (url, options) => new (await copies()).DatabaseCopy(url, own(options)),
    createMissing: async (server, name) => (await copies()).createMissing(server, name),
  },
}

// --- internal ---

function copies() {
  return import('./copies.ts')
}

function openAny(where: string | object, options: OpenOptions) {
  if (typeof where === 'string') return openUrl(where, own(options))
  return 'getConnection' in where
    ? openPool(where as Parameters<typeof openPool>[0])
    : openClient(where as Parameters<typeof openClient>[0])
}

/** Returns the MySQL options. `ssl` can also have pg's type; a caller with a MySQL URL passes mysql2's. */
function own({ connectTimeoutMs, statementLockTimeoutMs, ssl, applicationName }: OpenOptions): ConnectOptions {
  const given = { connectTimeoutMs, statementLockTimeoutMs, ssl: ssl as ConnectOptions['ssl'], applicationName }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}
