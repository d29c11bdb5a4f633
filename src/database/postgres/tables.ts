/** The SQL of our two tables. Names always include their schema, since a migration may empty search_path. */
import type { Baseline, HistoryChange, HistoryRecord, Journal, MigrationStep } from '../../migrate/driver.ts'
import { NIL_VERSION } from '../../migrate/version.ts'
import { DIALECTS } from '../../sql/dialect.ts'
import { ownTables } from '../ownTables.ts'
import { compressed } from '../storedText.ts'

export interface Tables {
  readonly schema: string
  readonly version: string
  readonly history: string
  /** Quoted and qualified names. */
  readonly versionTable: string
  readonly historyTable: string
}

/** Returns the names of our tables. @param table default `schema_migrations` */
export function tablesIn(schema: string, table?: string): Tables {
  const [version, history] = ownTables(table)
  return {
    schema,
    version,
    history,
    versionTable: `${identifier(schema)}.${identifier(version)}`,
    historyTable: `${identifier(schema)}.${identifier(history)}`,
  }
}

export const identifier = DIALECTS.postgres.quote

export function literal(value: string | number | boolean | null): string {
  if (value === null) return 'NULL'
  if (typeof value !== 'string') return String(value)
  const quoted = `'${value.replaceAll("'", "''")}'`
  // In E'' a backslash is doubled whatever standard_conforming_strings says.
  return value.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted
}

/**
 * Returns a text in the form in which the history stores it. Long texts are compressed: one of a megabyte would
 * otherwise be in memory and in the message once more.
 */
export function stored(text: string | null): string | null {
  return compressed(text, 2 ** 20)
}

/** Returns the SQL that creates our tables. The version table is the one golang-migrate creates. */
export function createTables({ versionTable, historyTable }: Tables): string {
  return `CREATE TABLE IF NOT EXISTS ${versionTable} (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL);
CREATE TABLE IF NOT EXISTS ${historyTable} (
  version bigint NOT NULL PRIMARY KEY,
  name text NOT NULL,
  fingerprint text,
  down_fingerprint text,
  up text,
  down text,
  baseline boolean NOT NULL DEFAULT false,
  running text,
  started integer,
  done integer,
  total integer,
  duration_ms double precision,
  applied_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  applied_by text NOT NULL DEFAULT session_user
);`
}

interface VersionRow {
  readonly version: number
  readonly dirty: boolean
}

/**
 * Beginning of the text that a failed check reports: the server refuses to read it as a number and repeats it in the
 * error.
 */
export const MOVED = 'MIGRATEST_MOVED to '

/**
 * Moves the version row if it has the expected value. Otherwise raises an error without a function or a second round
 * trip: the text above fails to convert to an integer. A clean nil version is no row at all, as in golang-migrate.
 */
export function moveRow({ versionTable }: Tables, from: VersionRow, to: VersionRow): string {
  const absent = ({ version, dirty }: VersionRow) => version === NIL_VERSION && !dirty
  const where = `WHERE version = ${from.version} AND dirty = ${from.dirty}`
  const change = absent(from)
    ? absent(to)
      ? 'SELECT 1'
      : `INSERT INTO ${versionTable} (version, dirty) SELECT ${to.version}, ${to.dirty} WHERE NOT EXISTS (SELECT FROM ${versionTable}) RETURNING 1`
    : absent(to)
      ? `DELETE FROM ${versionTable} ${where} RETURNING 1`
      : `UPDATE ${versionTable} SET version = ${to.version}, dirty = ${to.dirty} ${where} RETURNING 1`
  const found = `(SELECT version || ${DIRTY_MARK} FROM ${versionTable} LIMIT 1)`
  return `WITH moved AS (${change}) SELECT CASE WHEN pg_catalog.count(*) = 1 THEN 1 ELSE (${literal(MOVED)} || coalesce(${found}, 'nil'))::integer END FROM moved;`
}

/**
 * Prepares the check that the version row has the expected value, which raises an error as `moveRow` does. A migration
 * that was sent before the answer to the one before it begins with this check.
 */
export function prepareGuard({ versionTable }: Tables, name: string): string {
  const found = `(SELECT version || ${DIRTY_MARK} FROM ${versionTable} LIMIT 1)`
  return `PREPARE ${name} (bigint) AS SELECT CASE WHEN EXISTS (SELECT FROM ${versionTable} WHERE version = $1 AND NOT dirty) THEN 1 ELSE (${literal(MOVED)} || coalesce(${found}, 'nil'))::integer END;`
}

/** Texts that a failed {@link checkTransaction} reports. */
export const ENDED = 'MIGRATEST_ENDED'
export const GONE = 'MIGRATEST_GONE'

/**
 * Raises an error unless the session is still in the transaction with that id and the version table is still there. It
 * needs no round trip of its own, as {@link moveRow}; the planner would compute the error if its text were a constant.
 */
export function checkTransaction({ versionTable }: Tables, id: string): string {
  const now = 'pg_catalog.txid_current_if_assigned()::text'
  const raise = (what: string) => `(${literal(what)} || coalesce(${now}, ''))::integer`
  return `SELECT CASE WHEN ${now} IS DISTINCT FROM ${literal(id)} THEN ${raise(ENDED)} WHEN pg_catalog.to_regclass(${literal(versionTable)}) IS NULL THEN ${raise(GONE)} END;`
}

/**
 * Prepares the usual step, one version up, as one statement that the server plans once: planning the two statements
 * below for each migration costs more than running them. Parameters: from, to, then the record's texts. Raises an error
 * as `moveRow` does.
 */
export function prepareMoveUp({ versionTable, historyTable }: Tables, name: string): string {
  const moved = `UPDATE ${versionTable} SET version = $2, dirty = false WHERE version = $1 AND NOT dirty RETURNING 1`
  const found = `(SELECT version || ${DIRTY_MARK} FROM ${versionTable} LIMIT 1)`
  const checked = `CASE WHEN pg_catalog.count(*) = 1 THEN $2 ELSE (${literal(MOVED)} || coalesce(${found}, 'nil'))::bigint END`
  return `PREPARE ${name} (bigint, bigint, text, text, text, text, text) AS WITH moved AS (${moved})
INSERT INTO ${historyTable} (${RECORD_COLUMNS}, duration_ms) SELECT ${checked}, $3, $4, $5, $6, $7, ${SINCE_STATEMENT} FROM moved ${REPLACE_RECORD};`
}

/**
 * Prepares the usual step down, to another version, as `prepareMoveUp` does. Parameters: from, to, the version whose record is
 * removed.
 */
export function prepareMoveDown({ versionTable, historyTable }: Tables, name: string): string {
  const moved = `UPDATE ${versionTable} SET version = $2 WHERE version = $1 AND NOT dirty RETURNING 1`
  const found = `(SELECT version || ${DIRTY_MARK} FROM ${versionTable} LIMIT 1)`
  return `PREPARE ${name} (bigint, bigint, bigint) AS WITH moved AS (${moved}), removed AS (DELETE FROM ${historyTable} WHERE version = $3)
SELECT CASE WHEN (SELECT pg_catalog.count(*) FROM moved) = 1 THEN 1 ELSE (${literal(MOVED)} || coalesce(${found}, 'nil'))::integer END;`
}

export function executeMoveUp(name: string, from: number, put: HistoryRecord): string {
  return `EXECUTE ${name} (${from}, ${recordValues(put)});`
}

/** Writes a step's changes of the history. Durations count from the beginning of the transaction. */
export function changeHistory(tables: Tables, { baseline, put, remove }: HistoryChange): string {
  const { historyTable } = tables
  const out: string[] = []
  if (baseline) out.push(setBaseline(tables, baseline))
  const removed = [remove ?? []].flat()
  if (removed.length > 0) out.push(`DELETE FROM ${historyTable} WHERE version IN (${removed.join(', ')});`)
  if (put) {
    out.push(
      `INSERT INTO ${historyTable} (${RECORD_COLUMNS}, duration_ms) VALUES (${recordValues(put)}, ${DURATION}) ${REPLACE_RECORD};`,
    )
  }
  return out.join('\n')
}

/** A step that has been applied: how long it took, and when it ended, in milliseconds of one and the same clock. */
export interface Applied {
  readonly step: MigrationStep
  readonly ms: number
  readonly at: number
}

/** Writes the history of several steps and moves the version row past them. @param now the time of the clock */
export function recordAll(tables: Tables, applied: readonly Applied[], now: number): string {
  const [first, last] = [applied[0], applied.at(-1)]
  if (!first || !last) return ''
  const out: string[] = []
  let rows: string[] = []
  const write = () => {
    const insert = `INSERT INTO ${tables.historyTable} (${RECORD_COLUMNS}, duration_ms, applied_at) VALUES ${rows.join(',\n')} ${REPLACE_RECORD};`
    if (rows.length > 0) out.push(insert)
    rows = []
  }
  for (const { step, ms, at } of applied) {
    const { put, ...others } = step.history
    const sql = changeHistory(tables, others)
    if (sql !== '') {
      write()
      out.push(sql)
    }
    const ended = `pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => ${Math.max(now - at, 0) / 1000})`
    if (put) rows.push(`(${recordValues(put)}, ${ms}, ${ended})`)
  }
  write()
  const [from, to] = [first.step.from, last.step.to]
  return [...out, moveRow(tables, { version: from, dirty: false }, { version: to, dirty: false })].join('\n')
}

/** Writes the journal row of a migration that is about to run statement by statement. */
export function beginJournal(
  { historyTable }: Tables,
  { version, name, direction, work, history: { put } }: MigrationStep,
  total: number,
): string {
  const values = put ? recordValues(put) : `${version}, ${literal(name)}, NULL, NULL, NULL, NULL`
  // `resume` compares with the text that a down really runs, if texts are kept at all.
  const text = work.kind === 'sql' ? literal(stored(work.script.source)) : 'NULL'
  const ran = `down = CASE WHEN coalesce(${historyTable}.up, ${historyTable}.down) IS NULL THEN NULL ELSE ${text} END, `
  const keep = put ? `${REPLACE_RECORD}, ` : `ON CONFLICT (version) DO UPDATE SET ${ran}`
  return `INSERT INTO ${historyTable} (${RECORD_COLUMNS}, running, started, done, total)
VALUES (${values}, ${literal(direction)}, 0, 0, ${total}) ${keep}running = excluded.running, started = 0, done = 0, total = excluded.total;`
}

export function journal(
  { historyTable }: Tables,
  version: number,
  { started, done }: Pick<Journal, 'started' | 'done'>,
): string {
  return `UPDATE ${historyTable} SET started = ${started}, done = ${done} WHERE version = ${version};`
}

/** Ends the journal and writes the record, whose text may differ from the one the migration began with. */
export function endJournal({ historyTable }: Tables, version: number, put?: HistoryRecord): string {
  const duration = 'EXTRACT(epoch FROM pg_catalog.clock_timestamp() - applied_at) * 1000'
  const record = put ? `, (${RECORD_COLUMNS}) = (${recordValues(put)})` : ''
  return `UPDATE ${historyTable} SET running = NULL, started = NULL, done = NULL, total = NULL, duration_ms = ${duration}${record} WHERE version = ${version};`
}

/** Removes what `beginJournal` wrote. */
export function forgetJournal({ historyTable }: Tables, { version, direction }: MigrationStep): string {
  if (direction === 'up') return `DELETE FROM ${historyTable} WHERE version = ${version};`
  // Migrations that another tool applied had no row before.
  return `DELETE FROM ${historyTable} WHERE version = ${version} AND fingerprint IS NULL AND NOT baseline AND name <> 'unrecorded';
UPDATE ${historyTable} SET running = NULL, started = NULL, done = NULL, total = NULL WHERE version = ${version};`
}

export function setBaseline({ historyTable }: Tables, { version, above, adopt = [] }: Baseline): string {
  const insert = `INSERT INTO ${historyTable} (version, name, baseline)`
  const out = [`DELETE FROM ${historyTable} WHERE version > ${above};`]
  if (adopt.length > 0) {
    const rows = adopt.map((adopted) => `(${adopted}, 'unrecorded', false)`)
    out.push(`${insert} VALUES ${rows.join(', ')} ON CONFLICT (version) DO NOTHING;`)
  }
  if (version !== NIL_VERSION) {
    out.push(`${insert} VALUES (${version}, 'baseline', true) ON CONFLICT (version) DO UPDATE SET baseline = true;`)
  }
  return out.join('\n')
}

// --- internal ---

const REPLACE_RECORD = `ON CONFLICT (version) DO UPDATE SET name = excluded.name, fingerprint = excluded.fingerprint, down_fingerprint = excluded.down_fingerprint,
  up = excluded.up, down = excluded.down, duration_ms = excluded.duration_ms, applied_at = excluded.applied_at, applied_by = excluded.applied_by`

const RECORD_COLUMNS = 'version, name, fingerprint, down_fingerprint, up, down'

const DURATION = 'EXTRACT(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.transaction_timestamp()) * 1000'

/**
 * Milliseconds since the message began, which is when this step began even if it shares its transaction with others.
 */
const SINCE_STATEMENT = 'EXTRACT(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.statement_timestamp()) * 1000'

const DIRTY_MARK = "CASE WHEN dirty THEN ' (dirty)' ELSE '' END"

function recordValues({ version, name, fingerprint, downFingerprint, up, down }: HistoryRecord): string {
  return [version, name, fingerprint, downFingerprint, stored(up), stored(down)].map(literal).join(', ')
}
