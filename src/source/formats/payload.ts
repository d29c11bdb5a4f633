/** Payload: files in TypeScript that export `up({ db, payload, req })` and `down`, where `db` is a database of Drizzle. */
import { UnreadableFileError, UsageError } from '../../migrate/errors.ts'
import type { Bookkeeping, MigrationContext } from '../../migrate/source.ts'
import type { Dialect } from '../../sql/dialect.ts'
import { literalOf } from '../../sql/parameters.ts'
import { bodyOf, type ModuleMigration } from '../files.ts'
import type { Adapt } from '../module/loader.ts'
import { heldPg } from './code/held.ts'
import {
  type Books,
  type CodeFormat,
  type Entry,
  type Folder,
  importLibrary,
  leadingNumber,
  timestampOf,
} from './format.ts'
import { qualified, timeOf } from './tables.ts'

export interface PayloadOptions {
  /** The adapter's `schemaName`. */
  readonly schemaName?: string | undefined
  /** The package of the adapter; default `@payloadcms/db-postgres`. */
  readonly adapter?: '@payloadcms/db-postgres' | '@payloadcms/db-vercel-postgres' | undefined
}

/**
 * Facts: payload 3.90.2, `database/migrations/{readMigrationFiles,writeMigrationIndex}.js`; @payloadcms/drizzle, `migrate.js`,
 * `migrateDown.js`, `utilities/{buildCreateMigration,getMigrationTemplate}.js`.
 */
export function payloadFormat({ schemaName, adapter = '@payloadcms/db-postgres' }: PayloadOptions = {}): CodeFormat {
  let adapt: Adapt | undefined
  return {
    tool: 'Payload',
    library: adapter,
    drivers: ['payload'],
    downs: true,
    // It applies whatever is not in its table, and does not look at what is there besides.
    outOfOrder: 'apply',
    missing: 'ignore',
    list: (folder) => ({ entries: filesOf(folder).map(entryOf), remarks: [] }),
    async body(folder, { up }, direction) {
      adapt ??= adaptTo(folder, adapter)
      const module = await folder.load?.(up, adapt)
      return module ? bodyOf(module, direction) : null
    },
    bookkeeping: (dialect, books) => payloadBookkeeping(dialect, books, schemaName),
    create(title, { entries, now }) {
      const stamp = timestampOf(now)
      const name = `${stamp.slice(0, 8)}_${stamp.slice(8)}_${title.replace(/\W/g, '_')}`
      const names = [...entries.map((entry) => entry.name), name].sort()
      return { [`${name}.ts`]: templateFor(adapter), 'index.ts': indexOf(names) }
    },
  }
}

// --- internal ---

function filesOf(folder: Folder): string[] {
  const files = folder.files().filter((file) => /^[^/]+\.[jt]s$/.test(file) && !/^index\.[jt]s$|\.d\.ts$/.test(file))
  return files.sort()
}

function entryOf(file: string): Entry {
  const [name = file] = file.split('.')
  return {
    name,
    number: leadingNumber(name.replace(/^(\d{8})_(\d{6})/, '$1$2')),
    up: file,
    down: file,
    data: undefined,
  }
}

type Half = (parameters: { db: unknown; payload: unknown; req: unknown }) => unknown

interface PayloadModule {
  readonly up?: Half
  readonly down?: Half
}

/** Makes the function that hands a database of Drizzle, on our connection, to a migration's up and down. */
function adaptTo(folder: Folder, adapter: string): Adapt {
  return (exports, shown): ModuleMigration => {
    const namespace = exports as PayloadModule & { default?: PayloadModule }
    const { up, down } = namespace.default ?? namespace
    if (typeof up !== 'function') {
      throw new UnreadableFileError(`${shown}: exports no function up({ db }), as a migration of Payload does.`)
    }
    const on =
      (half: Half) =>
      async ({ client, log }: MigrationContext) => {
        const proxy = `${adapter}/drizzle/node-postgres`
        const { drizzle } = await importLibrary<DrizzlePackage>(folder, proxy, 'A migration of Payload')
        const payload = stand('payload', { logger: loggerTo(log) })
        await half({
          db: drizzle({ client: heldPg(client, { alone: false }) }),
          payload,
          req: stand('req', { payload }),
        })
      }
    return { up: on(up), down: down && on(down) }
  }
}

/** The part of Drizzle that we use. */
interface DrizzlePackage {
  drizzle(options: { readonly client: unknown }): unknown
}

/** Stands for a Payload that runs, which has a pool of its own and could not see what the migration has not committed. */
function stand(name: string, has: Readonly<Record<string, unknown>>): unknown {
  return new Proxy(has, {
    get(target, key) {
      if (Object.hasOwn(target, key) || typeof key === 'symbol') return Reflect.get(target, key)
      throw new Error(
        `It uses ${name}.${key}, and migratest does not start Payload. Change rows with db.execute(sql\`…\`) instead.`,
      )
    },
  })
}

function loggerTo(log: (text: string) => void): Readonly<Record<string, (message: unknown) => void>> {
  const say = (message: unknown) => log(typeof message === 'string' ? message : JSON.stringify(message))
  return { trace: () => undefined, debug: () => undefined, info: say, warn: say, error: say, fatal: say }
}

/** The first migration of Payload itself creates the table, and the down of that one drops it. */
function payloadBookkeeping(dialect: Dialect, { entry }: Books<undefined>, schema: string | undefined): Bookkeeping {
  if (dialect !== 'postgres') throw new UsageError('Migrations of Payload run here on PostgreSQL only.')
  const name = 'payload_migrations'
  const table = qualified(dialect, schema, name)
  /** The batch of this run. Payload numbers the runs; its `migrate:down` undoes the last one. */
  let batch = 1
  return {
    tables: [name],
    create: [],
    select: `SELECT name, batch::int AS batch, created_at FROM ${table} ORDER BY id`,
    rows(rows) {
      // In development, Payload changes the schema without migrations, and says so in a row with the batch -1.
      const applied = rows.filter((row) => Number(row.batch) !== -1)
      batch = Math.max(0, ...applied.map((row) => Number(row.batch ?? 0))) + 1
      return applied.map((row) => ({
        identity: String(row.name),
        state: 'applied',
        appliedAt: timeOf(row.created_at),
      }))
    },
    async record({ name: migration }) {
      if (!entry(migration)) return []
      return [`INSERT INTO ${table} (name, batch) VALUES (${literalOf(migration, dialect)}, ${batch})`]
    },
    forget(identity) {
      const gone = `DELETE FROM ${table} WHERE name = ${literalOf(identity, dialect)}`
      const there = `to_regclass(${literalOf(table, dialect)}) IS NOT NULL`
      return [`DO $migratest$BEGIN IF ${there} THEN ${gone}; END IF; END$migratest$`]
    },
  }
}

function templateFor(adapter: string): string {
  return `import { MigrateUpArgs, MigrateDownArgs, sql } from '${adapter}'

export async function up({ db, payload, req }: MigrateUpArgs): Promise<void> {
  // Migration code
}

export async function down({ db, payload, req }: MigrateDownArgs): Promise<void> {
  // Migration code
}
`
}

/** The file from which an app that is built imports its migrations. */
function indexOf(names: readonly string[]): string {
  const imports = names.map((name) => `import * as migration_${name} from './${name}';\n`)
  const entries = names.map(
    (name) => `  {\n    up: migration_${name}.up,\n    down: migration_${name}.down,\n    name: '${name}',\n  },\n`,
  )
  return `${imports.join('')}\nexport const migrations = [\n${entries.join('')}];\n`
}
