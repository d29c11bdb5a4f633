/** Knex: files in TypeScript or JavaScript that export `up(knex)` and `down(knex)`. */
import { extname } from 'node:path'
import { UnreadableFileError } from '../../migrate/errors.ts'
import type { LibraryContext } from '../../migrate/source.ts'
import { bodyOf, type ModuleMigration } from '../files.ts'
import type { Adapt } from '../module/loader.ts'
import { type HeldMysql, type HeldPg, heldMysql, heldPg, refuseUndone } from './code/held.ts'
import { Kept, Lasting, type LibraryTransaction } from './code/kept.ts'
import { bodyOfObject } from './code/object.ts'
import {
  type CodeFormat,
  type Entry,
  type Folder,
  importLibrary,
  type Listing,
  leadingNumber,
  someOf,
  timestampOf,
} from './format.ts'
import { knexBookkeeping } from './knexTable.ts'

export interface KnexOptions {
  /** Knex's `migrations.tableName`; default `knex_migrations`. */
  readonly tableName?: string | undefined
  /** Knex's `migrations.schemaName`: the schema of its tables, which must exist. */
  readonly schemaName?: string | undefined
  /** Knex's `migrations.loadExtensions`; default `.js`, `.cjs`, `.ts` and others that are not JavaScript. */
  readonly loadExtensions?: readonly string[] | undefined
  /** Knex's `migrations.disableTransactions`. */
  readonly disableTransactions?: boolean | undefined
  /** Knex's `migrations.disableMigrationsListValidation`. */
  readonly disableMigrationsListValidation?: boolean | undefined
  /**
   * Returns the name under which a file is recorded. Default: the file's name, with the ending that the table has for such
   * files. For files that run elsewhere as JavaScript: `(file) => file.replace(/\.ts$/, '.js')`.
   */
  readonly name?: ((file: string) => string) | undefined
  /**
   * Other options of Knex, as in a knexfile: `searchPath`, `wrapIdentifier`, `postProcessResponse`, … The connection is
   * ours.
   */
  readonly config?: Readonly<Record<string, unknown>> | undefined
}

/** Knex's own interface for migrations that are not files (`migrations.migrationSource`). */
// biome-ignore lint/suspicious/noExplicitAny: each source has migrations of a type of its own
export interface KnexMigrationSource<M = any> {
  getMigrations(loadExtensions: readonly string[]): Promise<M[]>
  getMigrationName(migration: M): string
  getMigration(migration: M): Promise<object>
}

/**
 * Facts: knex 3.3.0, `lib/migrations/migrate/Migrator.js`, `…/sources/fs-migrations.js`, `…/table-creator.js`,
 * `lib/execution/transaction.js`.
 */
export function knexFormat(options: KnexOptions = {}, source?: KnexMigrationSource): CodeFormat {
  const extensions = options.loadExtensions ?? EXTENSIONS
  let adapt: Adapt | undefined
  let objects = new Map<string, unknown>()
  return {
    tool: 'Knex',
    library: 'knex',
    downs: true,
    // It runs all files whose names are not in its table, in the order of the names.
    outOfOrder: 'apply',
    // Undoing has a transaction for each.
    ...(!options.disableTransactions && { oneTransaction: { directions: ['up'], exception: 'ends' } }),
    missing: options.disableMigrationsListValidation ? 'ignore' : 'error',
    // Names have endings, which differ where the same files run as TypeScript here and as JavaScript there.
    identify: withoutEnding,
    async list(folder) {
      if (!source) return listKnex(folder, extensions)
      const given = await source.getMigrations(extensions)
      objects = new Map(given.map((one) => [source.getMigrationName(one), one]))
      return { entries: [...objects.keys()].map(entryOf), remarks: [] }
    },
    handed: ({ up }) => source?.getMigration(objects.get(up)),
    async body(folder, { up }, direction) {
      adapt ??= adaptTo(folder, options)
      const make = adapt
      if (source) {
        const given = await source.getMigration(objects.get(up))
        return bodyOfObject(given, direction, () => make(given, `${folder.shown}/${up}`, up))
      }
      if (!LOADED.test(up)) {
        throw new UnreadableFileError(`${folder.shown}/${up} is in a language that cannot be loaded here.`, {
          hint: 'Only JavaScript and TypeScript can. Compile the file, or say with loadExtensions which files count.',
        })
      }
      const module = await folder.load?.(up, make)
      return module ? bodyOf(module, direction) : null
    },
    bookkeeping: (dialect, books) =>
      knexBookkeeping(dialect, books, {
        table: options.tableName ?? 'knex_migrations',
        schema: options.schemaName,
        identify: withoutEnding,
        nameOf: options.name,
      }),
    create: (title, { now, entries }) => {
      const last = extname(entries.at(-1)?.up ?? '')
      const ending = last in TEMPLATES ? last : '.ts'
      return { [`${timestampOf(now)}_${title}${ending}`]: TEMPLATES[ending] ?? '' }
    },
  }
}

// --- internal ---

/** `DEFAULT_LOAD_EXTENSIONS` in `MigrationsLoader.js`. */
const EXTENSIONS = ['.co', '.coffee', '.eg', '.iced', '.js', '.cjs', '.litcoffee', '.ls', '.ts']

const LOADED = /\.[cm]?[jt]s$/

/** The text of a new file, as `knex migrate:make` writes it (`stub/*.stub`). */
const JAVASCRIPT = `/**
 * @param { import("knex").Knex } knex
 * @returns { Promise<void> }
 */
exports.up = function(knex) {
  
};

/**
 * @param { import("knex").Knex } knex
 * @returns { Promise<void> }
 */
exports.down = function(knex) {
  
};
`

const TYPESCRIPT = `import type { Knex } from "knex";


export async function up(knex: Knex): Promise<void> {
}


export async function down(knex: Knex): Promise<void> {
}

`

const MODULE = JAVASCRIPT.replaceAll(/exports\.(up|down) = function\(knex\)/g, 'export const $1 = async (knex) =>')

const TEMPLATES: Readonly<Record<string, string>> = {
  '.ts': TYPESCRIPT,
  '.js': JAVASCRIPT,
  '.cjs': JAVASCRIPT,
  '.mjs': MODULE,
}

function withoutEnding(name: string): string {
  return name.replace(/\.(?:[cm]?[jt]s|co|coffee|eg|iced|litcoffee|ls)$/, '')
}

function entryOf(file: string): Entry {
  return { name: file, number: leadingNumber(file), up: file, down: file, data: undefined }
}

function listKnex(folder: Folder, extensions: readonly string[]): Listing {
  const files = folder.files().filter((file) => !file.includes('/') && !/\.d\.[cm]?ts$/.test(file))
  const found = files.filter((file) => extensions.includes(extname(file))).sort(byText)
  const passedOver = files.filter((file) => LOADED.test(file) && !extensions.includes(extname(file)))
  const remarks =
    passedOver.length === 0
      ? []
      : [`${folder.shown} has files that Knex does not load because of their endings: ${someOf(passedOver)}.`]
  return { entries: found.map(entryOf), remarks }
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

type Half = (knex: unknown) => unknown

interface KnexModule {
  readonly up?: Half
  readonly down?: Half
  readonly config?: { readonly transaction?: unknown }
}

/** Makes the function that hands Knex, on our connection, to a migration's up and down. */
function adaptTo(folder: Folder, { disableTransactions, config }: KnexOptions): Adapt {
  const kept = new Kept<Opened>()
  return (exports, shown): ModuleMigration => {
    const namespace = exports as KnexModule & { default?: KnexModule }
    const migration = typeof namespace.up === 'function' ? namespace : (namespace.default ?? {})
    const { up, down } = migration
    if (typeof up !== 'function' || typeof down !== 'function') {
      throw new UnreadableFileError(`${shown}: exports no function ${up ? 'down' : 'up'}(knex).`, {
        hint: 'Knex requires both up and down, also where down does nothing.',
      })
    }
    const said = migration.config?.transaction
    const transaction = typeof said === 'boolean' ? said : !disableTransactions
    const how = { config, transaction }
    const on = (half: Half) => (context: LibraryContext) =>
      kept.use(
        context.client,
        String(transaction),
        () => open(folder, context, how),
        (opened) => runOn(opened, half, how, context.shared, () => kept.forget(context.client)),
      )
    return { up: on(up), down: on(down), transaction }
  }
}

/** The part of Knex that we use. */
interface Knex {
  readonly client: {
    version?: string
    acquireConnection: () => Promise<unknown>
    releaseConnection: () => Promise<void>
    setSchemaSearchPath?(connection: unknown): Promise<unknown>
  }
  transaction(container: (transaction: unknown) => Promise<unknown>): Promise<unknown>
  transaction(): Promise<KnexTransaction>
}

interface KnexTransaction {
  isCompleted(): boolean
  commit(): Promise<unknown>
  rollback(error: unknown): Promise<unknown>
}

interface Run {
  readonly config: KnexOptions['config']
  readonly transaction: boolean
}

/** Knex on our connection. */
interface Opened {
  readonly knex: Knex
  readonly held: HeldPg | HeldMysql
  readonly lasting: Lasting<KnexTransaction>
}

async function open(folder: Folder, context: LibraryContext, { config, transaction }: Run): Promise<Opened> {
  const { client, dialect, log, sql } = context
  const isPostgres = dialect === 'postgres'
  const loaded = await importLibrary<{ default: (config: object) => Knex }>(folder, 'knex', 'A migration of Knex')
  const [row] = await sql<{ version: string }>(isPostgres ? 'SHOW server_version' : 'SELECT version() AS version')
  const version = String(row ? Object.values(row)[0] : '')
  // Without a connection in its configuration, Knex makes no pool.
  const { connection: _, connectionPool: __, pool: ___, ...own } = config ?? {}
  const knex = loaded.default({
    client: isPostgres ? 'pg' : 'mysql2',
    // Otherwise the stack of an error does not reach the migration, because Knex's builders are no promises.
    asyncStackTraces: true,
    log: { warn: (message: unknown) => log(String(message)) },
    ...own,
    version: isPostgres ? (/^[\d.]+/.exec(version)?.[0] ?? version) : version,
  })
  const options = { alone: !transaction, isWhole: transaction }
  const held = isPostgres ? heldPg(client, options) : heldMysql(client, options)
  // Each of Knex's dialects overrides these, in all versions; `connectionPool` is an option since Knex 3.3 only.
  knex.client.acquireConnection = async () => held
  knex.client.releaseConnection = async () => undefined
  return { knex, held, lasting: new Lasting() }
}

/** @param failed see {@link Lasting.in} */
async function runOn(
  { knex, held, lasting }: Opened,
  half: Half,
  { transaction }: Run,
  shared: LibraryContext['shared'],
  failed: () => void,
): Promise<void> {
  await knex.client.setSchemaSearchPath?.(held)
  if (!transaction) await half(knex)
  else if (!shared) await knex.transaction(async (trx) => half(trx))
  else await half((await lasting.in(shared, () => begin(knex, held), failed)).given)
  refuseUndone(held)
}

async function begin(knex: Knex, held: Opened['held']): Promise<LibraryTransaction<KnexTransaction>> {
  const given = await knex.transaction()
  return {
    given,
    isOver: () => given.isCompleted() || held.depth() === 0,
    end: (error) => (error === undefined ? given.commit() : given.rollback(error)),
  }
}
