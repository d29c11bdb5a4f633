/** The interface of servers for test databases. Presets make these objects; the migration engine never sees them. */

import type { Driver, StatementObserver } from '../migrate/driver.ts'
import type { Hidden, SourceFormat } from '../migrate/source.ts'
import type { Version } from '../migrate/version.ts'
import type { Schema } from '../schema/schema.ts'
import type { Dialect } from '../sql/dialect.ts'

export type Row = Record<string, unknown>

/** A server that provides test databases. A preset makes it; the server starts when it is first needed. */
export interface TestServer<Client> {
  readonly dialect: Dialect
  /** Starts the server without waiting for it. A failure is reported to the next caller that asks for a database. */
  warm(): void
  /** Describes the wait, such as `starting PostgreSQL 18.4, for 2.1 s`; `undefined` once the server is ready. */
  progress(): string | undefined
  /**
   * Creates an empty database for one test.
   * @param before SQL texts to run after those of the preset, see {@link SourceFormat.before}
   * @throws ServerUnavailableError, SeedError
   */
  create(before?: readonly string[]): Promise<TestDatabase<Client>>
  /** Returns the server's snapshots. Omitted if the server has none. */
  snapshots?(): Promise<Snapshots<Client>>
  /** Waits for the server and returns an administrator's URL; `undefined` if it has none. */
  url?(): Promise<string | undefined>
  /** Drops the databases of processes that have ended. */
  sweep?(): Promise<void>
  /** Returns how many databases may be prepared before tests ask for them; 0 if omitted. */
  ahead?(): Promise<number>
  /** Returns a new server for one test. `undefined` if the preset cannot start any. */
  another?(): { readonly server: TestServer<Client>; stop(): Promise<void> } | undefined
}

/** Databases that are each frozen at one version. The key of a snapshot is a hash of everything it was made from. */
export interface Snapshots<Client> {
  /** Texts that stand for the content of each database before its first migration. The keys are made from them, too. */
  readonly environment: readonly string[]
  /**
   * Finds the last of these keys that has a snapshot (`nearest`), and how many leading keys another chain shares before
   * it diverges from this one (`parted`): the place where somebody is editing.
   */
  look(keys: readonly string[]): Promise<{ nearest: string | undefined; parted: number }>
  /** Makes a copy for one test; `undefined` if the snapshot has been dropped meanwhile. */
  clone(key: string): Promise<TestDatabase<Client> | undefined>
  /** Returns `false` if an earlier attempt showed that no snapshot can be made under that key. */
  canFreeze(key: string): boolean
  /**
   * Keeps a copy of a database to which nobody is connected. Does nothing if a copy would be incomplete or there is no
   * room.
   */
  freeze(database: TestDatabase<Client>, key: string, keys: readonly string[]): Promise<void>
  /** Drops a snapshot that nobody will ask for again. Never rejects. */
  drop(key: string): Promise<void>
  /** Runs `work`, which builds a snapshot; others that need the same snapshot wait for it. */
  exclusively<T>(key: string, work: () => Promise<T>): Promise<T>
}

/** A session that is connected to a test's database when the test is over. */
export interface LeftOpen {
  readonly application: string
  /** The session's last statement. */
  readonly statement: string
  readonly state: 'idle' | 'running' | 'in-transaction'
  /** `true` if it is a client that we gave to the test. */
  readonly given: boolean
}

/** A transaction that a test's statements run in. */
export interface OpenTransaction {
  /**
   * Rolls back. Returns `false` if the test had already ended the transaction, so that some of its changes may have
   * been committed.
   */
  rollBack(): Promise<boolean>
}

/** The test, file and version that a kept database was made for. */
export interface About {
  readonly test?: string | undefined
  readonly file?: string | undefined
  readonly version?: Version | undefined
}

/** The test that a kept database was made for, and the time at which it is dropped. */
export interface Purpose extends About {
  /** Milliseconds after which the database is dropped; if `undefined`, it stays until its server goes. */
  readonly forMs?: number | undefined
  /** The most databases kept with this option that may stay; older ones are dropped. */
  readonly newest?: number | undefined
}

/** Where our own tables are, if not in their usual place, and who watches the migrations. */
export interface Place {
  readonly table?: string | undefined
  readonly schema?: string | undefined
  /** Looks at the database before and after each statement of the migrations. */
  readonly observer?: StatementObserver | undefined
}

/** How migrations may run on a database that nobody has yet. */
export interface Disposable {
  /** `true` if the driver may keep the migration lock until it is closed, since nobody else migrates the database. */
  readonly keepsLock?: boolean
  /** `true` if the database is dropped after any failure: see `Driver.disposable`. */
  readonly disposable?: boolean
}

/** A database that belongs to one test. */
export interface TestDatabase<Client> {
  readonly name: string
  /** The database's URL; `undefined` for a database in this process, which has none. */
  readonly url: string | undefined
  connect(): Promise<Client>
  query(client: Client, sql: string, params?: readonly unknown[]): Promise<Row[]>
  /** Opens a driver for migrations, on a separate connection if the database allows several. */
  openDriver(client: Client, options?: Place & Disposable): Promise<Driver>
  /**
   * Reads the schema, without the migrations' own tables.
   * @param hidden tables and schemas to leave out, too
   * @param within a client whose open transaction the result has to include
   * @param often `true` if that client is ours alone and is asked again: it may keep what makes that faster
   * @param isCounted `true` if nobody writes meanwhile, and all that was written came from drivers that keep their lock
   */
  readSchema(hidden?: Hidden, within?: Client, often?: boolean, isCounted?: boolean): Promise<Schema>
  /** After everything was dropped: makes again what each database has before its migrations. */
  refill(before: readonly string[]): Promise<void>
  /**
   * Returns the last statement of a transaction that a session has open on the database; `undefined` if there is none.
   */
  openTransaction(): Promise<string | undefined>
  /** Closes a client that `connect()` returned. */
  disconnect(client: Client): Promise<void>
  /**
   * Lists the sessions on the database, before the given clients are closed. Waits up to `patienceMs` for sessions that
   * are just ending.
   */
  leftOpen(clients: readonly Client[], patienceMs: number): Promise<LeftOpen[]>
  /** Begins a transaction on a client, and detects whether the test ends it. */
  begin(client: Client): Promise<OpenTransaction>
  /** Set if the database can be prepared ahead of a test and used again after it. */
  readonly poolable?: Poolable<Client> | undefined
  /** Keeps the database on the server after the test; returns the command that opens it. */
  keep(purpose?: Purpose): Promise<string>
  /** Closes the connections that were opened for our own purposes. */
  closeOwn?(): Promise<void>
  drop(): Promise<void>
}

/** A database that a pool prepares before a test asks for one, and uses again if the test changed nothing but rows. */
export interface Poolable<Client> {
  /** Records the state of a fresh copy before a test gets it, to compare with after tests. */
  observe(): Promise<void>
  /** Opens a connection for a later test. While idle, it does not keep the process from ending. */
  connectAhead(): Promise<Client>
  /** Hands the connection to a test. Returns `false` if it broke meanwhile. */
  activate(client: Client): boolean
  /** Lets another process take the database if this one ends. */
  share(): Promise<void>
  /** Withdraws that offer before this process gives the database to a test. */
  unshare(): Promise<void>
  /** Ends all connections and restores the state of a fresh copy. Returns `false` if that cannot be proved. */
  restore(): Promise<boolean>
}

/** Leaves out what is not set, which options of drivers do not allow. */
export function set({ table, schema, observer }: Place) {
  return {
    ...(table !== undefined && { table }),
    ...(schema !== undefined && { schema }),
    ...(observer && { observer }),
  }
}
