/** Atlas, versioned migrations: `<version>_<description>.sql`, with hashes in `atlas.sum`. */
import { createHash } from 'node:crypto'
import { UsageError } from '../../migrate/errors.ts'
import type { Bookkeeping, BookkeepingData, BookkeepingRow } from '../../migrate/source.ts'
import { DIALECTS, type Dialect } from '../../sql/dialect.ts'
import { literalOf } from '../../sql/parameters.ts'
import { readScript } from '../../sql/script.ts'
import {
  type Books,
  type Entry,
  type Folder,
  type Format,
  type Listing,
  leadingNumber,
  onlyRanges,
  timestampOf,
} from './format.ts'
import { qualified } from './tables.ts'

export interface AtlasOptions {
  /**
   * The schema of the table, as in Atlas's `--revisions-schema`. Default on PostgreSQL: `atlas_schema_revisions`, which
   * Atlas uses unless its URL names a schema. MySQL: the connection's database.
   */
  readonly schema?: string | undefined
  /** Atlas's `--tx-mode`. Default `file`: each file runs in one transaction. */
  readonly txMode?: 'file' | 'none' | undefined
  /**
   * The treatment of checkpoint files. `start` (default): the last one is the first migration, and the files before it
   * are left out, as Atlas does for an empty database. `skip`: all other files are migrations.
   */
  readonly checkpoint?: 'start' | 'skip' | undefined
}

/** Facts: Atlas, `sql/migrate/{dir,lex,migrate}.go`, `cmd/atlas/internal/migrate/ent/migrate/schema.go`. */
export function atlasFormat({ schema, txMode = 'file', checkpoint = 'start' }: AtlasOptions = {}): Format<Data> {
  let last: Chosen = { chosen: [], left: [] }
  return {
    tool: 'Atlas',
    downs: false,
    // Its default --exec-order is linear.
    outOfOrder: 'error',
    identify: versionOf,
    list(folder) {
      const read = readFolder(folder)
      last = choose(read, checkpoint)
      return listingOf(folder, read, last.chosen)
    },
    body(folder, { up }, direction) {
      if (direction === 'down') return null
      const text = folder.text(up)
      const directives = directivesOf(text)
      const isAlone = (directives.get('txmode') ?? txMode) === 'none'
      return {
        kind: 'sql',
        text: cutText(text, directives),
        rules: { directives: false, control: 'units', ...(isAlone && { transaction: 'none' }) },
      }
    },
    bookkeeping: (dialect, books) => atlasBookkeeping(dialect, books, schema, () => last),
    create(title, { folder, now, sql }) {
      const path = `${timestampOf(now)}_${title}.sql`
      return { [path]: '', [SUM]: sumWith(folder, new Map([[path, sql?.up ?? '']])) }
    },
    alongside: (folder, changes) => ({ contents: { [SUM]: sumWith(folder, changes) }, removed: [] }),
  }
}

// --- internal ---

const SUM = 'atlas.sum'
const TABLE = 'atlas_schema_revisions'

interface File {
  readonly path: string
  readonly version: string
  readonly isCheckpoint: boolean
  /** The hash in `atlas.sum`; undefined if the file says that it does not count. */
  readonly hash: string | undefined
}

/** The files that are migrations, and those that are left out because of a checkpoint. */
interface Chosen {
  readonly chosen: readonly File[]
  readonly left: readonly File[]
}

interface Data {
  readonly description: string
  /** The hash of the names and contents of all files up to this one. It is what Atlas writes into its table. */
  readonly hash: string
  /** The version of the migration before this one. */
  readonly before: string | undefined
}

function readFolder(folder: Folder): File[] {
  const paths = folder.files().filter((path) => !path.includes('/') && path.endsWith('.sql'))
  const paired = paths.find(
    (path) => path.endsWith('.up.sql') && paths.includes(path.replace(/\.up\.sql$/, '.down.sql')),
  )
  if (paired !== undefined) {
    throw new UsageError(`${folder.shown}/${paired} is a migration of golang-migrate, which Atlas only writes.`, {
      hint: "Use directory('…'), which reads golang-migrate's files.",
    })
  }
  const running = createHash('sha256')
  return paths.sort(byCodeUnits).map((path) => {
    const bytes = folder.bytes(path)
    const text = Buffer.from(bytes).toString('utf8')
    running.update(path)
    const isIgnored = /^[ -~]*atlas:sum +ignore *(?:\r?\n|$)/.test(text)
    if (!isIgnored) running.update(bytes)
    return {
      path,
      version: versionOf(path.slice(0, -'.sql'.length)),
      isCheckpoint: directivesOf(text).has('checkpoint'),
      hash: isIgnored ? undefined : running.copy().digest('base64'),
    }
  })
}

/** Names are in the order of their bytes, which for the usual names is that of code units. */
function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Returns the content of `atlas.sum` if files have these texts; null: they are gone. */
function sumWith(folder: Folder, changes: ReadonlyMap<string, string | null>): string {
  const grown: Folder = {
    ...folder,
    files: () => [...new Set([...folder.files(), ...changes.keys()])].filter((path) => changes.get(path) !== null),
    bytes: (path) => {
      const text = changes.get(path)
      return typeof text === 'string' ? new TextEncoder().encode(text) : folder.bytes(path)
    },
  }
  const lines = readFolder(grown).flatMap(({ path, hash }) =>
    hash === undefined ? [] : [{ path, hash: `h1:${hash}` }],
  )
  const whole = createHash('sha256')
  for (const { path, hash } of lines) whole.update(path).update(hash.slice('h1:'.length))
  return [`h1:${whole.digest('base64')}`, ...lines.map(({ path, hash }) => `${path} ${hash}`), ''].join('\n')
}

function versionOf(name: string): string {
  return name.split('_')[0] ?? name
}

function choose(files: readonly File[], checkpoint: 'start' | 'skip'): Chosen {
  const start = checkpoint === 'start' ? files.findLastIndex(({ isCheckpoint }) => isCheckpoint) : -1
  const chosen = start === -1 ? files.filter(({ isCheckpoint }) => !isCheckpoint) : files.slice(start)
  return { chosen, left: files.filter((file) => !chosen.includes(file)) }
}

function listingOf(folder: Folder, all: readonly File[], chosen: readonly File[]): Listing<Data> {
  const entries = chosen.map(({ path, version, hash }, i): Entry<Data> => {
    const name = path.slice(0, -'.sql'.length)
    return {
      name,
      number: leadingNumber(name),
      up: path,
      data: {
        description: name.slice(version.length + 1),
        hash: hash ?? '',
        before: chosen[i - 1]?.version,
      },
    }
  })
  return { entries, remarks: remarksOn(folder, all) }
}

/** Atlas refuses to run anything if `atlas.sum` does not fit. */
function remarksOn(folder: Folder, files: readonly File[]): string[] {
  if (files.length === 0) return []
  const hint = 'Atlas refuses to run until "atlas migrate hash" is called.'
  if (!folder.files().includes(SUM)) return [`${folder.shown} has no ${SUM}: ${hint}`]
  const [, ...lines] = folder.text(SUM).split(/\r?\n/)
  const noted = lines.filter((line) => line !== '')
  const actual = files.flatMap(({ path, hash }) => (hash === undefined ? [] : `${path} h1:${hash}`))
  const at = noted.findIndex((line, i) => line !== actual[i])
  if (at === -1 && noted.length === actual.length) return []
  const file = (line: string | undefined) => line?.split(' h1:')[0]
  const [expected, found] = at === -1 ? [undefined, file(actual[noted.length])] : [file(noted[at]), file(actual[at])]
  const known = new Set(files.map(({ path }) => path))
  if (expected !== undefined && !known.has(expected))
    return [`${folder.shown}/${expected} is in ${SUM} but is gone: ${hint}`]
  if (expected === found) return [`${folder.shown}/${found} was edited after ${SUM} was written: ${hint}`]
  return [`${folder.shown}/${found} was added after ${SUM} was written: ${hint}`]
}

/**
 * Returns the directives at the top of a file, such as `-- atlas:txmode none`. They count only if the comments they are
 * in are followed by an empty line, or by nothing.
 */
function directivesOf(text: string): ReadonlyMap<string, string> {
  const [, comments = '', rest = ''] = /^\uFEFF?((?:(?:#|--)[^\n]*(?:\n|$))*)([^\n]*)/.exec(text) ?? []
  const found = new Map<string, string>()
  if (rest.trim() !== '') return found
  for (const line of comments.split('\n')) {
    const [, name, words = ''] = /^[ -~]*?atlas:(\w+)(?: +(.+))?/.exec(line.trim()) ?? []
    if (name !== undefined) found.set(name, words)
  }
  return found
}

/** Returns the SQL of a file: without the checks in front of it, and with `;` in place of a delimiter of its own. */
function cutText(text: string, directives: ReadonlyMap<string, string>): string {
  const delimiter = /^\uFEFF?-- atlas:delimiter +([^\r\n]+)/.exec(text)
  if (directives.has('txtar')) return onlyRanges(text, [sectionOf(text, 'migration.sql')])
  if (!delimiter) return text
  const ends = (delimiter[1] ?? '').replace(/\\[nrt]/g, (code) => ({ '\\n': '\n', '\\r': '\r' })[code] ?? '\t')
  const from = delimiter[0].length
  return text.slice(0, from) + withSemicolons(text.slice(from), ends)
}

/** Returns the range of a section of a txtar archive: from the line `-- name --` to the next such line. */
function sectionOf(text: string, name: string): { start: number; end: number } {
  const marker = /^-- (\S+) --\r?$/gm
  const markers = [...text.matchAll(marker)].map((match) => ({
    name: match[1],
    start: match.index,
    end: match.index + match[0].length,
  }))
  const at = markers.findIndex((one) => one.name === name)
  return { start: markers[at]?.end ?? text.length, end: markers[at + 1]?.start ?? text.length }
}

/** Writes a `;` over the end of each delimiter outside of quotes and comments, so that offsets stay. */
function withSemicolons(text: string, delimiter: string): string {
  const literal = delimiter.replace(/[-/\\^$*+?.()|[\]{}]/g, '\\$&')
  const quoted = String.raw`'[^']*'|"[^"]*"|${'`'}[^${'`'}]*${'`'}|\$(\w*)\$[^]*?\$\1\$|--[^\n]*|/\*[^]*?\*/`
  return text.replace(new RegExp(`${literal}|${quoted}`, 'g'), (found) =>
    found === delimiter ? `${found.slice(0, -1).replace(/[^\r\n]/g, ' ')};` : found,
  )
}

function atlasBookkeeping(
  dialect: Dialect,
  { folder, entry }: Books<Data>,
  named: string | undefined,
  last: () => Chosen,
): Bookkeeping {
  const schema = named ?? TABLE
  const table = qualified(dialect, schema, TABLE)
  const literal = (value: unknown) => literalOf(value, dialect)
  const now = dialect === 'postgres' ? 'pg_catalog.clock_timestamp()' : 'CURRENT_TIMESTAMP'
  const type = DIALECTS[dialect].quote('type')
  return {
    tables: [TABLE],
    schema: dialect === 'postgres' && named === undefined ? schema : undefined,
    create: dialect === 'postgres' ? createPostgres(schema, table) : [createMysql(table)],
    // The row of Atlas Cloud has a version that begins with a dot.
    select: `SELECT version, applied, total, executed_at, hash FROM ${table} WHERE version NOT LIKE '.%' ORDER BY version`,
    rows: (rows) => readRows(last(), rows, entry),
    record: async ({ name }) => {
      const known = entry(versionOf(name))
      if (!known) return []
      const { description, hash } = known.data
      const text = cutText(folder.text(known.up), directivesOf(folder.text(known.up)))
      const total = readScript(text, dialect, {}, { directives: false }).statements.length
      const values = [versionOf(name), description, 2, total, total].map(literal)
      return [
        `INSERT INTO ${table} (version, description, ${type}, applied, total, executed_at, execution_time, error, error_stmt, hash, partial_hashes, operator_version) VALUES (${values.join(', ')}, ${now}, '0', '', '', ${literal(hash)}, NULL, 'migratest')`,
      ]
    },
    forget: (identity) => [`DELETE FROM ${table} WHERE version = ${literal(identity)}`],
    // `atlas_migrate_execute`, which PostgreSQL gets as its 32-bit FNV-1 hash.
    locks: () => [dialect === 'postgres' ? '2686470616' : 'atlas_migrate_execute'],
  }
}

/** As ent, which makes the table for Atlas, writes it for PostgreSQL. */
function createPostgres(schema: string, table: string): string[] {
  return [
    `CREATE SCHEMA IF NOT EXISTS ${DIALECTS.postgres.quote(schema)}`,
    `CREATE TABLE IF NOT EXISTS ${table} (
  version character varying NOT NULL, description character varying NOT NULL, type bigint NOT NULL DEFAULT 2,
  applied bigint NOT NULL DEFAULT 0, total bigint NOT NULL DEFAULT 0, executed_at timestamptz NOT NULL,
  execution_time bigint NOT NULL, error text NULL, error_stmt text NULL, hash character varying NOT NULL,
  partial_hashes jsonb NULL, operator_version character varying NOT NULL, PRIMARY KEY (version))`,
  ]
}

function createMysql(table: string): string {
  return `CREATE TABLE IF NOT EXISTS ${table} (
  version varchar(255) NOT NULL, description varchar(255) NOT NULL, \`type\` bigint unsigned NOT NULL DEFAULT 2,
  applied bigint NOT NULL DEFAULT 0, total bigint NOT NULL DEFAULT 0, executed_at timestamp NOT NULL,
  execution_time bigint NOT NULL, error longtext NULL, error_stmt longtext NULL, hash varchar(255) NOT NULL,
  partial_hashes json NULL, operator_version varchar(255) NOT NULL, PRIMARY KEY (version)
) CHARSET utf8mb4 COLLATE utf8mb4_bin`
}

/**
 * Reads the rows, and adds what Atlas takes as applied without a row: everything below the first one (a baseline, or a
 * checkpoint). A checkpoint counts as applied if what it stands for is.
 */
function readRows(
  { chosen, left }: Chosen,
  rows: readonly BookkeepingData[],
  entry: (identity: string) => Entry<Data> | undefined,
): BookkeepingRow[] {
  const found = new Map(rows.map((row) => [String(row.version), row]))
  const first = [...found.keys()].sort(byCodeUnits)[0]
  if (first === undefined) return []
  const replaced = left.filter(({ isCheckpoint }) => !isCheckpoint)
  const implied = chosen.filter(
    ({ version, isCheckpoint }) =>
      !found.has(version) && (version < first || (isCheckpoint && replacesAll(version, replaced, first, found))),
  )
  const isLeft = new Set(left.map(({ version }) => version))
  return [
    ...implied.map(({ version }): BookkeepingRow => ({ identity: version, state: 'applied', appliedAt: null })),
    ...[...found].filter(([version]) => !isLeft.has(version)).map(([, row]) => readRow(row, entry, found)),
  ]
}

type Rows = ReadonlyMap<string, BookkeepingData>

/** Returns whether the database has applied what a checkpoint stands for, file by file. */
function replacesAll(checkpoint: string, replaced: readonly File[], first: string, rows: Rows): boolean {
  const missing = replaced.filter(({ version }) => version >= first && !rows.has(version))
  if (missing.length === 0) return true
  if (missing.length === replaced.length) return false
  throw new UsageError(
    `This database has applied some of the migrations before the checkpoint ${checkpoint}, but not ${missing[0]?.path}.`,
    { hint: "Pass the option checkpoint: 'skip', so that the migrations before the checkpoint are run." },
  )
}

function readRow(
  { version, applied, total, executed_at, hash }: BookkeepingData,
  entry: (identity: string) => Entry<Data> | undefined,
  rows: Rows,
): BookkeepingRow {
  const known = entry(String(version))
  return {
    identity: String(version),
    state: Number(applied) === Number(total) ? 'applied' : 'failed',
    appliedAt: executed_at as Date | null,
    isUnchanged: known && comparison(known.data, hash, entry, rows),
  }
}

/**
 * Hashes are running: that of a file changes too if a file before it does. So a difference says something about a file
 * only if the one before it is known to be the same.
 */
function comparison(
  { hash, before }: Data,
  stored: unknown,
  entry: (identity: string) => Entry<Data> | undefined,
  rows: Rows,
): BookkeepingRow['isUnchanged'] {
  if (hash === '' || !stored) return undefined
  if (hash === stored) return async () => true
  const isBeforeSame = before === undefined || rows.get(before)?.hash === entry(before)?.data.hash
  return isBeforeSame ? async () => false : undefined
}
