/** Opens a driver on a URL, a client or a pool. The code for a kind of database is loaded when it is first needed. */
import { URL } from 'node:url'
import type { Client, Pool } from 'pg'
import type { Driver } from '../migrate/driver.ts'
import { UsageError } from '../migrate/errors.ts'
import type { DatabaseAddress } from './address.ts'
import type { DevelopmentDatabase, Fallback } from './development.ts'
import type { Development, MysqlOptions, OpenOptions, PostgresOptions, Rehearsal, SchemaReader } from './kind.ts'
import { kindOfClient, kindOfUrl } from './kinds.ts'
import type { RowReader } from './rowReader.ts'

export type { OpenOptions } from './kind.ts'

/** The part of a PGlite instance that migratest uses, so that users without that package need none of its types. */
export interface PgliteInstance {
  readonly waitReady: Promise<void>
  execProtocolStream(...args: never[]): Promise<unknown>
}

/** The part of a `mysql2` connection or pool that migratest uses, with promises or with callbacks. */
export type MysqlClient =
  | { readonly threadId: number | null; query(...args: never[]): unknown }
  | { getConnection(...args: never[]): unknown; query(...args: never[]): unknown }

/**
 * The clients of registered kinds, under any name. With
 * `declare module 'migratest' { interface RegisteredClients { sqlite: DatabaseSync } }`, `openDatabase` takes one.
 */
// biome-ignore lint/suspicious/noEmptyInterface: other packages add to it
export interface RegisteredClients {}

/**
 * Opens a database for a `Migrator`. The caller closes the clients that it opened itself; a pool lends one client.
 * @param where `postgres://…`, `mysql://…`, `mariadb://…` (with golang-migrate's parameters), `pglite:` with an
 * optional path, a client or pool of `pg` or `mysql2`, a PGlite instance, or the URL or client of a kind that was
 * registered
 * @throws ConnectionError, NotInstalledError, UsageError
 */
export function openDatabase(
  where: string | URL | RegisteredClients[keyof RegisteredClients],
  options?: OpenOptions,
): Promise<Driver>
export function openDatabase(client: Client | Pool | PgliteInstance, options?: PostgresOptions): Promise<Driver>
export function openDatabase(client: MysqlClient, options?: MysqlOptions): Promise<Driver>
export async function openDatabase(where: string | object, options: OpenOptions = {}): Promise<Driver> {
  if (typeof where === 'object' && !('href' in where)) return (await kindOfClient(where)).open(where, options)
  const url = String(where)
  const kind = await kindOfUrl(url)
  return kind.open(url, withUrlTable(url, options))
}

/** Returns the address that a URL points to, without connecting. PGlite has no host; its database is its folder. */
export async function locateDatabase(url: string): Promise<DatabaseAddress> {
  return (await kindOfUrl(url)).locate(url)
}

/**
 * Makes an empty copy of a database's schema on its own server, at the same version: a migration that fails there would have
 * failed half-way. Returns `undefined` if a failed migration leaves nothing behind in that kind of database.
 * @throws UsageError if the schema cannot be copied, and what {@link openDatabase} throws
 */
export async function openRehearsal(url: string, options: OpenOptions = {}): Promise<Rehearsal | undefined> {
  const kind = await kindOfUrl(url)
  return kind.rehearse?.(url, withUrlTable(url, options))
}

/**
 * Opens a database for development. Its `fallback` also works if the database itself cannot be opened.
 * @throws UsageError if that kind of database cannot be watched, and what {@link openDatabase} throws
 */
export async function openDevelopment(url: string, options: OpenOptions = {}): Promise<DevelopmentDatabase> {
  return (await developmentOf(url)).open(url, withUrlTable(url, options))
}

/** Creates a database unless it exists. @param server an administrator's URL. @returns the database's URL */
export async function createIfMissing(server: string, name: string): Promise<string> {
  await (await developmentOf(server)).createMissing(server, name)
  const url = new URL(server)
  url.pathname = `/${encodeURIComponent(name)}`
  return url.href
}

/** Opens only a database's {@link DevelopmentDatabase.fallback}; works even if the database itself is missing. */
export async function openFallback(url: string, options: OpenOptions = {}): Promise<Fallback> {
  return (await developmentOf(url)).fallback(url, withUrlTable(url, options))
}

/** Opens a database to read its schema. @throws UsageError if its kind has no reader, and what {@link openDatabase} throws */
export async function openSchemaReader(url: string, options: OpenOptions = {}): Promise<SchemaReader> {
  const { openSchema } = await kindOfUrl(url)
  if (!openSchema) throw new UsageError('The schema of this kind of database cannot be read.')
  return openSchema(url, withUrlTable(url, options))
}

/** Opens a database to look at its rows. @throws UsageError if its kind has no reader, and what {@link openDatabase} throws */
export async function openRowReader(url: string, options: OpenOptions = {}): Promise<RowReader> {
  const { openRows } = await kindOfUrl(url)
  if (!openRows) throw new UsageError('The rows of this kind of database cannot be shown.')
  return openRows(url, withUrlTable(url, options))
}

// --- internal ---

async function developmentOf(url: string): Promise<Development> {
  const { development } = await kindOfUrl(url)
  if (development && 'open' in development) return development
  throw development?.refuse() ?? new UsageError('This kind of database cannot be watched.')
}

/** Adds the version table that the URL names, unless `options` name one. */
function withUrlTable(url: string, options: OpenOptions): OpenOptions {
  return options.table === undefined ? { ...golangTable(url), ...options } : options
}

/** Reads golang-migrate's `x-migrations-table`, plain or, with `x-migrations-table-quoted`, as `"schema"."table"`. */
function golangTable(url: string): Pick<OpenOptions, 'table' | 'schema'> {
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
