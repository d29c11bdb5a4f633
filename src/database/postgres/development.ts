/** A PostgreSQL database used for development: migrated, read, and locked against a second watch. */

import { createHash } from 'node:crypto'
import { URL } from 'node:url'
import type { Client } from 'pg'
import { MigrationFailedError, ScriptError, type StatementError } from '../../migrate/errors.ts'
import { NEVER } from '../../migrate/never.ts'
import { readScript } from '../../sql/script.ts'
import { decoded } from '../address.ts'
import {
  AlreadyWatchedError,
  type DevelopmentDatabase,
  type Fallback,
  type Marker,
  withTwoSessions,
} from '../development.ts'
import { notOfTheSchema, ownTables } from '../ownTables.ts'
import type { ConnectOptions } from './address.ts'
import { readSchema } from './catalog.ts'
import { connect, openUrl } from './connection.ts'
import { type Admin, briefAdmin, createDatabase, dropDatabase, renameDatabase } from './databases.ts'
import { type PostgresDriverOptions, postgresDriver } from './driver.ts'
import { createSchema } from './drop.ts'
import { asStatementError, isMissingTable } from './failure.ts'
import { holderOf } from './lock.ts'
import { developmentTables } from './rows/development.ts'
import { postgresRows } from './rows/keeper.ts'
import { ScriptFailure, type Session } from './session.ts'
import { readSessionSettings } from './sessionSettings.ts'
import { readShape } from './shape.ts'
import { literal, tablesIn } from './tables.ts'

export async function openPostgresDevelopment(
  url: string,
  options: PostgresDriverOptions & ConnectOptions = {},
): Promise<DevelopmentDatabase> {
  return withTwoSessions(
    () => openUrl(url, options),
    (session, second) => opened(url, options, session, second),
  )
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

export function postgresFallback(url: string, options: ConnectOptions): Fallback {
  return new Copy(url, options)
}

// --- internal ---
/** Lock key that differs from golang-migrate's: any number that is the same in all watches. */
const WATCH_KEY = 723401728

async function opened(
  url: string,
  options: PostgresDriverOptions & ConnectOptions,
  session: Session,
  second: Session,
): Promise<DevelopmentDatabase> {
  const driver = await postgresDriver(session, { ...options, keepTables: ownTables(options.table) })
  const { schema, restore } = await readSessionSettings(session, ownTables(options.table)[0])
  const tables = tablesIn(options.schema ?? schema ?? 'public', options.table)
  const own = developmentTables(tables, options.hidden?.tables)
  const both = [session, second].map(
    ({ client }) => new Promise<void>((resolve) => (client as Client).once('end', resolve)),
  )
  return {
    driver,
    rows: postgresRows(session, tables, options.hidden?.tables),
    schema: () => readSchema(second, { exclude: notOfTheSchema(options.table, options.hidden), keep: true }),
    shape: () => readShape(session, [...own.own, ...(options.hidden?.tables ?? [])]),
    stamp: async () => String((await second.query(STAMP))[0]?.stamp),
    async watch() {
      const [row] = await second.query(`SELECT pg_try_advisory_lock(${WATCH_KEY}::bigint) AS locked`)
      if (!row?.locked) throw new AlreadyWatchedError(session.label, await holderOf(second, [BigInt(WATCH_KEY)]))
      await session.script(`${createSchema(tables.schema)}\n${own.create}\n${own.upgrade}`, NEVER)
    },
    async run(sql, file) {
      const script = readScript(sql, 'postgres')
      const before = 'BEGIN;\n'
      try {
        if (script.problem) {
          const { message, start, end, hint } = script.problem
          throw new ScriptError(message, { file, text: script.text, start, end }, hint)
        }
        await session.script(`${before}${script.text}\n;${restore}\nCOMMIT;`, NEVER)
      } catch (error) {
        await session.query('ROLLBACK').catch(() => undefined)
        if (!(error instanceof ScriptFailure)) throw error
        const at = error.completed - 1
        const sent = { sql: before + script.text, from: before.length, length: script.text.length }
        const { info } = asStatementError(error, at, sent) as StatementError
        const place = script.statements[at]
        const start = info.offset ?? place?.start
        const databaseState = 'It left no changes.'
        throw new MigrationFailedError({
          version: -1,
          file,
          text: script.text,
          start,
          end: place?.end,
          info,
          databaseState,
          cause: error,
        })
      }
    },
    async blockers() {
      const { processID } = session.client as unknown as { processID: number }
      const rows = await second.query(
        `SELECT a.pid, a.application_name AS name, a.usename AS user, a.state, left(a.query, 80) AS query FROM unnest(pg_blocking_pids($1)) b JOIN pg_stat_activity a ON a.pid = b WHERE b <> pg_backend_pid()`,
        [processID],
      )
      const said = rows.map(
        ({ pid, name, user, state, query }) =>
          `server process ${pid}${name ? ` "${name}"` : ''}, user ${user} (${state}): ${String(query).replaceAll(/\s+/g, ' ')}`,
      )
      return said.length > 0 ? said.join('; ') : undefined
    },
    async marker(): Promise<Marker> {
      const rows = await session
        .query(
          `SELECT value->>'environment' AS environment, value->'place' = ${PLACE} AS here FROM ${own.developmentTable} WHERE key = 'marker'`,
        )
        .catch((error) => (isMissingTable(error) ? [] : Promise.reject(error)))
      const [row] = rows
      if (!row) return { kind: 'none' }
      return { kind: 'marked', environment: String(row.environment), here: row.here === true }
    },
    async mark(environment) {
      await session.script(
        `${createSchema(tables.schema)}\n${own.create}
INSERT INTO ${own.developmentTable} (key, value) SELECT 'marker', jsonb_build_object('environment', ${literal(environment)}, 'place', ${PLACE}, 'at', now(), 'by', session_user)
ON CONFLICT (key) DO UPDATE SET value = excluded.value;`,
        NEVER,
      )
    },
    async effects() {
      const rows = await session
        .query(`SELECT value #>> '{}' AS text FROM ${own.developmentTable} WHERE key = 'effects'`)
        .catch((error) => (isMissingTable(error) ? [] : Promise.reject(error)))
      return rows[0] && String(rows[0].text)
    },
    async recordEffects(text) {
      await session.query(
        `INSERT INTO ${own.developmentTable} (key, value) VALUES ('effects', to_jsonb($1::text)) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
        [text],
      )
    },
    lost: Promise.race(both),
    fallback: postgresFallback(url, options),
    async close() {
      await driver.close()
      await second.close().catch(() => undefined)
    },
  }
}

/**
 * Hash of the versions (xmin) of the catalog rows of users' objects. It runs without jit, whose compiling would take
 * longer.
 */
const STAMP = `SELECT md5(coalesce(string_agg(o::text || ' ' || x, ',' ORDER BY o, x), '')) AS stamp FROM (${[
  ['pg_class', 'oid'],
  ['pg_attribute', 'attrelid'],
  ['pg_attrdef', 'oid'],
  ['pg_constraint', 'oid'],
  ['pg_index', 'indexrelid'],
  ['pg_proc', 'oid'],
  ['pg_type', 'oid'],
  ['pg_enum', 'oid'],
  ['pg_trigger', 'oid'],
  ['pg_rewrite', 'oid'],
  ['pg_policy', 'oid'],
  ['pg_namespace', 'oid'],
  ['pg_extension', 'oid'],
  ['pg_sequence', 'seqrelid'],
  ['pg_description', 'objoid'],
  ['pg_statistic_ext', 'oid'],
  ['pg_default_acl', 'oid'],
]
  .map(([catalog, oid]) => `SELECT ${oid} AS o, xmin::text AS x FROM ${catalog} WHERE ${oid} >= 16384`)
  .join(' UNION ALL ')}) rows`

/** Identity of a database. A copy of it elsewhere has another oid, or is on a server with another identifier. */
const PLACE = `(SELECT jsonb_build_object('system', (SELECT system_identifier::text FROM pg_control_system()), 'database', oid::text) FROM pg_database WHERE datname = current_database())`

/**
 * A copy that the server makes from files, while nobody may be connected. While it exists, a lock in another database
 * says that its maker is alive.
 */
class Copy implements Fallback {
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
