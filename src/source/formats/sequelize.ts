/** The Sequelize CLI: files that export `up(queryInterface, Sequelize)` and perhaps `down`. */
import { UnreadableFileError } from '../../migrate/errors.ts'
import type { Bookkeeping, BookkeepingRow, MigrationContext } from '../../migrate/source.ts'
import { DIALECTS, type Dialect } from '../../sql/dialect.ts'
import { literalOf } from '../../sql/parameters.ts'
import { bodyOf, type LoadedModule, type ModuleMigration } from '../files.ts'
import type { Adapt } from '../module/loader.ts'
import { type HeldMysql, heldMysql, heldPg } from './code/held.ts'
import { type Books, type CodeFormat, type Entry, type Folder, leadingNumber, timestampOf } from './format.ts'
import { qualified } from './tables.ts'

export interface SequelizeOptions {
  /** The CLI's `migrationStorageTableName`; default `SequelizeMeta`. */
  readonly migrationStorageTableName?: string | undefined
  /** The CLI's `migrationStorageTableSchema`, for PostgreSQL. */
  readonly migrationStorageTableSchema?: string | undefined
  /** `true` if the CLI's table has the columns `createdAt` and `updatedAt`: its `migrationTimestamps`. */
  readonly migrationTimestamps?: boolean | undefined
  /**
   * `false` runs all migrations without a transaction of ours, as the CLI does: what a failed one has done stays.
   * Default: each has one, unless its text has something that PostgreSQL refuses in a transaction.
   */
  readonly transaction?: false | undefined
  /** Other options of Sequelize that the migrations rely on, such as `define` or `timezone`. */
  readonly sequelize?: object | undefined
}

/** Facts: sequelize-cli 6.6.5, `core/migrator.js`; its umzug 2.3.0, `migration.js`; sequelize 6.37.8. */
export function sequelizeFormat(options: SequelizeOptions = {}): CodeFormat {
  const made = new WeakMap<LoadedModule, LoadedModule>()
  return {
    tool: 'Sequelize',
    library: 'sequelize',
    downs: true,
    // It applies whatever is not in its table, and does not look at what is there besides.
    outOfOrder: 'apply',
    missing: 'ignore',
    list(folder) {
      const entries = folder
        .files()
        .filter((file) => /^[^/]+\.c?[jt]s$/.test(file) && !file.endsWith('.d.ts'))
        .map((file): Entry => ({ name: file, number: leadingNumber(file), up: file, down: file, data: undefined }))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
      return { entries, remarks: [] }
    },
    async body(folder, { up }, direction) {
      const module = (await folder.load?.(up, adapt)) as HalvesModule | undefined
      if (!module) return null
      const known = made.get(module) ?? onOurs(folder, module, options)
      made.set(module, known)
      return bodyOf(known, direction)
    },
    bookkeeping: (dialect, books) => sequelizeBookkeeping(dialect, books, options),
    create: (title, { now }) => ({ [`${timestampOf(now)}-${title}.js`]: TEMPLATE }),
  }
}

// --- internal ---

/** Facts: `assets/migrations/skeleton.js`. */
const TEMPLATE = `'use strict';

/** @type {import('sequelize-cli').Migration} */
module.exports = {
  async up (queryInterface, Sequelize) {
    /**
     * Add altering commands here.
     *
     * Example:
     * await queryInterface.createTable('users', { id: Sequelize.INTEGER });
     */
  },

  async down (queryInterface, Sequelize) {
    /**
     * Add reverting commands here.
     *
     * Example:
     * await queryInterface.dropTable('users');
     */
  }
};
`

type Half = (queryInterface: unknown, Sequelize: unknown) => unknown

interface SequelizeModule {
  readonly up?: Half
  readonly down?: Half
}

/** The parts of the package that we use. */
interface SequelizeClass {
  new (options: object): { getQueryInterface(): unknown; close(): Promise<void> }
}

interface HalvesModule extends LoadedModule {
  readonly halves: SequelizeModule
}

/** Facts: umzug's `Migration._exec`. */
const adapt: Adapt = (exports, shown) => {
  const module = exports as SequelizeModule & { default?: SequelizeModule }
  const { up = module.up, down = module.down } = module.default ?? {}
  if (typeof up !== 'function') {
    throw new UnreadableFileError(`${shown}: exports no function up(queryInterface), as a migration of Sequelize does.`)
  }
  const halves = { up: up.bind(module), ...(down && { down: down.bind(module) }) }
  return { halves } as ModuleMigration
}

/**
 * Matches statements that PostgreSQL refuses in a transaction, or whose effect it only shows after it. Sequelize begins none, so
 * such migrations work with it as they are. All others run in a transaction of ours, so a failure leaves nothing behind.
 */
const NEEDS_NONE =
  /\bconcurrently\b|\badd\s+value\b|\bvacuum\b|\balter\s+system\b|\b(?:create|drop)\s+(?:database|tablespace)\b|\b(?:create|drop)Database\b/i

/** The codes of the server's refusals where that could not be told from the text. */
const REFUSED_IN_TRANSACTION = new Set(['25001', '55P04'])

const AS_THE_CLI =
  "Sequelize's CLI runs migrations without a transaction. To do the same: sequelize('migrations', { transaction: false })."

/** Returns the module with halves that get Sequelize on our connection. */
function onOurs(folder: Folder, module: HalvesModule, options: SequelizeOptions): LoadedModule {
  const alone = options.transaction === false || NEEDS_NONE.test(module.text + (module.record?.() ?? ''))
  const more = options.sequelize
  const on = (half: Half) => (context: MigrationContext) =>
    withSequelize(folder, context, { alone, more }, (queryInterface, Sequelize) => half(queryInterface, Sequelize))
  const { up, down } = module.halves
  return { ...module, up: up && on(up), down: down && on(down), ...(alone && { transaction: false }) }
}

interface RunOptions {
  /** `true` without a transaction of ours. */
  readonly alone: boolean
  readonly more: object | undefined
}

async function withSequelize(
  folder: Folder,
  context: MigrationContext,
  { alone, more }: RunOptions,
  run: Half,
): Promise<void> {
  const load = async (name: string) => {
    const loaded = (await folder.importPackage?.(name, 'A migration of Sequelize')) as { default?: unknown }
    return loaded.default ?? loaded
  }
  const Sequelize = (await load('sequelize')) as SequelizeClass
  const connection = await (context.dialect === 'postgres' ? onPostgres(context, alone, load) : onMysql(context, alone))
  const sequelize = new Sequelize({ logging: false, ...more, ...connection.options })
  let isDone = false
  try {
    await run(sequelize.getQueryInterface(), Sequelize)
    if (connection.isOpen()) throw new Error('It began a transaction and did not end it. Commit it, or roll it back.')
    isDone = true
  } catch (error) {
    const { original } = error as { readonly original?: { readonly code?: string } }
    if (!alone && REFUSED_IN_TRANSACTION.has(original?.code ?? '')) (error as Error).message += `\n\n${AS_THE_CLI}`
    throw error
  } finally {
    // Closing would wait for a transaction that is still open; there is no connection of its own to close.
    if (!connection.isOpen()) await sequelize.close()
    await connection.putBack().catch((error) => {
      // After a failure in a transaction nothing can run, and its end puts the settings back.
      if (isDone) throw error
    })
  }
}

interface Connection {
  /** The options with which Sequelize connects; `dialectModule` stands for the package `pg` or `mysql2`. */
  readonly options: object
  isOpen(): boolean
  /** Restores the settings of our session that Sequelize has changed. */
  putBack(): Promise<unknown>
}

/** Facts: `dialects/postgres/connection-manager.js`. */
async function onPostgres(
  { client, sql }: MigrationContext,
  alone: boolean,
  load: (name: string) => Promise<unknown>,
): Promise<Connection> {
  const pg = (await load('pg')) as { types: unknown; defaults: unknown }
  const [session] = await sql<{ version: string; zone: string }>(
    "SELECT current_setting('server_version') AS version, current_setting('TimeZone') AS zone",
  )
  const held = heldPg(client, { alone, guards: !alone })
  /** Sequelize makes one for each transaction; all are the one connection that we hold. */
  class Client {
    constructor({ types }: { types: unknown }) {
      const self = {
        ...held,
        standard_conforming_strings: 'on',
        connection: { on: () => undefined, removeListener: () => undefined },
        connect: (callback: (error: unknown) => void) => callback(null),
        end: (callback: () => void) => callback(),
        query: (text: string, values?: unknown, callback?: unknown) =>
          held.query({ text, types, ...(Array.isArray(values) && { values }) }, callback ?? values),
      }
      // biome-ignore lint/correctness/noConstructorReturn: Sequelize calls it with `new`
      return self as unknown as Client
    }
  }
  const [major = '0', minor = '0'] = session?.version.split(/[^\d]/) ?? []
  return {
    options: {
      dialect: 'postgres',
      dialectModule: { Client, types: pg.types, defaults: pg.defaults },
      dialectOptions: { clientMinMessages: 'ignore' },
      databaseVersion: `${major}.${minor || 0}.0`,
    },
    isOpen: () => held.depth() > 0,
    putBack: () => sql("SELECT set_config('TimeZone', $1, false)", [session?.zone]),
  }
}

/** Facts: `dialects/mysql/connection-manager.js`. */
async function onMysql({ client, sql }: MigrationContext, alone: boolean): Promise<Connection> {
  const [session] = await sql<{ version: string; zone: string }>(
    'SELECT VERSION() AS version, @@session.time_zone AS zone',
  )
  let held: HeldMysql | undefined
  const createConnection = ({ typeCast, bigNumberStrings, supportBigNumbers }: Record<string, unknown>) => {
    held ??= heldMysql(client, { alone }, { typeCast, bigNumberStrings, supportBigNumbers })
    const self = {
      ...held,
      stream: { destroyed: false },
      once: (event: string, listener: () => void) => {
        if (event === 'connect') queueMicrotask(listener)
        return self
      },
    }
    return self
  }
  return {
    options: {
      dialect: 'mysql',
      dialectModule: { createConnection },
      databaseVersion: /^\d+\.\d+\.\d+/.exec(session?.version ?? '')?.[0] ?? '0.0.0',
    },
    isOpen: () => (held?.depth() ?? 0) > 0,
    putBack: () => sql('SET time_zone = ?', [session?.zone]),
  }
}

/** Facts: umzug 2.3.0, `storages/SequelizeStorage.js`, whose model Sequelize creates. */
function sequelizeBookkeeping(
  dialect: Dialect,
  { entry }: Books<undefined>,
  { migrationStorageTableName: name = 'SequelizeMeta', migrationStorageTableSchema: schema, ...more }: SequelizeOptions,
): Bookkeeping {
  const table = qualified(dialect, schema, name)
  const { quote } = DIALECTS[dialect]
  const times = more.migrationTimestamps ? [quote('createdAt'), quote('updatedAt')] : []
  const timeType = dialect === 'postgres' ? 'timestamp with time zone' : 'datetime'
  const columns = [
    `${quote('name')} varchar(255) NOT NULL UNIQUE`,
    ...times.map((time) => `${time} ${timeType} NOT NULL`),
    `PRIMARY KEY (${quote('name')})`,
  ]
  const kind = dialect === 'mysql' ? ' ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_unicode_ci' : ''
  return {
    tables: [name],
    create: [
      ...(schema !== undefined && dialect === 'postgres' ? [`CREATE SCHEMA IF NOT EXISTS ${quote(schema)}`] : []),
      `CREATE TABLE IF NOT EXISTS ${table} (${columns.join(', ')})${kind}`,
    ],
    select: `SELECT ${['name', ...times].join(', ')} FROM ${table} ORDER BY name`,
    rows: (rows) =>
      rows.map(
        (row): BookkeepingRow => ({
          identity: String(row.name),
          state: 'applied',
          appliedAt: row.createdAt instanceof Date ? row.createdAt : null,
        }),
      ),
    record: async (migration) => {
      if (!entry(migration.name)) return []
      const values = [literalOf(migration.name, dialect), ...times.map(() => 'CURRENT_TIMESTAMP')]
      return [`INSERT INTO ${table} (${['name', ...times].join(', ')}) VALUES (${values.join(', ')})`]
    },
    forget: (identity) => [`DELETE FROM ${table} WHERE name = ${literalOf(identity, dialect)}`],
  }
}
