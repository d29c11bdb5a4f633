/** dbmate: files that begin with digits, with an up and a down section in each. */
import { UsageError } from '../../migrate/errors.ts'
import type { Bookkeeping, BookkeepingData, BookkeepingRow, Direction, SqlBody } from '../../migrate/source.ts'
import { DIALECTS, type Dialect } from '../../sql/dialect.ts'
import { literalOf } from '../../sql/parameters.ts'
import {
  type Books,
  type Entry,
  type Folder,
  type Format,
  type Listing,
  leadingNumber,
  onlyRanges,
  someOf,
  timestampOf,
  withoutMark,
} from './format.ts'
import { qualified, splitName } from './tables.ts'

export interface DbmateOptions {
  /** dbmate's `--migrations-table`: `table` or `schema.table`; default: `schema_migrations`. */
  readonly table?: string | undefined
}

/** Facts: amacneil/dbmate 2.35.0, `pkg/dbmate/{db,migration}.go`, `pkg/driver/{postgres,mysql}`. */
export function dbmateFormat({ table = 'schema_migrations' }: DbmateOptions = {}): Format {
  return {
    tool: 'dbmate',
    downs: true,
    missing: 'ignore',
    // Unless it is called with --strict.
    outOfOrder: 'apply',
    identify: versionOf,
    list: listDbmate,
    body: (folder, { up }, direction) => readBody(folder, up, direction),
    bookkeeping: (dialect, books) => dbmateBookkeeping(dialect, books, table),
    create: (title, { now }) => ({ [`${timestampOf(now)}_${title}.sql`]: TEMPLATE }),
  }
}

// --- internal ---

/** The text of a new file, as `dbmate new` writes it (`migrationTemplate`). */
const TEMPLATE = '-- migrate:up\n\n\n-- migrate:down\n\n'

/** Returns the digits as they are written: dbmate compares them as text. */
function versionOf(name: string): string {
  return /^\d+/.exec(name)?.[0] ?? name
}

function listDbmate(folder: Folder): Listing {
  const files = folder.files().filter((file) => /^[^/]+\.sql$/.test(file))
  const entries = files
    .filter((file) => /^\d/.test(file))
    .sort()
    .map((file): Entry => {
      const name = file.slice(0, -'.sql'.length)
      return { name, number: leadingNumber(name), up: file, down: file, data: undefined }
    })
  const others = files.filter((file) => !/^\d/.test(file)).sort()
  const remarks =
    others.length === 0
      ? []
      : [`${folder.shown} has files whose names do not begin with digits, so dbmate ignores them: ${someOf(others)}.`]
  return { entries, remarks }
}

function readBody(folder: Folder, path: string, direction: Direction): SqlBody {
  const text = withoutMark(folder.text(path))
  const section = sectionsOf(text, `${folder.shown}/${path}`)[direction]
  return {
    kind: 'sql',
    text: onlyRanges(text, [section]),
    rules: { directives: false, control: 'units', ...(!section.transaction && { transaction: 'none' }) },
  }
}

interface Section {
  readonly start: number
  readonly end: number
  /** `false` for a section with the option `transaction:false`. */
  readonly transaction: boolean
}

/** Finds the two sections. dbmate requires both of them, whichever it runs. */
function sectionsOf(text: string, shown: string): Record<Direction, Section> {
  const lines = directives(text)
  const ups = lines.filter(({ direction }) => direction === 'up')
  const [up] = ups
  if (!up) throw refused(shown, 'has no line "-- migrate:up".')
  if (!text.slice(0, up.start).split('\n').every(isCommentOrEmpty)) {
    throw refused(shown, 'has statements before its line "-- migrate:up".')
  }
  if (ups.length > 1) {
    throw refused(
      shown,
      `has ${ups.length} lines "-- migrate:up". dbmate records the version once for each of them, so the second one fails.`,
      'Put each pair of sections into a file of its own.',
    )
  }
  const downs = lines.filter(({ direction, start }) => direction === 'down' && start > up.start)
  const [down] = downs
  if (!down) {
    const isBefore = lines.some(({ direction }) => direction === 'down')
    throw refused(shown, `has no line "-- migrate:down"${isBefore ? ' after its line "-- migrate:up"' : ''}.`)
  }
  if (downs.length > 1) throw refused(shown, `has ${downs.length} lines "-- migrate:down".`)
  return {
    up: { start: up.end, end: down.start, transaction: up.transaction },
    down: { start: down.end, end: text.length, transaction: down.transaction },
  }
}

interface Directive extends Section {
  readonly direction: Direction
}

function directives(text: string): Directive[] {
  // `\s` also matches line ends in dbmate's own expression, so that options may begin in the next line. They do not
  // count then: dbmate reads options in the first line only.
  return [...text.matchAll(/^--[ \t\n\f\r]*migrate:(up|down)(?=[ \t\n\f\r]|$)/gm)].map(
    ({ 0: found, 1: word, index }) => {
      const after = text.indexOf('\n', index + found.length)
      const end = after === -1 ? text.length : after
      return {
        direction: word === 'up' ? 'up' : 'down',
        start: index,
        end,
        transaction: isTransaction(text.slice(index + found.length, end)),
      }
    },
  )
}

/** The last option of a name counts. What is not `name:value` does not count. */
function isTransaction(options: string): boolean {
  const pairs = options
    .trim()
    .split(/\s+/)
    .map((option) => option.split(':'))
  return pairs.filter((pair) => pair.length === 2 && pair[0] === 'transaction').at(-1)?.[1] !== 'false'
}

function isCommentOrEmpty(line: string): boolean {
  return /^\s*(--|$)/.test(line)
}

function refused(shown: string, what: string, hint?: string): UsageError {
  return new UsageError(`${shown} ${what}`, {
    hint: hint ?? 'dbmate refuses the file: it needs a section "-- migrate:up", and after it one "-- migrate:down".',
  })
}

function dbmateBookkeeping(dialect: Dialect, { entry }: Books<undefined>, name: string): Bookkeeping {
  // dbmate quotes the whole name on MySQL, with the dot if there is one.
  const { schema, table } = dialect === 'mysql' ? { schema: undefined, table: name } : splitName(name)
  const full = qualified(dialect, schema, table)
  const type = dialect === 'mysql' ? 'varchar(128)' : 'varchar'
  return {
    tables: [table],
    create: [
      ...(schema === undefined ? [] : [`CREATE SCHEMA IF NOT EXISTS ${DIALECTS[dialect].quote(schema)}`]),
      `CREATE TABLE IF NOT EXISTS ${full} (version ${type} PRIMARY KEY)`,
    ],
    select: `SELECT version FROM ${full} ORDER BY version`,
    rows: (rows) => rows.map(readRow),
    async record({ name: migration }) {
      const version = versionOf(migration)
      return entry(version) ? [`INSERT INTO ${full} (version) VALUES (${literalOf(version, dialect)})`] : []
    },
    forget: (version) => [`DELETE FROM ${full} WHERE version = ${literalOf(version, dialect)}`],
  }
}

/** The table has neither a time nor a checksum. */
function readRow({ version }: BookkeepingData): BookkeepingRow {
  return { identity: String(version), state: 'applied', appliedAt: null }
}
