/** node-pg-migrate: files in TypeScript or JavaScript that build SQL with `pgm`, and files in SQL. */
import { extname } from 'node:path'
import { UsageError } from '../../migrate/errors.ts'
import type { Bookkeeping, Direction, MigrationBody, SqlBody } from '../../migrate/source.ts'
import { DIALECTS, type Dialect } from '../../sql/dialect.ts'
import { literalOf } from '../../sql/parameters.ts'
import {
  type Books,
  type CodeFormat,
  digitsAfter,
  type Entry,
  type Folder,
  irreversible,
  type Listing,
  leadingNumber,
  onlyRanges,
  someOf,
} from './format.ts'
import { bodyOfActions, loadActions, type PgmOptions, type Shorthands, searchPath } from './nodePgMigrateBuilder.ts'
import { qualified, timeOf } from './tables.ts'

export interface NodePgMigrateOptions extends PgmOptions {
  /** node-pg-migrate's `migrationsTable`; default `pgmigrations`. */
  readonly migrationsTable?: string | undefined
  /** node-pg-migrate's `migrationsSchema`; default: the first of `schema`, or `public`. */
  readonly migrationsSchema?: string | undefined
  /** node-pg-migrate's `ignorePattern`: a regular expression for whole names of files; default `\..*`. */
  readonly ignorePattern?: string | undefined
  /** node-pg-migrate's `checkOrder`; default `true`. */
  readonly checkOrder?: boolean | undefined
  /** node-pg-migrate's `singleTransaction`; default `true`, as that of its command. */
  readonly singleTransaction?: boolean | undefined
  /** node-pg-migrate's `lockValue`. */
  readonly lockValue?: number | undefined
}

interface Data {
  /** `true` if the up and the down are in files of their own. */
  readonly isPair: boolean
}

/**
 * Facts: node-pg-migrate 9.0.0, `dist/legacy/{migration,migrationLoader,migrationBuilder,sqlMigration,runner}.js`,
 * `utils/{comparators,fileNameUtils}.js`.
 */
export function nodePgMigrateFormat(options: NodePgMigrateOptions = {}): CodeFormat<Data> {
  let entries: readonly Entry<Data>[] = []
  /** Files of the last list that define shorthands for types, which hold for all later files, too. */
  let definingFiles: readonly string[] | undefined
  const shorthandsFor = async (folder: Folder, file: string): Promise<Shorthands> => {
    definingFiles ??= entries.map(({ up }) => up).filter((up) => definesShorthands(folder, up))
    const until = entries.findIndex(({ up }) => up === file)
    const earlier = new Set(entries.slice(0, until + 1).map(({ up }) => up))
    const all = definingFiles.filter((one) => earlier.has(one)).map((one) => loadActions(folder, one))
    return Object.assign({}, ...(await Promise.all(all)).map(({ actions }) => actions.shorthands))
  }
  return {
    tool: 'node-pg-migrate',
    library: 'node-pg-migrate',
    downs: true,
    outOfOrder: options.checkOrder === false ? 'apply' : 'error',
    missing: options.checkOrder === false ? 'ignore' : 'error',
    ...(options.singleTransaction !== false && {
      oneTransaction: { directions: ['up', 'down'], exception: 'divides' },
    }),
    list(folder) {
      const listing = listFiles(folder, options.ignorePattern)
      entries = listing.entries
      definingFiles = undefined
      return listing
    },
    async body(folder, entry, direction): Promise<MigrationBody | null> {
      if (entry.up.endsWith('.sql')) return bodyOfSql(folder, entry, direction, options)
      const shorthands = await shorthandsFor(folder, entry.up)
      return bodyOfActions(folder, entry.up, direction, { ...options, shorthands })
    },
    bookkeeping: (dialect, books) => bookkeepingOf(dialect, books, options),
    create(title, { entries: before, now }) {
      const last = before.at(-1)
      const ending = last ? extname(last.up) : '.js'
      return { [`${prefixAfter(last?.name, now)}_${title}${ending}`]: templateFor(ending) }
    },
  }
}

// --- internal ---

const BODY = /(?<!\.d)\.(?:[cm]?[jt]s|sql)$/

function listFiles(folder: Folder, pattern: string | undefined): Listing<Data> {
  const ignored = new RegExp(pattern ? `^${pattern}$` : '^\\..*')
  const files = folder.files().filter((file) => !file.includes('/') && BODY.test(file) && !ignored.test(file))
  const known = new Set(files)
  const entries = files
    // With its loader for SQL in pairs, the down is a part of the migration of the up.
    .filter((file) => !(file.endsWith('.down.sql') && known.has(file.replace(/\.down\.sql$/, '.up.sql'))))
    .map((file): Entry<Data> => {
      const isPair = file.endsWith('.up.sql')
      const name = isPair ? file.slice(0, -'.up.sql'.length) : file.slice(0, -extname(file).length)
      const other = file.replace(/\.up\.sql$/, '.down.sql')
      const down = !isPair ? file : known.has(other) ? other : undefined
      return { name, number: leadingNumber(name), up: file, down, data: { isPair } }
    })
    .sort((a, b) => compareNames(a.up, b.up))
  const unnumbered = entries.map(({ up }) => up).filter((file) => !/^\d/.test(file))
  const remarks =
    unnumbered.length === 0
      ? []
      : [
          `${folder.shown} has files whose names do not begin with digits, so node-pg-migrate 9 refuses the folder unless its ignorePattern leaves them out: ${someOf(unnumbered)}.`,
        ]
  return { entries, remarks }
}

/** `compareMigrationFileNames`: by the number, which is a time in two notations or an index, then by the name. */
function compareNames(a: string, b: string): number {
  return (
    numberIn(a) - numberIn(b) ||
    a.localeCompare(b, undefined, { usage: 'sort', numeric: true, sensitivity: 'variant', ignorePunctuation: true })
  )
}

/** Returns the number that a name begins with. 17 digits are a time in UTC, and become milliseconds. */
function numberIn(name: string): number {
  const digits = /^\d+/.exec(name)?.[0] ?? ''
  if (digits.length !== 17) return digits === '' ? 0 : Number(digits)
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{3})$/.exec(digits)?.slice(1).map(Number) ?? []
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, ms = 0] = parts
  return Date.UTC(year, month - 1, day, hour, minute, second, ms)
}

/** The templates define `shorthands` as undefined. */
function definesShorthands(folder: Folder, file: string): boolean {
  return !file.endsWith('.sql') && /\bshorthands\b(?![^=;\n]*=\s*undefined\b)/.test(folder.text(file))
}

// Files in SQL.

function bodyOfSql(
  folder: Folder,
  { up, down, data }: Entry<Data>,
  direction: Direction,
  options: NodePgMigrateOptions,
): SqlBody | null {
  if (data.isPair) {
    const path = direction === 'up' ? up : down
    return path === undefined ? null : asSql(folder.text(path), options)
  }
  const text = folder.text(up)
  const [start, end] = [startOf(text, 'up'), startOf(text, 'down')]
  if (direction === 'down' && end < 0) return irreversible('the file has no line "-- Down Migration"')
  const [from, to] = direction === 'up' ? [start, end] : [end, start]
  // Without a line "-- Up Migration", the up is the whole file, with the down in it.
  if (from < 0) return asSql(text, options)
  return asSql(onlyRanges(text, [{ start: from, end: to > from ? to : text.length }]), options)
}

/** Finds the line that begins a section, as `sqlMigration.ts` does. */
function startOf(text: string, direction: Direction): number {
  return text.search(new RegExp(`^\\s*--[\\s-]*${direction}\\s+migration`, 'im'))
}

function asSql(text: string, { schema }: PgmOptions): SqlBody {
  return { kind: 'sql', text: `${searchPath(schema)}${text}`, rules: { directives: false, control: 'units' } }
}

// The table.

function bookkeepingOf(dialect: Dialect, { entry }: Books<Data>, options: NodePgMigrateOptions): Bookkeeping {
  if (dialect !== 'postgres') throw new UsageError('Migrations of node-pg-migrate are for PostgreSQL only.')
  const { migrationsTable: name = 'pgmigrations', migrationsSchema, schema } = options
  const home = migrationsSchema ?? [schema ?? []].flat()[0] ?? 'public'
  const table = qualified(dialect, home, name)
  return {
    tables: [name],
    create: [
      ...(home === 'public' ? [] : [`CREATE SCHEMA IF NOT EXISTS ${DIALECTS[dialect].quote(home)}`]),
      `CREATE TABLE IF NOT EXISTS ${table} (id SERIAL PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL)`,
    ],
    // The column holds the time of the session's own time zone.
    select: `SELECT name, run_on AT TIME ZONE current_setting('TimeZone') AS run_on FROM ${table} ORDER BY ${table}.run_on, id`,
    rows: (rows) =>
      rows.map((row) => ({ identity: String(row.name), state: 'applied', appliedAt: timeOf(row.run_on) })),
    async record({ name: migration }) {
      if (!entry(migration)) return []
      return [`INSERT INTO ${table} (name, run_on) VALUES (${literalOf(migration, dialect)}, NOW())`]
    },
    forget: (identity) => [`DELETE FROM ${table} WHERE name = ${literalOf(identity, dialect)}`],
    locks: () => [String(options.lockValue ?? '7241865325823964')],
  }
}

// New files.

/** Names go on as they began: with an index, with a time of 17 digits, or with milliseconds, which is the default. */
function prefixAfter(name: string | undefined, now: Date): string {
  const digits = /^\d+/.exec(name ?? '')?.[0] ?? ''
  if (digits !== '' && digits.length < 10) return digitsAfter(digits, now)
  return digits.length === 17 ? now.toISOString().replace(/\D/g, '') : String(now.getTime())
}

/** `templates/migration-template.*` */
function templateFor(ending: string): string {
  if (ending === '.sql') return '-- Up Migration\n\n-- Down Migration'
  if (ending.endsWith('ts')) return TYPESCRIPT
  return ending === '.cjs' ? COMMONJS : JAVASCRIPT
}

const TYPESCRIPT = `import type { ColumnDefinitions, MigrationBuilder } from 'node-pg-migrate';

export const shorthands: ColumnDefinitions | undefined = undefined;

export async function up(pgm: MigrationBuilder): Promise<void> {}

export async function down(pgm: MigrationBuilder): Promise<void> {}
`

const SHORTHANDS = `/**
 * @type {import('node-pg-migrate').ColumnDefinitions | undefined}
 */
export const shorthands = undefined;
`

const PARAMETERS = `/**
 * @param pgm {import('node-pg-migrate').MigrationBuilder}
 * @param run {() => void | undefined}
 * @returns {Promise<void> | void}
 */
`

const JAVASCRIPT = `${SHORTHANDS}
${PARAMETERS}export const up = (pgm) => {};

${PARAMETERS}export const down = (pgm) => {};
`

const COMMONJS = `${SHORTHANDS}
${PARAMETERS}const up = (pgm) => {};

${PARAMETERS}const down = (pgm) => {};

module.exports = {
  up,
  down,
};
`
