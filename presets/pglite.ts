/** PostgreSQL in this process, through PGlite: nothing to start, one connection, some types and extensions missing. */
import type { PGlite, PGliteOptions } from '@electric-sql/pglite'
import { initTexts } from '../src/testing/given.ts'
import { pgliteServer } from '../src/testing/server/pgliteServer.ts'
import type { TestServer } from '../src/testing/testServer.ts'

export interface PgliteOptions {
  /** As PGlite takes them: `{ vector }`. The migrations create them. */
  readonly extensions?: PGliteOptions['extensions']
  /** SQL, or files of it, run in each database before the migrations. */
  readonly init?: string | URL | readonly (string | URL)[]
}

/** Never a fallback: it is not the same as a server, so a test says that it is enough. */
export function pglite(options: PgliteOptions = {}): TestServer<PGlite> {
  return pgliteServer({
    extensions: options.extensions,
    init: () => initTexts(options.init),
  })
}
