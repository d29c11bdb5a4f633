/** What the presets of MySQL and MariaDB have in common. */
import type { Connection } from 'mysql2/promise'
import type { From } from '../../../server/request.ts'
import { initTexts } from '../../given.ts'
import type { TestServer } from '../../testServer.ts'
import { serverUrl } from '../anyServer.ts'
import { mysqlServer } from './server.ts'

export interface MysqlOptions {
  /** As '8.4', 9, '10.11'. Default: whatever comes first; in Docker 9.7 of MySQL, 11.8 of MariaDB. A version that cannot be had is an error. */
  readonly version?: number | string
  /** Docker image with tag, as `mysql:8.4-oracle`. */
  readonly image?: string
  /** Where it may come from; default `auto`: Docker, else a server installed here. */
  readonly from?: Exclude<From, 'embedded'>
  /** An administrator's URL of a server that runs. Default: the environment's MIGRATEST_SERVER_URL, if it is one of MySQL's. */
  readonly url?: string
  /** SQL run once on the server: users and other things that the migrations take for granted, made where they are missing. */
  readonly setup?: readonly string[]
  /** SQL, or files of it, run in each test database before the migrations. */
  readonly init?: string | URL | readonly (string | URL)[]
  /** Server settings, as `{ 'lower-case-table-names': '1' }`. */
  readonly flags?: Readonly<Record<string, string>>
  /** What snapshots may take on the server; default 512. The least lately used go first. */
  readonly snapshotMegabytes?: number
  /** Minutes without a test until the server stops by itself; default 10, in CI a third of a minute. */
  readonly idleMinutes?: number
}

export function mysqlPreset(kind: 'mysql' | 'mariadb', options: MysqlOptions): TestServer<Connection> {
  const { from = 'auto', version, image, flags = {}, setup = [], idleMinutes, snapshotMegabytes } = options
  return mysqlServer({
    url: options.url ?? serverUrl('mysql'),
    request: { kind, from, version, image, flags, setup },
    idleMs: idleMinutes === undefined ? undefined : idleMinutes * 60_000,
    extensions: [],
    snapshotBytes: snapshotMegabytes === undefined ? undefined : snapshotMegabytes * 2 ** 20,
    init: () => initTexts(options.init),
  })
}
