/** postgres-migrations (npm): `<id>_name.sql` or `<id>-name.sql`, with ids from 1 without gaps. */
import { createHash } from 'node:crypto'
import { FileNameError, UsageError } from '../../migrate/errors.ts'
import type { Bookkeeping } from '../../migrate/source.ts'
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
  type NewMigration,
} from './format.ts'
import { qualified } from './tables.ts'

export interface PostgresMigrationsOptions {
  /** The schema of the table `migrations`; default: the connection's current schema. */
  readonly schema?: string | undefined
}

/** Facts: postgres-migrations 5.3.0, `dist/{files-loader,file-name-parser,validation,run-migration,with-lock}.js`. */
export function postgresMigrationsFormat({ schema }: PostgresMigrationsOptions = {}): Format<Data> {
  return {
    tool: 'postgres-migrations',
    downs: false,
    // Ids have no gaps, so a migration that comes later always has the highest one.
    outOfOrder: 'error',
    identify: idOf,
    list: listNumbered,
    body(folder, { up }, direction) {
      if (direction === 'down') return null
      if (isCode(up)) {
        throw new UsageError(`${folder.shown}/${up} is code, which cannot be run: only .sql files can.`, {
          hint: 'Write the SQL that its generateSql() returns to a .sql file of the same id.',
        })
      }
      const text = folder.text(up)
      const isAlone = text.includes('-- postgres-migrations disable-transaction')
      return {
        kind: 'sql',
        text,
        rules: { directives: false, control: 'units', ...(isAlone && { transaction: 'none' }) },
      }
    },
    bookkeeping: (dialect, books) => numberedBookkeeping(dialect, books, schema),
    create: newNumberedFile,
  }
}

// --- internal ---

/** The migration 0 that is part of the tool: the hash is of its file's name and text. */
const OWN = { id: 0, name: 'create-migrations-table', hash: 'e18db593bcde2aca2a408c4d1100f6abba2195df' }
/** The length of the column `name`. */
const LONGEST = 100

interface Data {
  readonly id: number
  /** The name that the tool writes into its table. */
  readonly title: string
}

function listNumbered(folder: Folder): Listing<Data> {
  const entries = folder
    .files()
    .filter((path) => !path.includes('/') && /\.(sql|js)$/i.test(path))
    .map((path) => parseFile(folder, path))
    .sort((a, b) => a.data.id - b.data.id)
  checkIds(folder, entries)
  return { entries, remarks: remarksOn(folder, entries) }
}

function parseFile(folder: Folder, path: string): Entry<Data> {
  const [, id, title = ''] = /^(-?\d+)[-_]?(.*).(sql|js)$/i.exec(path) ?? []
  if (id === undefined) {
    throw new FileNameError(
      `${folder.shown}/${path} does not begin with a number, so postgres-migrations refuses the whole folder.`,
      { hint: 'Name it like 1_add_users.sql, or move it to another folder.' },
    )
  }
  const name = path.replace(/\.[^.]+$/, '')
  return { name, number: leadingNumber(name), up: path, data: { id: Number(id), title: title || path } }
}

/** Two files with one id are reported where all formats report them. */
function checkIds(folder: Folder, entries: readonly Entry<Data>[]): void {
  const ids = [...new Set(entries.map(({ data }) => data.id))]
  const wrong = ids.findIndex((id, i) => id !== i + 1)
  if (wrong === -1) return
  const entry = entries.find(({ data }) => data.id === ids[wrong])
  throw new UsageError(
    `${folder.shown}/${entry?.up} should have the id ${wrong + 1}: postgres-migrations refuses folders whose ids do not count from 1 without gaps.`,
    { hint: 'Rename the files that are not applied yet.' },
  )
}

function remarksOn(folder: Folder, entries: readonly Entry<Data>[]): string[] {
  const seen = new Map<string, string>([[OWN.name, 'a file of postgres-migrations itself']])
  const remarks: string[] = []
  for (const { up, data } of entries) {
    const other = seen.get(data.title)
    if (other !== undefined) {
      remarks.push(`${folder.shown}/${up} has the same name as ${other}: postgres-migrations cannot record both.`)
    }
    if ([...data.title].length > LONGEST) {
      remarks.push(
        `${folder.shown}/${up} has a name of over ${LONGEST} characters, which postgres-migrations cannot record.`,
      )
    }
    seen.set(data.title, up)
  }
  return remarks
}

/** The tool has no command for it, so the names of the folder are continued; the first one is that of its README. */
function newNumberedFile(title: string, { entries, now }: NewMigration<Data>): Record<string, string> {
  const last = entries.at(-1)?.name ?? '0_'
  const separator = /^\d+-/.test(last) ? '-' : '_'
  return { [`${digitsAfter(last, now)}${separator}${title}.sql`]: '' }
}

function isCode(path: string): boolean {
  return path.toLowerCase().endsWith('.js')
}

function idOf(name: string): string {
  const digits = /^-?\d+/.exec(name)?.[0]
  return digits === undefined ? name : String(Number(digits))
}

function numberedBookkeeping(dialect: Dialect, { folder, entry }: Books<Data>, schema?: string): Bookkeeping {
  if (dialect !== 'postgres') {
    throw new UsageError(`${folder.shown} is a folder of postgres-migrations, which is for PostgreSQL only.`)
  }
  const table = qualified(dialect, schema, 'migrations')
  const insert = (values: readonly unknown[]) =>
    `INSERT INTO ${table} (id, name, hash) VALUES (${values.map((value) => literalOf(value, dialect)).join(', ')})`
  return {
    tables: ['migrations'],
    create: [
      `CREATE TABLE IF NOT EXISTS ${table} (
  id integer PRIMARY KEY, name varchar(100) UNIQUE NOT NULL, hash varchar(40) NOT NULL,
  executed_at timestamp DEFAULT current_timestamp)`,
      insert([OWN.id, OWN.name, OWN.hash]),
    ],
    select: `SELECT id, hash, executed_at FROM ${table} WHERE id > 0 ORDER BY id`,
    rows: (rows) =>
      rows.map(({ id, hash, executed_at }) => {
        const up = entry(String(id))?.up
        return {
          identity: String(id),
          state: 'applied',
          appliedAt: executed_at as Date | null,
          isUnchanged: up === undefined || isCode(up) ? undefined : async () => hashOf(folder, up) === hash,
        }
      }),
    record: async ({ name }) => {
      const known = entry(idOf(name))
      return known ? [insert([known.data.id, known.data.title, hashOf(folder, known.up)])] : []
    },
    forget: (identity) => [`DELETE FROM ${table} WHERE id = ${literalOf(identity, dialect)}`],
    locks: () => ['-8525285245963000605'],
  }
}

/** For code, the tool hashes the SQL that the code returns, which cannot be known here: that of its text stands in. */
function hashOf(folder: Folder, path: string): string {
  return createHash('sha1')
    .update(path + folder.text(path), 'utf8')
    .digest('hex')
}
