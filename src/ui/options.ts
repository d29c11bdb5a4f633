/** The page's server is opened with these options of a project. */
import type { OpenOptions } from '../database/kind.ts'
import type { MigratorOptions } from '../migrate/migrator.ts'
import type { Source } from '../migrate/source.ts'
import type { Dialect } from '../sql/dialect.ts'
import type { TestServer } from '../testing/testServer.ts'
import type { Job } from '../watch/watcher.ts'
import type { FindingsDocument, UiState } from './protocol.ts'

/** Runs `verify`. @throws what prevents that */
export type Verify = (hooks: {
  onCheck(check: { readonly name: string }, done: number, all: number): void
  onChecked(report: { readonly ok: boolean }): void
  isStopped(): boolean
}) => Promise<FindingsDocument>

export interface InspectorOptions {
  /** Opens the folder. Called once. */
  readonly source: () => Promise<Source>
  /** The folder as the user named it. */
  readonly folder: string
  readonly dialect: Dialect
  /** URL of the database; undefined to show the folder alone. */
  readonly url: string | undefined
  readonly open: OpenOptions
  readonly migrator: Omit<MigratorOptions, 'source' | 'database' | 'onEvent'>
  /** The server, such as "PostgreSQL 18.4 embedded"; empty if the database was named. */
  readonly server: string
  readonly mode: UiState['mode']
  /** Reason for changing nothing; undefined if the user asked for that, or if there is a watch. */
  readonly why?: string | undefined
  /** Returns the server on which the schemas of versions are made. */
  readonly testServer: () => Promise<TestServer<unknown>>
  /** Runs all checks of `verify`, on test databases only; undefined where that cannot be done. */
  readonly verify?: Verify | undefined
  /** Gives the watch a job; undefined if there is no watch. */
  readonly act?: ((job: Job) => void) | undefined
}
