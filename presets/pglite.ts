/**
 * Preset for PostgreSQL in this process, through PGlite: nothing to start, one connection, some types and extensions
 * missing.
 */
import type { PGlite, PGliteOptions } from '@electric-sql/pglite'
import { initTexts } from '../src/testing/given.ts'
import { pgliteServer } from '../src/testing/server/pgliteServer.ts'
import type { TestServer } from '../src/testing/testServer.ts'

export interface PgliteOptions {
  /** PGlite extensions, such as `{ vector }`. The migrations create them in the database. */
  readonly extensions?: PGliteOptions['extensions']
  /** SQL text, or SQL files, to run in each database before the migrations. */
  readonly init?: string | URL | readonly (string | URL)[]
}

/**
 * Returns a PGlite server. It is never chosen automatically, because it differs from a real server: a test has to
 * request it.
 */
export function pglite(options: PgliteOptions = {}): TestServer<PGlite> {
  return pgliteServer({
    extensions: options.extensions,
    init: () => initTexts(options.init),
  })
}
