/** Creates, copies, marks, lists and drops databases of a server, and finds out who is connected to them. */
import { crc32 } from 'node:zlib'
import type { Client, QueryResultRow } from 'pg'
import { identifier, literal } from './tables.ts'

/** A connection of an administrator. */
export interface Admin {
  query<T extends QueryResultRow>(sql: string, params?: readonly unknown[]): Promise<{ rows: T[] }>
}

/**
 * Makes an Admin of a connection that is kept open. It only keeps the process running while a query runs, so an
 * otherwise finished process can end.
 */
export function heldAdmin(client: Client): Admin {
  let running = 0
  // Queries run one after another: many tests ask at once, and the client does not queue for them.
  let last: Promise<unknown> = Promise.resolve()
  letEnd(client)
  return {
    async query<T extends QueryResultRow>(sql: string, params: readonly unknown[] = []) {
      if (running++ === 0) keepAlive(client)
      // With a name, the server plans it once: sessions are listed after each test.
      const name = params.length > 0 ? `migratest_${crc32(sql)}` : undefined
      const query = last.then(() => client.query<T>({ text: sql, values: [...params], ...(name && { name }) }))
      last = query.catch(() => undefined)
      try {
        return await query
      } finally {
        if (--running === 0) letEnd(client)
      }
    },
  }
}

/** Lets the process end although this idle connection is open. */
export function letEnd(client: Client): void {
  streamOf(client).unref?.()
}

export function keepAlive(client: Client): void {
  streamOf(client).ref?.()
}

/** Makes an Admin of a connection that is opened for some work and closed after it. */
export function briefAdmin(client: Client): Admin {
  return { query: (sql, params = []) => client.query(sql, [...params]) }
}

/** How to copy a database. Only PostgreSQL 15 and later have the choice; earlier versions always copy files. */
export type Strategy = 'FILE_COPY' | 'WAL_LOG'

export interface CreateOptions {
  /** Database to copy, to which nobody may be connected. Default `template0`, which has no additions by anybody. */
  readonly template?: string
  /** Copying files is faster than logging pages, but the whole server is flushed first. */
  readonly strategy?: Strategy | undefined
  /** `true` if nobody may connect to it; it can still be copied. */
  readonly closed?: boolean
}

export async function createDatabase(admin: Admin, name: string, options: CreateOptions = {}): Promise<void> {
  const template = identifier(options.template ?? 'template0')
  const strategy = options.strategy ? ` STRATEGY ${options.strategy}` : ''
  const closed = options.closed ? ' ALLOW_CONNECTIONS false' : ''
  await admin.query(`CREATE DATABASE ${identifier(name)} TEMPLATE ${template}${strategy}${closed}`)
}

export async function renameDatabase(admin: Admin, name: string, to: string): Promise<void> {
  await admin.query(`ALTER DATABASE ${identifier(name)} RENAME TO ${identifier(to)}`)
}

/**
 * Returns whether a copy of the database, with its settings, would be identical and can be made at once. Copying waits
 * for connected sessions; slots, subscriptions and labels are not copied; a comment would be in the place of ours.
 */
export async function canBeCopied(admin: Admin, name: string): Promise<{ whole: boolean; sizeBytes: number }> {
  const { rows } = await admin.query<{ whole: boolean; size: string }>(
    `SELECT pg_database_size(oid) AS size,
       NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid) AND NOT EXISTS (SELECT FROM pg_prepared_xacts x WHERE x.database = d.datname)
       AND NOT EXISTS (SELECT FROM pg_replication_slots r WHERE r.database = d.datname) AND NOT EXISTS (SELECT FROM pg_shseclabel l WHERE l.objoid = d.oid AND l.classoid = 'pg_database'::regclass)
       AND shobj_description(oid, 'pg_database') IS NULL AND NOT EXISTS (SELECT FROM pg_subscription b WHERE b.subdbid = d.oid) AS whole
     FROM pg_database d WHERE datname = ${literal(name)}`,
  )
  return { whole: rows[0]?.whole ?? false, sizeBytes: Number(rows[0]?.size ?? 0) }
}

/** Ends every session on the database, then drops it. A missing database is not an error. */
export async function dropDatabase(admin: Admin, name: string): Promise<void> {
  await admin.query(`DROP DATABASE IF EXISTS ${identifier(name)} WITH (FORCE)`)
}

/** Drops a database. @throws the server's error if somebody is connected */
export async function dropIfUnused(admin: Admin, name: string): Promise<void> {
  await admin.query(`DROP DATABASE IF EXISTS ${identifier(name)}`)
}

/** Sets the database's comment, which lists show; null removes it. */
export async function commentOn(admin: Admin, name: string, comment: string | null): Promise<void> {
  await admin.query(`COMMENT ON DATABASE ${identifier(name)} IS ${literal(comment)}`)
}

export interface FoundDatabase {
  readonly name: string
  readonly oid: number
  readonly comment: string
  /** Number of sessions connected to it. */
  readonly connections: number
  /** `false` if dropping it was interrupted: it can only be dropped. */
  readonly valid: boolean
}

/** Lists the databases whose names begin with `prefix`, oldest first. */
export async function listDatabases(admin: Admin, prefix: string): Promise<FoundDatabase[]> {
  const { rows } = await admin.query<Omit<FoundDatabase, 'oid'> & { oid: string }>(
    `SELECT datname AS name, oid::text, coalesce(shobj_description(oid, 'pg_database'), '') AS comment, datconnlimit <> -2 AS valid,
       (SELECT count(*)::int FROM pg_stat_activity a WHERE a.datid = d.oid) AS connections
     FROM pg_database d WHERE starts_with(datname, ${literal(prefix)}) ORDER BY d.oid`,
  )
  return rows.map((row) => ({ ...row, oid: Number(row.oid) }))
}

/** Returns the size in bytes on disk; 0 if the database is gone. */
export async function sizeOf(admin: Admin, name: string): Promise<number> {
  const { rows } = await admin.query<{ size: string }>(
    `SELECT pg_database_size(oid) AS size FROM pg_database WHERE datname = ${literal(name)}`,
  )
  return Number(rows[0]?.size ?? 0)
}

export interface SessionOn {
  readonly pid: number
  readonly application: string
  /** State of the session: `active`, `idle`, `idle in transaction`, … */
  readonly state: string
  /** Text of the last statement. */
  readonly query: string
}

export async function sessionsOn(admin: Admin, name: string): Promise<SessionOn[]> {
  // The view requires more privileges.
  const { rows } = await admin.query<SessionOn & QueryResultRow>(
    `SELECT pid, application_name AS application, coalesce(state, '') AS state, left(query, 200) AS query
     FROM pg_stat_get_activity(NULL) WHERE datid = (SELECT oid FROM pg_database WHERE datname = $1) AND backend_type <> 'autovacuum worker' ORDER BY backend_start`,
    [name],
  )
  return rows
}

export async function endSession(admin: Admin, pid: number): Promise<void> {
  await admin.query('SELECT pg_terminate_backend($1)', [pid])
}

// --- internal ---

function streamOf(client: Client): { ref?(): void; unref?(): void } {
  return (client as unknown as { connection: { stream: { ref?(): void; unref?(): void } } }).connection.stream
}
