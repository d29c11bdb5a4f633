/** Test databases that were kept: on the servers that run on demand here, or on one by its URL. */
import { type Admin, briefAdmin, dropIfUnused, type Kept, listKeptDatabases } from '../database/postgres/cluster.ts'
import { connect } from '../database/postgres/connection.ts'
import { UsageError } from '../migrate/errors.ts'
import { listServers } from '../server/found.ts'
import { serverUrl } from './anyServer.ts'

export interface KeptDatabase extends Kept {
  /** With the server's password. */
  readonly url: string
  /** As `PostgreSQL in Docker (postgres:18)`. */
  readonly server: string
}

/** @param url of a server; undefined: `MIGRATEST_SERVER_URL` where it is set, and all servers on demand */
export async function listKept(url: string | undefined): Promise<KeptDatabase[]> {
  const given = url ?? serverUrl()
  const onDemand = url === undefined ? await listServers() : []
  const lists = await Promise.all([
    ...(given === undefined ? [] : [keptOn({ url: given, name: hostOf(given) })]),
    // One that stops just now takes its databases with it.
    ...onDemand.map((server) => keptOn(server).catch(() => [])),
  ])
  return lists.flat()
}

/** Those that nobody is connected to. */
export async function removeKept(databases: readonly KeptDatabase[]): Promise<void> {
  for (const { url, name } of databases) await onServer(url, (admin) => dropIfUnused(admin, name))
}

// --- internal ---

/** @throws UsageError, without the URL, which may hold a password */
function hostOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed) return parsed.host
  throw new UsageError("The server's URL is not a URL.", { hint: 'It looks like postgres://user:password@host:5432' })
}

async function keptOn(server: { readonly url: string; readonly name: string }): Promise<KeptDatabase[]> {
  const found = await onServer(server.url, listKeptDatabases)
  return found.map((kept) => {
    const url = new URL(server.url)
    url.pathname = `/${kept.name}`
    return { ...kept, url: url.href, server: server.name }
  })
}

async function onServer<T>(url: string, work: (admin: Admin) => Promise<T>): Promise<T> {
  const administration = new URL(url)
  administration.pathname = '/postgres'
  const client = await connect(administration.href)
  try {
    return await work(briefAdmin(client))
  } finally {
    await client.end()
  }
}
