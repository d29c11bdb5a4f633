/** Kysely: files in TypeScript or JavaScript that export `up(db)` and perhaps `down(db)`. */
import { UnreadableFileError } from '../../migrate/errors.ts'
import type { Bookkeeping, BookkeepingRow, LibraryContext } from '../../migrate/source.ts'
import { DIALECTS, type Dialect } from '../../sql/dialect.ts'
import { literalOf } from '../../sql/parameters.ts'
import { bodyOf } from '../files.ts'
import type { Adapt } from '../module/loader.ts'
import { type HeldPg, heldMysql, heldPg, refuseUndone } from './code/held.ts'
import { Kept, Lasting, type LibraryTransaction } from './code/kept.ts'
import { bodyOfObject } from './code/object.ts'
import {
  type Books,
  type CodeFormat,
  type Entry,
  type Folder,
  importLibrary,
  type Listing,
  leadingNumber,
  someOf,
  timestampOf,
} from './format.ts'
import { qualified } from './tables.ts'

export interface KyselyOptions {
  /** Kysely's `migrationTableName`; default `kysely_migration`. */
  readonly migrationTableName?: string | undefined
  /** Kysely's `migrationLockTableName`; default `kysely_migration_lock`. */
  readonly migrationLockTableName?: string | undefined
  /** Kysely's `migrationTableSchema`. */
  readonly migrationTableSchema?: string | undefined
  /** Kysely's `allowUnorderedMigrations`. */
  readonly allowUnorderedMigrations?: boolean | undefined
  /** Kysely's `disableTransactions`. */
  readonly disableTransactions?: boolean | undefined
  /** The plugins of the database that is handed to the migrations, such as `[new CamelCasePlugin()]`. */
  readonly plugins?: readonly object[] | undefined
}

/** Kysely's own interface for migrations that are not files, or that are found in another way. */
export interface KyselyMigrationProvider {
  getMigrations(): Promise<Record<string, object>>
}

/** Facts: kysely 0.29.9, `migration/{migrator,file-migration-provider}.js`; kysely-ctl 0.21. */
export function kyselyFormat(options: KyselyOptions = {}, provider?: KyselyMigrationProvider): CodeFormat {
  let adapt: Adapt | undefined
  let objects: Readonly<Record<string, object>> = {}
  return {
    tool: 'Kysely',
    library: 'kysely',
    downs: true,
    outOfOrder: options.allowUnorderedMigrations ? 'apply' : 'error',
    oneTransaction: { directions: ['up', 'down'], exception: 'divides' },
    async list(folder) {
      if (!provider) return listKysely(folder)
      objects = await provider.getMigrations()
      return {
        entries: Object.keys(objects)
          .sort()
          .map((name) => entryOf(name, name)),
        remarks: [],
      }
    },
    handed: ({ up }) => (Object.hasOwn(objects, up) ? objects[up] : undefined),
    async body(folder, { up }, direction) {
      adapt ??= adaptTo(folder, options)
      const make = adapt
      const given = Object.hasOwn(objects, up) ? objects[up] : undefined
      if (given) return bodyOfObject(given, direction, () => make(given, `${folder.shown}/${up}`, up))
      const module = await folder.load?.(up, make)
      return module ? bodyOf(module, direction) : null
    },
    bookkeeping: (dialect, books) => kyselyBookkeeping(dialect, books, options),
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

type Half = (db: unknown) => unknown

interface KyselyModule {
  readonly up?: Half
  readonly down?: Half
}

/** Runs work on one connection. */
interface OnConnection {
  execute(work: (db: unknown) => Promise<unknown>): Promise<unknown>
}

/** The part of the package that we use. */
interface KyselyPackage {
  readonly Kysely: new (options: {
    dialect: unknown
    plugins: readonly object[]
  }) => {
    transaction(): OnConnection
    connection(): OnConnection
  }
  readonly PostgresDialect: new (options: { pool: unknown }) => unknown
  readonly MysqlDialect: new (options: { pool: unknown }) => unknown
}

function entryOf(name: string, file: string): Entry {
  return { name, number: leadingNumber(name), up: file, down: file, data: undefined }
}

function listKysely(folder: Folder): Listing {
  const files = folder.files().filter((file) => /^[^/]+(?<!\.d)\.[cm]?[jt]s$/.test(file))
  const others = files.filter((file) => isHelper(folder, file))
  const entries = files
    .filter((file) => !others.includes(file))
    .map((file) => entryOf(file.replace(/\.\w+$/, ''), file))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  const remarks =
    others.length === 0 ? [] : [`${folder.shown} has files without up, so Kysely ignores them: ${someOf(others)}.`]
  return { entries, remarks }
}

/**
 * Returns `true` for a file that exports no up: Kysely ignores it. Only files whose names do not begin with a digit are
 * read, since the list is read often.
 */
function isHelper(folder: Folder, file: string): boolean {
  if (/^\d/.test(file)) return false
  const text = folder.text(file)
  return !(EXPORTS_UP.test(text) || (/\bup\b/.test(text) && EXPORTS_ONE.test(text)))
}

/** An export of `up` by its name, or of all names of another file; `export * as names` is one name. */
const EXPORTS_UP =
  /\bexport\s+(?:async\s+)?(?:function|const|let|var)\s+up\b|\bexport\s*\{[^}]*\bup\b|\bexport\s*\*\s*from\b|\bexports\.up\b/

/** An export of one object, which may have an up. */
const EXPORTS_ONE = /\bexport\s+default\b|\bexport\s*=|\bmodule\.exports\b|\bexports\.default\b/

/** Makes the function that hands a database of Kysely, on our connection, to a migration's up and down. */
function adaptTo(folder: Folder, { disableTransactions, plugins }: KyselyOptions): Adapt {
  const kept = new Kept<Opened>()
  const alone = disableTransactions === true
  return (exports, shown) => {
    const namespace = exports as KyselyModule & { default?: KyselyModule }
    const { up, down } = typeof namespace.default?.up === 'function' ? namespace.default : namespace
    if (typeof up !== 'function') {
      throw new UnreadableFileError(`${shown}: exports no function up(db), as a migration of Kysely does.`)
    }
    const on = (half: Half) => (context: LibraryContext) =>
      kept.use(
        context.client,
        '',
        () => open(folder, context, { plugins, alone }),
        (opened) => runOn(opened, half, context.shared, () => kept.forget(context.client)),
      )
    return { up: on(up), down: down && on(down), ...(disableTransactions && { transaction: false }) }
  }
}

/** Kysely on our connection. */
interface Opened {
  /** The argument that Kysely's own migrator passes: a transaction on PostgreSQL, a connection elsewhere. */
  readonly on: () => OnConnection
  readonly held: HeldPg | undefined
  readonly lasting: Lasting<unknown>
}

async function open(
  folder: Folder,
  { client, dialect }: LibraryContext,
  { plugins, alone }: { readonly plugins: KyselyOptions['plugins']; readonly alone: boolean },
): Promise<Opened> {
  const kysely = await importLibrary<KyselyPackage>(folder, 'kysely', 'A migration of Kysely')
  const held = dialect === 'postgres' ? heldPg(client, { alone, isWhole: true }) : undefined
  const db = new kysely.Kysely({
    dialect:
      held !== undefined
        ? new kysely.PostgresDialect({ pool: { connect: async () => held, end: async () => undefined } })
        : new kysely.MysqlDialect({
            pool: {
              getConnection: (callback: (error: unknown, connection: unknown) => void) =>
                callback(null, heldMysql(client, { alone })),
              end: (callback: (error?: unknown) => void) => callback(),
            },
          }),
    plugins: plugins ?? [],
  })
  return { on: () => (held && !alone ? db.transaction() : db.connection()), held, lasting: new Lasting() }
}

/** @param failed see {@link Lasting.in} */
async function runOn(
  { on, held, lasting }: Opened,
  half: Half,
  shared: LibraryContext['shared'],
  failed: () => void,
): Promise<void> {
  if (shared) await half((await lasting.in(shared, () => begin(on(), held), failed)).given)
  else await on().execute(async (given) => half(given))
  if (held) refuseUndone(held)
}

/** Kysely's transaction lasts until the work in it has ended. */
async function begin(on: OnConnection, held: HeldPg | undefined): Promise<LibraryTransaction<unknown>> {
  let isOver = false
  const { promise: work, resolve, reject } = Promise.withResolvers<void>()
  return new Promise((begun, failed) => {
    const running = on.execute((given) => {
      const end = (error?: unknown) => {
        isOver = true
        if (error === undefined) resolve()
        else reject(error)
        return running
      }
      begun({ given, isOver: () => isOver || held?.depth() === 0, end })
      return work
    })
    running.catch(failed)
  })
}

function kyselyBookkeeping(
  dialect: Dialect,
  { entry }: Books<undefined>,
  {
    migrationTableName: name = 'kysely_migration',
    migrationLockTableName: lockName = 'kysely_migration_lock',
    migrationTableSchema: schema,
  }: KyselyOptions,
): Bookkeeping {
  const table = qualified(dialect, schema, name)
  const lock = qualified(dialect, schema, lockName)
  let last = 0
  return {
    tables: [name, lockName],
    create: [
      ...(schema !== undefined && dialect === 'postgres'
        ? [`CREATE SCHEMA IF NOT EXISTS ${DIALECTS[dialect].quote(schema)}`]
        : []),
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
