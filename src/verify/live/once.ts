/** Findings that are told once a run, since every migration would have them. Pure. */
import type { Observation } from '../finding.ts'
import { placeOf } from '../statementAt.ts'
import type { LiveMigration } from './decide.ts'

export function decideOnce(migrations: readonly LiveMigration[]): Observation[] {
  return [...withoutTimeout(migrations), ...withLongTimeout(migrations), ...waiting(migrations)]
}

// --- internal ---

interface Found {
  readonly migration: LiveMigration
  readonly effects: LiveMigration['effects'][number]
  readonly tables: readonly string[]
}

function withoutTimeout(migrations: readonly LiveMigration[]): Observation[] {
  const found = find(migrations, ({ locks, lockTimeoutMs, inTransaction }) =>
    lockTimeoutMs > 0 || !inTransaction
      ? []
      : locks.filter(({ blocks, kind, isNew, isGone }) => blocks === 'reads' && kind === 'table' && isNew && !isGone),
  )
  if (found.length === 0) return []
  const what = found.length === 1 ? 'One statement takes' : `${found.length} statements in ${migrationsOf(found)} take`
  const message = `${what} a lock that keeps readers out of a table (ACCESS EXCLUSIVE), and ${found.length === 1 ? 'waits' : 'wait'} for it without a limit: lock_timeout is 0.`
  const fix = {
    text: 'Limit the wait for all migrations where you open the database, openDatabase(url, { statementLockTimeoutMs: 5000 }), or in the file:',
    sql: "SET lock_timeout = '5s';",
  }
  return [{ rule: 'no-lock-timeout', ...lastPlace(found), objects: tablesOf(found), message, fix }]
}

/** MySQL and MariaDB: their default is a year, or a day. */
const LONG_MS = 3_600_000

function withLongTimeout(migrations: readonly LiveMigration[]): Observation[] {
  const found = migrations.flatMap((migration) =>
    migration.effects
      .filter(({ algorithm, lockTimeoutMs }) => algorithm !== undefined && lockTimeoutMs > LONG_MS)
      .map((effects) => ({ migration, effects, tables: [] })),
  )
  const [first] = found
  if (!first) return []
  const what =
    found.length === 1 ? 'One statement changes' : `${found.length} statements in ${migrationsOf(found)} change`
  const message = `${what} a table that was there, and may wait for its lock for ${first.effects.lockTimeoutMs / 3_600_000} hours (lock_wait_timeout): behind it, every query on the table waits.`
  const fix = {
    text: 'Limit the wait for all migrations where you open the database, openDatabase(url, { statementLockTimeoutMs: 5000 }), or in the file:',
    sql: 'SET SESSION lock_wait_timeout = 5;',
  }
  return [{ rule: 'no-lock-timeout', ...lastPlace(found), objects: [], message, fix }]
}

function waiting(migrations: readonly LiveMigration[]): Observation[] {
  const found = find(migrations, ({ waited, locks }) =>
    waited.length > 0 ? locks.filter(({ kind }) => kind === 'table') : [],
  )
  if (found.length === 0) return []
  const isReaders = found.some(({ effects }) => effects.waited.includes('readers'))
  const what = found.length === 1 ? 'One statement waits' : `${found.length} statements in ${migrationsOf(found)} wait`
  const message = `${what} until every transaction ends that has ${isReaders ? 'read or written' : 'written to'} the table, though ${found.length === 1 ? 'it blocks' : 'they block'} nobody.`
  const fix = { text: 'Before you run it, look for transactions that have been open for long.', sql: OPEN }
  return [{ rule: 'waits-for-transactions', ...lastPlace(found), objects: tablesOf(found), message, fix }]
}

const OPEN = `SELECT pid, state, age(now(), xact_start) AS open, query FROM pg_stat_activity WHERE xact_start IS NOT NULL ORDER BY xact_start;`

function find(
  migrations: readonly LiveMigration[],
  locksOf: (effects: Found['effects']) => Found['effects']['locks'],
): Found[] {
  return migrations.flatMap((migration) =>
    migration.effects.flatMap((effects) => {
      const tables = [...new Set(locksOf(effects).map(({ table }) => table))]
      return tables.length > 0 ? [{ migration, effects, tables }] : []
    }),
  )
}

/** Returns the place of the last statement found: the migration that somebody is likely to be writing. */
function lastPlace(found: readonly Found[]) {
  const { migration, effects } = found.at(-1) as Found
  const { version, half, file, text } = migration.half
  return { version, half, file, ...(effects.range ? placeOf(text, effects.range) : { line: 1, column: 1, endLine: 1 }) }
}

function migrationsOf(found: readonly Found[]): string {
  const count = new Set(found.map(({ migration }) => migration)).size
  return count === 1 ? 'one migration' : `${count} migrations`
}

function tablesOf(found: readonly Found[]): string[] {
  return [...new Set(found.flatMap(({ tables }) => tables))]
}
