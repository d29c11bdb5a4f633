/** sqlx (Rust): `<version>_<description>.sql`, or `.up.sql` and `.down.sql`. */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { FileNameError } from '../../migrate/errors.ts'
import type { Bookkeeping, BookkeepingData, BookkeepingRow } from '../../migrate/source.ts'
import { DIALECTS, type Dialect } from '../../sql/dialect.ts'
import { literalOf } from '../../sql/parameters.ts'
import {
  type Books,
  digitsAfter,
  type Entry,
  type Folder,
  type Format,
  type Listing,
  leadingNumber,
  type NewMigration,
  timestampOf,
} from './format.ts'
import { qualified, splitName } from './tables.ts'

export interface SqlxOptions {
  /** The table, also as `schema.table`, if `sqlx.toml` names one. Default: `_sqlx_migrations`. */
  readonly table?: string | undefined
  /** Characters that do not count in checksums (`migrate.ignored-chars` of `sqlx.toml`). Default: none. */
  readonly ignoredChars?: readonly string[] | undefined
}

/** Facts: sqlx-core `migrate/{source,migration,migration_type,migrator}.rs`, sqlx-postgres and sqlx-mysql `migrate.rs`. */
export function sqlxFormat({ table = '_sqlx_migrations', ignoredChars = [] }: SqlxOptions = {}): Format<SqlxData> {
  let downs = true
  return {
    tool: 'sqlx',
    get downs() {
      return downs
    },
    outOfOrder: 'apply',
    identify: versionOf,
    list(folder) {
      const listing = listSqlx(folder)
      downs = listing.entries.some(({ down, data }) => down !== undefined || data.isReversible)
      return listing
    },
    body(folder, { up, down }, direction) {
      const path = direction === 'up' ? up : down
      if (path === undefined) return null
      const text = folder.text(path)
      const isAlone = text.startsWith('-- no-transaction')
      return {
        kind: 'sql',
        text,
        rules: { directives: false, control: 'units', ...(isAlone && { transaction: 'none' }) },
      }
    },
    bookkeeping: (dialect, books) => sqlxBookkeeping(dialect, books, table, ignoredChars),
    create: newSqlxFiles,
  }
}

// --- internal ---

interface SqlxData {
  readonly description: string
  /** `true` if the file is an `.up.sql`. */
  readonly isReversible: boolean
}

interface SqlxFile {
  readonly path: string
  readonly version: string
  readonly kind: '.up.sql' | '.down.sql' | '.sql'
}

function listSqlx(folder: Folder): Listing<SqlxData> {
  const files = folder.files().flatMap((path) => parseFile(folder, path))
  const ups = files.filter(({ kind }) => kind !== '.down.sql')
  const downs = files.filter(({ kind }) => kind === '.down.sql')
  const found = new Map(downs.map((file) => [file.version, file]))
  const known = new Set(ups.map(({ version }) => version))
  const entries = ups.sort(byVersion).map(
    ({ path, version, kind }): Entry<SqlxData> => ({
      name: withoutEnd(path, kind),
      number: leadingNumber(path),
      up: path,
      down: found.get(version)?.path,
      data: { description: describe(path, kind), isReversible: kind === '.up.sql' },
    }),
  )
  const remarks = [
    ...downs
      .filter((file) => found.get(file.version) !== file)
      .map(({ path, version }) => `${folder.shown}/${path} is a second down of version ${version}: only one can run.`),
    ...downs
      .filter(({ version }) => !known.has(version))
      .map(({ path }) => `${folder.shown}/${path} has no up file, so it never runs.`),
    ...entries
      .filter(({ down, data }) => data.isReversible && down === undefined)
      .map(({ up }) => `${folder.shown}/${up} has no .down.sql: sqlx passes over it when it reverts.`),
  ]
  return { entries, remarks }
}

/** Reads a name as sqlx does: a name without `_` or `.sql` is not a migration; one without a number is an error. */
function parseFile(folder: Folder, path: string): SqlxFile[] {
  const [, head = '', rest = ''] = /^([^/_]*)_([^/]*)$/.exec(path) ?? []
  if (!rest.endsWith('.sql')) return []
  if (!/^[+-]?\d+$/.test(head)) {
    throw new FileNameError(`${folder.shown}/${path} does not begin with a number, so sqlx refuses the whole folder.`, {
      hint: 'Name it like 20240612090000_add_users.sql.',
    })
  }
  const kind = rest.endsWith('.up.sql') ? '.up.sql' : rest.endsWith('.down.sql') ? '.down.sql' : '.sql'
  return [{ path, version: versionOf(path), kind }]
}

/** Returns the version as sqlx counts it: a whole number without leading zeros. */
function versionOf(name: string): string {
  const digits = /^[+-]?\d+/.exec(name)?.[0]
  return digits === undefined ? name : String(BigInt(digits.replace('+', '')))
}

function byVersion(a: SqlxFile, b: SqlxFile): number {
  const [first, second] = [BigInt(a.version), BigInt(b.version)]
  return first < second ? -1 : first > second ? 1 : 0
}

/** Removes the end as often as it stands there: sqlx calls `trim_end_matches`. */
function withoutEnd(path: string, end: string): string {
  return path.endsWith(end) ? withoutEnd(path.slice(0, -end.length), end) : path
}

function describe(path: string, end: string): string {
  return withoutEnd(path.slice(path.indexOf('_') + 1), end).replaceAll('_', ' ')
}

/** Writes what `sqlx migrate add` writes (sqlx-cli, `migrate.rs`): both halves if the last migration has both. */
function newSqlxFiles(title: string, { entries, now }: NewMigration<SqlxData>): Record<string, string> {
  const name = `${nextDigits(entries, now)}_${title.replaceAll(' ', '_')}`
  if (!entries.at(-1)?.data.isReversible) return { [`${name}.sql`]: '-- Add migration script here\n' }
  return {
    [`${name}.up.sql`]: '-- Add up migration script here\n',
    [`${name}.down.sql`]: '-- Add down migration script here\n',
  }
}

/**
 * Continues a sequence as `sqlx migrate add --help` says it: if the last two numbers differ by one, or the only one is 0
 * or 1. Otherwise the number is a time.
 */
function nextDigits(entries: readonly Entry<SqlxData>[], now: Date): string {
  const [before, last] = entries.length === 1 ? [undefined, entries[0]] : entries.slice(-2)
  if (!last) return timestampOf(now)
  const version = BigInt(versionOf(last.name))
  const isSequence = before ? version - BigInt(versionOf(before.name)) === 1n : version === 0n || version === 1n
  return isSequence ? digitsAfter(last.name, now) : timestampOf(now)
}

function sqlxBookkeeping(
  dialect: Dialect,
  { folder, entry }: Books<SqlxData>,
  name: string,
  ignoredChars: readonly string[],
): Bookkeeping {
  const { schema, table: bare } = splitName(name)
  const table = qualified(dialect, schema, bare)
  const literal = (value: unknown) => literalOf(value, dialect)
  const checksumOf = (path: string) => checksum(folder, path, ignoredChars)
  return {
    tables: [bare],
    create: dialect === 'postgres' ? createPostgres(schema, table) : [createMysql(table)],
    select:
      dialect === 'postgres'
        ? `SELECT version::text AS version, installed_on, success, pg_catalog.encode(checksum, 'hex') AS checksum FROM ${table} ORDER BY ${table}.version`
        : `SELECT CAST(version AS CHAR) AS version, installed_on, success, LOWER(HEX(checksum)) AS checksum FROM ${table} ORDER BY ${table}.version`,
    rows: (rows) =>
      rows.map((row) => readRow(row, entry(String(row.version)), (path) => checksumOf(path).toString('hex'))),
    record: async (migration) => {
      const known = entry(versionOf(migration.name))
      if (!known) return []
      const values = [literal(versionOf(known.name)), literal(known.data.description), literal(checksumOf(known.up))]
      const [version, description, sum] = values
      return [
        `INSERT INTO ${table} (version, description, success, checksum, execution_time) VALUES (${version}, ${description}, TRUE, ${sum}, 0)`,
      ]
    },
    forget: (identity) => [`DELETE FROM ${table} WHERE version = ${literal(identity)}`],
    locks: (database) => [lockOf(database, dialect)],
  }
}

function createPostgres(schema: string | undefined, table: string): string[] {
  const create = `CREATE TABLE IF NOT EXISTS ${table} (
  version BIGINT PRIMARY KEY, description TEXT NOT NULL, installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
  success BOOLEAN NOT NULL, checksum BYTEA NOT NULL, execution_time BIGINT NOT NULL)`
  if (schema === undefined) return [create]
  return [`CREATE SCHEMA IF NOT EXISTS ${DIALECTS.postgres.quote(schema)}`, create]
}

function createMysql(table: string): string {
  return `CREATE TABLE IF NOT EXISTS ${table} (
  version BIGINT PRIMARY KEY, description TEXT NOT NULL, installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  success BOOLEAN NOT NULL, checksum BLOB NOT NULL, execution_time BIGINT NOT NULL)`
}

/** MySQL has no booleans, so `success` may be a number there. */
function readRow(
  row: BookkeepingData,
  known: Entry<SqlxData> | undefined,
  checksumOf: (path: string) => string,
): BookkeepingRow {
  const succeeded = row.success === true || Number(row.success) === 1
  return {
    identity: String(row.version),
    state: succeeded ? 'applied' : 'failed',
    appliedAt: row.installed_on as Date | null,
    isUnchanged: known && (async () => checksumOf(known.up) === row.checksum),
  }
}

/** Without ignored characters, the checksum is of the bytes: sqlx reads the file without changing anything. */
function checksum(folder: Folder, path: string, ignoredChars: readonly string[]): Buffer {
  const hash = createHash('sha384')
  if (ignoredChars.length === 0) return hash.update(folder.bytes(path)).digest()
  return hash.update(ignoredChars.reduce((text, char) => text.replaceAll(char, ''), folder.text(path))).digest()
}

/** Returns the key as `generate_lock_id` computes it; MySQL gets it in hexadecimal. */
function lockOf(database: string, dialect: Dialect): string {
  const key = 0x3d32ad9en * BigInt(crc32(database))
  return dialect === 'postgres' ? String(key) : key.toString(16)
}
