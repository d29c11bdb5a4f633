/** Databases of a PostgreSQL server: making, copying, renaming, dropping them, and ending their sessions. */
import type { Client } from 'pg'
import { identifier, literal } from './tables.ts'

export interface CreateOptions {
  /** Copies this database; nobody may be connected to it. Default `template0`, which nobody's additions reach. */
  readonly template?: string
  readonly owner?: string
}

export async function createDatabase(admin: Client, name: string, options: CreateOptions = {}): Promise<void> {
  const owner = options.owner ? ` OWNER ${identifier(options.owner)}` : ''
  await admin.query(`CREATE DATABASE ${identifier(name)} TEMPLATE ${identifier(options.template ?? 'template0')}${owner}`)
}

/** Ends every session on it first. A database that is not there is fine. */
export async function dropDatabase(admin: Client, name: string): Promise<void> {
  await admin.query(`DROP DATABASE IF EXISTS ${identifier(name)} WITH (FORCE)`)
}

/** Names that begin with `prefix`, oldest first. */
export async function listDatabases(admin: Client, prefix: string): Promise<string[]> {
  const { rows } = await admin.query<{ datname: string }>(
    `SELECT datname FROM pg_database WHERE starts_with(datname, ${literal(prefix)}) ORDER BY oid`,
  )
  return rows.map((row) => row.datname)
}
