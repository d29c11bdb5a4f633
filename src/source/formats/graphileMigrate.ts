/** graphile-migrate: committed migrations, each with the hash of the one before it. */
import { createHash } from 'node:crypto'
import { UsageError } from '../../migrate/errors.ts'
import type { Bookkeeping } from '../../migrate/source.ts'
import type { Dialect } from '../../sql/dialect.ts'
import { literalOf } from '../../sql/parameters.ts'
import { type Books, type Entry, type Folder, type Format, type Listing, leadingNumber } from './format.ts'
import { qualified } from './tables.ts'

export interface GraphileMigrateOptions {
  /**
   * The values of placeholders, by name: `{ ':DATABASE_VISITOR': 'app_visitor' }`, as in `.gmrc`. `:DATABASE_NAME` and
   * `:DATABASE_OWNER` are needed here if migrations use them.
   */
  readonly placeholders?: Readonly<Record<string, string>> | undefined
}

/** Facts: graphile-migrate 1.4.1, `dist/{migration,hash,header,pgReal}.js`. The folder is the one with `committed/`. */
export function graphileMigrateFormat({ placeholders = {} }: GraphileMigrateOptions = {}): Format<Committed> {
  return {
    tool: 'graphile-migrate',
    downs: false,
    // It runs only the files above the last one in its table.
    outOfOrder: 'ignore',
    identify: fileNameOf,
    list: listCommitted,
    body(folder, { up }, direction) {
      if (direction === 'down') return null
      const text = substitute(folder, up, placeholders)
      const isAlone = /^--!\s*no-transaction\b/.test(text.slice(headerOf(text).end).trimStart())
      return {
        kind: 'sql',
        text,
        written: folder.text(up),
        rules: { directives: false, control: 'units', ...(isAlone && { transaction: 'none' }) },
      }
    },
    bookkeeping: graphileBookkeeping,
    create(_title, { folder }) {
      throw new UsageError(`${folder.shown}: graphile-migrate makes its migrations from current.sql.`, {
        hint: 'Write the SQL to current.sql and run "graphile-migrate commit".',
      })
    },
  }
}

// --- internal ---

const FILE = /^committed\/(([0-9]+)(?:-[-_a-zA-Z0-9]*)?)\.sql$/
const RESERVED = [':DATABASE_NAME', ':DATABASE_OWNER']

interface Committed {
  readonly previousHash: string | null
  readonly hash: string
  readonly allowsInvalidHash: boolean
}

function listCommitted(folder: Folder): Listing<Committed> {
  const paths = folder
    .files()
    .filter((path) => FILE.test(path))
    .sort((a, b) => fileNameOf(nameOf(a)).localeCompare(fileNameOf(nameOf(b)), 'en'))
  const entries = paths.map(
    (path): Entry<Committed> => ({
      name: nameOf(path),
      number: leadingNumber(nameOf(path)),
      up: path,
      data: readCommitted(folder, path),
    }),
  )
  for (const [i, entry] of entries.entries()) checkChain(folder, entry, entries[i - 1])
  return { entries, remarks: remarksOn(folder, entries) }
}

function nameOf(path: string): string {
  return FILE.exec(path)?.[1] ?? path
}

/** Returns the name in graphile-migrate's table: that of the file without its message. */
function fileNameOf(name: string): string {
  const digits = /^[0-9]+/.exec(name)?.[0]
  return digits === undefined ? name : `${digits}.sql`
}

/** Returns the lines at the top that are headers, by key, and where they end. Windows line ends are passed over. */
function headerOf(text: string): { headers: ReadonlyMap<string, string>; end: number } {
  const headers = new Map<string, string>()
  const line = /\uFEFF?--! ([A-Z][a-zA-Z0-9_]*)(?::([^\r\n]*))?\r?(?:\n|$)/y
  let end = 0
  for (let match = line.exec(text); match; match = line.exec(text)) {
    headers.set(match[1] ?? '', match[2]?.trim() ?? '')
    end = line.lastIndex
  }
  return { headers, end }
}

function readCommitted(folder: Folder, path: string): Committed {
  const { headers } = headerOf(folder.text(path))
  for (const key of ['Previous', 'Hash']) {
    if (headers.get(key)) continue
    throw new UsageError(`${folder.shown}/${path} has no header "--! ${key}", so graphile-migrate refuses it.`, {
      hint: 'Committed files are made by "graphile-migrate commit", which writes the header.',
    })
  }
  const previous = headers.get('Previous')
  return {
    previousHash: previous === undefined || previous === '-' ? null : previous,
    hash: headers.get('Hash') ?? '',
    allowsInvalidHash: headers.has('AllowInvalidHash'),
  }
}

function checkChain(folder: Folder, { up, data }: Entry<Committed>, before: Entry<Committed> | undefined): void {
  const expected = before?.data.hash ?? null
  if (data.previousHash === expected) return
  const follows = data.previousHash === null ? 'says that it is the first migration' : `follows ${data.previousHash}`
  const actual = before ? `the one before it (${before.up}) is ${expected}` : 'there is no migration before it'
  throw new UsageError(
    `${folder.shown}/${up} ${follows}, but ${actual}, so graphile-migrate refuses the whole folder.`,
    { hint: 'Uncommit and commit the migrations that were committed on different branches.' },
  )
}

function remarksOn(folder: Folder, entries: readonly Entry<Committed>[]): string[] {
  const windows = entries.filter(({ up }) => /^(\uFEFF|[^\n]*\r\n)/.test(folder.text(up)))
  const current = folder.files().filter((path) => path === 'current.sql' || path.startsWith('current/'))
  return [
    ...entries.flatMap(({ up, data }) => {
      const isValid = hasHash(folder, up, data, data.hash)
      if (isValid === !data.allowsInvalidHash) return []
      return isValid
        ? `${folder.shown}/${up} allows an invalid hash, but its hash is valid: graphile-migrate refuses to run it.`
        : `${folder.shown}/${up} was edited after it was committed (its Hash does not match): graphile-migrate refuses to run it.`
    }),
    ...(windows.length > 0
      ? [
          `graphile-migrate finds no header in files with Windows line ends or a byte order mark: ${windows.map(({ up }) => up).join(', ')}.`,
        ]
      : []),
    ...(current.some((path) => hasSql(folder.text(path)))
      ? [`${folder.shown}/current is not committed, so it does not run.`]
      : []),
  ]
}

/** Comments alone do not count: an empty current.sql has one. */
function hasSql(text: string): boolean {
  return text.split('\n').some((line) => line.trim() !== '' && !line.trimStart().startsWith('--'))
}

/**
 * Compares with a hash of `dist/hash.js`. It counts the body's line ends as they were when the file was committed; the
 * lines of the header always ended as in Unix. Git may have changed them all since.
 */
function hasHash(folder: Folder, path: string, { previousHash }: Committed, hash: string): boolean {
  const text = folder.text(path)
  const body = text.slice(headerOf(text).end)
  return [body, body.replaceAll('\r\n', '\n')].some((version) => {
    const hashed = `${`${previousHash ?? ''}\n${version.trim()}`.trim()}\n`
    return hash === `sha1:${createHash('sha1').update(hashed).digest('hex')}`
  })
}

/** Replaces placeholders by plain text, wherever they are. Places after one are then not those of the file. */
function substitute(folder: Folder, path: string, placeholders: Readonly<Record<string, string>>): string {
  const names = [...new Set([...Object.keys(placeholders), ...RESERVED])]
  const pattern = new RegExp(
    `(?:${names.map((name) => name.replace(/[-/\\^$*+?.()|[\]{}]/g, '\\$&')).join('|')})\\b`,
    'g',
  )
  return folder.text(path).replace(pattern, (name) => {
    const value = placeholders[name]
    if (value === undefined) {
      throw new UsageError(`${folder.shown}/${path} needs a value for the placeholder ${name}.`, {
        hint: `Give it in the source's option: placeholders: { '${name}': '…' }.`,
      })
    }
    return value
  })
}

function graphileBookkeeping(dialect: Dialect, { folder, entry }: Books<Committed>): Bookkeeping {
  if (dialect !== 'postgres') {
    throw new UsageError(`${folder.shown} is a folder of graphile-migrate, which is for PostgreSQL only.`)
  }
  const table = qualified(dialect, 'graphile_migrate', 'migrations')
  const literal = (value: unknown) => literalOf(value, dialect)
  return {
    tables: ['migrations', 'current'],
    schema: 'graphile_migrate',
    create: CREATE,
    select: `SELECT filename, hash, date FROM ${table} ORDER BY filename`,
    rows: (rows) =>
      rows.map(({ filename, hash, date }) => {
        const known = entry(String(filename))
        return {
          identity: String(filename),
          state: 'applied',
          appliedAt: date as Date | null,
          isUnchanged: known && (async () => isUnchanged(folder, known, String(hash))),
        }
      }),
    record: async ({ name }) => {
      const known = entry(fileNameOf(name))
      if (!known) return []
      const values = [known.data.hash, known.data.previousHash, fileNameOf(name)].map(literal)
      return [`INSERT INTO ${table} (hash, previous_hash, filename) VALUES (${values.join(', ')})`]
    },
    forget: (identity) => [`DELETE FROM ${table} WHERE filename = ${literal(identity)}`],
    locks: () => ['4727445306447283'],
  }
}

function isUnchanged(folder: Folder, { up, data }: Entry<Committed>, hash: string): boolean {
  return data.allowsInvalidHash ? data.hash === hash : hasHash(folder, up, data, hash)
}

const CREATE = [
  'CREATE SCHEMA IF NOT EXISTS graphile_migrate',
  `CREATE TABLE IF NOT EXISTS graphile_migrate.migrations (
  hash text PRIMARY KEY, previous_hash text REFERENCES graphile_migrate.migrations, filename text NOT NULL,
  date timestamptz NOT NULL DEFAULT now())`,
  `CREATE TABLE IF NOT EXISTS graphile_migrate.current (
  filename text PRIMARY KEY DEFAULT 'current.sql', content text NOT NULL, date timestamptz NOT NULL DEFAULT now())`,
]
