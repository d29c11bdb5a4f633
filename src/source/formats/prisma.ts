/** Prisma Migrate, up to version 7: a folder for each migration, with `migration.sql` in it. */
import { createHash, randomUUID } from 'node:crypto'
import { UsageError } from '../../migrate/errors.ts'
import type { Bookkeeping, BookkeepingData, BookkeepingRow } from '../../migrate/source.ts'
import type { Dialect } from '../../sql/dialect.ts'
import { literalOf } from '../../sql/parameters.ts'
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
import { qualified } from './tables.ts'

export interface PrismaOptions {
  /** The schema of the table `_prisma_migrations`; default: the connection's current schema. */
  readonly schema?: string | undefined
  /**
   * The version of Prisma that migrates your databases, such as 7.4. From 7.4 on, Prisma runs each statement on its own.
   * Default: a file runs in one transaction, unless it has statements that need several.
   */
  readonly engine?: number | undefined
  /**
   * SQL that each test database gets before the first migration, such as Prisma's `migrations.initShadowDb`. Default:
   * that setting, if prisma.config.ts has it as a plain text.
   */
  readonly before?: string | undefined
}

/** Facts: prisma-engines, schema-connector `migrations_directory.rs`, `checksum.rs`, `sql_migration_persistence.rs`. */
export function prismaFormat({ schema, engine = 0, before }: PrismaOptions = {}): Format {
  let provider: string | undefined
  return {
    tool: 'Prisma',
    downs: false,
    // `migrate deploy` does not look at rows without a folder; squashing leaves such rows.
    missing: 'ignore',
    outOfOrder: 'apply',
    list(folder) {
      const listing = listPrisma(folder)
      provider = providerOf(folder)
      return listing
    },
    before: (folder) => [before ?? shadowInit(folder) ?? []].flat(),
    body(folder, { up, down }, direction) {
      const path = direction === 'up' ? up : down
      if (path === undefined) return null
      return {
        kind: 'sql',
        text: folder.text(path),
        rules: {
          directives: false,
          control: 'units',
          commitsEnumValues: true,
          ...(engine >= 7.4 && { transaction: 'none' }),
        },
      }
    },
    bookkeeping(dialect, books) {
      const expected = { postgres: 'postgresql', mysql: 'mysql' }[dialect]
      if (provider !== undefined && provider !== expected && !(provider === 'cockroachdb' && dialect === 'postgres')) {
        throw new UsageError(
          `${books.folder.shown} has migrations for ${provider} (migration_lock.toml), but this database is ${expected}.`,
        )
      }
      return prismaBookkeeping(dialect, books, schema)
    },
    create: (title, { now }) => ({ [`${timestampOf(now)}_${title}/${BODY}`]: '' }),
  }
}

// --- internal ---

const BODY = 'migration.sql'

function listPrisma(folder: Folder): Listing {
  const files = folder.files()
  const known = new Set(files)
  const folders = [...new Set(files.filter((file) => file.includes('/')).map((file) => file.split('/')[0] ?? ''))]
  if (folders.some((name) => known.has(`${name}/migration.json`) && known.has(`${name}/ops.json`))) {
    throw new UsageError(`${folder.shown} has migrations of Prisma 8, which cannot be read yet.`, {
      hint: 'Prisma 8 is a different tool: its migrations are ops.json files. Folders of Prisma up to 7 (migration.sql) can be read.',
    })
  }
  const missing = folders.filter((name) => !known.has(`${name}/${BODY}`))
  const entries = folders
    .filter((name) => known.has(`${name}/${BODY}`))
    .sort((a, b) => a.localeCompare(b))
    .map(
      (name): Entry => ({
        name,
        number: leadingNumber(name),
        up: `${name}/${BODY}`,
        down: known.has(`${name}/down.sql`) ? `${name}/down.sql` : undefined,
        data: undefined,
      }),
    )
  const remarks =
    missing.length === 0
      ? []
      : [`${folder.shown} has folders without ${BODY}, which Prisma refuses to run: ${someOf(missing)}.`]
  return { entries, remarks }
}

/** Reads `migrations.initShadowDb` from prisma.config.ts, which is beside the folder of the schema. */
function shadowInit(folder: Folder): string | undefined {
  const config = folder.above?.('prisma.config.ts') ?? folder.above?.('../prisma.config.ts')
  const text = config && /\binitShadowDb\s*:\s*(?:`([^`$\\]*)`|'([^'\n\\]*)'|"([^"\n\\]*)")/.exec(config)
  return text ? (text[1] ?? text[2] ?? text[3]) : undefined
}

function providerOf(folder: Folder): string | undefined {
  if (!folder.files().includes('migration_lock.toml')) return undefined
  return /^\s*provider\s*=\s*"([^"]+)"/m.exec(folder.text('migration_lock.toml'))?.[1]
}

function prismaBookkeeping(dialect: Dialect, { folder, entry }: Books<undefined>, schema?: string): Bookkeeping {
  const table = qualified(dialect, schema, '_prisma_migrations')
  const now = dialect === 'postgres' ? 'pg_catalog.clock_timestamp()' : 'CURRENT_TIMESTAMP(3)'
  return {
    tables: ['_prisma_migrations'],
    create: [dialect === 'postgres' ? createPostgres(table) : createMysql(table)],
    select: `SELECT migration_name, checksum, finished_at, rolled_back_at FROM ${table} ORDER BY started_at, migration_name`,
    rows: (rows) => readRows(rows, folder, entry),
    record: async ({ name }) => {
      const known = entry(name)
      if (!known) return []
      const values = [randomUUID(), checksum(folder.bytes(known.up)), name].map((value) => literalOf(value, dialect))
      // One moment for both: the server would compute `finished_at` first, which comes first in the table.
      return [
        `INSERT INTO ${table} (id, checksum, migration_name, started_at, finished_at, applied_steps_count) SELECT ${values.join(', ')}, moment, moment, 1 FROM (SELECT ${now} AS moment) AS clock`,
      ]
    },
    forget: (name) => [`DELETE FROM ${table} WHERE migration_name = ${literalOf(name, dialect)}`],
    locks: () => [dialect === 'postgres' ? '72707369' : 'prisma_migrate'],
  }
}

function createPostgres(table: string): string {
  return `CREATE TABLE IF NOT EXISTS ${table} (
  id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0)`
}

function createMysql(table: string): string {
  return `CREATE TABLE IF NOT EXISTS ${table} (
  id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at DATETIME(3),
  migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at DATETIME(3),
  started_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), applied_steps_count INTEGER UNSIGNED NOT NULL DEFAULT 0
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`
}

/** Several rows may have one name: a failed try that was marked as rolled back, and the try that succeeded. */
function readRows(
  rows: readonly BookkeepingData[],
  folder: Folder,
  entry: (name: string) => Entry | undefined,
): BookkeepingRow[] {
  const found = new Map<string, BookkeepingRow>()
  for (const row of rows) {
    if (row.rolled_back_at !== null) continue
    const identity = String(row.migration_name)
    const known = entry(identity)
    const stored = String(row.checksum)
    const state = row.finished_at === null ? 'failed' : 'applied'
    if (found.get(identity)?.state === 'applied') continue
    found.set(identity, {
      identity,
      state,
      appliedAt: row.finished_at as Date | null,
      isUnchanged: known && (async () => isSame(folder.bytes(known.up), stored)),
    })
  }
  return [...found.values()]
}

function checksum(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Compares as Prisma does: line ends may differ, and older versions wrote the checksum without leading zeros. */
function isSame(bytes: Uint8Array, stored: string): boolean {
  const text = Buffer.from(bytes).toString('utf8')
  const unix = text.replace(/\r\n/g, '\n')
  const sums = [bytes, unix, unix.replace(/\n/g, '\r\n')].map(checksum)
  return sums.some((sum) => sum === stored || (stored.length < 64 && unpadded(sum) === stored))
}

/** Returns the checksum with each byte written without a leading zero. */
function unpadded(sum: string): string {
  return sum.replace(/../g, (byte) => byte.replace(/^0/, ''))
}
