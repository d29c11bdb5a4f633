/** Asks a server that starts or is to stop. */
import { connect } from 'node:net'

/** Returns `true` if the server at this URL answers a query; accepting a connection is not enough. */
export async function answers(url: string): Promise<boolean> {
  return (await errorOf(url)) === undefined
}

/** Returns why the server at this URL does not answer a query, or `undefined` if it does. */
export async function errorOf(url: string): Promise<Error | undefined> {
  try {
    await withClient(url, 2000, (query) => query('SELECT 1'))
    return undefined
  } catch (error) {
    return error as Error
  }
}

/** Returns whether a server is there and refuses the password. */
export function isRefusal(error: Error): boolean {
  return /^(?:28P01|28000|ER_ACCESS_DENIED_ERROR)$/.test(String((error as { code?: unknown }).code))
}

/**
 * Returns `true` if a server says anything at this URL's port. It costs a tenth of `answers`, for a port that Docker has
 * opened: behind it, for most of the start, nobody listens.
 */
export function speaks(url: string): Promise<boolean> {
  const { hostname, port, protocol } = new URL(url)
  return new Promise((resolve) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port), timeout: 2000 })
    const end = (said: boolean) => {
      socket.destroy()
      resolve(said)
    }
    // MySQL speaks first; PostgreSQL says whether it wants SSL.
    if (/^postgres/.test(protocol)) socket.once('connect', () => socket.write(SSL_REQUEST))
    socket.once('data', () => end(true))
    for (const event of ['error', 'close', 'timeout']) socket.once(event, () => end(false))
  })
}

/** Returns `true` if another client is connected. */
export async function isUsed(url: string): Promise<boolean> {
  let count = 0
  await withClient(url, 2000, async (query) => {
    const result = await query(
      /^postgres/.test(url)
        ? "SELECT count(*)::int AS n FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        : "SELECT count(*) - 1 AS n FROM information_schema.processlist WHERE user NOT IN ('event_scheduler', 'system user')",
    )
    const rows = (Array.isArray(result) ? result[0] : (result as { rows: unknown }).rows) as { n: number | string }[]
    count = Number(rows[0]?.n)
  }).catch(() => undefined)
  return count > 0
}

/** Runs SQL as the administrator. */
export async function runSetup(url: string, setup: readonly string[]): Promise<void> {
  if (setup.length === 0) return
  await withClient(url, 15_000, async (query) => {
    for (const sql of setup) await query(sql)
  })
}

// --- internal ---

/** The message of PostgreSQL's protocol: its length and a code. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])

type Query = (sql: string) => Promise<unknown>

async function withClient(url: string, timeoutMs: number, work: (query: Query) => Promise<unknown>): Promise<void> {
  const { query, end } = /^postgres/.test(url)
    ? await postgresClient(url, timeoutMs)
    : await mysqlClient(url, timeoutMs)
  try {
    await work(query)
  } finally {
    await end().catch(() => undefined)
  }
}

async function postgresClient(url: string, timeoutMs: number) {
  const { loadPg } = await import('../database/postgres/connection.ts')
  const { Client } = await loadPg()
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: timeoutMs,
    application_name: 'migratest',
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch (error) {
    await client.end().catch(() => undefined)
    throw error
  }
  return { query: (sql: string) => client.query(sql), end: () => client.end() }
}

async function mysqlClient(url: string, timeoutMs: number) {
  const { loadMysql } = await import('../database/mysql/connection.ts')
  const { createConnection } = await loadMysql()
  const client = await createConnection({ uri: url, connectTimeout: timeoutMs })
  client.on('error', () => undefined)
  return { query: (sql: string) => client.query(sql), end: () => client.end() }
}
