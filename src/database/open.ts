/** From a URL, a client or a pool to a driver. Clients are loaded only when they are needed. */
import { URL } from 'node:url'
import type { PGlite } from '@electric-sql/pglite'
import type { Client, Pool } from 'pg'
import type { Driver } from '../migrate/driver.ts'
import { UsageError } from '../migrate/errors.ts'
import { loadPackage } from '../migrate/loadPackage.ts'
import type { Schema } from '../schema/schema.ts'
import type { DatabaseAddress } from './address.ts'
import type { DevelopmentDatabase, Fallback } from './development.ts'
import { ownTables } from './ownTables.ts'
import type { ConnectOptions } from './postgres/address.ts'
import type { PostgresDriverOptions } from './postgres/driver.ts'
import type { Session } from './postgres/session.ts'

/** A PGlite instance, as far as it is looked at here: a user without that package needs none of its types. */
export interface PgliteInstance {
  readonly waitReady: Promise<void>
  execProtocolStream(...args: never[]): Promise<unknown>
}

/** A connection or pool of `mysql2`, with promises or with callbacks, as far as it is looked at here. */
export type MysqlClient =
  | { readonly threadId: number | null; query(...args: never[]): unknown }
  | { getConnection(...args: never[]): unknown; query(...args: never[]): unknown }

/** Of MySQL and MariaDB: `table`, `lock`, `connectTimeoutMs`, `statementLockTimeoutMs`, `ssl`, `applicationName`. */
export type OpenOptions = PostgresDriverOptions & ConnectOptions

/**
 * Opens a database for a `Migrator`. What you opened, you close; a pool lends one client.
 * @param where `postgres://…`, `mysql://…`, `mariadb://…` (golang-migrate's parameters are understood), `pglite:` with an
 * optional path, a client or pool of `pg` or `mysql2`, or a PGlite instance
 * @throws ConnectionError, NotInstalledError, UsageError
 */
export async function openDatabase(
  where: string | URL | Client | Pool | PgliteInstance | MysqlClient,
  options: OpenOptions = {},
): Promise<Driver> {
  if (typeof where === 'string' || 'href' in where) return openUrl(String(where), options)
  if (isMysql(where)) return openMysqlClient(where, options)
  if (isPglite(where)) {
    const { pgliteDriver } = await import('./pglite/driver.ts')
    return pgliteDriver(where as unknown as Parameters<typeof pgliteDriver>[0], options, false)
  }
  const [{ openClient, openPool }, { postgresDriver }] = await postgres()
  const session = isPool(where) ? await openPool(where) : await openClient(where as Client)
  return closingOnFailure(session, () => postgresDriver(session, options))
}

/** Where a URL leads, as it would be connected to; nothing is. For PGlite, the database is its folder and there is no host. */
export async function locateDatabase(url: string): Promise<DatabaseAddress> {
  const scheme = schemeOf(url)
  if (scheme === 'pglite') return { host: '', port: 0, database: pglitePath(url) }
  if (scheme === 'mysql') return (await import('./mysql/address.ts')).placeOf(url)
  const { placeOf } = await import('./postgres/connection.ts')
  return placeOf(url.replace(/^pgx5?:/i, 'postgres:'))
}

export interface Rehearsal {
  /** As what it is a copy of is said. */
  readonly of: string
  /** To be moved as the database itself will be. */
  readonly database: Driver
  /** The objects that are in it, as those of a {@link DevelopmentDatabase}. */
  shape(): Promise<ReadonlySet<string>>
  /** Closes it, too. */
  drop(): Promise<void>
}

/**
 * An empty copy of a database's schema on its own server, at the same version: what fails there would have failed half-way.
 * Undefined where a migration that fails leaves nothing behind.
 * @throws UsageError where the schema cannot be copied, and what {@link openDatabase} throws
 */
export async function openRehearsal(url: string, options: OpenOptions = {}): Promise<Rehearsal | undefined> {
  if (schemeOf(url) !== 'mysql') return undefined
  const { rehearse } = await import('./mysql/rehearsal.ts')
  const { table } = withUrlTable(url, options)
  const [{ openUrl }, { mysqlDriver }] = await mysql()
  return rehearse(url, ownTables(table), async (copy) => {
    const session = await openUrl(copy, options as MysqlOptions)
    return closingOnFailure(session, () =>
      mysqlDriver(session, { ...options, ...(table && { table }), onlyHere: true }),
    )
  })
}

/**
 * A database to develop on, by its URL. Its `fallback` also works where the database itself cannot be opened.
 * @throws UsageError where there is no way to follow files on that kind of database, and what {@link openDatabase} throws
 */
export async function openDevelopment(url: string, options: OpenOptions = {}): Promise<DevelopmentDatabase> {
  const scheme = schemeOf(url)
  if (scheme === 'pglite') {
    throw notWatched()
  }
  if (scheme === 'mysql') {
    const { openMysqlDevelopment } = await import('./mysql/development.ts')
    return openMysqlDevelopment(url, withUrlTable(url, options as OpenOptions & MysqlOptions))
  }
  const { openPostgresDevelopment } = await import('./postgres/development.ts')
  return openPostgresDevelopment(url.replace(/^pgx5?:/i, 'postgres:'), withUrlTable(url, options))
}

/** @param server an administrator's URL. @returns the database's */
export async function createIfMissing(server: string, name: string): Promise<string> {
  const { createMissing } =
    schemeOf(server) === 'mysql' ? await import('./mysql/copies.ts') : await import('./postgres/development.ts')
  await createMissing(server, name)
  const url = new URL(server)
  url.pathname = `/${encodeURIComponent(name)}`
  return url.href
}

/** What {@link DevelopmentDatabase.fallback} is, where the database itself may not be there. */
export async function openFallback(url: string, options: OpenOptions = {}): Promise<Fallback> {
  if (schemeOf(url) === 'pglite') throw notWatched()
  if (schemeOf(url) === 'mysql') {
    const { DatabaseCopy } = await import('./mysql/copies.ts')
    return new DatabaseCopy(url, options as MysqlOptions)
  }
  const { postgresFallback } = await import('./postgres/development.ts')
  return postgresFallback(url.replace(/^pgx5?:/i, 'postgres:'), options)
}

export interface SchemaReader {
  /** What is there now, without the migrations' own tables. */
  read(): Promise<Schema>
  close(): Promise<void>
}

/** Opens a database to read its schema. Takes what {@link openDatabase} takes as a URL, and throws what that throws. */
export async function openSchemaReader(url: string, options: OpenOptions = {}): Promise<SchemaReader> {
  const scheme = schemeOf(url)
  const { table } = withUrlTable(url, options)
  if (scheme === 'mysql') return openMysqlReader(url, options, ownTables(table))
  const [{ readSchema }, { asStatementError }] = await Promise.all([
    import('./postgres/catalog.ts'),
    import('./postgres/failure.ts'),
  ])
  const session = await openSession(scheme, url, options)
  return {
    read: () =>
      readSchema(session, { exclude: ownTables(table) }).catch((error) => Promise.reject(asStatementError(error))),
    close: () => session.close(),
  }
}

// --- internal ---

function notWatched(): UsageError {
  return new UsageError('PGlite has one connection, which the app needs: it cannot be watched.', {
    hint: 'Leave --database out: a server is started then.',
  })
}

function mysql() {
  return Promise.all([import('./mysql/connection.ts'), import('./mysql/driver.ts')])
}

function postgres() {
  return Promise.all([import('./postgres/connection.ts'), import('./postgres/driver.ts')])
}

type Scheme = 'postgres' | 'mysql' | 'pglite'

function schemeOf(url: string): Scheme {
  const scheme = /^([a-z0-9+]+):/i.exec(url)?.[1]?.toLowerCase()
  if (scheme === 'pglite') return 'pglite'
  if (scheme === 'mysql' || scheme === 'mariadb') return 'mysql'
  if (scheme === 'postgres' || scheme === 'postgresql' || scheme === 'pgx5' || scheme === 'pgx') return 'postgres'
  throw new UsageError(
    scheme ? `${scheme}:// is not a database this version knows.` : 'The database URL has no scheme.',
    {
      hint: 'It begins with postgres://, mysql://, mariadb:// or pglite:',
    },
  )
}

async function openUrl(url: string, options: OpenOptions): Promise<Driver> {
  const scheme = schemeOf(url)
  if (scheme === 'mysql') {
    const [{ openUrl }, { mysqlDriver }] = await mysql()
    const session = await openUrl(url, options as MysqlOptions)
    return closingOnFailure(session, () => mysqlDriver(session, withUrlTable(url, options)))
  }
  if (scheme === 'pglite') {
    const { pgliteDriver } = await import('./pglite/driver.ts')
    return pgliteDriver(await openPglite(url), options, true)
  }
  const [session, { postgresDriver }] = await Promise.all([
    openSession('postgres', url, options),
    import('./postgres/driver.ts'),
  ])
  return closingOnFailure(session, async () => postgresDriver(session, withUrlTable(url, options)))
}

type MysqlOptions = import('./mysql/address.ts').ConnectOptions

async function openMysqlClient(where: MysqlClient, options: OpenOptions): Promise<Driver> {
  const [{ openClient, openPool }, { mysqlDriver }] = await mysql()
  const session =
    'getConnection' in where
      ? await openPool(where as unknown as Parameters<typeof openPool>[0])
      : await openClient(where as unknown as Parameters<typeof openClient>[0])
  return closingOnFailure(session, () => mysqlDriver(session, options))
}

async function openMysqlReader(url: string, options: OpenOptions, exclude: string[]): Promise<SchemaReader> {
  const [{ openUrl }] = await mysql()
  const { placeOf } = await import('./mysql/address.ts')
  const [{ readSchema }, { asStatementError }] = await Promise.all([
    import('./mysql/catalog.ts'),
    import('./mysql/failure.ts'),
  ])
  const session = await openUrl(url, options as MysqlOptions)
  const { database } = placeOf(url)
  return {
    read: () => readSchema(session, database, { exclude }).catch((error) => Promise.reject(asStatementError(error))),
    close: () => session.close(),
  }
}

async function openSession(scheme: Scheme, url: string, options: ConnectOptions): Promise<Session> {
  if (scheme === 'pglite') {
    const { pgliteSession } = await import('./pglite/driver.ts')
    return pgliteSession(await openPglite(url), true)
  }
  const connection = await import('./postgres/connection.ts')
  return connection.openUrl(url.replace(/^pgx5?:/i, 'postgres:'), options)
}

async function openPglite(url: string): Promise<PGlite> {
  const { PGlite } = await loadPglite()
  return PGlite.create(pglitePath(url) || 'memory://')
}

function pglitePath(url: string): string {
  return url.slice('pglite:'.length).replace(/^\/\//, '')
}

async function loadPglite(): Promise<typeof import('@electric-sql/pglite')> {
  return loadPackage('@electric-sql/pglite', 'A PGlite database', () => import('@electric-sql/pglite'))
}

/** With the version table that the URL names, unless `options` name one. */
function withUrlTable<O extends OpenOptions>(url: string, options: O): O {
  return options.table === undefined ? { ...golangTable(url), ...options } : options
}

/** golang-migrate's `x-migrations-table`, plain or, with `x-migrations-table-quoted`, as `"schema"."table"`. */
function golangTable(url: string): Pick<PostgresDriverOptions, 'table' | 'schema'> {
  const query = url.indexOf('?')
  const params = new URLSearchParams(query === -1 ? '' : url.slice(query))
  const table = params.get('x-migrations-table')
  if (!table) return {}
  if (!/^(1|true)$/i.test(params.get('x-migrations-table-quoted') ?? '')) return { table }
  const parts = /^"([^"]+)"(?:\."([^"]+)")?$/.exec(table)
  if (!parts) throw new UsageError(`x-migrations-table: ${table} is not quoted as "schema"."table".`)
  const [, first = '', second] = parts
  return second ? { schema: first, table: second } : { table: first }
}

async function closingOnFailure(session: { close(): Promise<void> }, open: () => Promise<Driver>): Promise<Driver> {
  try {
    return await open()
  } catch (error) {
    await session.close().catch(() => undefined)
    throw error
  }
}

function isPglite(value: object): value is PgliteInstance {
  return 'execProtocolStream' in value
}

function isMysql(value: object): value is MysqlClient {
  return 'threadId' in value || 'getConnection' in value
}

function isPool(value: object): value is Pool {
  return 'totalCount' in value
}
