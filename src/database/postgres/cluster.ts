/** Databases of a PostgreSQL server: making, keeping, listing, dropping them. */
import type { Client, QueryResultRow } from 'pg'
import { identifier, literal } from './tables.ts'

/** An administrator's connection. */
export interface Admin {
  query<T extends QueryResultRow>(sql: string, params?: readonly unknown[]): Promise<{ rows: T[] }>
}

/** For a connection that is held: it does not keep a finished process from ending, since it counts only while it works. */
export function heldAdmin(client: Client): Admin {
  const { stream } = (client as unknown as { connection: { stream: { ref?(): void; unref?(): void } } }).connection
  let running = 0
  // One after another: many tests ask at once, and the client does not queue for them.
  let last: Promise<unknown> = Promise.resolve()
  stream.unref?.()
  return {
    async query<T extends QueryResultRow>(sql: string, params: readonly unknown[] = []) {
      if (running++ === 0) stream.ref?.()
      const query = last.then(() => client.query<T>(sql, [...params]))
      last = query.catch(() => undefined)
      try {
        return await query
      } finally {
        if (--running === 0) stream.unref?.()
      }
    },
  }
}

/** For a connection that is opened for some work and closed behind it. */
export function briefAdmin(client: Client): Admin {
  return { query: (sql, params = []) => client.query(sql, [...params]) }
}

export interface CreateOptions {
  /** Copies this database; nobody may be connected to it. Default `template0`, which nobody's additions reach. */
  readonly template?: string
  /** Copies files instead of writing every page to the log: faster, but flushes the whole server first. From PostgreSQL 15 on. */
  readonly fileCopy?: boolean
  /** Nobody can connect to it; it can still be copied. */
  readonly closed?: boolean
}

export async function createDatabase(admin: Admin, name: string, options: CreateOptions = {}): Promise<void> {
  const template = identifier(options.template ?? 'template0')
  const strategy = options.fileCopy ? ' STRATEGY FILE_COPY' : ''
  const closed = options.closed ? ' ALLOW_CONNECTIONS false' : ''
  await admin.query(`CREATE DATABASE ${identifier(name)} TEMPLATE ${template}${strategy}${closed}`)
}

/** Larger ones are not worth the memory. */
const MOST_COPIED_BYTES = 64 * 2 ** 20

/**
 * Whether a copy of it would be the same, and can be made at once: what a database itself has (owner, settings, privileges,
 * slots) is not copied with it, and one that somebody is connected to would be waited for.
 */
export async function canBeCopied(admin: Admin, name: string): Promise<boolean> {
  const { rows } = await admin.query<{ whole: boolean }>(
    `SELECT datacl IS NULL AND datdba = session_user::regrole AND datconnlimit = -1 AND pg_database_size(oid) < ${MOST_COPIED_BYTES}
       AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid) AND NOT EXISTS (SELECT FROM pg_prepared_xacts x WHERE x.database = d.datname)
       AND NOT EXISTS (SELECT FROM pg_replication_slots r WHERE r.database = d.datname) AND NOT EXISTS (SELECT FROM pg_shseclabel l WHERE l.objoid = d.oid AND l.classoid = 'pg_database'::regclass)
       AND NOT EXISTS (SELECT FROM pg_db_role_setting s WHERE s.setdatabase = d.oid)
       AND shobj_description(oid, 'pg_database') IS NULL AND NOT EXISTS (SELECT FROM pg_subscription b WHERE b.subdbid = d.oid) AS whole
     FROM pg_database d WHERE datname = ${literal(name)}`,
  )
  return rows[0]?.whole ?? false
}

/** Ends every session on it first. A database that is not there is fine. */
export async function dropDatabase(admin: Admin, name: string): Promise<void> {
  await admin.query(`DROP DATABASE IF EXISTS ${identifier(name)} WITH (FORCE)`)
}

/** @throws the server's error where somebody is connected */
export async function dropIfUnused(admin: Admin, name: string): Promise<void> {
  await admin.query(`DROP DATABASE IF EXISTS ${identifier(name)}`)
}

const KEPT = 'migratest: kept'

/** Marks a database, with the time, so that {@link listDatabases} passes it over. */
export async function keepDatabase(admin: Admin, name: string): Promise<void> {
  await admin.query(`COMMENT ON DATABASE ${identifier(name)} IS ${literal(`${KEPT} ${new Date().toISOString()}`)}`)
}

export interface Kept {
  readonly name: string
  /** Undefined where it is not known. */
  readonly keptAt: Date | undefined
  readonly sizeBytes: number
  /** How many are connected to it. */
  readonly connections: number
}

/** Those that {@link keepDatabase} marked, oldest first. */
export async function listKeptDatabases(admin: Admin): Promise<Kept[]> {
  const { rows } = await admin.query<{ name: string; comment: string; size: string; connections: number }>(
    `SELECT datname AS name, shobj_description(oid, 'pg_database') AS comment, pg_database_size(oid) AS size,
       (SELECT count(*)::int FROM pg_stat_activity a WHERE a.datid = d.oid) AS connections
     FROM pg_database d WHERE starts_with(shobj_description(oid, 'pg_database'), ${literal(KEPT)}) ORDER BY oid`,
  )
  return rows.map(({ name, comment, size, connections }) => {
    const keptAt = new Date(comment.slice(KEPT.length).trim())
    return {
      name,
      keptAt: Number.isNaN(keptAt.getTime()) ? undefined : keptAt,
      sizeBytes: Number(size),
      connections,
    }
  })
}

/** Names that begin with `prefix`, without those that are to be kept, oldest first. */
export async function listDatabases(admin: Admin, prefix: string): Promise<string[]> {
  const { rows } = await admin.query<{ datname: string }>(
    `SELECT datname FROM pg_database WHERE starts_with(datname, ${literal(prefix)})
       AND NOT starts_with(COALESCE(shobj_description(oid, 'pg_database'), ''), ${literal(KEPT)}) ORDER BY oid`,
  )
  return rows.map((row) => row.datname)
}
