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
  /** Undefined where there are none: on a server that is not ours to fill. */
  snapshots?(): Promise<Snapshots<Client> | undefined>
}

/** Databases frozen at one version each, under keys that say what they were made of. */
export interface Snapshots<Client> {
  /** What each database has before its first migration: part of what it is made of. */
  readonly ground: readonly string[]
  /** The last of these keys that there is a snapshot of. */
  nearest(keys: readonly string[]): Promise<string | undefined>
  /** A copy for one test; undefined where the snapshot went meanwhile. */
  clone(key: string): Promise<TestDatabase<Client> | undefined>
  /** Keeps a copy of a database to which nobody is connected. Not where a copy would lack something. Never throws. */
  freeze(database: TestDatabase<Client>, key: string): Promise<void>
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
  /** What is in it, without the migrations' own tables. */
  readSchema(): Promise<Schema>
  /** The last statement of a transaction that some session has open on it. */
  openTransaction(): Promise<string | undefined>
  /** Closes a client that `connect()` gave. */
  disconnect(client: Client): Promise<void>
  /** Leaves it on the server when the test is over; gives a line that opens it. */
  keep(): Promise<string>
  drop(): Promise<void>
}
