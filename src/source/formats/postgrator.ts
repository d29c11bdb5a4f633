/** postgrator: `<version>.do.<name>.sql` and `<version>.undo.<name>.sql`. */
import { createHash } from 'node:crypto'
import { DuplicateVersionError, UsageError } from '../../migrate/errors.ts'
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
} from './format.ts'
import { qualified, splitName } from './tables.ts'

export interface PostgratorOptions {
  /** The table, also as `schema.table`; postgrator's option of the same name. Default: `schemaversion`. */
  readonly schemaTable?: string | undefined
  /** The line ends that checksums count; postgrator's option of the same name. Default: those of the file. */
  readonly newline?: keyof typeof NEWLINES | undefined
}

/** Facts: postgrator 8.0.0, `postgrator.js`, `lib/Client.js`, `lib/utils.js`. */
export function postgratorFormat({ schemaTable = 'schemaversion', newline }: PostgratorOptions = {}): Format<Data> {
  return {
    tool: 'postgrator',
    downs: true,
    // It compares versions with the highest one in the table, and runs only what is above.
    outOfOrder: 'ignore',
    identify: versionOf,
    list: listPostgrator,
    body(folder, { up, down }, direction) {
      const path = direction === 'up' ? up : down
      if (path === undefined) return null
      if (!path.endsWith('.sql')) {
        throw new UsageError(`${folder.shown}/${path} is code, which cannot be run: only .sql files can.`, {
          hint: 'Write the SQL that its generateSql() returns to a .sql file of the same version.',
        })
      }
      return { kind: 'sql', text: folder.text(path), rules: { directives: false, control: 'units' } }
    },
    bookkeeping: (dialect, books) => postgratorBookkeeping(dialect, books, schemaTable, newline),
    create: newPostgratorFiles,
  }
}

// --- internal ---

const NEWLINES = { LF: '\n', CR: '\r', CRLF: '\r\n' }

interface Data {
  /** The name that postgrator writes into its table: the third part of the file's name. */
  readonly title: string
}

interface Part {
  readonly path: string
  readonly version: string
  readonly action: string
  readonly title: string
}

function listPostgrator(folder: Folder): Listing<Data> {
  const parts = [...folder.files()].sort().flatMap(parseFile)
  const dos = byVersion(folder, parts, 'do')
  const undos = byVersion(folder, parts, 'undo')
  const entries = [...dos.values()]
    .filter(({ version }) => Number(version) > 0)
    .sort((a, b) => Number(a.version) - Number(b.version))
    .map(
      ({ path, version, title }): Entry<Data> => ({
        name: path.replace(/\.[^.]+$/, '').replace('.do', ''),
        number: leadingNumber(path),
        up: path,
        down: undos.get(version)?.path,
        data: { title },
      }),
    )
  const remark = ({ path }: Part, why: string) => `${folder.shown}/${path} ${why}`
  const remarks = [
    ...parts
      .filter(({ action }) => action !== 'do' && action !== 'undo')
      .map((part) => remark(part, 'is passed over by postgrator: its second part is neither "do" nor "undo".')),
    ...[...dos.values()]
      .filter(({ version }) => Number(version) <= 0)
      .map((part) => remark(part, 'never runs: postgrator begins above version 0.')),
    ...[...undos.values()]
      .filter(({ version }) => !dos.has(version))
      .map((part) => remark(part, 'has no "do" file, so it never runs.')),
  ]
  return { entries, remarks }
}

/** Reads a name as postgrator does. Names whose first part is no number are not migrations. */
function parseFile(path: string): Part[] {
  if (path.includes('/') || path.startsWith('.') || !/\.(sql|js|mjs|cjs)$/.test(path)) return []
  const [version = '', action = '', title = ''] = path.replace(/\.[^.]+$/, '').split('.')
  return Number.isNaN(Number(version)) ? [] : [{ path, version: versionOf(path), action, title }]
}

function byVersion(folder: Folder, parts: readonly Part[], action: 'do' | 'undo'): Map<string, Part> {
  const found = new Map<string, Part>()
  for (const part of parts.filter((one) => one.action === action)) {
    const other = found.get(part.version)
    if (other) {
      throw new DuplicateVersionError(part.version, `${folder.shown}/${other.path}`, `${folder.shown}/${part.path}`)
    }
    found.set(part.version, part)
  }
  return found
}

/** Returns the version as postgrator counts it: a number without leading zeros. */
function versionOf(name: string): string {
  const [version = ''] = name.split('.')
  return version === '' || Number.isNaN(Number(version)) ? name : String(Number(version))
}

/** Postgrator has no command for it, so the names of the folder are continued; the first one is that of its README. */
function newPostgratorFiles(title: string, { entries, now }: NewMigration<Data>): Record<string, string> {
  const digits = digitsAfter(entries.at(-1)?.name ?? '000', now)
  const isPaired = entries.length === 0 || entries.some(({ down }) => down !== undefined)
  return { [`${digits}.do.${title}.sql`]: '', ...(isPaired && { [`${digits}.undo.${title}.sql`]: '' }) }
}

function postgratorBookkeeping(
  dialect: Dialect,
  { folder, entry }: Books<Data>,
  name: string,
  newline: PostgratorOptions['newline'],
): Bookkeeping {
  const { schema, table: bare } = splitName(name)
  const table = qualified(dialect, schema, bare)
  const now = dialect === 'postgres' ? 'pg_catalog.clock_timestamp()' : 'CURRENT_TIMESTAMP'
  const literal = (value: unknown) => literalOf(value, dialect)
  const text = dialect === 'postgres' ? 'version::text' : 'CAST(version AS CHAR)'
  const checksumOf = (path: string) => checksum(folder, path, newline)
  return {
    tables: [bare],
    create: createStatements(dialect, schema, table),
    select: `SELECT ${text} AS version, md5, run_at FROM ${table} WHERE version > 0 ORDER BY ${table}.version`,
    rows: (rows) => rows.map((row) => readRow(row, entry(String(row.version)), checksumOf)),
    record: async (migration) => {
      const known = entry(versionOf(migration.name))
      if (!known) return []
      const values = [versionOf(known.name), known.data.title, checksumOf(known.up)].map(literal)
      return [`INSERT INTO ${table} (version, name, md5, run_at) VALUES (${values.join(', ')}, ${now})`]
    },
    forget: (identity) => [`DELETE FROM ${table} WHERE version = ${literal(identity)}`],
  }
}

/** Postgrator adds the columns one by one, and a row for version 0. */
function createStatements(dialect: Dialect, schema: string | undefined, table: string): string[] {
  const time = dialect === 'postgres' ? 'TIMESTAMP WITH TIME ZONE' : 'TIMESTAMP'
  const isSchema = dialect === 'postgres' && schema !== undefined
  return [
    ...(isSchema ? [`CREATE SCHEMA IF NOT EXISTS ${DIALECTS.postgres.quote(schema)}`] : []),
    `CREATE TABLE ${table} (version BIGINT PRIMARY KEY, name TEXT, md5 TEXT, run_at ${time})`,
    `INSERT INTO ${table} (version) VALUES (0)`,
  ]
}

/** A row without a checksum is not compared: people delete one to let an edited file pass. */
function readRow(
  { version, md5, run_at }: BookkeepingData,
  known: Entry<Data> | undefined,
  checksumOf: (path: string) => string | null,
): BookkeepingRow {
  const compared = md5 && known?.up.endsWith('.sql') ? known.up : undefined
  return {
    identity: String(version),
    state: 'applied',
    appliedAt: (run_at ?? null) as Date | null,
    isUnchanged: compared === undefined ? undefined : async () => checksumOf(compared) === md5,
  }
}

/** Returns the checksum; null for code, whose SQL may differ from run to run. */
function checksum(folder: Folder, path: string, newline: PostgratorOptions['newline']): string | null {
  if (!path.endsWith('.sql')) return null
  const text = folder.text(path)
  const counted = newline === undefined ? text : text.replace(/\r\n|\r|\n/g, NEWLINES[newline])
  return createHash('md5').update(counted, 'utf8').digest('hex')
}
