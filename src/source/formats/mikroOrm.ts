/** MikroORM: classes that extend `Migration` and collect their SQL with `this.addSql()`. */
import { UnreadableFileError, UsageError } from '../../migrate/errors.ts'
import type {
  Bookkeeping,
  BookkeepingRow,
  Direction,
  MigrationBody,
  MigrationContext,
  SqlBody,
} from '../../migrate/source.ts'
import { DIALECTS, type Dialect } from '../../sql/dialect.ts'
import { literalOf } from '../../sql/parameters.ts'
import { bodyOf, type LoadedModule, type ModuleMigration } from '../files.ts'
import type { Adapt } from '../module/loader.ts'
import { askForQueries, type MikroMigrationClass } from './code/mikroQueries.ts'
import { onHeldConnection } from './code/mikroRun.ts'
import { moduleOfClass } from './code/object.ts'
import { type Books, type CodeFormat, type Entry, type Folder, timestampOf } from './format.ts'
import { qualified, splitName, timeOf } from './tables.ts'

export interface MikroOrmOptions {
  /** MikroORM's `migrations.tableName`: `table` or `schema.table`; default `mikro_orm_migrations`. */
  readonly tableName?: string | undefined
  /** MikroORM's `migrations.allOrNothing`; default `true`. */
  readonly allOrNothing?: boolean | undefined
  /** Other options of MikroORM that the migrations rely on, such as `entities`. */
  readonly orm?: object | undefined
}

/** A migration as MikroORM takes it in the option `migrationsList`: a class, or its name and the class. */
export type MikroOrmMigration = object | { readonly name: string; readonly class: object }

/**
 * Facts: @mikro-orm/migrations 7.2.1, `MigrationRunner.js`, `MigrationStorage.js`; @mikro-orm/core, `AbstractMigrator.js`.
 * @param given the list, if the migrations are not to be looked for in files
 */
export function mikroOrmFormat(
  { tableName = 'mikro_orm_migrations', allOrNothing = true, orm }: MikroOrmOptions = {},
  given?: readonly MikroOrmMigration[],
): CodeFormat {
  const handed = given && handedClasses(given)
  const halves = new WeakMap<
    LoadedModule,
    { up?: Promise<MigrationBody | null>; down?: Promise<MigrationBody | null> }
  >()
  return {
    tool: 'MikroORM',
    library: '@mikro-orm/migrations',
    downs: true,
    // It applies whatever is not in its table, and does not look at what is there besides.
    outOfOrder: 'apply',
    missing: 'ignore',
    ...(allOrNothing && { oneTransaction: { directions: ['up', 'down'], exception: 'divides' } }),
    handed: ({ name }) => handed?.get(name)?.migration,
    list(folder) {
      if (handed) return { entries: [...handed.keys()].map((name) => entryOf(name, name)), remarks: [] }
      const entries = folder
        .files()
        .filter((file) => /^[^/.][^/]*\.(?:js|ts|cjs)$/.test(file) && !file.endsWith('.d.ts'))
        .sort()
        .map((file) => entryOf(nameOf(file), file))
      return { entries, remarks: [] }
    },
    async body(folder, { name, up }, direction) {
      const module = handed ? handed.get(name) : ((await folder.load?.(up, adapt)) as ClassModule | undefined)
      if (!module) return null
      const known = halves.get(module) ?? {}
      halves.set(module, known)
      known[direction] ??= halfOf(folder, module, direction, orm)
      return known[direction]
    },
    bookkeeping: (dialect, books) => mikroOrmBookkeeping(dialect, books, tableName),
    create(title, { now }) {
      const name = `Migration${timestampOf(now)}_${title.replace(/[^$\p{ID_Continue}]+/gu, '_')}`
      return { [`${name}.ts`]: templateOf(name) }
    },
  }
}

// --- internal ---

interface ClassModule extends LoadedModule {
  readonly migration: MikroMigrationClass
}

/** Returns the classes by the names of their migrations, in the order of the list. @throws UsageError */
function handedClasses(given: readonly MikroOrmMigration[]): ReadonlyMap<string, ClassModule> {
  return new Map(
    given.map((one) => {
      const { name = '', class: Class = one } = one as { name?: string; class?: object }
      if (typeof Class !== 'function' || typeof Class.prototype?.up !== 'function') {
        throw new UsageError(
          `The list for MikroORM has something that is not a class with an up method: ${name || typeof one}.`,
        )
      }
      return [nameOf(name), moduleOfClass(Class, { migration: Class as unknown as MikroMigrationClass })]
    }),
  )
}

function entryOf(name: string, file: string): Entry {
  return { name, number: numberIn(name), up: file, down: file, data: undefined }
}

/** As `MigrationStorage.getMigrationName`, which keeps the ending `.cjs`. */
function nameOf(file: string): string {
  return file.replace(/\.[jt]s$/, '')
}

function numberIn(name: string): number | undefined {
  const digits = /^Migration(\d{8,15})/.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

const adapt: Adapt = (exports, shown) => {
  const migration = Object.values(exports as object).find((one) => typeof one === 'function') as
    | MikroMigrationClass
    | undefined
  if (typeof migration?.prototype?.up !== 'function') {
    throw new UnreadableFileError(`${shown}: exports no class with an up method, as a migration of MikroORM does.`)
  }
  return { migration } as unknown as ModuleMigration
}

/** Returns SQL with the places of the file where the class only collects texts that stand in it; otherwise code. */
async function halfOf(
  folder: Folder,
  module: ClassModule,
  direction: Direction,
  orm: object | undefined,
): Promise<MigrationBody | null> {
  const { migration, text } = module
  if (direction === 'down' && hasDefaultDown(migration)) return IRREVERSIBLE
  const asked = await askForQueries(migration, direction)
  const rules = {
    directives: false,
    control: 'units',
    ...(!asked.isTransactional && { transaction: 'none' }),
  } satisfies SqlBody['rules']
  if (asked.kind === 'queries') {
    const sql = inPlace(
      text,
      asked.queries.map(({ sql }) => sql),
    )
    if (sql !== undefined) return { kind: 'sql', text: sql, rules }
  }
  const run = (context: MigrationContext) => {
    if (asked.kind === 'failed') throw asked.error
    if (asked.kind === 'queries') return sendAll(migration, direction, context)
    return onHeldConnection(folder, context, { ...asked, migration, direction, orm })
  }
  const { isTransactional } = asked
  return bodyOf({ ...module, [direction]: run, ...(!isTransactional && { transaction: false }) }, direction)
}

/** Stands for the `down` of MikroORM's own class, which throws. */
const IRREVERSIBLE: SqlBody = { kind: 'sql', text: '-- migrate: irreversible the class has no down method\n' }

/** Returns `true` if only the topmost class, which is MikroORM's own, has a down. */
function hasDefaultDown({ prototype }: MikroMigrationClass): boolean {
  for (let at: object = prototype; ; at = Object.getPrototypeOf(at)) {
    const above = Object.getPrototypeOf(at)
    if (above === Object.prototype || above === null) return true
    if (Object.hasOwn(at, 'down')) return false
  }
}

/**
 * Returns the file's text with everything but the queries blanked, so that places in it are places in the file. Returns
 * undefined if a query is not a literal of the file, or they are not in its order.
 */
function inPlace(text: string, queries: readonly string[]): string | undefined {
  const blank = (part: string) => part.replace(/[^\r\n]/g, ' ')
  let out = ''
  let at = 0
  for (const query of queries) {
    const start = literalAt(text, query, at)
    // A semicolon behind a comment would belong to the comment.
    if (start === undefined || /(?:--|#)[^\n]*$/.test(query)) return undefined
    out += `${blank(text.slice(at, start))}${query};`
    // The semicolon is in the place of the quote.
    at = start + query.length + 1
  }
  return out + blank(text.slice(at))
}

/** Finds a literal with exactly this content, behind an offset. */
function literalAt(text: string, content: string, from: number): number | undefined {
  for (let start = text.indexOf(content, from); start !== -1; start = text.indexOf(content, start + 1)) {
    const [before = '', after] = [text[start - 1], text[start + content.length]]
    if (before === after && /['"`]/.test(before)) return start
  }
  return undefined
}

/** Asks again, since up may depend on the time or on helpers, and sends what it collects. */
async function sendAll(migration: MikroMigrationClass, direction: Direction, { sql }: MigrationContext): Promise<void> {
  const asked = await askForQueries(migration, direction)
  if (asked.kind !== 'queries') throw new UsageError('It collected other things than SQL when it was asked again.')
  for (const query of asked.queries) {
    await sql(query.sql).catch((error: Error) => {
      // The stack leads to the addSql in the file.
      error.stack = `${error.stack}\n${query.at.stack?.replace(/^.*\n/, '')}`
      throw error
    })
  }
}

function mikroOrmBookkeeping(dialect: Dialect, { entry }: Books<undefined>, tableName: string): Bookkeeping {
  const { schema, table: name } = splitName(tableName)
  const table = qualified(dialect, schema, name)
  const { quote } = DIALECTS[dialect]
  const [id, title, time] = ['id', 'name', 'executed_at'].map(quote)
  const columns =
    dialect === 'postgres'
      ? `${id} serial PRIMARY KEY, ${title} varchar(255) NOT NULL, ${time} timestamptz(6) NOT NULL DEFAULT current_timestamp(6)`
      : `${id} int NOT NULL AUTO_INCREMENT PRIMARY KEY, ${title} varchar(255) NOT NULL, ${time} datetime NOT NULL DEFAULT current_timestamp`
  return {
    tables: [name],
    ...(schema !== undefined && dialect === 'postgres' && schema !== 'public' && { schema }),
    create: [
      ...(schema !== undefined && dialect === 'postgres' ? [`CREATE SCHEMA IF NOT EXISTS ${quote(schema)}`] : []),
      `CREATE TABLE IF NOT EXISTS ${table} (${columns})${dialect === 'mysql' ? ' DEFAULT CHARACTER SET utf8mb4 ENGINE = InnoDB' : ''}`,
    ],
    select: `SELECT name, executed_at FROM ${table} ORDER BY id`,
    rows: (rows) =>
      rows.map(
        (row): BookkeepingRow => ({
          identity: nameOf(String(row.name)),
          state: 'applied',
          appliedAt: timeOf(row.executed_at),
        }),
      ),
    record: async (migration) => {
      if (!entry(migration.name)) return []
      return [`INSERT INTO ${table} (name) VALUES (${literalOf(migration.name, dialect)})`]
    },
    // Older versions wrote the ending, too.
    forget: (identity) => {
      const names = [identity, `${identity}.js`, `${identity}.ts`].map((one) => literalOf(one, dialect))
      return [`DELETE FROM ${table} WHERE name IN (${names.join(', ')})`]
    },
  }
}

/** Facts: `TSMigrationGenerator.js`, asked for a migration without changes: `migration:create --blank`. */
function templateOf(name: string): string {
  return `import { Migration } from '@mikro-orm/migrations';

export class ${name} extends Migration {

  override name = '${name}';

  override up(): void | Promise<void> {
    this.addSql(\`select 1\`);
  }

  override down(): void | Promise<void> {
    this.addSql(\`select 1\`);
  }

}
`
}
