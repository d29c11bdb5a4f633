/** The servers that specifications run on. In CI none may be missing that CI promises to have. */
import { describe, inject } from 'vitest'
import { mariadb } from '../../presets/mariadb.ts'
import { mysql } from '../../presets/mysql.ts'
import { pglite } from '../../presets/pglite.ts'
import { postgres } from '../../presets/postgres.ts'
import type { ServerKind } from '../../src/server/kinds.ts'
import type { From } from '../../src/server/request.ts'
import type { TestServer } from '../../src/testing/testServer.ts'

/** One specification, run on each kind of server that is here; the others are skipped with their reason in the name. */
export function describeOnServers<F extends From>(
  froms: readonly F[],
  name: string,
  specification: (from: F) => void,
  kind: ServerKind = 'postgres',
): void {
  for (const from of froms) {
    const missing = missingOf(kind, (server) => server === from)
    const run = () => specification(from)
    if (missing === undefined) describe(`${name} (${from})`, run)
    else describe.skip(`${name} (${from}: ${missing})`, run)
  }
}

/** The server most specifications run on: whichever this machine has. */
export const anyPostgres = postgres()
const anyMysql = mysql()
const anyMariadb = mariadb()

/** A database, and its own SQL for what each test says. */
export interface Dialected {
  readonly name: 'PostgreSQL' | 'PGlite' | 'MySQL' | 'MariaDB'
  readonly server: TestServer<unknown>
  /** The same, with SQL that is run in each database first. */
  readonly withInit: (init: string) => TestServer<unknown>
  readonly mysql: boolean
  /** A column that numbers its rows. */
  readonly id: string
  /** The first parameter of a query. */
  readonly parameter: string
}

const POSTGRES = { mysql: false, id: 'id serial primary key', parameter: '$1' }
const MYSQL = { mysql: true, id: 'id int primary key auto_increment', parameter: '?' }

const DATABASES: readonly Dialected[] = [
  {
    name: 'PostgreSQL',
    server: anyPostgres as TestServer<unknown>,
    withInit: (init) => postgres({ init }) as TestServer<unknown>,
    ...POSTGRES,
  },
  {
    name: 'PGlite',
    server: pglite() as TestServer<unknown>,
    withInit: (init) => pglite({ init }) as TestServer<unknown>,
    ...POSTGRES,
  },
  {
    name: 'MySQL',
    server: anyMysql as TestServer<unknown>,
    withInit: (init) => mysql({ init }) as TestServer<unknown>,
    ...MYSQL,
  },
  {
    name: 'MariaDB',
    server: anyMariadb as TestServer<unknown>,
    withInit: (init) => mariadb({ init }) as TestServer<unknown>,
    ...MYSQL,
  },
]

/** One specification, run on each of these databases; those without a server here are skipped with the reason. */
export function describeOnDatabases(
  names: readonly Dialected['name'][],
  specification: (database: Dialected) => void,
): void {
  for (const database of DATABASES.filter(({ name }) => names.includes(name))) {
    const { name } = database
    const kind = name === 'MySQL' ? 'mysql' : name === 'MariaDB' ? 'mariadb' : undefined
    const missing = kind && missingOf(kind, () => true)
    if (missing === undefined) describe(name, () => specification(database))
    else describe.skip(`${name} (${missing})`, () => specification(database))
  }
}

// --- internal ---

/** Returns why there is none of those; undefined where there is one, or where CI promises it. */
function missingOf(kind: ServerKind, wanted: (from: From) => boolean): string | undefined {
  const found = inject('servers').filter((server) => server.kind === kind && wanted(server.from))
  if (found.some(({ missing }) => missing === undefined)) return undefined
  if (process.env.CI === 'true' && found.some(({ from }) => from !== 'installed')) return undefined
  return found.map(({ missing }) => missing).join('; ')
}
