/** A PostgreSQL database used for development: migrated, read, and locked against a second watch. */

import type { Client } from 'pg'
import { MigrationFailedError, ScriptError, type StatementError } from '../../migrate/errors.ts'
import { NEVER } from '../../migrate/never.ts'
import { readScript } from '../../sql/script.ts'
import { AlreadyWatchedError, type DevelopmentDatabase, type Marker, withTwoSessions } from '../development.ts'
import { notOfTheSchema, ownTables } from '../ownTables.ts'
import type { ConnectOptions } from './address.ts'
import { readSchema } from './catalog/catalog.ts'
import { openUrl } from './connection.ts'
import { DatabaseCopy, WATCH_KEY } from './copies.ts'
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

// --- internal ---
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
    fallback: new DatabaseCopy(url, options),
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
