/** PGlite: the value that `kinds.ts` loads. */
import type { PGlite } from '@electric-sql/pglite'
import { UsageError } from '../../migrate/errors.ts'
import { loadPackage } from '../../migrate/loadPackage.ts'
import type { DatabaseKind } from '../kind.ts'
import { notOfTheSchema } from '../ownTables.ts'
import { readSchema } from '../postgres/catalog/catalog.ts'
import { asStatementError } from '../postgres/failure.ts'
import { pgliteDriver, pgliteSession } from './driver.ts'

export const pgliteKind: DatabaseKind = {
  open: async (where, options) =>
    typeof where === 'string'
      ? pgliteDriver(await openUrl(where), options, true)
      : pgliteDriver(where as PGlite, options, false),
  locate: async (url) => ({ host: '', port: 0, database: folderOf(url) }),
  async openSchema(url, options) {
    const session = await pgliteSession(await openUrl(url), true)
    const exclude = notOfTheSchema(options.table, options.hidden)
    return {
      read: () => readSchema(session, { exclude }).catch((error) => Promise.reject(asStatementError(error))),
      close: () => session.close(),
    }
  },
  borrow: async (client) => ({ dialect: 'postgres', session: await pgliteSession(client as PGlite, false) }),
  async openRows(url, options) {
    const { postgresRows } = await import('../postgres/rowReader.ts')
    const exclude = notOfTheSchema(options.table, options.hidden)
    // It cannot be watched, so no rows wait.
    return postgresRows(await pgliteSession(await openUrl(url), true), exclude, '"none"')
  },
  development: {
    refuse: () =>
      new UsageError('PGlite has one connection, which the app needs: it cannot be watched.', {
        hint: 'Leave --database out: a server is started then.',
      }),
  },
}

// --- internal ---

async function openUrl(url: string): Promise<PGlite> {
  const { PGlite } = await loadPackage(
    '@electric-sql/pglite',
    'A PGlite database',
    () => import('@electric-sql/pglite'),
  )
  return PGlite.create(folderOf(url) || 'memory://')
}

function folderOf(url: string): string {
  return url.slice('pglite:'.length).replace(/^\/\//, '')
}
