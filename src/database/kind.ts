/** The interface of one kind of database: everything that `open.ts` needs to open, locate, read and watch one. */
import type { Driver } from '../migrate/driver.ts'
import type { Hidden } from '../migrate/source.ts'
import type { Schema } from '../schema/schema.ts'
import type { DatabaseAddress } from './address.ts'
import type { DevelopmentDatabase, Fallback } from './development.ts'
import type { Session as MysqlSession } from './mysql/session.ts'
import type { ConnectOptions } from './postgres/address.ts'
import type { PostgresDriverOptions } from './postgres/driver.ts'
import type { Session as PostgresSession } from './postgres/session.ts'
import type { RowReader } from './rowReader.ts'

/** Options of `openDatabase` for a client or pool of `pg` and for PGlite. */
export type PostgresOptions = Pick<PostgresDriverOptions, 'table' | 'schema' | 'lock' | 'keepExtensions' | 'keepTables'>

/** Options of `openDatabase` for a connection or pool of `mysql2`. */
export type MysqlOptions = Pick<PostgresDriverOptions, 'table' | 'lock' | 'keepTables'>

/**
 * Options of `openDatabase` for a URL: those of the clients, and how to connect. MySQL and MariaDB ignore `schema`,
 * `keepExtensions` and `statementTimeoutMs`.
 */
export type OpenOptions = PostgresOptions &
  Omit<ConnectOptions, 'ssl'> & {
    /**
     * TLS options: for PostgreSQL those of `pg`; for MySQL and MariaDB those of `mysql2`, or the name of one of its
     * profiles.
     */
    readonly ssl?: ConnectOptions['ssl'] | string | object
    /** Tables and schemas of another tool, which do not count as part of the schema. */
    readonly hidden?: Hidden
  }

/**
 * One kind of database. To add one:
 * 1. Write a `Driver` and let it pass `driverContract` (`migratest/contract`).
 * 2. Put a `DatabaseKind` around it: `open` is enough to run migrations.
 * 3. Register it: a line in `kinds.ts`, or {@link registerDatabase} from outside of this package.
 *
 * `docs/extending.md` shows each step with SQLite.
 */
export interface DatabaseKind {
  /** Opens a database by its URL, or takes over a client that the caller has opened and will close. */
  open(where: string | object, options: OpenOptions): Promise<Driver>
  /** Returns the address that a URL points to, without connecting. */
  locate(url: string): Promise<DatabaseAddress>
  /** Opens a reader of the schema. Omit it if the schema cannot be read: `migratest schema` then refuses. */
  openSchema?(url: string, options: OpenOptions): Promise<SchemaReader>
  /**
   * Borrows a client or a pool to read and write rows, within the transaction that a client has open. Omit it if `fill`
   * cannot fill this kind.
   */
  borrow?(client: object): Promise<Borrowed>
  /** Opens a reader of tables and rows. Omit it if rows cannot be shown. */
  openRows?(url: string, options: OpenOptions): Promise<RowReader>
  /** The functions that `migratest watch` needs; `refuse` makes the error that says why this kind cannot be watched. */
  readonly development?: Development | { refuse(): Error }
  /** Makes an empty copy of the schema for a dry run. Omit it if a failed migration leaves nothing behind. */
  rehearse?(url: string, options: OpenOptions): Promise<Rehearsal>
}

/** A connection of the caller. Closing it gives back what a pool has lent. */
export type Borrowed =
  | { readonly dialect: 'postgres'; readonly session: PostgresSession }
  | { readonly dialect: 'mysql'; readonly session: MysqlSession }

/** Opens databases in development and creates them. */
export interface Development {
  open(url: string, options: OpenOptions): Promise<DevelopmentDatabase>
  /** Opens the copy to return to; works even if the database itself is missing. */
  fallback(url: string, options: OpenOptions): Promise<Fallback>
  /** Creates a database unless it exists. `server` is an administrator's URL. */
  createMissing(server: string, name: string): Promise<void>
}

/** A {@link DatabaseKind} in the list of known kinds; its code is loaded when a database of that kind is first opened. */
export interface RegisteredKind {
  /** URL schemes, in lower case and without the colon. */
  readonly schemes: readonly string[]
  /** The beginning of such a URL, for error messages: `postgres://`. */
  readonly example: string
  /** Returns `true` for the clients and pools that `open` accepts. */
  recognizes(client: object): boolean
  load(): Promise<DatabaseKind>
}

/** Reads the schema of an open database. */
export interface SchemaReader {
  /** Reads the current schema, without our own tables. */
  read(): Promise<Schema>
  close(): Promise<void>
  /** Returns which server answers; omitted if the URL says it. MariaDB answers at URLs of MySQL, too. */
  server?(): Promise<'mysql' | 'mariadb'>
}

/** An empty copy of a database's schema, on which migrations are tried first. */
export interface Rehearsal {
  /** The label of the database that was copied. */
  readonly of: string
  /** The driver of the copy. */
  readonly database: Driver
  /** Lists the objects of the copy, as {@link DevelopmentDatabase.shape} does. */
  shape(): Promise<ReadonlySet<string>>
  /** Drops the copy and closes its connections. */
  drop(): Promise<void>
}

/** Opens a driver on a session; closes the session if that fails. */
export async function closingOnFailure<S extends { close(): Promise<void> }>(
  session: S,
  open: () => Promise<Driver>,
): Promise<Driver> {
  try {
    return await open()
  } catch (error) {
    await session.close().catch(() => undefined)
    throw error
  }
}
