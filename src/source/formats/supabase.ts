/** The Supabase CLI: files `<version>_<name>.sql` in `supabase/migrations`. */
import { UsageError } from '../../migrate/errors.ts'
import type { Bookkeeping, BookkeepingData, BookkeepingRow } from '../../migrate/source.ts'
import type { Dialect } from '../../sql/dialect.ts'
import { literalOf } from '../../sql/parameters.ts'
import { readScript } from '../../sql/script.ts'
import {
  type Books,
  type Entry,
  type Folder,
  type Format,
  type Listing,
  leadingNumber,
  someOf,
  timestampOf,
} from './format.ts'
import { PLATFORM, PLATFORM_EXTENSIONS } from './supabasePlatform.ts'

export interface SupabaseOptions {
  /**
   * `false`: the server is one of Supabase's, so nothing is prepared. Default `true`: each test database first gets the
   * roles, schemas and functions that migrations expect of Supabase's platform.
   */
  readonly platform?: boolean | undefined
}

/** Facts: supabase/cli (2026-06-01), `apps/cli-go/pkg/migration/{list,file,apply,history}.go`. */
export function supabaseFormat({ platform = true }: SupabaseOptions = {}): Format {
  return {
    tool: 'Supabase',
    downs: false,
    // `supabase db push` and `migration up` refuse such a migration, unless they are called with --include-all.
    outOfOrder: 'error',
    identify: versionOf,
    list: listSupabase,
    before: (folder) => [...(platform ? PLATFORM : []), ...[folder.above?.('roles.sql') ?? []].flat().map(unlessThere)],
    body(folder, { up }, direction) {
      if (direction === 'down') return null
      // The CLI sends a file as one pipeline, which is one transaction, and runs CREATE INDEX CONCURRENTLY and the like
      // outside of it (from version 2.109 on). A BEGIN and COMMIT of the file's own are sent as they are.
      const text = platform ? withoutMissingExtensions(folder.text(up)) : folder.text(up)
      return { kind: 'sql', text, rules: { directives: false, control: 'units' } }
    },
    bookkeeping: supabaseBookkeeping,
    // As `supabase migration new` (`internal/migration/new/new.go`): an empty file.
    create: (title, { now }) => ({ [`${timestampOf(now)}_${title}.sql`]: '' }),
  }
}

// --- internal ---

const NAME = /^([0-9]+)_(.*)\.sql$/
const SCHEMA = 'supabase_migrations'
const TABLE = `${SCHEMA}.schema_migrations`

/** Lets roles be made that are there already: they belong to the server, and all its test databases share them. */
function unlessThere(text: string): string {
  let out = ''
  let at = 0
  for (const { start, end, words } of readScript(text, 'postgres', {}, { directives: false }).statements) {
    if (words[0] !== 'create' || !['role', 'user', 'group'].includes(words[1] ?? '')) continue
    out += `${text.slice(at, start)}DO $migratest$ BEGIN ${text.slice(start, end)}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $migratest$`
    at = end
  }
  return out + text.slice(at)
}

/**
 * Makes statements about extensions of the platform depend on whether the server has them. Lines stay where they are.
 */
function withoutMissingExtensions(text: string): string {
  if (!/\bextension\b/i.test(text)) return text
  let out = ''
  let at = 0
  for (const { start, end, words } of readScript(text, 'postgres', {}, { directives: false }).statements) {
    const statement = text.slice(start, end)
    const isAbout =
      (words[0] === 'create' && words[1] === 'extension') || words.slice(0, 3).join(' ') === 'comment on extension'
    const name = /\bextension\s+(?:if\s+not\s+exists\s+)?"?([\w-]+)"?/i.exec(statement)?.[1]?.toLowerCase()
    if (!isAbout || name === undefined || !PLATFORM_EXTENSIONS.has(name)) continue
    out += `${text.slice(at, start)}DO $migratest$ BEGIN IF EXISTS (SELECT FROM pg_available_extensions WHERE name = '${name}') THEN ${statement}; ELSE RAISE NOTICE 'passed over, since this server has no extension ${name}'; END IF; END $migratest$`
    at = end
  }
  return out + text.slice(at)
}

/** Returns the digits as they are written: versions are text, so that `01` and `1` differ. */
function versionOf(name: string): string {
  return /^\d+/.exec(name)?.[0] ?? name
}

function listSupabase(folder: Folder): Listing {
  const files = folder.files()
  const atTop = [...new Set(files.map((file) => file.split('/')[0] ?? ''))].sort()
  const isFile = new Set(files)
  const first = atTop[0]
  const old = first !== undefined && isFile.has(first) && isOldInit(first) ? first : undefined
  const names = atTop.filter((name) => isFile.has(name) && name !== old)
  const entries = names
    .filter((name) => NAME.test(name))
    .map((file): Entry => {
      const name = file.slice(0, -'.sql'.length)
      return { name, number: leadingNumber(name), up: file, data: undefined }
    })
  const others = names.filter((name) => !NAME.test(name) && !name.startsWith('.'))
  const remarks: string[] = []
  if (old !== undefined) {
    remarks.push(
      `${folder.shown}/${old} is the first file and has the name that old versions of the Supabase CLI gave it: Supabase skips it.`,
    )
  }
  if (others.length > 0) {
    remarks.push(
      `${folder.shown} has files that are not named like 20260127101500_name.sql, so Supabase skips them: ${someOf(others)}.`,
    )
  }
  return { entries, remarks }
}

/** Old versions of the CLI wrote their own schema to a first file of this name (`shouldSkip` in `list.go`). */
function isOldInit(file: string): boolean {
  const time = /([0-9]{14})_init\.sql/.exec(file)?.[1]
  return time !== undefined && Number(time) < 20211209000000
}

function supabaseBookkeeping(dialect: Dialect, { folder, entry }: Books<undefined>): Bookkeeping {
  if (dialect !== 'postgres') {
    throw new UsageError(
      `${folder.shown} has migrations of Supabase, which are for PostgreSQL, but this database is MySQL.`,
    )
  }
  return {
    tables: ['schema_migrations', 'seed_files'],
    schema: SCHEMA,
    create: [
      `CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`,
      `CREATE TABLE IF NOT EXISTS ${TABLE} (version text NOT NULL PRIMARY KEY)`,
      `ALTER TABLE ${TABLE} ADD COLUMN IF NOT EXISTS statements text[]`,
      `ALTER TABLE ${TABLE} ADD COLUMN IF NOT EXISTS name text`,
    ],
    // Old versions of the CLI made the table with this column only.
    select: `SELECT version FROM ${TABLE} ORDER BY version`,
    rows: (rows) => rows.map(readRow),
    async record({ name }) {
      const file = entry(versionOf(name))?.up
      const [, version, title] = NAME.exec(file ?? '') ?? []
      if (version === undefined) return []
      // The CLI also stores the statements, and compares versions only. They may be null.
      return [
        `INSERT INTO ${TABLE} (version, name) VALUES (${literalOf(version, dialect)}, ${literalOf(title, dialect)})`,
      ]
    },
    forget: (version) => [`DELETE FROM ${TABLE} WHERE version = ${literalOf(version, dialect)}`],
  }
}

/** The table has neither a time nor a checksum. */
function readRow({ version }: BookkeepingData): BookkeepingRow {
  return { identity: String(version), state: 'applied', appliedAt: null }
}
