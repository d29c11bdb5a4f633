/** The options of a test's database: its server, its migrations, the version it begins at, and the rows it begins with. */
import type { MigratorOptions } from '../../migrate/migrator.ts'
import type { Source } from '../../migrate/source.ts'
import type { Target } from '../../migrate/version.ts'
import type { Dialect } from '../../sql/dialect.ts'
import type { Row, TestServer } from '../testServer.ts'

/** Rows by table: `{ users: [{ name: 'Ada' }] }`. */
export type SeedRows = Readonly<Record<string, readonly object[]>>

/** The database as a seed function gets it. With `isolation: 'transaction'` no test has that database yet. */
export interface SeedTarget<Client = unknown> {
  readonly dialect: Dialect
  /** The client library's own client, connected. */
  readonly client: Client
  /** Runs SQL on `client` and gives the rows. */
  query<T extends object = Row>(sql: string, params?: readonly unknown[]): Promise<T[]>
}

/** SQL, rows by table, or a function. */
// biome-ignore lint/suspicious/noExplicitAny: a seed takes a client of whatever library its test has
export type Seed<Client = any> = string | SeedRows | ((db: SeedTarget<Client>) => Promise<unknown> | unknown)

export interface MigratedDatabaseOptions<Client> extends Pick<MigratorOptions, 'outOfOrder' | 'onEvent'> {
  /** From a preset: `postgres()`, `pglite()`. */
  readonly server: TestServer<Client>
  /** A folder, or a source such as `memory({ … })`. */
  readonly migrations: string | URL | Source
  /** Where the test begins; default `'latest'`. */
  readonly version?: Target
  /** Rows that are put in each time the database passes a version on its way up: `{ 2: 'insert into …' }`. */
  readonly seeds?: Readonly<Record<number, Seed>>
  /**
   * `false`: every database is made by running its migrations. Default: a database at a version that was made before from
   * the same texts and seeds is copied. With `onEvent` they always run.
   */
  readonly snapshots?: boolean
  /**
   * What a test has for itself. `database` (default); `transaction`: one database for all tests of a file, each in a
   * transaction that is rolled back, for tests that only query; `server`: a server on demand, for migrations that change
   * what all databases of a server share.
   */
  readonly isolation?: 'database' | 'transaction' | 'server'
  /**
   * Databases of failed tests that stay on the server: the newest of all (default 3), for so long (default 60
   * minutes). `false`: none; the default under `CI`.
   */
  readonly keepFailed?: false | { readonly newest?: number; readonly minutes?: number }
}
