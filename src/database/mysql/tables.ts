/**
 * The SQL of our tables. The progress of a running migration has its own table: a server with a binary log writes a
 * changed row completely, before and after the change, and rows of the history hold whole texts. Names always include
 * their database, since a migration may run USE. The SQL is valid under any sql_mode.
 */
import type { Baseline, HistoryChange, HistoryRecord, Journal, MigrationStep } from '../../migrate/driver.ts'
import type { Direction } from '../../migrate/source.ts'
import { NIL_VERSION } from '../../migrate/version.ts'
import { DIALECTS } from '../../sql/dialect.ts'
import { ownTables } from '../ownTables.ts'
import { compressed } from '../storedText.ts'

export interface Tables {
  readonly database: string
  readonly version: string
  readonly history: string
  readonly journal: string
  /** Quoted and qualified names. */
  readonly versionTable: string
  readonly historyTable: string
  readonly journalTable: string
}

/** Returns the names of our tables. @param table default `schema_migrations` */
export function tablesIn(database: string, table?: string): Tables {
  const [version, history, , , journal] = ownTables(table)
  return {
    database,
    version,
    history,
    journal,
    versionTable: `${identifier(database)}.${identifier(version)}`,
    historyTable: `${identifier(database)}.${identifier(history)}`,
    journalTable: `${identifier(database)}.${identifier(journal)}`,
  }
}

export const identifier = DIALECTS.mysql.quote

/**
 * Returns a literal in plain ASCII, so that no session setting (SET NAMES, a backslash under NO_BACKSLASH_ESCAPES)
 * changes its characters; all other characters are written as hex digits.
 */
export function literal(value: string | number | boolean | null): string {
  if (value === null) return 'NULL'
  if (typeof value !== 'string') return String(value)
  if (/[^\t\n\r -~]|\\/.test(value)) return `_utf8mb4 x'${Buffer.from(value).toString('hex')}'`
  return `'${value.replaceAll("'", "''")}'`
}

/** Returns the statements that create our tables. The version table is the one golang-migrate creates. */
export function createTables({ versionTable, historyTable, journalTable }: Tables): string[] {
  return [
    `CREATE TABLE IF NOT EXISTS ${versionTable} (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL) ENGINE=InnoDB`,
    `CREATE TABLE IF NOT EXISTS ${historyTable} (
  version bigint NOT NULL PRIMARY KEY,
  name text NOT NULL,
  fingerprint varchar(64),
  down_fingerprint varchar(64),
  up longtext,
  down longtext,
  baseline boolean NOT NULL DEFAULT false,
  running varchar(8),
  total int,
  running_text longtext,
  duration_ms double,
  applied_at datetime(6) NOT NULL,
  applied_by varchar(255) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
    `CREATE TABLE IF NOT EXISTS ${journalTable} (version bigint NOT NULL PRIMARY KEY, started int NOT NULL, done int NOT NULL, progress longtext) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
  ]
}

export interface VersionRow {
  readonly version: number
  readonly dirty: boolean
}

/**
 * Moves the version row if it has the expected value. If it had not, the second statement fails: a number is out of
 * range. A clean nil version is no row at all, as in golang-migrate.
 */
export function moveRow({ versionTable }: Tables, from: VersionRow, to: VersionRow): string[] {
  const absent = ({ version, dirty }: VersionRow) => version === NIL_VERSION && !dirty
  const where = `WHERE version = ${from.version} AND dirty = ${from.dirty}`
  if (absent(from) && absent(to)) return []
  const change = absent(from)
    ? `INSERT INTO ${versionTable} (version, dirty) SELECT ${to.version}, ${to.dirty} FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM ${versionTable})`
    : absent(to)
      ? `DELETE FROM ${versionTable} ${where}`
      : `UPDATE ${versionTable} SET version = ${to.version}, dirty = ${to.dirty} ${where}`
  return [change, CHECK_MOVED]
}

// A SET is answered in one short packet, a SELECT in five.
const CHECK_MOVED = 'SET @migratest_moved = 9223372036854775807 + (ROW_COUNT() <> 1)'

/** Records the time at which a migration begins. */
export const BEGIN_MEASURING = 'SET @migratest_begun = UTC_TIMESTAMP(6)'

export function changeHistory(tables: Tables, { baseline, put, remove }: HistoryChange): string[] {
  const { historyTable } = tables
  const removed = [remove ?? []].flat()
  return [
    ...(baseline ? setBaseline(tables, baseline) : []),
    ...(removed.length > 0 ? [`DELETE FROM ${historyTable} WHERE version IN (${removed.join(', ')})`] : []),
    ...(put
      ? [
          `INSERT INTO ${historyTable} (${COLUMNS}, duration_ms) VALUES (${values(put)}, ${SINCE_BEGUN}) ${REPLACE}, duration_ms = ${SINCE_BEGUN}`,
        ]
      : []),
  ]
}

/** State of a migration's first statement: `started` is 1 if it begins at once. */
export interface FirstStatement {
  readonly started: number
  readonly progress: string | null
}

/** Returns whether the row of the history alone says that the first statement has begun. */
export function isSeen({ direction, history: { put } }: MigrationStep, { started, progress }: FirstStatement): boolean {
  return put !== undefined && direction === 'up' && started === 1 && progress !== null
}

/**
 * Writes the rows of a migration that is about to run statement by statement. If the first statement of an up begins at
 * once and its effect can be seen, the history's row says so and the journal has none until the second statement
 * (`running_text` has the progress): one write instead of two.
 */
export function beginJournal(tables: Tables, step: MigrationStep, total: number, first: FirstStatement): string[] {
  const { version, name, direction, work } = step
  const { put } = step.history
  const row = put ?? { version, name, fingerprint: null, downFingerprint: null, up: null, down: null }
  const isShort = isSeen(step, first)
  // `resume` compares with the text that a down really runs, if texts are kept at all.
  const text = work.kind === 'sql' && !put ? literal(stored(work.script.source)) : 'NULL'
  const replace = put
    ? `${REPLACE}, running_text = VALUES(running_text)`
    : `ON DUPLICATE KEY UPDATE running_text = CASE WHEN coalesce(up, down) IS NULL THEN NULL ELSE ${text} END`
  const running = [literal(direction), total, isShort ? literal(first.progress) : 'NULL'].join(', ')
  return [
    `INSERT INTO ${tables.historyTable} (${COLUMNS}, running, total, running_text) VALUES (${values(row)}, ${running}) ${replace}, running = VALUES(running), total = VALUES(total)`,
    ...(isShort ? [] : [journal(tables, version, { started: first.started, done: 0 }, first.progress)]),
  ]
}

/**
 * Writes the journal's row.
 * @param progress state of the objects that the running statement is about to change
 */
export function journal(
  { journalTable }: Tables,
  version: number,
  { started, done }: Pick<Journal, 'started' | 'done'>,
  progress: string | null = null,
): string {
  return `REPLACE INTO ${journalTable} (version, started, done, progress) VALUES (${version}, ${started}, ${done}, ${literal(progress)})`
}

/** Reads the progress of the running statement. */
export function readProgress({ historyTable, journalTable }: Tables, version: number): string {
  return `SELECT CASE WHEN j.version IS NOT NULL THEN j.progress WHEN running = 'up' THEN running_text END AS progress FROM ${historyTable} AS h LEFT JOIN ${journalTable} AS j ON j.version = h.version WHERE h.version = ${version}`
}

/** Ends the journal of one migration. @param put the record, whose text may differ from the one the migration began with */
export function endJournal({ historyTable, journalTable }: Tables, version: number, put: HistoryRecord): string[] {
  const duration = 'TIMESTAMPDIFF(MICROSECOND, applied_at, UTC_TIMESTAMP(6)) / 1000'
  return [
    `UPDATE ${historyTable} SET duration_ms = ${duration}, ${NOT_RUNNING}, ${assignments(put)} WHERE version = ${version}`,
    `DELETE FROM ${journalTable} WHERE version = ${version}`,
  ]
}

/** A migration that has ended, and how long it took; null if nobody knows. */
export interface Ended {
  readonly version: number
  readonly ms: number | null
}

/** Ends the journals of several migrations at once. */
export function endJournals({ historyTable, journalTable }: Tables, ended: readonly Ended[]): string[] {
  if (ended.length === 0) return []
  const those = `WHERE version IN (${ended.map(({ version }) => version).join(', ')})`
  const took = ended.map(({ version, ms }) => `WHEN ${version} THEN ${ms ?? 'NULL'}`).join(' ')
  return [
    `UPDATE ${historyTable} SET duration_ms = CASE version ${took} END, ${NOT_RUNNING} ${those}`,
    `DELETE FROM ${journalTable} ${those}`,
  ]
}

/** Removes what `beginJournal` wrote. */
export function forgetJournal({ historyTable, journalTable }: Tables, { version, direction }: MigrationStep): string[] {
  const forget = `DELETE FROM ${journalTable} WHERE version = ${version}`
  if (direction === 'up') return [forget, `DELETE FROM ${historyTable} WHERE version = ${version}`]
  return [
    forget,
    // Migrations that another tool applied had no row before.
    `DELETE FROM ${historyTable} WHERE version = ${version} AND fingerprint IS NULL AND NOT baseline AND name <> '${UNRECORDED}'`,
    `UPDATE ${historyTable} SET ${NOT_RUNNING} WHERE version = ${version}`,
  ]
}

/** Reads a recorded text; for a running down, the text it runs. */
export function readRecorded({ historyTable }: Tables, version: number, direction: Direction): string {
  const text =
    direction === 'down' ? "CASE WHEN running = 'down' THEN coalesce(running_text, down) ELSE down END" : 'up'
  return `SELECT ${text} AS text FROM ${historyTable} WHERE version = ${version}`
}

export function setBaseline({ historyTable }: Tables, { version, above, adopt = [] }: Baseline): string[] {
  const insert = `INSERT INTO ${historyTable} (version, name, baseline, applied_at, applied_by)`
  const row = (of: number, name: string, baseline: boolean) =>
    `(${of}, '${name}', ${baseline}, UTC_TIMESTAMP(6), CURRENT_USER())`
  const out = [`DELETE FROM ${historyTable} WHERE version > ${above}`]
  if (adopt.length > 0) {
    const rows = adopt.map((adopted) => row(adopted, UNRECORDED, false))
    out.push(`${insert} VALUES ${rows.join(', ')} ON DUPLICATE KEY UPDATE version = version`)
  }
  if (version !== NIL_VERSION) {
    out.push(`${insert} VALUES ${row(version, 'baseline', true)} ON DUPLICATE KEY UPDATE baseline = true`)
  }
  return out
}

export function force(tables: Tables, version: number): string[] {
  const { versionTable, historyTable, journalTable } = tables
  return [
    `DELETE FROM ${journalTable} WHERE version >= ${NIL_VERSION}`,
    // sql_safe_updates requires a condition.
    `DELETE FROM ${versionTable} WHERE version >= ${NIL_VERSION}`,
    ...(version === NIL_VERSION ? [] : [`INSERT INTO ${versionTable} (version, dirty) VALUES (${version}, false)`]),
    `DELETE FROM ${historyTable} WHERE version >= ${NIL_VERSION} AND running = 'up'`,
    `UPDATE ${historyTable} SET ${NOT_RUNNING} WHERE version >= ${NIL_VERSION} AND running IS NOT NULL`,
    ...setBaseline(tables, { version, above: version }),
  ]
}

export function rerecord({ historyTable }: Tables, { version, downFingerprint, down }: HistoryRecord): string {
  return `UPDATE ${historyTable} SET down_fingerprint = ${literal(downFingerprint)}, down = ${literal(stored(down))} WHERE version = ${version}`
}

// --- internal ---

/** Length above which texts are compressed, since a server with a binary log writes each changed row completely. */
const LONG = 8192

/** Returns a text in the form in which the history stores it. */
export function stored(text: string | null): string | null {
  return compressed(text, LONG)
}

const UNRECORDED = 'unrecorded'
const COLUMNS = 'version, name, fingerprint, down_fingerprint, up, down, applied_at, applied_by'
const SINCE_BEGUN = 'TIMESTAMPDIFF(MICROSECOND, @migratest_begun, UTC_TIMESTAMP(6)) / 1000'
const NOT_RUNNING = 'running = NULL, total = NULL, running_text = NULL'
// VALUES() is the only form that MySQL 5.7, 8, 9 and MariaDB all accept.
const REPLACE = `ON DUPLICATE KEY UPDATE ${['name', 'fingerprint', 'down_fingerprint', 'up', 'down', 'applied_at', 'applied_by'].map((column) => `${column} = VALUES(${column})`).join(', ')}`

type Recorded = Omit<HistoryRecord, 'fingerprint'> & { readonly fingerprint: string | null }

function values({ version, name, fingerprint, downFingerprint, up, down }: Recorded): string {
  const texts = [name, fingerprint, downFingerprint, stored(up), stored(down)].map(literal)
  return [version, ...texts, 'UTC_TIMESTAMP(6)', 'CURRENT_USER()'].join(', ')
}

function assignments({ name, fingerprint, downFingerprint, up, down }: HistoryRecord): string {
  const all = { name, fingerprint, down_fingerprint: downFingerprint, up: stored(up), down: stored(down) }
  return Object.entries(all)
    .map(([column, value]) => `${column} = ${literal(value)}`)
    .join(', ')
}
