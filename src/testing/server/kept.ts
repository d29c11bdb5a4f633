/** Lists and removes kept test databases, on our servers on demand or on a server given by its URL. */

import { URL } from 'node:url'
import { UsageError } from '../../migrate/errors.ts'
import { listServers } from '../../server/found.ts'
import { dialectOf, serverKindOf } from '../../server/kinds.ts'
import type { Dialect } from '../../sql/dialect.ts'
import type { About } from '../testServer.ts'
import type { Administered, Administration } from './administration.ts'
import { readMark } from './marks.ts'
import { mysqlAdministration } from './mysql/administration.ts'
import { postgresAdministration } from './postgres/administration.ts'

export interface KeptDatabase extends About {
  readonly name: string
  /** The time when it was kept; `undefined` if unknown. */
  readonly keptAt: Date | undefined
  /** The time after which it is dropped; `undefined` if it stays until its server goes. */
  readonly until: Date | undefined
  readonly sizeBytes: number
  /** The number of sessions connected to it. */
  readonly connections: number
  /** The database's URL, including the server's password. */
  readonly url: string
  /** The server's name, such as `PostgreSQL in Docker (postgres:18)`. */
  readonly server: string
}

/**
 * Lists the kept databases, oldest first.
 * @param url a server's URL; if `undefined`, `MIGRATEST_SERVER_URL` (if it is set) and all our servers on demand
 * @throws UsageError if that is not a URL
 */
export async function listKept(url: string | undefined): Promise<KeptDatabase[]> {
  const named = url ?? process.env.MIGRATEST_SERVER_URL
  const given = named === undefined ? undefined : administered(named).plainUrl(named)
  const onDemand = url === undefined ? await listServers() : []
  const lists = await Promise.all([
    ...(given === undefined ? [] : [keptOn({ url: given, name: hostOf(given) })]),
    // A server that stops at this moment takes its databases with it.
    ...onDemand.map((server) => keptOn(server).catch(() => [])),
  ])
  return lists.flat().sort((a, b) => (a.keptAt?.getTime() ?? 0) - (b.keptAt?.getTime() ?? 0))
}

/**
 * Finds a kept database by its name; without a name, the only one that is kept.
 * @throws UsageError
 */
export function findKept(all: readonly KeptDatabase[], name: string | undefined): KeptDatabase {
  const found =
    all.find((database) => database.name === name) ?? (name === undefined && all.length === 1 ? all[0] : undefined)
  if (found) return found
  const names = all.map((database) => database.name).join(', ')
  throw new UsageError(name === undefined ? 'Which database?' : `No test database ${name} is kept.`, {
    hint: names ? `Kept: ${names}.` : 'A test keeps its database with db.keep().',
  })
}

/** Drops those of the databases that nobody is connected to. */
export async function removeKept(databases: readonly KeptDatabase[]): Promise<void> {
  for (const { url, name } of databases) await onServer(url, (server) => server.dropIfUnused(name))
}

// --- internal ---

/**
 * Returns the host of a server's URL.
 * @throws UsageError, whose message leaves out the URL because it may contain a password
 */
function hostOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed) return parsed.host
  throw new UsageError("The server's URL is not a URL.", { hint: 'It looks like postgres://user:password@host:5432' })
}

async function keptOn(server: { readonly url: string; readonly name: string }): Promise<KeptDatabase[]> {
  return onServer(server.url, async (admin) => {
    const all: KeptDatabase[] = []
    for (const { name, comment, connections } of await admin.list('migratest_')) {
      const mark = readMark(comment)
      if (mark?.kind !== 'kept') continue
      const url = new URL(server.url)
      url.pathname = `/${name}`
      const { test, file, version } = mark
      const [keptAt, until] = [dateOf(mark.at), dateOf(mark.until)]
      const sizeBytes = await admin.sizeOf(name)
      all.push({ name, test, file, version, keptAt, until, sizeBytes, connections, url: url.href, server: server.name })
    }
    return all
  })
}

function dateOf(iso: string | undefined): Date | undefined {
  const date = new Date(iso ?? '')
  return Number.isNaN(date.getTime()) ? undefined : date
}

const ADMINISTERED: Readonly<Record<Dialect, Administered>> = {
  postgres: postgresAdministration,
  mysql: mysqlAdministration,
}

function administered(url: string): Administered {
  return ADMINISTERED[dialectOf(serverKindOf(url) ?? 'postgres')]
}

async function onServer<T>(url: string, work: (server: Administration) => Promise<T>): Promise<T> {
  const server = await administered(url).open(url)
  try {
    return await work(server)
  } finally {
    await server.close()
  }
}
