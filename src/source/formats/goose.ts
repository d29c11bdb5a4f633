/** goose: files `<number>_<name>.sql`, with an up and perhaps a down section in each, and migrations in Go. */
import { UsageError } from '../../migrate/errors.ts'
import type { Bookkeeping, BookkeepingData, BookkeepingRow, SqlBody } from '../../migrate/source.ts'
import type { Dialect } from '../../sql/dialect.ts'
import { literalOf } from '../../sql/parameters.ts'
import {
  type Books,
  digitsAfter,
  type Entry,
  type Folder,
  type Format,
  type Listing,
  leadingNumber,
  someOf,
  timestampOf,
  withoutMark,
} from './format.ts'
import { parseGoose } from './gooseParser.ts'
import type { Environment } from './interpolate.ts'
import { qualified, splitName, timeOf } from './tables.ts'

export interface GooseOptions {
  /** goose's `-table`: `table` or `schema.table`; default: `goose_db_version`. */
  readonly table?: string | undefined
  /** The environment variables for files with `-- +goose ENVSUB ON`; default: those of this process. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * The treatment of migrations in Go, which cannot run here. `refuse` (default): a database does not get past one.
   * `skip`: they count as applied and change nothing, for folders whose later migrations do not need them.
   */
  readonly go?: 'refuse' | 'skip' | undefined
}

/** Facts: pressly/goose v3.27.3, `migration.go`, `provider_collect.go`, `internal/dialects/{postgres,mysql}.go`. */
export function gooseFormat({
  table = 'goose_db_version',
  env = process.env,
  go = 'refuse',
}: GooseOptions = {}): Format {
  return {
    tool: 'goose',
    downs: true,
    missing: 'ignore',
    // Unless it is called with -allow-missing.
    outOfOrder: 'error',
    identify: (name) => String(numberIn(name) ?? name),
    list: listGoose,
    body(folder, { up }, direction) {
      const shown = `${folder.shown}/${up}`
      if (up.endsWith('.go')) {
        if (go === 'skip') return null
        throw codeBody(shown)
      }
      const parse = (variables: Environment) => parseGoose(withoutMark(folder.text(up)), direction, shown, variables)
      const { text, transaction } = parse(env)
      return { kind: 'sql', text, written: parse(UNREPLACED).text, rules: rulesOf(transaction) }
    },
    bookkeeping: (dialect, books) => gooseBookkeeping(dialect, books, table),
    create: (title, { entries, now }) => ({ [`${nextDigits(entries, now)}_${snakeCase(title)}.sql`]: TEMPLATE }),
  }
}

// --- internal ---

/** Stands for an environment in which each variable has its own placeholder as its value. */
const UNREPLACED: Environment = new Proxy({}, { get: (_, name) => `\${${String(name)}}` })

const MAX_INT64 = 2n ** 63n - 1n
/**
 * The text that `goose create` writes (`sqlMigrationTemplate` in `create.go`). Older versions of goose put each statement between
 * `-- +goose StatementBegin` and `-- +goose StatementEnd`.
 */
const TEMPLATE = "-- +goose Up\nSELECT 'up SQL query';\n\n-- +goose Down\nSELECT 'down SQL query';\n"

/** goose numbers with times, unless it is called with -s. The last migration shows which of them a project uses. */
function nextDigits(entries: readonly Entry[], now: Date): string {
  const last = entries.at(-1)
  return last ? digitsAfter(last.name, now) : timestampOf(now)
}

function snakeCase(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^_|_$/g, '')
}

/** Returns the number before the first `_`, from 1 on; undefined if there is none (`NumericComponent`). */
function numberIn(name: string): bigint | undefined {
  const digits = /^\+?(\d+)_/.exec(name)?.[1]
  const number = digits === undefined ? 0n : BigInt(digits)
  return number >= 1n && number <= MAX_INT64 ? number : undefined
}

function listGoose(folder: Folder): Listing {
  const files = folder.files().filter((file) => /^[^/]+\.(sql|go)$/.test(file) && !file.endsWith('_test.go'))
  const entries = files
    .map((file) => ({ file, number: numberIn(file) ?? 0n }))
    .filter(({ number }) => number > 0n)
    .sort((a, b) => (a.number < b.number ? -1 : a.number > b.number ? 1 : a.file < b.file ? -1 : 1))
    .map(({ file }): Entry => {
      const name = file.replace(/\.(sql|go)$/, '')
      return { name, number: leadingNumber(name), up: file, down: file, data: undefined }
    })
  const code = entries.filter(({ up }) => up.endsWith('.go')).map(({ up }) => up)
  // A Go file with another name is a helper, and no mistake.
  const others = files.filter((file) => file.endsWith('.sql') && numberIn(file) === undefined).sort()
  const remarks: string[] = []
  if (code.length > 0) {
    remarks.push(`${folder.shown} has migrations in Go, which cannot be run here: ${someOf(code)}.`)
  }
  if (others.length > 0) {
    remarks.push(
      `${folder.shown} has files whose names do not begin with a number and "_": ${someOf(others)}. The goose command refuses the folder; goose as a library ignores the files.`,
    )
  }
  return { entries, remarks }
}

function codeBody(shown: string): UsageError {
  return new UsageError(`${shown} is a migration in Go, which cannot be run here.`, {
    hint: "Start from a database that goose has migrated beyond it, write the same changes as an SQL migration, or leave Go out: goose(path, { go: 'skip' }).",
  })
}

function rulesOf(transaction: boolean): SqlBody['rules'] {
  return { directives: false, control: 'units', ...(!transaction && { transaction: 'none' }) }
}

function gooseBookkeeping(dialect: Dialect, { entry }: Books<undefined>, name: string): Bookkeeping {
  // goose does not quote the name, so PostgreSQL folds it to lower case.
  const { schema, table } = splitName(dialect === 'postgres' ? name.toLowerCase() : name)
  const full = qualified(dialect, schema, table)
  const insert = (version: string) => `INSERT INTO ${full} (version_id, is_applied) VALUES (${version}, true)`
  return {
    tables: [table],
    // goose begins the table with a row for version 0.
    create: [dialect === 'postgres' ? createPostgres(full) : createMysql(full), insert('0')],
    select: `SELECT version_id, is_applied, tstamp FROM ${full} ORDER BY id`,
    rows: readRows,
    async record({ name: migration }) {
      const version = String(numberIn(migration) ?? migration)
      return entry(version) ? [insert(literalOf(version, dialect))] : []
    },
    forget: (version) => [`DELETE FROM ${full} WHERE version_id = ${literalOf(version, dialect)}`],
    // goose takes this lock if the program that embeds it asks for one (`lock/locker.go`).
    locks: () => (dialect === 'postgres' ? ['4097083626'] : []),
  }
}

function createPostgres(table: string): string {
  return `CREATE TABLE ${table} (
  id integer PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, version_id bigint NOT NULL,
  is_applied boolean NOT NULL, tstamp timestamp NOT NULL DEFAULT now())`
}

function createMysql(table: string): string {
  return `CREATE TABLE ${table} (
  id bigint(20) unsigned NOT NULL AUTO_INCREMENT, version_id bigint NOT NULL,
  is_applied boolean NOT NULL, tstamp timestamp NULL DEFAULT now(), PRIMARY KEY (id))`
}

/** Old versions of goose recorded a down as a row with `is_applied` false, so the last row of a version counts. */
function readRows(rows: readonly BookkeepingData[]): BookkeepingRow[] {
  const found = new Map<string, BookkeepingRow>()
  for (const { version_id, is_applied, tstamp } of rows) {
    const identity = String(version_id)
    found.delete(identity)
    if (identity === '0' || !['true', 't', '1'].includes(String(is_applied))) continue
    found.set(identity, { identity, state: 'applied', appliedAt: timeOf(tstamp) })
  }
  return [...found.values()]
}
