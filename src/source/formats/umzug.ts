/** umzug: files in TypeScript or JavaScript that export `up({ name, path, context })` and perhaps `down`. */
import { extname, join } from 'node:path'
import { UnreadableFileError, UsageError } from '../../migrate/errors.ts'
import type { Bookkeeping, CodeBody, Direction, MigrationContext } from '../../migrate/source.ts'
import { DIALECTS, type Dialect } from '../../sql/dialect.ts'
import { literalOf } from '../../sql/parameters.ts'
import { fingerprintOf } from '../../sql/script.ts'
import { bodyOf, type ModuleMigration } from '../files.ts'
import type { Adapt } from '../module/loader.ts'
import { type HeldMysql, type HeldPg, heldMysql, heldPg } from './code/held.ts'
import { bodyOfObject } from './code/object.ts'
import { type Books, type CodeFormat, type Entry, type Folder, leadingNumber } from './format.ts'
import { qualified, timeOf } from './tables.ts'

// biome-ignore lint/suspicious/noExplicitAny: umzug itself leaves the type of the context to the user
type Any = any

/** The argument that umzug passes to a migration. */
interface UmzugParameters {
  readonly name: string
  /** The absolute path; undefined if there is no file. */
  readonly path?: string | undefined
  readonly context: Any
}

/** A migration as umzug takes it in a list, and as its `resolve` returns it. */
export interface UmzugMigration {
  readonly name: string
  readonly path?: string | undefined
  up(parameters: UmzugParameters): unknown
  down?(parameters: UmzugParameters): unknown
}

export interface UmzugOptions {
  /**
   * Returns umzug's `context` on our connection: a client of `pg`, or a connection of `mysql2` (`.promise()` has the
   * one with promises). A transaction that is begun on it nests in ours, and what would close it does nothing.
   */
  readonly context: (client: Any, about: { readonly dialect: Dialect }) => unknown
  /** The files that umzug's `glob` finds, by their paths in the folder; default: those of JavaScript and TypeScript in it. */
  readonly files?: RegExp | undefined
  /**
   * umzug's `resolve`. It is also called for the names alone, without a context. A file that it loads itself is loaded
   * once in a process: run again after an edit.
   */
  readonly resolve?: ((parameters: UmzugParameters) => UmzugMigration) | undefined
  /** Where umzug stores the names: options of its SequelizeStorage, or `none` if not in a table of this database. */
  readonly storage?: 'none' | UmzugTable | undefined
  /** `true`: each migration runs in a transaction of ours. Default `false`, as umzug has none. */
  readonly transaction?: boolean | undefined
}

/** Options of umzug's SequelizeStorage. */
interface UmzugTable {
  /** Default `SequelizeMeta`. */
  readonly tableName?: string | undefined
  /** Default `name`. */
  readonly columnName?: string | undefined
  readonly schema?: string | undefined
  readonly timestamps?: boolean | undefined
}

/** Facts: umzug 3.8.3, `lib/{umzug,templates}.js`, `lib/storage/sequelize.js`. @param given without it, only a hint */
export function umzugFormat(given: UmzugOptions | undefined, objects?: readonly UmzugMigration[]): CodeFormat {
  let adapt: Adapt | undefined
  return {
    tool: 'umzug',
    library: 'umzug',
    downs: true,
    // It runs all files that are not in its storage, in the order of the list, and never looks at other rows.
    outOfOrder: 'apply',
    missing: 'ignore',
    list(folder) {
      const { files = FILES, resolve } = optionsOf(given, folder)
      if (objects) return { entries: objects.map(({ name }) => entryOf(name, name)), remarks: [] }
      const found = folder.files().filter((file) => files.test(file))
      const named = found.map((file) => entryOf(nameOf(folder, file, resolve), file))
      return { entries: named.sort((a, b) => (a.up < b.up ? -1 : 1)), remarks: [] }
    },
    handed: ({ name }) => objects?.find((one) => one.name === name),
    async body(folder, { name, up }, direction) {
      const options = optionsOf(given, folder)
      if (objects) {
        const object = objects.find((one) => one.name === name)
        return object ? bodyOfObject(object, direction, () => migrationOf(object, object, options)) : null
      }
      if (options.resolve) return bodyOfResolver(folder, up, direction, options)
      adapt ??= (exports, shown, path) => adaptModule(exports, shown, path, options)
      const module = await folder.load?.(up, adapt)
      return module ? bodyOf(module, direction) : null
    },
    bookkeeping: (dialect, books) => {
      const storage = given?.storage ?? {}
      return storage === 'none' ? NO_TABLE : umzugBookkeeping(dialect, books, storage)
    },
    create(title, { entries, now }) {
      const last = extname(entries.at(-1)?.up ?? '')
      const ending = last in TEMPLATES ? last : '.ts'
      const time = now.toISOString().slice(0, 19).replace(/\W/g, '.')
      return { [`${time}.${title}${ending}`]: TEMPLATES[ending] ?? '' }
    },
  }
}

// --- internal ---

const FILES = /^[^/]+(?<!\.d)\.[cm]?[jt]s$/

/** `lib/templates.js` */
const TYPESCRIPT = `import type { MigrationFn } from 'umzug';

export const up: MigrationFn = async params => {};
export const down: MigrationFn = async params => {};
`

const JAVASCRIPT = `/** @type {import('umzug').MigrationFn<any>} */
exports.up = async params => {};

/** @type {import('umzug').MigrationFn<any>} */
exports.down = async params => {};
`

const MODULE = JAVASCRIPT.replaceAll('exports.', 'export const ')

const TEMPLATES: Readonly<Record<string, string>> = {
  '.ts': TYPESCRIPT,
  '.mts': TYPESCRIPT,
  '.cts': TYPESCRIPT,
  '.js': JAVASCRIPT,
  '.cjs': JAVASCRIPT,
  '.mjs': MODULE,
}

function optionsOf(given: UmzugOptions | undefined, { shown }: Folder): UmzugOptions {
  if (given) return given
  throw new UsageError(`${shown} has migrations for umzug, whose functions take a context that only you know.`, {
    hint: `Say what it is, in migratest.config.ts or in the fixture's options: migrations: umzug('${shown}', { context: (client) => … }). Import umzug from 'migratest/sources'.`,
  })
}

function entryOf(name: string, file: string): Entry {
  return { name, number: leadingNumber(name), up: file, down: file, data: undefined }
}

function pathOf(folder: Folder, file: string): string {
  return join(folder.path ?? folder.shown, file)
}

/** Returns the name that `resolve` gives; default: the file's name without its folders, with its ending. */
function nameOf(folder: Folder, file: string, resolve: UmzugOptions['resolve']): string {
  const name = file.slice(file.lastIndexOf('/') + 1)
  return resolve?.({ name, path: pathOf(folder, file), context: undefined }).name ?? name
}

type Halves = Partial<Pick<UmzugMigration, 'up' | 'down'>>

/** Makes a migration of ours of one that umzug runs. */
function migrationOf(halves: Halves, about: { name: string; path?: string | undefined }, options: UmzugOptions) {
  const on = (direction: Direction) =>
    halves[direction] &&
    ((context: MigrationContext) =>
      withContext(context, options, (own) => halves[direction]?.({ ...about, context: own })))
  return { up: on('up'), down: on('down'), transaction: options.transaction === true } satisfies ModuleMigration
}

async function withContext(
  { client, dialect }: MigrationContext,
  { context, transaction }: UmzugOptions,
  run: (context: unknown) => unknown,
): Promise<void> {
  const alone = transaction !== true
  const held: HeldPg | HeldMysql = dialect === 'postgres' ? heldPg(client, { alone }) : heldMysql(client, { alone })
  await run(await context(held, { dialect }))
}

function adaptModule(exports: unknown, shown: string, path: string, options: UmzugOptions): ModuleMigration {
  const namespace = exports as Halves & { readonly default?: Halves }
  const halves = typeof namespace.up === 'function' ? namespace : (namespace.default ?? {})
  if (typeof halves.up !== 'function') {
    throw new UnreadableFileError(`${shown}: exports no function up({ context }), as a migration of umzug does.`)
  }
  return migrationOf(halves, { name: path.slice(path.lastIndexOf('/') + 1), path }, options)
}

/** Lets the user's `resolve` load the file and run it. The context may be a part of what it returns. */
function bodyOfResolver(folder: Folder, file: string, direction: Direction, options: UmzugOptions): CodeBody | null {
  const { resolve } = options
  const about = { name: file.slice(file.lastIndexOf('/') + 1), path: pathOf(folder, file) }
  if (!resolve?.({ ...about, context: undefined })[direction]) return null
  const text = folder.text(file)
  return {
    kind: 'code',
    text,
    fingerprint: fingerprintOf([direction, text]),
    transaction: options.transaction === true,
    run: (given) =>
      withContext(given, options, (context) => {
        const resolved = resolve({ ...about, context })
        return resolved[direction]?.({ ...about, name: resolved.name, context })
      }),
  }
}

// The table.

/** For umzug's JSONStorage and others that are elsewhere: our own table says what is applied. */
const NO_TABLE: Bookkeeping = { tables: [], create: [], rows: () => [], record: async () => [], forget: () => [] }

function umzugBookkeeping(
  dialect: Dialect,
  { entry }: Books<undefined>,
  { tableName = 'SequelizeMeta', columnName = 'name', schema, timestamps = false }: UmzugTable,
): Bookkeeping {
  const { quote } = DIALECTS[dialect]
  const table = qualified(dialect, schema, tableName)
  const name = quote(columnName)
  const times = timestamps ? ['createdAt', 'updatedAt'].map(quote) : []
  const time = dialect === 'postgres' ? 'TIMESTAMP WITH TIME ZONE' : 'DATETIME'
  const more = times.map((column) => `, ${column} ${time} NOT NULL`).join('')
  const create =
    dialect === 'postgres'
      ? `CREATE TABLE IF NOT EXISTS ${table} (${name} VARCHAR(255) NOT NULL UNIQUE${more}, PRIMARY KEY (${name}))`
      : `CREATE TABLE IF NOT EXISTS ${table} (${name} VARCHAR(255) NOT NULL UNIQUE${more}, PRIMARY KEY (${name})) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_unicode_ci`
  return {
    tables: [tableName],
    create: [create],
    select: `SELECT ${[name, ...times].join(', ')} FROM ${table} ORDER BY ${name}`,
    rows: (rows) =>
      rows.map((row) => ({ identity: String(row[columnName]), state: 'applied', appliedAt: timeOf(row.createdAt) })),
    async record({ name: migration }) {
      if (!entry(migration)) return []
      const values = [literalOf(migration, dialect), ...times.map(() => 'CURRENT_TIMESTAMP')]
      return [`INSERT INTO ${table} (${[name, ...times].join(', ')}) VALUES (${values.join(', ')})`]
    },
    forget: (identity) => [`DELETE FROM ${table} WHERE ${name} = ${literalOf(identity, dialect)}`],
  }
}
