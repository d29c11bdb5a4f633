/**
 * Drizzle, in both of its layouts: up to 0.x a journal (`meta/_journal.json`) lists files `<tag>.sql`; from 1.0 on each
 * migration is a folder with `migration.sql` in it.
 */
import { createHash } from 'node:crypto'
import { SourceNotFoundError, UsageError } from '../../migrate/errors.ts'
import type { Bookkeeping, BookkeepingData, BookkeepingRow, SqlBody } from '../../migrate/source.ts'
import type { Dialect } from '../../sql/dialect.ts'
import { literalOf } from '../../sql/parameters.ts'
import { positionAt } from '../../sql/position.ts'
import { type Token, tokenize } from '../../sql/tokens.ts'
import { afterRemoval, newDrizzleFiles } from './drizzleNew.ts'
import { type Books, type Entry, type Folder, type Format, type Listing, leadingNumber, someOf } from './format.ts'
import { qualified, timeOf } from './tables.ts'

export interface DrizzleOptions {
  /** As in Drizzle's own options; default: `__drizzle_migrations`. */
  readonly migrationsTable?: string | undefined
  /** As in Drizzle's own options, on PostgreSQL only; default: `drizzle`. */
  readonly migrationsSchema?: string | undefined
}

/** {@link drizzleFormat} keeps this for each migration. */
export interface DrizzleData {
  /** The number in the column `created_at`: the journal's `when`, or the time in the folder's name. */
  readonly when: number
  /** `false` if the journal lists the file and it does not exist. */
  readonly exists: boolean
  /** Drizzle's name of the database, from the journal or a snapshot: `postgresql`, `postgres`, `mysql`, `sqlite`, … */
  readonly database: string | undefined
}

/**
 * Facts: drizzle-orm 0.45.4 and 1.0.0-rc.5, `migrator.js`, `migrator.utils.js`, `pg-core/dialect.js`,
 * `pg-core/async/session.js`, `mysql-core/…`, `up-migrations/pg.js`.
 */
export function drizzleFormat({ migrationsTable, migrationsSchema }: DrizzleOptions = {}): Format<DrizzleData> {
  let outOfOrder: 'error' | 'apply' = 'error'
  let nameless = false
  return {
    tool: 'Drizzle',
    downs: false,
    // Its migrator never looks at rows without a file.
    missing: 'ignore',
    /**
     * Drizzle 1.0 applies every migration whose name is not in its table. Drizzle 0.x skips, without a word, what is not
     * above the highest `created_at` in its table. An error says so; to skip silently would hide the most reported
     * problem of Drizzle users (drizzle-orm issues 5316 and 5769).
     */
    get outOfOrder() {
      return outOfOrder
    },
    get nameless() {
      return nameless
    },
    list(folder) {
      nameless = hasJournal(folder)
      outOfOrder = hasJournal(folder) ? 'error' : 'apply'
      return listDrizzle(folder)
    },
    body(folder, entry, direction) {
      if (direction === 'up') return readBody(folder, entry, entry.up)
      return entry.down === undefined ? null : readBody(folder, entry, entry.down)
    },
    bookkeeping: (dialect, books) => drizzleBookkeeping(dialect, books, migrationsTable, migrationsSchema),
    create: newDrizzleFiles,
    alongside: afterRemoval,
  }
}

// --- internal ---

const JOURNAL = 'meta/_journal.json'
const BODY = 'migration.sql'
const SEPARATOR = '--> statement-breakpoint'

type DrizzleEntry = Entry<DrizzleData>

const hasJournal = (folder: Folder): boolean => folder.files().includes(JOURNAL)

function listDrizzle(folder: Folder): Listing<DrizzleData> {
  return hasJournal(folder) ? listJournal(folder) : listFolders(folder)
}

// The layout of 0.x.

interface JournalEntry {
  readonly tag: string
  readonly when: number
}

function listJournal(folder: Folder): Listing<DrizzleData> {
  const files = new Set(folder.files())
  const { dialect, entries: listed } = readJournal(folder)
  const entries = listed.map(
    ({ tag, when }): DrizzleEntry => ({
      name: tag,
      number: leadingNumber(tag),
      up: `${tag}.sql`,
      data: { when, exists: files.has(`${tag}.sql`), database: dialect },
    }),
  )
  return { entries, remarks: [...lostFiles(folder, entries), ...skippedEntries(folder, entries)] }
}

function readJournal(folder: Folder): { dialect: string | undefined; entries: readonly JournalEntry[] } {
  const where = `${folder.shown}/${JOURNAL}`
  let journal: unknown
  try {
    journal = JSON.parse(folder.text(JOURNAL).replace(/^\uFEFF/, ''))
  } catch (cause) {
    throw new UsageError(`${where} is not valid JSON.`, {
      hint: 'A merge may have left conflict markers in it.',
      cause,
    })
  }
  const { dialect, entries } = Object(journal) as { dialect?: unknown; entries?: unknown }
  if (!Array.isArray(entries) || !entries.every(isJournalEntry)) {
    throw new UsageError(`${where} is not a journal of Drizzle: each of its "entries" must have "tag" and "when".`)
  }
  return { dialect: typeof dialect === 'string' ? dialect : undefined, entries }
}

function isJournalEntry(entry: unknown): entry is JournalEntry {
  const { tag, when } = Object(entry) as { tag?: unknown; when?: unknown }
  return typeof tag === 'string' && typeof when === 'number'
}

function lostFiles(folder: Folder, entries: readonly DrizzleEntry[]): string[] {
  const listed = new Set(entries.map(({ up }) => up))
  const orphans = folder.files().filter((file) => /^[^/]+\.sql$/.test(file) && !listed.has(file))
  const folders = folder.files().filter((file) => /^[^/]+\/migration\.sql$/.test(file))
  const remarks = entries
    .filter(({ data }) => !data.exists)
    .map(({ up }) => `${folder.shown}/${up} is in the journal and does not exist: Drizzle refuses the whole folder.`)
  if (orphans.length > 0) {
    remarks.push(
      `${folder.shown} has files that are not in ${JOURNAL}, so Drizzle never runs them: ${someOf(orphans)}.`,
    )
  }
  if (folders.length > 0) {
    remarks.push(
      `${folder.shown} has a journal, so its folders with ${BODY} do not count: ${someOf(folders)}. Drizzle 1.0 refuses such a folder until "drizzle-kit up" has run.`,
    )
  }
  return remarks
}

/** Drizzle compares `when` with the highest one in its table, which it reads once. */
function skippedEntries(folder: Folder, entries: readonly DrizzleEntry[]): string[] {
  const remarks: string[] = []
  let highest: DrizzleEntry | undefined
  for (const entry of entries) {
    if (highest && entry.data.when <= highest.data.when) {
      remarks.push(
        `${folder.shown}/${entry.up} has a "when" in the journal that is not above that of ${highest.name}: Drizzle silently skips it on a database that has ${highest.name}.`,
      )
    } else highest = entry
  }
  return remarks
}

// The layout of 1.0.

function listFolders(folder: Folder): Listing<DrizzleData> {
  const files = folder.files()
  const known = new Set(files)
  const names = [...new Set(files.filter((file) => file.includes('/')).map((file) => file.split('/')[0] ?? ''))]
  const found = names.filter((name) => known.has(`${name}/${BODY}`)).sort((a, b) => a.localeCompare(b))
  const loose = files.filter((file) => /^[^/]+\.sql$/.test(file))
  if (found.length === 0 && files.length > 0) {
    throw new SourceNotFoundError(`${folder.shown} has neither ${JOURNAL} nor folders with ${BODY}.`, {
      hint: 'Give the folder that "out" in drizzle.config.ts names.',
    })
  }
  const database = databaseOf(folder, found)
  const entries = found.map(
    (name): DrizzleEntry => ({
      name,
      number: leadingNumber(name),
      up: `${name}/${BODY}`,
      // Not a part of Drizzle yet: drizzle-orm pull request 5476 writes this file.
      down: known.has(`${name}/down.sql`) ? `${name}/down.sql` : undefined,
      data: { when: timeInName(name), exists: true, database },
    }),
  )
  const remarks = names
    .filter((name) => !known.has(`${name}/${BODY}`))
    .map((name) => `${folder.shown}/${name} has no ${BODY}: Drizzle ignores it.`)
  const untimed = entries.filter(({ data }) => Number.isNaN(data.when)).map(({ name }) => name)
  if (untimed.length > 0) {
    remarks.push(
      `${folder.shown} has folders whose names do not begin with 14 digits, so Drizzle cannot record them: ${someOf(untimed)}.`,
    )
  }
  if (loose.length > 0) {
    remarks.push(
      `${folder.shown} has no journal, so Drizzle never runs the files beside the folders: ${someOf(loose)}.`,
    )
  }
  return { entries, remarks }
}

/** Returns the database that a snapshot names. One is enough: Drizzle keeps a folder for each database. */
function databaseOf(folder: Folder, names: readonly string[]): string | undefined {
  const files = new Set(folder.files())
  const snapshot = names.map((name) => `${name}/snapshot.json`).find((file) => files.has(file))
  return snapshot === undefined ? undefined : /"dialect"\s*:\s*"([^"]+)"/.exec(folder.text(snapshot))?.[1]
}

/** Returns the UTC time that the first 14 characters of a name state, in milliseconds; NaN if they state none. */
function timeInName(name: string): number {
  const part = (from: number, to: number) => Number.parseInt(name.slice(from, to), 10)
  return Date.UTC(part(0, 4), part(4, 6) - 1, part(6, 8), part(8, 10), part(10, 12), part(12, 14))
}

// Bodies.

function readBody(folder: Folder, { name, data }: DrizzleEntry, path: string): SqlBody {
  const shown = `${folder.shown}/${path}`
  if (!data.exists) {
    throw new UsageError(`${shown} is in the journal and does not exist.`, {
      hint: `Restore the file, or remove its entry from ${JOURNAL}.`,
    })
  }
  if (Number.isNaN(data.when)) {
    throw new UsageError(`${folder.shown}/${name} has a name that does not begin with 14 digits.`, {
      hint: 'Drizzle 1.0 cannot record such a migration. Name the folder like 20260127101500_add_users.',
    })
  }
  const dialect = data.database === 'mysql' ? 'mysql' : 'postgres'
  const text = withSemicolons(folder.text(path), dialect, shown)
  return { kind: 'sql', text, rules: { directives: false, control: 'units' } }
}

/**
 * Replaces Drizzle's separators. Drizzle cuts the file there, so that a piece needs no semicolon, and more SQL may follow
 * in the same line. In MySQL `-->` would be an error besides. Offsets stay those of the file.
 */
function withSemicolons(text: string, dialect: Dialect, shown: string): string {
  const pieces = text.split(SEPARATOR)
  let at = 0
  const done = pieces.map((piece, place) => {
    const start = at
    at += piece.length + SEPARATOR.length
    if (place === pieces.length - 1) return piece
    const { last, comment, open } = endOf(piece, dialect)
    if (open) throw cutInside(text, start + open.start, shown, open.unterminated ?? '')
    const end = last === undefined || piece.slice(last.start, last.end) === ';' ? ' ' : ';'
    // A comment that runs up to the separator would swallow the semicolon.
    const kept = comment ? piece.slice(0, comment.start) + ' '.repeat(piece.length - comment.start) : piece
    return kept + end.padEnd(SEPARATOR.length)
  })
  return done.join('')
}

/** Returns the last token that is not a comment, a line comment at the end, and the token that the piece cuts in two. */
function endOf(piece: string, dialect: Dialect): { last?: Token; comment?: Token; open?: Token } {
  let last: Token | undefined
  let comment: Token | undefined
  for (const token of tokenize(piece, dialect)) {
    if (token.unterminated) return { open: token }
    comment = undefined
    if (token.kind !== 'comment') last = token
    else if (token.end === piece.length && !piece.startsWith('/*', token.start)) comment = token
  }
  return { ...(last && { last }), ...(comment && { comment }) }
}

function cutInside(text: string, offset: number, shown: string, what: string): UsageError {
  const { line } = positionAt(text, offset)
  return new UsageError(`${shown}:${line}: "${SEPARATOR}" stands inside of something that begins here (${what}).`, {
    hint: 'Drizzle cuts the file there, and the server refuses both parts. A file of "drizzle-kit pull" is one comment: remove the lines /* and */.',
  })
}

// The table.

function drizzleBookkeeping(
  dialect: Dialect,
  { folder, entry }: Books<DrizzleData>,
  name = '__drizzle_migrations',
  ownSchema?: string,
): Bookkeeping {
  checkDatabase(dialect, folder)
  const schema = ownSchema ?? 'drizzle'
  const table = qualified(dialect, schema, name)
  const named = !hasJournal(folder)
  let isOld = false
  return {
    tables: [name],
    // Only the default is surely Drizzle's own. A schema that the user names may also have the user's tables.
    ...(dialect === 'postgres' && ownSchema === undefined && { schema }),
    create: dialect === 'postgres' ? createPostgres(schema, table, named) : [createMysql(table, named)],
    // All columns, because a table of Drizzle 0.x does not have those of 1.0.
    select: `SELECT * FROM ${table} ORDER BY id`,
    rows(rows) {
      isOld = rows.length > 0 && !Object.hasOwn(rows[0] ?? {}, 'name')
      return readRows(rows, folder, listDrizzle(folder).entries, named)
    },
    async record(migration) {
      const known = entry(migration.name)
      if (!known) return []
      if (named && isOld) throw oldTable(name)
      const values = [hashOf(folder, known), known.data.when, ...(named ? [known.name] : [])]
      const columns = ['hash', 'created_at', ...(named ? ['name'] : [])]
      const literals = values.map((value) => literalOf(value, dialect)).join(', ')
      return [`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${literals})`]
    },
    forget(identity) {
      if (named && isOld) throw oldTable(name)
      return [`DELETE FROM ${table} WHERE ${rowOf(identity, dialect, folder, named)}`]
    },
  }
}

function checkDatabase(dialect: Dialect, folder: Folder): void {
  const database = listDrizzle(folder).entries[0]?.data.database
  const fitting = { postgres: ['postgresql', 'postgres', 'pg'], mysql: ['mysql'] }[dialect]
  if (database === undefined || fitting.includes(database)) return
  throw new UsageError(`${folder.shown} has migrations for ${database}, but this database is ${fitting[0]}.`)
}

function oldTable(table: string): UsageError {
  return new UsageError(`The table ${table} was made by Drizzle 0.x, and the folder has the layout of Drizzle 1.0.`, {
    hint: 'Migrate this database once with Drizzle 1.0 itself: it adds the names to the table.',
  })
}

function createPostgres(schema: string, table: string, named: boolean): string[] {
  const more = named ? ', name text, applied_at timestamp with time zone DEFAULT now()' : ''
  return [
    `CREATE SCHEMA IF NOT EXISTS ${qualified('postgres', undefined, schema)}`,
    `CREATE TABLE IF NOT EXISTS ${table} (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at bigint${more})`,
  ]
}

function createMysql(table: string, named: boolean): string {
  const more = named ? ', name text, applied_at timestamp DEFAULT CURRENT_TIMESTAMP' : ''
  return `CREATE TABLE IF NOT EXISTS ${table} (id serial PRIMARY KEY, hash text NOT NULL, created_at bigint${more})`
}

function hashOf(folder: Folder, { up, data }: DrizzleEntry): string | undefined {
  return data.exists ? hash(folder.text(up)) : undefined
}

/** Drizzle hashes the file as text, so that a byte order mark counts. */
function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** Names a row that belongs to no migration in the folder. Drizzle 0.x records no name. */
const UNKNOWN = 'created_at '

function readRows(
  rows: readonly BookkeepingData[],
  folder: Folder,
  entries: readonly DrizzleEntry[],
  named: boolean,
): BookkeepingRow[] {
  const find = finder(folder, entries, named)
  const found = new Map<string, BookkeepingRow>()
  for (const row of rows) {
    const name = named && typeof row.name === 'string' ? row.name : undefined
    const known = name === undefined ? find(row) : entries.find((entry) => entry.name === name)
    const identity = name ?? known?.name ?? `${UNKNOWN}${row.created_at}`
    const stored = String(row.hash)
    found.set(identity, {
      identity,
      state: 'applied',
      appliedAt: timeOf(row.applied_at),
      isUnchanged: known?.data.exists ? async () => isSame(folder.text(known.up), stored) : undefined,
    })
  }
  return [...found.values()]
}

/** Returns a function that finds the migration of a row without a name: by its time, then by its hash. */
function finder(folder: Folder, entries: readonly DrizzleEntry[], named: boolean) {
  // Drizzle 1.0 cuts the milliseconds when it takes over a table of 0.x: names of folders have none.
  const timeOfRow = (when: unknown) => (named ? Math.floor(Number(when) / 1000) * 1000 : Number(when))
  const byTime = new Map<number, DrizzleEntry[]>()
  for (const entry of entries) byTime.set(entry.data.when, [...(byTime.get(entry.data.when) ?? []), entry])
  const hashes = new Map<DrizzleEntry, string | undefined>()
  const byHash = (some: readonly DrizzleEntry[], { hash: stored }: BookkeepingData) =>
    some.find((entry) => {
      if (!hashes.has(entry)) hashes.set(entry, hashOf(folder, entry))
      return hashes.get(entry) === stored
    })
  return (row: BookkeepingData): DrizzleEntry | undefined => {
    const some = byTime.get(timeOfRow(row.created_at)) ?? []
    return some.length === 1 ? some[0] : byHash(some.length > 0 ? some : entries, row)
  }
}

/** A difference in line ends is not an edit: git may have changed them. */
function isSame(text: string, stored: string): boolean {
  const unix = text.replace(/\r\n/g, '\n')
  return [text, unix, unix.replace(/\n/g, '\r\n')].some((version) => hash(version) === stored)
}

/** Returns the condition for the row of a migration. It finds the row as {@link readRows} does. */
function rowOf(identity: string, dialect: Dialect, folder: Folder, named: boolean): string {
  if (named && !identity.startsWith(UNKNOWN)) return `name = ${literalOf(identity, dialect)}`
  const { entries } = listDrizzle(folder)
  const known = entries.find(({ name }) => name === identity)
  if (!known) {
    const time = identity.startsWith(UNKNOWN) ? identity.slice(UNKNOWN.length) : ''
    return /^\d+$/.test(time) ? `created_at = ${literalOf(time, dialect)}` : 'FALSE'
  }
  const when = literalOf(known.data.when, dialect)
  const own = literalOf(hashOf(folder, known), dialect)
  const times = [...new Set(entries.map(({ data }) => literalOf(data.when, dialect)))]
  const isShared = entries.filter(({ data }) => data.when === known.data.when).length > 1
  const byTime = isShared ? `created_at = ${when} AND hash = ${own}` : `created_at = ${when}`
  return `(${byTime}) OR (hash = ${own} AND created_at NOT IN (${times.join(', ')}))`
}
