/** Kysely: files in TypeScript or JavaScript that export `up(db)` and perhaps `down(db)`. */
import { UnreadableFileError } from '../../migrate/errors.ts'
import type { Bookkeeping, BookkeepingRow, MigrationContext } from '../../migrate/source.ts'
import type { Dialect } from '../../sql/dialect.ts'
import { literalOf } from '../../sql/parameters.ts'
import { bodyOf } from '../files.ts'
import type { Adapt } from '../module/loader.ts'
import { heldMysql, heldPg } from './code/held.ts'
import {
  type Books,
  type CodeFormat,
  type Entry,
  type Folder,
  importLibrary,
  leadingNumber,
  timestampOf,
} from './format.ts'
import { qualified } from './tables.ts'

export interface KyselyOptions {
  /** Kysely's `migrationTableName`; default `kysely_migration`. */
  readonly migrationTableName?: string | undefined
  /** Kysely's `migrationTableSchema`. */
  readonly migrationTableSchema?: string | undefined
}

/** Facts: kysely 0.29.9, `migration/{migrator,file-migration-provider}.js`; kysely-ctl 0.21. */
export function kyselyFormat({ migrationTableName, migrationTableSchema }: KyselyOptions = {}): CodeFormat {
  let adapt: Adapt | undefined
  return {
    tool: 'Kysely',
    downs: true,
    // Unless allowUnorderedMigrations is set.
    outOfOrder: 'error',
    list(folder) {
      const files = folder.files().filter((file) => /^[^/]+\.(?:[cm]?[jt]s)$/.test(file) && !/\.d\.[cm]?ts$/.test(file))
      const entries = files
        .map((file): Entry => {
          const name = file.replace(/\.[cm]?[jt]s$/, '')
          return { name, number: leadingNumber(name), up: file, down: file, data: undefined }
        })
        .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
      return { entries, remarks: [] }
    },
    async body(folder, { up }, direction) {
      adapt ??= adaptTo(folder)
      const module = await folder.load?.(up, adapt)
      return module ? bodyOf(module, direction) : null
    },
    bookkeeping: (dialect, books) =>
      kyselyBookkeeping(dialect, books, migrationTableSchema, migrationTableName ?? 'kysely_migration'),
    create: (title, { now }) => ({ [`${timestampOf(now)}_${title}.ts`]: TEMPLATE }),
  }
}

// --- internal ---

const TEMPLATE = `import type { Kysely } from 'kysely'

export async function up(db: Kysely<any>): Promise<void> {
}

export async function down(db: Kysely<any>): Promise<void> {
}
`

interface KyselyModule {
  readonly up?: (db: unknown) => unknown
  readonly down?: (db: unknown) => unknown
}

/** The part of the package that we use. */
interface KyselyPackage {
  readonly Kysely: new (options: { dialect: unknown }) => { destroy(): Promise<void> }
  readonly PostgresDialect: new (options: { pool: unknown }) => unknown
  readonly MysqlDialect: new (options: { pool: unknown }) => unknown
}

/** Makes the function that hands a database of Kysely, on our connection, to a migration's up and down. */
function adaptTo(folder: Folder): Adapt {
  return (exports, shown) => {
    const namespace = exports as KyselyModule & { default?: KyselyModule }
    const { up, down } = typeof namespace.up === 'function' ? namespace : (namespace.default ?? {})
    if (typeof up !== 'function') {
      throw new UnreadableFileError(`${shown}: exports no function up(db), as a migration of Kysely does.`)
    }
    const on = (half: (db: unknown) => unknown) => (context: MigrationContext) => withKysely(folder, context, half)
    return { up: on(up), down: down && on(down) }
  }
}

async function withKysely(folder: Folder, { client, dialect }: MigrationContext, run: (db: unknown) => unknown) {
  const { Kysely, PostgresDialect, MysqlDialect } = await importLibrary<KyselyPackage>(
    folder,
    'kysely',
    'A migration of Kysely',
  )
  const db = new Kysely({
    dialect:
      dialect === 'postgres'
        ? new PostgresDialect({
            pool: { connect: async () => heldPg(client, { alone: false }), end: async () => undefined },
          })
        : new MysqlDialect({
            pool: {
              getConnection: (callback: (error: unknown, connection: unknown) => void) =>
                callback(null, heldMysql(client, { alone: false })),
              end: (callback: (error?: unknown) => void) => callback(),
            },
          }),
  })
  try {
    await run(db)
  } finally {
    await db.destroy()
  }
}

function kyselyBookkeeping(
  dialect: Dialect,
  { entry }: Books<undefined>,
  schema: string | undefined,
  name: string,
): Bookkeeping {
  const table = qualified(dialect, schema, name)
  const lock = qualified(dialect, schema, `${name}_lock`)
  let last = 0
  return {
    tables: [name, `${name}_lock`],
    ...(schema !== undefined && { schema }),
    create: [
      ...(schema !== undefined && dialect === 'postgres' ? [`CREATE SCHEMA IF NOT EXISTS ${schema}`] : []),
      `CREATE TABLE IF NOT EXISTS ${table} (name varchar(255) NOT NULL PRIMARY KEY, timestamp varchar(255) NOT NULL)`,
      `CREATE TABLE IF NOT EXISTS ${lock} (id varchar(255) NOT NULL PRIMARY KEY, is_locked integer DEFAULT 0 NOT NULL)`,
      dialect === 'postgres'
        ? `INSERT INTO ${lock} (id, is_locked) VALUES ('migration_lock', 0) ON CONFLICT DO NOTHING`
        : `INSERT IGNORE INTO ${lock} (id, is_locked) VALUES ('migration_lock', 0)`,
    ],
    select: `SELECT name, timestamp FROM ${table} ORDER BY timestamp, name`,
    rows: (rows) =>
      rows.map(({ name: identity, timestamp }): BookkeepingRow => {
        const at = new Date(String(timestamp))
        last = Math.max(last, at.getTime() || 0)
        return { identity: String(identity), state: 'applied', appliedAt: at }
      }),
    record: async (migration) => {
      if (!entry(migration.name)) return []
      // Kysely orders by this time, so two migrations must not have the same.
      last = Math.max(last + 1, Date.now())
      const values = [migration.name, new Date(last).toISOString()].map((value) => literalOf(value, dialect))
      return [`INSERT INTO ${table} (name, timestamp) VALUES (${values.join(', ')})`]
    },
    forget: (identity) => [`DELETE FROM ${table} WHERE name = ${literalOf(identity, dialect)}`],
    locks: () => [dialect === 'postgres' ? '3853314791062309107' : 'ea586330-2c93-47c8-908d-981d9d270f9d'],
  }
}
