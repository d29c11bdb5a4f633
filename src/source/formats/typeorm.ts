/** TypeORM: classes with `up(queryRunner)` and `down(queryRunner)`. The class is the migration; file names mean nothing. */
import { createHash } from 'node:crypto'
import { UnreadableFileError, UsageError } from '../../migrate/errors.ts'
import type {
  Bookkeeping,
  BookkeepingRow,
  CodeBody,
  Direction,
  LibraryContext,
  MigrationContext,
  SharedByMigrations,
} from '../../migrate/source.ts'
import type { Dialect } from '../../sql/dialect.ts'
import { literalOf } from '../../sql/parameters.ts'
import { bodyOf, type LoadedModule, type ModuleMigration } from '../files.ts'
import type { Adapt } from '../module/loader.ts'
import { type HeldOptions, type HeldPg, heldMysql, heldPg, refuseUndone } from './code/held.ts'
import { Kept, Lasting, type LibraryTransaction } from './code/kept.ts'
import { moduleOfClass } from './code/object.ts'
import { type Books, type CodeFormat, type Entry, type Folder, someOf } from './format.ts'
import { qualified } from './tables.ts'

export interface TypeormOptions {
  /** TypeORM's `migrationsTableName`; default `migrations`. */
  readonly migrationsTableName?: string | undefined
  /** The data source's `schema`: the schema of TypeORM's table. */
  readonly schema?: string | undefined
  /**
   * TypeORM's `migrationsTransactionMode`; default `all`. With `none`, only those migrations have a transaction that say so.
   */
  readonly migrationsTransactionMode?: 'all' | 'each' | 'none' | undefined
  /** Other options of the data source that the migrations rely on, such as `entities` or `namingStrategy`. */
  readonly dataSource?: object | undefined
}

/** A class of a migration, as TypeORM takes it in the option `migrations`. */
export type TypeormMigrationClass = new () => object

/**
 * Facts: typeorm 1.1.1, `migration/MigrationExecutor.js`, `util/DirectoryExportedClassesLoader.js`.
 * @param given the classes, if they are not to be looked for in files
 */
export function typeormFormat(options: TypeormOptions = {}, given?: readonly TypeormMigrationClass[]): CodeFormat {
  const connections = new Kept<Opened>()
  const adapt: Adapt = (exports) => ({ classes: migrationsIn(exports) }) as ModuleMigration
  const classesOf = async (folder: Folder, file: string) => {
    const module = (await folder.load?.(file, adapt)) as ClassModule | undefined
    return { module, classes: module?.classes ?? [] }
  }
  const handed = given && handedClasses(given)
  const isAll = (options.migrationsTransactionMode ?? 'all') === 'all'
  // With `all`, TypeORM refuses classes that say whether they have a transaction, so such a folder is run with another mode.
  let isDecided = [...(handed?.values() ?? [])].some(({ migration }) => migration.transaction !== undefined)
  let before = extensionFor([...(handed?.values() ?? [])].map(({ migration }) => migration))
  return {
    tool: 'TypeORM',
    library: 'typeorm',
    downs: true,
    // It applies whatever is not in its table.
    outOfOrder: 'apply',
    get oneTransaction() {
      // Undoing has a transaction for each.
      return isAll && !isDecided ? ({ directions: ['up'], exception: 'divides' } as const) : undefined
    },
    handed: ({ name }) => handed?.get(name)?.Class,
    before: () => before,
    async list(folder) {
      if (handed) return { entries: inOrder([...handed.keys()].map((name) => ({ name, file: name }))), remarks: [] }
      const found: { name: string; file: string }[] = []
      const without: string[] = []
      const files = folder.files().filter((name) => mayHaveClasses(folder, name))
      const loaded = await Promise.all(files.map(async (file) => [file, await classesOf(folder, file)] as const))
      const all = loaded.flatMap(([, { classes }]) => classes)
      isDecided = all.some(({ transaction }) => transaction !== undefined)
      before = extensionFor(all)
      for (const [file, { classes }] of loaded) {
        const names = classes.map(nameOf)
        const wrong = names.find((name) => timestampIn(name) === undefined)
        if (names.length === 0 || wrong !== undefined) refuse(folder, file, wrong)
        if (names.length === 0) without.push(file)
        for (const name of names) if (timestampIn(name) !== undefined) found.push({ name, file })
      }
      // An index.ts that exports the classes of the other files again lists them and has none of its own.
      const own = found.filter(({ name, file }) => !isIndex(file) || !found.some((one) => isSame(one, name)))
      const entries = inOrder(own)
      const remarks = without.length > 0 ? [`Files without a migration of TypeORM: ${someOf(without)}.`] : []
      return { entries, remarks }
    },
    async body(folder, { name, up }, direction) {
      const one = handed?.get(name)
      if (one) return halfOf(one.module, one.migration, direction, { folder, options, connections })
      const { module, classes } = await classesOf(folder, up)
      const migration = classes.find((one) => nameOf(one) === name)
      return module && migration ? halfOf(module, migration, direction, { folder, options, connections }) : null
    },
    bookkeeping: (dialect, books) => typeormBookkeeping(dialect, books, options),
    create: (title, { now }) => ({ [`${now.getTime()}-${title}.ts`]: templateOf(title, now) }),
  }
}

// --- internal ---

/** An instance of a migration's class. */
interface ClassMigration {
  readonly name?: string
  readonly transaction?: boolean
  readonly up?: (queryRunner: unknown) => unknown
  readonly down?: (queryRunner: unknown) => unknown
}

interface ClassModule extends LoadedModule {
  readonly classes: readonly ClassMigration[]
}

/** The parts of the package that we use. */
interface TypeormPackage {
  readonly DataSource: new (options: object) => DataSource
}

interface DataSource {
  initialize(): Promise<unknown>
  createQueryRunner(): QueryRunner
}

interface QueryRunner {
  readonly isTransactionActive: boolean
  startTransaction(): Promise<void>
  commitTransaction(): Promise<void>
  rollbackTransaction(): Promise<void>
  release(): Promise<void>
}

interface HandedClass {
  readonly Class: TypeormMigrationClass
  readonly migration: ClassMigration
  readonly module: ClassModule
}

/** Returns the classes by the names of their migrations. @throws UsageError for one without a time in its name */
function handedClasses(given: readonly TypeormMigrationClass[]): ReadonlyMap<string, HandedClass> {
  const handed = new Map<string, HandedClass>()
  for (const Class of given) {
    const migration = new Class() as ClassMigration
    const name = nameOf(migration)
    if (timestampIn(name) === undefined || typeof migration.up !== 'function') {
      throw new UsageError(`The class ${name} is not a migration of TypeORM.`, {
        hint: 'Such a class has a method up(queryRunner), and a name that ends with a time of 13 digits.',
      })
    }
    handed.set(name, { Class, migration, module: moduleOfClass(Class, { classes: [migration] }) })
  }
  return handed
}

/**
 * TypeORM creates this extension when it connects, if an entity has a generated UUID; its migrations rely on that. Facts:
 * `driver/postgres/PostgresDriver.js`, `enableExtensions`.
 */
const UUID_EXTENSION = 'CREATE EXTENSION IF NOT EXISTS "uuid-ossp"'

function usesUuids(code: unknown): boolean {
  return /\buuid_generate_v4\(/.test(String(code))
}

/** Returns what a new database needs first. Classes that may also run on MySQL get it when they run. */
function extensionFor(migrations: readonly ClassMigration[]): readonly string[] {
  const code = migrations.map((one) => String(one.constructor))
  return code.some(usesUuids) && !code.some((text) => /mysql/i.test(text)) ? [UUID_EXTENSION] : []
}

function inOrder(found: readonly { readonly name: string; readonly file: string }[]): Entry[] {
  return found
    .map(({ name, file }): Entry => ({ name, number: timestampIn(name), up: file, down: file, data: undefined }))
    .sort((a, b) => (a.number ?? 0) - (b.number ?? 0))
}

const isIndex = (file: string) => /^index\.[cm]?[jt]s$/.test(file)
const isSame = (one: { name: string; file: string }, name: string) => one.name === name && !isIndex(one.file)

/** A file that is named as TypeORM names its own has a migration; others are only loaded if they look like it. */
function mayHaveClasses(folder: Folder, file: string): boolean {
  if (!/^[^/]+\.[cm]?[jt]s$/.test(file) || /\.d\.[cm]?ts$/.test(file)) return false
  if (isNamedByTool(file)) return true
  const text = folder.text(file)
  return /\bMigrationInterface\b/.test(text) || (/\bclass\b/.test(text) && /\bup\s*[(=]/.test(text))
}

function isNamedByTool(file: string): boolean {
  return /^\d{13}\b/.test(file)
}

/** @param wrong the name of a class that does not end with a time */
function refuse(folder: Folder, file: string, wrong: string | undefined): void {
  if (!isNamedByTool(file)) return
  const shown = `${folder.shown}/${file}`
  if (wrong === undefined) {
    throw new UnreadableFileError(`${shown}: exports no class with an up method, as a migration of TypeORM does.`)
  }
  throw new UnreadableFileError(
    `${shown}: the name of the class ${wrong} does not end with a time of 13 digits, by which TypeORM orders migrations.`,
    { hint: `Name it ${wrong}${file.slice(0, 13)}, or give it a property: name = '${wrong}${file.slice(0, 13)}'.` },
  )
}

/** Finds all classes of migrations that a module exports, also in lists and objects. Returns an instance of each. */
function migrationsIn(exports: unknown): ClassMigration[] {
  const found = new Set<new () => ClassMigration>()
  const search = (value: unknown, depth: number) => {
    if (typeof value === 'function') {
      const text = Function.prototype.toString.call(value)
      if (value.prototype?.up || (/^class\b/.test(text) && /\bup\s*=/.test(text)))
        found.add(value as new () => ClassMigration)
    } else if (typeof value === 'object' && value !== null && depth < 4) {
      for (const one of Object.values(value)) search(one, depth + 1)
    }
  }
  search(exports, 0)
  return [...found].map((Class) => new Class())
}

function nameOf(migration: ClassMigration): string {
  return migration.name ?? migration.constructor.name
}

/** Returns the time in milliseconds at the end of a class's name, as TypeORM reads it. */
function timestampIn(name: string): number | undefined {
  return Number.parseInt(name.slice(-13), 10) || undefined
}

interface HalfPlace {
  readonly folder: Folder
  readonly options: TypeormOptions
  readonly connections: Kept<Opened>
}

const halves = new WeakMap<ClassMigration, { up?: LoadedModule; down?: LoadedModule }>()

/** Returns the body of one half. Returns the same object for the same instance, as {@link bodyOf} does. */
function halfOf(
  module: ClassModule,
  migration: ClassMigration,
  direction: Direction,
  place: HalfPlace,
): CodeBody | null {
  const known = halves.get(migration) ?? {}
  halves.set(migration, known)
  known[direction] ??= madeHalf(module, migration, direction, place)
  return bodyOf(known[direction], direction)
}

function madeHalf(
  module: ClassModule,
  migration: ClassMigration,
  direction: Direction,
  { folder, options, connections }: HalfPlace,
): LoadedModule {
  const half = migration[direction]
  const hasTransaction = migration.transaction ?? options.migrationsTransactionMode !== 'none'
  const alone = !hasTransaction || climbsOut(half)
  const way = alone ? 'alone' : MANAGES.test(String(half)) ? 'nested' : 'whole'
  return {
    ...module,
    up: undefined,
    down: undefined,
    ...(half && {
      [direction]: (context: LibraryContext) =>
        connections.use(
          context.client,
          way,
          () => open(folder, context, way, options.dataSource),
          (opened) => {
            const run = async (queryRunner: QueryRunner) => {
              if (context.dialect === 'postgres' && usesUuids(half)) await context.sql(UUID_EXTENSION)
              return half.call(migration, queryRunner)
            }
            const { shared } = context
            if (!shared || way !== 'whole') return runOn(opened, hasTransaction, run)
            return runShared(opened, shared, run, () => connections.forget(context.client))
          },
        ),
    }),
    ...(alone && { transaction: false }),
  }
}

/** Returns `true` for a half that first ends the transaction in which TypeORM runs it, as for CREATE INDEX CONCURRENTLY. */
function climbsOut(half: unknown): boolean {
  const text = String(half)
  const [ends, begins] = [text.indexOf('.commitTransaction('), text.indexOf('.startTransaction(')]
  return ends !== -1 && (begins === -1 || ends < begins)
}

/** Matches a half that begins or ends transactions itself. */
const MANAGES = /\.(?:start|commit|rollback)Transaction\(/

/**
 * How TypeORM's transaction and ours stand to each other: without one of ours, as a savepoint of ours, or one and the
 * same.
 */
type Way = 'alone' | 'nested' | 'whole'

/** TypeORM on one connection of ours. */
interface Opened {
  readonly dataSource: DataSource
  readonly held: Pick<HeldPg, 'depth' | 'isUndone'>
  readonly lasting: Lasting<QueryRunner>
}

async function runShared(
  { dataSource, held, lasting }: Opened,
  shared: SharedByMigrations,
  run: (queryRunner: QueryRunner) => unknown,
  failed: () => void,
): Promise<void> {
  await run((await lasting.in(shared, () => begin(dataSource, held), failed)).given)
  refuseUndone(held)
  if (held.depth() > 1) throw new Error(LEFT_OPEN)
}

async function begin(dataSource: DataSource, held: Opened['held']): Promise<LibraryTransaction<QueryRunner>> {
  const given = dataSource.createQueryRunner()
  await given.startTransaction()
  return {
    given,
    isOver: () => !given.isTransactionActive || held.depth() === 0,
    end: async (error) => {
      await (error === undefined ? given.commitTransaction() : given.rollbackTransaction())
      await given.release()
    },
  }
}

const LEFT_OPEN = 'It began a transaction and did not end it. Commit it, or roll it back.'

async function runOn(
  { dataSource, held }: Opened,
  hasTransaction: boolean,
  run: (queryRunner: QueryRunner) => unknown,
): Promise<void> {
  const queryRunner = dataSource.createQueryRunner()
  if (hasTransaction) await queryRunner.startTransaction()
  await run(queryRunner)
  if (queryRunner.isTransactionActive) await queryRunner.commitTransaction()
  await queryRunner.release()
  refuseUndone(held)
  if (held.depth() > 0) throw new Error(LEFT_OPEN)
}

async function open(folder: Folder, context: MigrationContext, way: Way, more: object | undefined): Promise<Opened> {
  const library = await folder.importPackage?.('typeorm', 'A migration of TypeORM')
  const { DataSource } = library as TypeormPackage
  const { options, held } = await connectionFor(context, { alone: way === 'alone', isWhole: way === 'whole' })
  const none = { migrations: [], migrationsRun: false, synchronize: false, dropSchema: false }
  const dataSource = new DataSource({ ...more, ...options, ...none })
  await dataSource.initialize()
  return { dataSource, held, lasting: new Lasting() }
}

/** Returns the options with which TypeORM connects; its `driver` stands for the package `pg` or `mysql2`. */
async function connectionFor(
  { client, dialect, sql }: MigrationContext,
  how: HeldOptions,
): Promise<{ readonly options: object; readonly held: Opened['held'] }> {
  if (dialect === 'postgres') {
    const held = heldPg(client, how)
    class Pool {
      on() {
        return this
      }
      connect(callback: (error: unknown, connection: unknown, release: () => void) => void) {
        callback(null, held, () => undefined)
      }
      end(callback: () => void) {
        callback()
      }
    }
    return { options: { type: 'postgres', driver: { Pool }, installExtensions: false }, held }
  }
  const [row] = await sql<{ version: string }>('SELECT VERSION() AS version')
  // TypeORM's own defaults for its connections.
  const held = heldMysql(client, how, { supportBigNumbers: true, bigNumberStrings: true })
  const pool = {
    getConnection: (callback: (error: unknown, connection: unknown) => void) => callback(null, held),
    end: (callback: () => void) => callback(),
  }
  const type = /mariadb/i.test(String(row?.version)) ? 'mariadb' : 'mysql'
  // TypeORM cannot tell from a driver that it is handed which package it is, and reads JSON as that of `mysql` gives it.
  return { options: { type, connectorPackage: 'mysql2', driver: { createPool: () => pool } }, held }
}

function typeormBookkeeping(
  dialect: Dialect,
  { entry }: Books<undefined>,
  { migrationsTableName: name = 'migrations', schema }: TypeormOptions,
): Bookkeeping {
  const table = qualified(dialect, schema, name)
  const columns =
    dialect === 'postgres'
      ? `"id" SERIAL NOT NULL, "timestamp" bigint NOT NULL, "name" character varying NOT NULL, CONSTRAINT "${primaryKeyOf(name)}" PRIMARY KEY ("id")`
      : '`id` int NOT NULL AUTO_INCREMENT, `timestamp` bigint NOT NULL, `name` varchar(255) NOT NULL, PRIMARY KEY (`id`)'
  return {
    tables: [name],
    create: [`CREATE TABLE IF NOT EXISTS ${table} (${columns})${dialect === 'mysql' ? ' ENGINE=InnoDB' : ''}`],
    select: `SELECT name FROM ${table} ORDER BY id`,
    rows: (rows) =>
      rows.map((row): BookkeepingRow => ({ identity: String(row.name), state: 'applied', appliedAt: null })),
    record: async (migration) => {
      if (!entry(migration.name)) return []
      const values = `${timestampIn(migration.name)}, ${literalOf(migration.name, dialect)}`
      return [`INSERT INTO ${table} (timestamp, name) VALUES (${values})`]
    },
    forget: (identity) => [`DELETE FROM ${table} WHERE name = ${literalOf(identity, dialect)}`],
  }
}

/** Facts: `naming-strategy/DefaultNamingStrategy.js`, which names a key after its table and columns. */
function primaryKeyOf(table: string): string {
  return `PK_${createHash('sha1').update(`${table}_id`).digest('hex').slice(0, 27)}`
}

/** Facts: `commands/MigrationCreateCommand.js`. */
function templateOf(title: string, now: Date): string {
  return `import { MigrationInterface, QueryRunner } from "typeorm";

export class ${classNameOf(title)}${now.getTime()} implements MigrationInterface {

    public async up(queryRunner: QueryRunner): Promise<void> {
    }

    public async down(queryRunner: QueryRunner): Promise<void> {
    }

}
`
}

/** Facts: `util/StringUtils.js`, `camelCase(text, true)`. */
function classNameOf(title: string): string {
  return ` ${title}`.replace(/[\s\-_](\w)/g, (_, letter: string) => letter.toUpperCase())
}
