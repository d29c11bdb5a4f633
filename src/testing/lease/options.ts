/** The options of a test's database: its server, its migrations, the version it begins at, and the rows it begins with. */
import type { MigratorOptions } from '../../migrate/migrator.ts'
import type { Source } from '../../migrate/source.ts'
import type { Target, Version } from '../../migrate/version.ts'
import type { Dialect } from '../../sql/dialect.ts'
import type { Row, TestServer } from '../testServer.ts'

/** Rows by table: `{ users: [{ name: 'Ada' }] }`. */
export type SeedRows = Readonly<Record<string, readonly object[]>>

/**
 * The database that a seed function receives. With `isolation: 'transaction'`, seeds run before any test has the
 * database.
 */
export interface SeedTarget<Client = unknown> {
  readonly dialect: Dialect
  /** The client of the client library (`pg`, `mysql2`, PGlite), already connected. */
  readonly client: Client
  /** The database's URL; `undefined` for PGlite, which has none. */
  readonly url: string | undefined
  /** Runs SQL on `client` and returns the rows. */
  query<T extends object = Row>(sql: string, params?: readonly unknown[]): Promise<T[]>
}

/**
 * A seed: SQL, rows by table, a function, or the URL of a file: SQL, or a module whose default export is a function. What it
 * inserts is copied by all processes, unless a function remembers what it did: each test file then runs it once.
 */
// biome-ignore lint/suspicious/noExplicitAny: a seed takes a client of whatever library its test has
export type Seed<Client = any> = string | URL | SeedRows | ((db: SeedTarget<Client>) => Promise<unknown> | unknown)

/** A database's state, saved by `db.snapshot()`. Tests of the same process can begin with copies of it. */
export interface DatabaseSnapshot {
  readonly key: string
  /** The version that the database had. */
  readonly version: Version
}

export interface MigratedDatabaseOptions<Client> extends Pick<MigratorOptions, 'outOfOrder' | 'onEvent'> {
  /** The server, made by a preset: `postgres()`, `pglite()`. */
  readonly server: TestServer<Client>
  /**
   * The migrations folder, or a source such as `memory({ … })`. Default: the folder that the project's own tool names
   * (`prisma.config.ts`, `drizzle.config.ts`, `supabase/config.toml`, …), looked for in the working directory.
   */
  readonly migrations?: string | URL | Source
  /** Name of our version table, if the app looks at it; default `schema_migrations`. */
  readonly table?: string
  /**
   * PostgreSQL: the schema of our own tables. Default: the connection's current schema; for a folder of another tool
   * `migratest`, where its migrations do not meet them.
   */
  readonly schema?: string
  /** The version at which the test begins; default `'latest'`. */
  readonly version?: Target
  /**
   * Rows to insert each time the database passes a version on its way up: `{ 2: 'insert into …' }`, or
   * `{ '20240612_split_names': … }`.
   */
  readonly seeds?: Readonly<Record<Version, Seed>>
  /**
   * Fills the database at the test's `version`, after the seeds: factories, an ORM's own seeding, many rows. It is a
   * function, or a file, given by its path (relative to the working directory) or URL: a module whose default export is
   * the function, or SQL. It runs once for all test files until its text, a value that it uses, or something that it
   * imports changes; a function that remembers what it did runs once in each test file. All tests get copies of the
   * result, so it must end every connection that it opens. Random values are the same in all copies. Without snapshots
   * it runs for every database.
   */
  readonly prepare?: string | URL | ((db: SeedTarget<Client>) => Promise<unknown> | unknown)
  /**
   * Returns the state that the test begins with, saved by `db.snapshot()` in an earlier test of the file. Excludes
   * `version`, `seeds` and `prepare`.
   */
  readonly from?: () => DatabaseSnapshot | undefined
  /**
   * `false` to make every database by running its migrations. By default, a database that was already made from the
   * same texts and seeds at that version is copied. With `onEvent` the migrations always run.
   */
  readonly snapshots?: boolean
  /**
   * The thing that each test has to itself. `database` (default): a database; `transaction`: a transaction that is rolled back,
   * in one database for all tests of a file, for tests that only query; `server`: a server started on demand, for
   * migrations that change what all databases of a server share.
   */
  readonly isolation?: 'database' | 'transaction' | 'server'
  /**
   * The databases of failed tests that stay on the server: the `newest` ones among all tests (default 3), each for so many
   * `minutes` (default 60). `false` keeps none; it is the default if `CI` is set.
   */
  readonly keepFailed?: false | { readonly newest?: number; readonly minutes?: number }
}
