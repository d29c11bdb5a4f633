/** Copies of a development database, to which a watch goes back if a run fails that no transaction can take back. */
import { createHash } from 'node:crypto'
import { URL } from 'node:url'
import type { Client } from 'pg'
import { decoded } from '../address.ts'
import type { Fallback } from '../development.ts'
import type { ConnectOptions } from './address.ts'
import { connect } from './connection.ts'
import { type Admin, briefAdmin, createDatabase, dropDatabase, renameDatabase } from './databases.ts'
import { literal } from './tables.ts'

/** Lock key that differs from golang-migrate's: any number that is the same in all watches. */
export const WATCH_KEY = 723401728

/**
 * A copy that the server makes from files, while nobody may be connected. While it exists, a lock in another database
 * says that its maker is alive.
 */
export class DatabaseCopy implements Fallback {
  readonly alone = true
  readonly #url: string
  readonly #options: ConnectOptions
  #held: { client: Client; admin: Admin; name: string; copy: string } | undefined

  constructor(url: string, options: ConnectOptions) {
    this.#url = url
    this.#options = options
  }

  async take(): Promise<number> {
    const { admin, name, copy } = await this.#hold()
    await admin.query(`SELECT pg_advisory_lock(${WATCH_KEY}, hashtext(${literal(name)}))`)
    const ended = await endSessions(admin, name)
    await dropDatabase(admin, copy)
    // An incomplete copy must not be used, so the copy gets its final name when it is complete.
    await dropDatabase(admin, `${copy}~`)
    await createDatabase(admin, `${copy}~`, { template: name })
    await renameDatabase(admin, `${copy}~`, copy)
    return ended
  }

  async restore(): Promise<void> {
    const { admin, name, copy } = await this.#hold()
    // If this is interrupted, the copy still has its name and the next start turns it into the database.
    await dropDatabase(admin, name)
    await renameDatabase(admin, copy, name)
    await this.#release()
  }

  async drop(): Promise<void> {
    const { admin, copy } = await this.#hold()
    await dropDatabase(admin, copy)
    await this.#release()
  }

  async wasCutOff(): Promise<boolean> {
    const { admin, name, copy } = await this.#hold()
    const { rows } = await admin.query<{ locked: boolean; there: boolean }>(
      `SELECT pg_try_advisory_lock(${WATCH_KEY}, hashtext(${literal(name)})) AS locked, EXISTS (SELECT FROM pg_database WHERE datname = ${literal(copy)}) AS there`,
    )
    const cutOff = rows[0]?.locked === true && rows[0].there
    if (!cutOff) await this.#release()
    return cutOff
  }

  /** Opens a connection to another database of the same server. */
  async #hold() {
    if (this.#held) return this.#held
    const url = new URL(this.#url)
    const name = decoded(url.pathname.slice(1))
    url.pathname = name === 'postgres' ? '/template1' : '/postgres'
    const client = await connect(url.href, this.#options)
    const admin = briefAdmin(client)
    this.#held = { client, admin, name, copy: copyOf(name) }
    return this.#held
  }

  async #release(): Promise<void> {
    const held = this.#held
    this.#held = undefined
    await held?.client.end().catch(() => undefined)
  }
}

/** Creates the database on the server of that URL if it is missing. */
export async function createMissing(server: string, name: string): Promise<void> {
  const client = await connect(server)
  try {
    const admin = briefAdmin(client)
    const { rows } = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])
    // Do not create the database if its copy exists: an interrupted run left that copy, which is to become the database
    // again.
    const { rows: copies } = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [copyOf(name)])
    if (rows.length === 0 && copies.length === 0) await createDatabase(admin, name)
  } finally {
    await client.end().catch(() => undefined)
  }
}

// --- internal ---

/**
 * Returns the name of the copy. The server cuts names at 63 bytes, where they might collide with others, so long ones
 * are hashed.
 */
function copyOf(name: string): string {
  const whole = `${name}_before_watch`
  return Buffer.byteLength(whole) < 63
    ? whole
    : `${createHash('sha256').update(name).digest('hex').slice(0, 32)}_before_watch`
}

async function endSessions(admin: Admin, name: string): Promise<number> {
  const { rows } = await admin.query<{ ended: number }>(
    `SELECT count(pg_terminate_backend(pid))::int AS ended FROM pg_stat_activity WHERE datname = ${literal(name)} AND backend_type = 'client backend' AND pid <> pg_backend_pid()`,
  )
  return rows[0]?.ended ?? 0
}
