/** The common part of the MySQL and MariaDB presets. */
import type { Connection } from 'mysql2/promise'
import type { From } from '../../../server/request.ts'
import { initTexts } from '../../given.ts'
import type { TestServer } from '../../testServer.ts'
import { serverUrl } from '../serverUrl.ts'
import { mysqlServer } from './server.ts'

export interface MysqlOptions {
  /**
   * The server's version, such as '8.4', 9 or '10.11'. Default: the first that is found; in Docker, MySQL 9.7 or
   * MariaDB 11.8. A version that is not available is an error.
   */
  readonly version?: number | string
  /** The Docker image with its tag, such as `mysql:8.4-oracle`. */
  readonly image?: string
  /** The origin of the server; default `auto`: Docker, else a server installed on this machine. */
  readonly from?: Exclude<From, 'embedded'>
  /** An administrator's URL of a running server. Default: `MIGRATEST_SERVER_URL`, if it is a MySQL URL. */
  readonly url?: string
  /**
   * SQL to run once on the server, for users and other things that the migrations expect to exist. It must skip what
   * already exists.
   */
  readonly setup?: readonly string[]
  /** SQL, or SQL files, to run in each test database before the migrations. */
  readonly init?: string | URL | readonly (string | URL)[]
  /** Server settings, such as `{ 'lower-case-table-names': '1' }`. */
  readonly flags?: Readonly<Record<string, string>>
  /** Megabytes that snapshots may take on the server; default 512. The least recently used ones are dropped first. */
  readonly snapshotMegabytes?: number
  /** Minutes without a test after which the server stops; default 10, in CI a third of a minute. */
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
