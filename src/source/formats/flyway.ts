/** Flyway: `V<version>__<description>.sql`, `R__…` (repeatable), `U<version>__…` (undo), `B<version>__…` (baseline). */
import { crc32 } from 'node:zlib'
import { UsageError } from '../../migrate/errors.ts'
import type { Bookkeeping, BookkeepingData, BookkeepingRow } from '../../migrate/source.ts'
import { DIALECTS, type Dialect } from '../../sql/dialect.ts'
import { literalOf } from '../../sql/parameters.ts'
import { type Books, type Entry, type Folder, type Format, type Listing, timestampOf } from './format.ts'
import { qualified } from './tables.ts'

export interface FlywayOptions {
  /** Flyway's default schema, in which its table is; default: the connection's current schema. */
  readonly schema?: string | undefined
  /** Flyway's option of the same name. Default: `flyway_schema_history`. */
  readonly table?: string | undefined
  /** The values of placeholders such as `${tablespace}`, by name. `false` turns placeholders off. */
  readonly placeholders?: Readonly<Record<string, string>> | false | undefined
  /**
   * The treatment of baseline migrations (`B5__…`). `start` (default): the highest one is the first migration, and the
   * versions up to it are left out, as Flyway does for an empty database. `skip`: only the others are migrations.
   */
  readonly baseline?: 'start' | 'skip' | undefined
}

/**
 * Facts: flyway-core 13.0.0, `ResourceNameParser`, `MigrationVersion`, `ResolvedMigrationComparator`,
 * `ChecksumCalculator`, `PlaceholderReplacingReader`, `JdbcTableSchemaHistory`, `PostgreSQLDatabase`, `MySQLDatabase`.
 */
export function flywayFormat(options: FlywayOptions = {}): Format<FlywayData> {
  const { schema, table = 'flyway_schema_history', placeholders = {}, baseline = 'start' } = options
  const replace: Replace = (folder, path) => replacePlaceholders(folder, path, placeholders, table)
  let last: Chosen = { chosen: [], left: [] }
  return {
    tool: 'Flyway',
    get downs() {
      return last.chosen.some(({ down }) => down !== undefined)
    },
    // By default, its validation fails. A new version sorts below repeatable migrations, which are applied already.
    get outOfOrder() {
      return last.chosen.some(({ data }) => data.kind === 'R') ? 'apply' : 'error'
    },
    identify: identityOf,
    list(folder) {
      const parts = folder.files().flatMap(parsePath)
      last = choose(parts, baseline)
      return { entries: last.chosen, remarks: remarksOn(folder, parts, last) }
    },
    body(folder, { up, down }, direction) {
      const path = direction === 'up' ? up : down
      if (path === undefined) return null
      if (!isSql(path)) {
        throw new UsageError(`${folder.shown}/${path} is code, which cannot be run: only .sql files can.`, {
          hint: 'Write what it does to a .sql file of the same version.',
        })
      }
      const isAlone = setting(folder, path, 'executeInTransaction') === 'false'
      return {
        kind: 'sql',
        text: replace(folder, path),
        written: folder.text(path),
        rules: { directives: false, control: 'units', ...(isAlone && { transaction: 'none' }) },
      }
    },
    bookkeeping: (dialect, books) =>
      flywayBookkeeping(dialect, books, { schema, name: table, replace, last: () => last }),
    create(title, { entries, now }) {
      const versions = entries.flatMap(({ data }) => data.version ?? [])
      return { [`V${nextVersion(versions.at(-1), now)}__${title}.sql`]: '' }
    },
  }
}

// --- internal ---

type Kind = 'V' | 'R' | 'U' | 'B'
type Replace = (folder: Folder, path: string) => string

interface Part {
  readonly path: string
  readonly name: string
  readonly kind: Kind
  /** The version as Flyway writes it into its table, such as `1.0`; null for a repeatable migration. */
  readonly version: string | null
  readonly description: string
  /** Why Flyway passes the file over. */
  readonly problem?: string
}

interface FlywayData {
  readonly kind: Kind
  readonly version: string | null
  readonly description: string
}

interface Chosen {
  readonly chosen: readonly Entry<FlywayData>[]
  /** The identities of the versions that a baseline migration stands for. */
  readonly left: readonly string[]
}

const CODE = /\.(java|kt|groovy|scala|py|ps1|sh|bash|cmd|bat)$/i

function isSql(path: string): boolean {
  return path.toLowerCase().endsWith('.sql')
}

function parsePath(path: string): Part[] {
  const file = path.slice(path.lastIndexOf('/') + 1)
  const kind = /^[VRUB]/.exec(file)?.[0] as Kind | undefined
  if (kind === undefined || !(isSql(path) || (CODE.test(path) && file.includes('__')))) return []
  const name = file.replace(/\.[^.]+$/, '')
  const [before = '', ...after] = name.slice(1).split('__')
  const part = { path, name, kind, description: after.join('__').replaceAll('_', ' ') }
  const version = before.replaceAll('_', '.')
  if (kind === 'R') {
    return [{ ...part, version: null, ...(before !== '' && { problem: 'its name has to begin with R__' }) }]
  }
  const isVersion = /^\d+(\.\d+)*$/.test(version)
  return [{ ...part, version, ...(!isVersion && { problem: `its name has to begin like ${kind}1_2__` }) }]
}

/** Returns the version without zeros that do not count (`1.0` is `1`), or the name of a repeatable migration. */
function identityOf(name: string): string {
  if (name.startsWith('R__')) return name.replaceAll(' ', '_')
  const [version = ''] = name.replace(/^[VUB](?=\d)/, '').split('__')
  const dotted = version.replaceAll('_', '.')
  return /^\d+(\.\d+)*$/.test(dotted) ? normalized(dotted) : name
}

/** Counts on as the folder does: by time, or by its last part. */
function nextVersion(last: string | undefined, now: Date): string {
  if (last === undefined) return '1'
  if (/^(?:19|20)\d{12}$/.test(last)) return timestampOf(now)
  return last.replace(/\d+$/, (part) => String(BigInt(part) + 1n).padStart(part.length, '0'))
}

function normalized(version: string): string {
  const parts = version.split('.').map((part) => String(BigInt(part)))
  while (parts.length > 1 && parts.at(-1) === '0') parts.pop()
  return parts.join('.')
}

/** Compares versions part by part; parts that are not there count as 0. */
function compareVersions(a: string, b: string): number {
  const [first, second] = [a.split('.'), b.split('.')]
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    const [one, two] = [BigInt(first[i] ?? 0), BigInt(second[i] ?? 0)]
    if (one !== two) return one < two ? -1 : 1
  }
  return 0
}

function choose(parts: readonly Part[], baseline: 'start' | 'skip'): Chosen {
  const valid = parts.filter(({ problem }) => problem === undefined)
  const of = (kind: Kind) => valid.filter((part) => part.kind === kind)
  const byVersion = (a: Part, b: Part) => compareVersions(a.version ?? '', b.version ?? '')
  const start = baseline === 'start' ? of('B').sort(byVersion).at(-1) : undefined
  const isLeft = ({ version }: Part) => start !== undefined && compareVersions(version ?? '', start.version ?? '') <= 0
  const undos = new Map(of('U').map((part) => [identityOf(part.name), part.path]))
  const repeatable = of('R').sort((a, b) => (a.description < b.description ? -1 : 1))
  const versioned = of('V').sort(byVersion)
  const all = [...(start ? [start] : []), ...versioned.filter((part) => !isLeft(part)), ...repeatable]
  return {
    chosen: all.map(({ name, path, kind, version, description }) => ({
      name,
      number: numberOf(version),
      up: path,
      down: kind === 'V' ? undos.get(identityOf(name)) : undefined,
      data: { kind, version, description },
    })),
    left: versioned.filter(isLeft).map(({ name }) => identityOf(name)),
  }
}

function numberOf(version: string | null): number | undefined {
  const number = version !== null && /^\d+$/.test(version) ? Number(version) : Number.NaN
  return Number.isSafeInteger(number) ? number : undefined
}

function remarksOn(folder: Folder, parts: readonly Part[], { chosen }: Chosen): Listing['remarks'] {
  const known = new Set(parts.filter(({ kind }) => kind === 'V').map(({ name }) => identityOf(name)))
  const shown = (path: string) => `${folder.shown}/${path}`
  const callbacks = folder.files().filter((path) => /(^|\/)(before|after)[A-Z]\w*\.sql$/.test(path))
  const repeatable = chosen.filter(({ data }) => data.kind === 'R')
  return [
    ...parts.flatMap(({ path, problem }) =>
      problem === undefined ? [] : `${shown(path)} is passed over by Flyway: ${problem}.`,
    ),
    ...parts
      .filter(({ kind, name, problem }) => kind === 'U' && problem === undefined && !known.has(identityOf(name)))
      .map(({ path }) => `${shown(path)} undoes a version that is not there, so it never runs.`),
    ...chosen
      .filter(({ up }) => setting(folder, up, 'shouldExecute') !== undefined)
      .map(({ up }) => `${shown(up)} runs always: the condition shouldExecute in its .conf file is not evaluated.`),
    ...(callbacks.length > 0 ? [`Callbacks of Flyway do not run here: ${callbacks.join(', ')}.`] : []),
    ...(repeatable.length > 0
      ? [
          `Repeatable migrations run once here, after all versions; Flyway also runs them again when they change: ${repeatable.map(({ up }) => up).join(', ')}.`,
        ]
      : []),
  ]
}

/** Returns a setting of the file's own configuration, `<file>.conf`. */
function setting(folder: Folder, path: string, name: string): string | undefined {
  const conf = `${path}.conf`
  if (!folder.files().includes(conf)) return undefined
  return new RegExp(`^\\s*${name}\\s*=\\s*(.*?)\\s*$`, 'm').exec(folder.text(conf))?.[1]
}

/** Replaces placeholders wherever they are, also in comments. Places after one are then not those of the file. */
function replacePlaceholders(
  folder: Folder,
  path: string,
  placeholders: Readonly<Record<string, string>> | false,
  table: string,
): string {
  const text = folder.text(path)
  if (placeholders === false || setting(folder, path, 'placeholderReplacement') === 'false') return text
  const built = { 'flyway:filename': path.slice(path.lastIndexOf('/') + 1), 'flyway:table': table, ...placeholders }
  const values = new Map(Object.entries(built).map(([name, value]) => [name.toLowerCase(), value]))
  return text.replace(/\$\{([^}]*)\}/g, (found, name: string) => {
    const value = values.get(name.toLowerCase())
    if (value === undefined) {
      throw new UsageError(`${folder.shown}/${path} needs a value for the placeholder ${found}.`, {
        hint: `Give it in the source's option: placeholders: { '${name}': '…' }, or turn them off: placeholders: false.`,
      })
    }
    return value
  })
}

interface TableOptions {
  readonly schema: string | undefined
  readonly name: string
  readonly replace: Replace
  readonly last: () => Chosen
}

function flywayBookkeeping(
  dialect: Dialect,
  { folder, entry }: Books<FlywayData>,
  { schema, name, replace, last }: TableOptions,
): Bookkeeping {
  const table = qualified(dialect, schema, name)
  const literal = (value: unknown) => literalOf(value, dialect)
  const user = dialect === 'postgres' ? 'current_user' : "SUBSTRING_INDEX(USER(), '@', 1)"
  return {
    tables: [name],
    create: dialect === 'postgres' ? createPostgres(schema, name, table) : createMysql(name, table),
    select: `SELECT version, description, type, checksum, installed_on, success FROM ${table} ORDER BY installed_rank`,
    rows: (rows) =>
      readRows(rows, last(), (identity, type) => {
        const known = entry(identity)
        // The row of a version may be that of its baseline migration, which is another file.
        const isOther = (known?.data.kind === 'B') !== (type === 'SQL_BASELINE')
        return known === undefined || isOther ? [] : checksumsOf(folder, known, replace)
      }),
    record: async (migration) => {
      const known = entry(identityOf(migration.name))
      if (!known) return []
      const { kind, version, description } = known.data
      const [checksum = null] = checksumsOf(folder, known, replace)
      const type = kind === 'B' ? 'SQL_BASELINE' : 'SQL'
      const script = known.up.length > 1000 ? `...${known.up.slice(-997)}` : known.up
      const [v, d, t, path, sum] = [version, shortened(description), type, script, checksum].map(literal)
      return [
        `INSERT INTO ${table} (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success)
SELECT COALESCE(MAX(installed_rank), 0) + 1, ${v}, ${d}, ${t}, ${path}, ${sum}, ${user}, 0, TRUE FROM ${table}`,
      ]
    },
    forget: (identity) => {
      const data = entry(identity)?.data
      const description = shortened(data?.description ?? identity.slice(3).replaceAll('_', ' '))
      if (identity.startsWith('R__')) {
        return [`DELETE FROM ${table} WHERE version IS NULL AND description = ${literal(description)}`]
      }
      const versions = [...new Set([identity, data?.version ?? identity])].map(literal).join(', ')
      return [`DELETE FROM ${table} WHERE version IN (${versions})`]
    },
    locks: (database) => [lockOf(dialect, (dialect === 'postgres' ? schema : database) ?? 'public', name)],
  }
}

function createPostgres(schema: string | undefined, name: string, table: string): string[] {
  const { quote } = DIALECTS.postgres
  return [
    ...(schema === undefined ? [] : [`CREATE SCHEMA IF NOT EXISTS ${quote(schema)}`]),
    `CREATE TABLE ${table} (
  installed_rank INT NOT NULL, version VARCHAR(50), description VARCHAR(200) NOT NULL, type VARCHAR(20) NOT NULL,
  script VARCHAR(1000) NOT NULL, checksum INTEGER, installed_by VARCHAR(100) NOT NULL,
  installed_on TIMESTAMP NOT NULL DEFAULT now(), execution_time INTEGER NOT NULL, success BOOLEAN NOT NULL)`,
    `ALTER TABLE ${table} ADD CONSTRAINT ${quote(`${name}_pk`)} PRIMARY KEY (installed_rank)`,
    `CREATE INDEX ${quote(`${name}_s_idx`)} ON ${table} (success)`,
  ]
}

function createMysql(name: string, table: string): string[] {
  const { quote } = DIALECTS.mysql
  return [
    `CREATE TABLE ${table} (
  installed_rank INT NOT NULL, version VARCHAR(50), description VARCHAR(200) NOT NULL, \`type\` VARCHAR(20) NOT NULL,
  script VARCHAR(1000) NOT NULL, checksum INT, installed_by VARCHAR(100) NOT NULL,
  installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, execution_time INT NOT NULL, success BOOL NOT NULL,
  CONSTRAINT ${quote(`${name}_pk`)} PRIMARY KEY (installed_rank))`,
    `CREATE INDEX ${quote(`${name}_s_idx`)} ON ${table} (success)`,
  ]
}

/** The column is 200 characters wide. */
function shortened(description: string): string {
  return description.length <= 200 ? description : `${description.slice(0, 197)}...`
}

/**
 * Reads the rows in the order in which they were written. A row may take back an older one (an undo, a repair), or say
 * that all versions up to its own count as applied (a baseline).
 */
function readRows(
  rows: readonly BookkeepingData[],
  { chosen, left }: Chosen,
  checksums: (identity: string, type: string) => readonly number[],
): BookkeepingRow[] {
  const found = new Map<string, BookkeepingRow>()
  let baseline: string | undefined
  for (const row of rows) {
    const type = String(row.type)
    if (type === 'SCHEMA') continue
    const version = row.version as string | null
    const identity = version === null ? identityOf(`R__${row.description}`) : identityOf(version)
    if (type === 'BASELINE') baseline = identity
    else if (type === 'DELETE' || type.startsWith('UNDO')) found.delete(identity)
    else {
      found.delete(identity)
      found.set(identity, readRow(identity, row, checksums(identity, type)))
    }
  }
  const isApplied = (identity: string) =>
    found.has(identity) || (baseline !== undefined && compareVersions(identity, baseline) <= 0)
  const listed = new Map(chosen.map(({ name, data }) => [identityOf(name), data]))
  const implied = [...listed]
    .filter(([identity, { version }]) => version !== null && !found.has(identity))
    .filter(([identity, { kind }]) => isApplied(identity) || (kind === 'B' && replacesAll(left, isApplied)))
  const isHidden = (identity: string) => left.includes(identity) && !listed.has(identity)
  return [
    ...implied.map(([identity]): BookkeepingRow => ({ identity, state: 'applied', appliedAt: null })),
    ...[...found.values()].filter(({ identity }) => !isHidden(identity)),
  ]
}

/** Returns whether a database has applied all versions that a baseline migration stands for. */
function replacesAll(left: readonly string[], isApplied: (identity: string) => boolean): boolean {
  const missing = left.filter((identity) => !isApplied(identity))
  if (missing.length === 0) return left.length > 0
  if (missing.length === left.length) return false
  throw new UsageError(
    `This database has applied some of the versions that a baseline migration stands for, but not ${missing[0]}.`,
    { hint: "Pass the option baseline: 'skip', so that these versions are run." },
  )
}

function readRow(identity: string, row: BookkeepingData, checksums: readonly number[]): BookkeepingRow {
  const stored = row.checksum === null || row.checksum === undefined ? undefined : Number(row.checksum)
  const isComparable = stored !== undefined && checksums.length > 0
  return {
    identity,
    state: row.success === true || Number(row.success) === 1 ? 'applied' : 'failed',
    appliedAt: row.installed_on as Date | null,
    isUnchanged: isComparable ? async () => checksums.includes(stored) : undefined,
  }
}

/**
 * Returns the checksums that Flyway accepts, the one that it records first: a repeatable migration's is that of the
 * text with placeholders replaced. Code has none.
 */
function checksumsOf(folder: Folder, entry: Entry<FlywayData>, replace: Replace): number[] {
  if (!isSql(entry.up)) return []
  const plain = checksum(folder.text(entry.up))
  return entry.data.kind === 'R' ? [checksum(replace(folder, entry.up)), plain] : [plain]
}

/** Returns the CRC-32 of all lines without their ends, as a signed number. A byte order mark does not count. */
function checksum(text: string): number {
  return crc32(text.replace(/^\uFEFF/, '').replace(/[\r\n]/g, '')) | 0
}

/** Returns the key as PostgreSQLAdvisoryLockTemplate and MySQLNamedLockTemplate compute it from the table's name. */
function lockOf(dialect: Dialect, schema: string, name: string): string {
  const { quote } = DIALECTS[dialect]
  const hash = javaHash(`${quote(schema)}.${quote(name)}`)
  // The number spells `Flyway`.
  return dialect === 'postgres' ? String(0x466c79776179n + BigInt(hash)) : `Flyway-${hash}`
}

/** Returns Java's `String.hashCode()`. */
function javaHash(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(31, hash) + text.charCodeAt(i)) | 0
  return hash
}
