/** What a test database needs of a server. Presets make these; the engine never sees them. */

import type { Driver } from '../migrate/driver.ts'
import type { Schema } from '../schema/schema.ts'
import type { Dialect } from '../sql/dialect.ts'

export type Row = Record<string, unknown>

/** A server that test databases can be had from. Made by a preset; started when first needed. */
export interface TestServer<Client> {
  readonly dialect: Dialect
  /** Begins to start it, without waiting. A failure is told to whoever asks for a database. */
  warm(): void
  /** What is being waited for, as `starting PostgreSQL 18.4, for 2.1 s`; undefined once it is there. */
  progress(): string | undefined
  /** An empty database for one test. @throws ServerUnavailableError */
  create(): Promise<TestDatabase<Client>>
  /** Undefined where there are none. */
  snapshots?(): Promise<Snapshots<Client>>
  /** An administrator's URL, once it is there; undefined where it has none. */
  url?(): Promise<string | undefined>
  /** Drops what processes left that are gone. */
  sweep?(): Promise<void>
  /** How many databases may be prepared ahead; none where it is left out. */
  ahead?(): Promise<number>
  /** A server for one test alone. Undefined where its preset cannot start any. */
  another?(): { readonly server: TestServer<Client>; stop(): Promise<void> } | undefined
}

/** Databases frozen at one version each, under keys that say what they were made of. */
export interface Snapshots<Client> {
  /** What each database has before its first migration: part of what it is made of. */
  readonly environment: readonly string[]
  /**
   * The last of these keys that there is a snapshot of; and how many of the keys another chain shares that parts from this
   * one: where somebody is editing.
   */
  look(keys: readonly string[]): Promise<{ nearest: string | undefined; parted: number }>
  /** A copy for one test; undefined where the snapshot went meanwhile. */
  clone(key: string): Promise<TestDatabase<Client> | undefined>
  /** Whether it can be worthwhile to freeze one under that key: false once that was found impossible. */
  canFreeze(key: string): boolean
  /** Keeps a copy of a database to which nobody is connected. Not where a copy would lack something, or there is no room. */
  freeze(database: TestDatabase<Client>, key: string, keys: readonly string[]): Promise<void>
  /** While one builds a snapshot, others who want the same wait. */
  exclusively<T>(key: string, work: () => Promise<T>): Promise<T>
}

/** Somebody who is connected to a test's database when the test is over. */
export interface LeftOpen {
  readonly application: string
  /** The last statement. */
  readonly statement: string
  readonly state: 'idle' | 'running' | 'in-transaction'
  /** Whether it is one of the clients that we gave. */
  readonly given: boolean
}

/** A transaction that a test's statements run in. */
export interface OpenTransaction {
  /** Rolls back. False where the test has ended it, so that something of it may have been kept. */
  rollBack(): Promise<boolean>
}

/** What a kept database was for. */
export interface About {
  readonly test?: string | undefined
  readonly file?: string | undefined
  readonly version?: number | undefined
}

/** With what becomes of it. */
export interface Purpose extends About {
  /** Milliseconds after which it goes; undefined: with its server. */
  readonly forMs?: number | undefined
  /** Of those that were kept with this, only so many stay. */
  readonly newest?: number | undefined
}

/** An empty database of one test's own. */
export interface TestDatabase<Client> {
  readonly name: string
  /** Undefined where a database is in this process and has no URL. */
  readonly url: string | undefined
  connect(): Promise<Client>
  query(client: Client, sql: string, params?: readonly unknown[]): Promise<Row[]>
  /** Opens the database for migrations, on a connection of its own where there can be several. */
  openDriver(client: Client): Promise<Driver>
  /** What is in it, without the migrations' own tables. @param within a client whose own transaction is to be seen */
  readSchema(within?: Client): Promise<Schema>
  /** The last statement of a transaction that some session has open on it. */
  openTransaction(): Promise<string | undefined>
  /** Closes a client that `connect()` gave. */
  disconnect(client: Client): Promise<void>
  /** Lists who is connected, before the given clients are closed. Waits up to `patienceMs` for sessions that are just ending. */
  leftOpen(clients: readonly Client[], patienceMs: number): Promise<LeftOpen[]>
  /** Begins a transaction on a client, and detects whether the test ends it. */
  begin(client: Client): Promise<OpenTransaction>
  /** Set if the database can be prepared ahead of a test and used again after it. */
  readonly poolable?: Poolable<Client> | undefined
  /** Leaves it on the server when the test is over; gives a line that opens it. */
  keep(purpose?: Purpose): Promise<string>
  drop(): Promise<void>
}

/** A database that a pool prepares before a test asks for one, and uses again if the test changed nothing but rows. */
export interface Poolable<Client> {
  /** Before a test has it: records the state of a fresh copy, to compare with after tests. */
  observe(): Promise<void>
  /** Opens a connection for a future test. An idle one does not keep the process from ending. */
  connectAhead(): Promise<Client>
  /** Hands the connection to a test. Returns `false` if it broke meanwhile. */
  activate(client: Client): boolean
  /** Lets another process take the database if this one ends. */
  share(): Promise<void>
  /** Takes it back for this process, which gives it to a test. */
  unshare(): Promise<void>
  /** Ends all connections and restores the state of a fresh copy. Returns `false` if that cannot be proved. */
  restore(): Promise<boolean>
}
