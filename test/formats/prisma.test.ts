/** Prisma Migrate 7, asked by the engine of `prisma migrate deploy`, which runs as WebAssembly over `pg`. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { prisma } from '../../presets/sources.ts'
import { write } from '../support/cli.ts'
import { failure, test } from '../support/database.ts'
import { describeWithTool, type ToolPool, tool, toolFile, withPool } from '../support/tools.ts'
import { contract, type Oracle, ours, type Place, placeOf, statesOf } from './contract.ts'

const migrationsWith = (functions: string): readonly (readonly [name: string, text: string])[] => [
  [
    '20240105091244_init',
    `-- CreateEnum
CREATE TYPE "OrderStatus" AS ENUM ('NEW', 'PAID');

-- CreateTable
CREATE TABLE "User" (
    "id" SERIAL NOT NULL,
    "email" TEXT NOT NULL,

    CONSTRAINT "User_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Order" (
    "id" TEXT NOT NULL,
    "userId" INTEGER NOT NULL,
    "status" "OrderStatus" NOT NULL DEFAULT 'NEW',
    "updatedAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Order_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");

-- AddForeignKey
ALTER TABLE "Order" ADD CONSTRAINT "Order_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
`,
  ],
  // Two of one second, as two branches make them.
  ['20240119164002_refunds', `-- AlterEnum\nALTER TYPE "OrderStatus" ADD VALUE 'REFUNDED';\n`],
  ['20240119164002_uses_refunds', `-- AlterTable\nALTER TABLE "Order" ALTER COLUMN "status" SET DEFAULT 'REFUNDED';\n`],
  ['20240202080000_functions', functions],
  [
    '20240202080001_enum_rebuild',
    `/*
  Warnings:

  - The values [PAID] on the enum \`OrderStatus\` will be removed. This will fail if they are still used.

*/
INSERT INTO "User" ("email") VALUES ('ada@example.com'), ('it''s quoted');

-- AlterEnum
BEGIN;
CREATE TYPE "OrderStatus_new" AS ENUM ('NEW', 'REFUNDED');
ALTER TABLE "Order" ALTER COLUMN "status" DROP DEFAULT;
ALTER TABLE "Order" ALTER COLUMN "status" TYPE "OrderStatus_new" USING ("status"::text::"OrderStatus_new");
ALTER TYPE "OrderStatus" RENAME TO "OrderStatus_old";
ALTER TYPE "OrderStatus_new" RENAME TO "OrderStatus";
DROP TYPE "OrderStatus_old";
ALTER TABLE "Order" ALTER COLUMN "status" SET DEFAULT 'NEW';
COMMIT;
`,
  ],
  [
    '20240311123015_index',
    `CREATE INDEX CONCURRENTLY "Order \\"status\\" idx" ON "Order"("status");`.replaceAll('\\"', '""'),
  ],
]

/** Both engines run a function whose body has no semicolon. The driver adapter cuts other bodies in pieces. */
const PLAIN = [
  '-- Written by hand on Windows',
  'CREATE FUNCTION "fullName"(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS $$',
  "  SELECT $1 || ' ' || $2 -- one statement",
  '$$;',
  'ALTER TABLE "User" ADD COLUMN "name" TEXT;',
  'UPDATE "User" SET "name" = "fullName"(\'x\', "email");',
  '',
].join('\r\n')

const WITH_TRIGGER = `${PLAIN}${[
  'CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$',
  'BEGIN',
  '  NEW."updatedAt" := now();',
  '  RETURN NEW;',
  'END;',
  '$$;',
  'CREATE TRIGGER touch BEFORE UPDATE ON "Order" FOR EACH ROW EXECUTE FUNCTION touch();',
].join('\r\n')}\r\n`

interface Diagnosis {
  readonly editedMigrationNames: readonly string[]
  readonly failedMigrationNames: readonly string[]
  readonly history: { readonly diagnostic: string; readonly unappliedMigrationNames?: readonly string[] } | null
}

interface Engine {
  applyMigrations(input: object): Promise<{ appliedMigrationNames: string[] }>
  diagnoseMigrationHistory(input: object): Promise<Diagnosis>
  markMigrationRolledBack(input: { migrationName: string }): Promise<unknown>
  free(): void
}

interface Connection {
  executeScript(script: string): Promise<void>
  underlyingDriver(): { query(sql: string): Promise<unknown> }
}

type Connector = Record<'connect' | 'connectToShadowDb', () => Promise<Connection>>

/** Returns the engine as the `prisma` command loads it; once, because it is large. */
let loading: ReturnType<typeof load> | undefined
async function withEngine<T>(url: string, script: 'cut' | 'whole', work: (engine: Engine) => Promise<T>): Promise<T> {
  loading ??= load()
  const open = await loading
  return withPool(url, async (pool) => {
    const engine = await open(pool, script)
    return work(engine).finally(() => engine.free())
  })
}

/** The part of the global object that the types of Node.js lack. */
const { WebAssembly: wasm } = globalThis as unknown as {
  WebAssembly: {
    instantiate(code: Uint8Array, imports: object): Promise<{ instance: { exports: Record<string, unknown> } }>
  }
}

async function load() {
  const glue = tool<Record<string, unknown> & { __wbg_set_wasm(exports: unknown): void }>(
    '@prisma/schema-engine-wasm/schema_engine_bg',
  )
  const { PrismaPg } = tool<{ PrismaPg: new (pool: ToolPool) => Connector }>('@prisma/adapter-pg')
  const { bindMigrationAwareSqlAdapterFactory: bind } = tool<{
    bindMigrationAwareSqlAdapterFactory(factory: object): object
  }>('@prisma/driver-adapter-utils')
  const code = readFileSync(toolFile('@prisma/schema-engine-wasm/schema_engine_bg.wasm'))
  const { instance } = await wasm.instantiate(code, { './schema_engine_bg.js': glue })
  glue.__wbg_set_wasm(instance.exports)
  ;(instance.exports.__wbindgen_start as () => void)()
  const { SchemaEngine } = glue as unknown as {
    SchemaEngine: { new (options: object, log: (line: string) => void, adapter: object): Promise<Engine> } & {
      new: (options: object, log: (line: string) => void, adapter: object) => Promise<Engine>
    }
  }
  return async (pool: ToolPool, script: 'cut' | 'whole') => {
    const factory = new PrismaPg(pool)
    if (script === 'whole') sendWhole(factory)
    const schema = 'datasource db {\n  provider = "postgresql"\n}\n'
    return SchemaEngine.new({ datamodels: [['schema.prisma', schema]] }, () => undefined, bind(factory))
  }
}

/** Lets a connection send a script in one message, as the native engine of Prisma up to 7.3 does. */
function sendWhole(factory: Connector): void {
  const connect = factory.connect.bind(factory)
  factory.connect = async () => {
    const connection = await connect()
    connection.executeScript = async (script) => void (await connection.underlyingDriver().query(script))
    return connection
  }
}

const FILTERS = { externalTables: [], externalEnums: [] }

/** Lists the folder as `@prisma/migrate` 7.10 does. */
function listOf(folder: string) {
  const migrationDirectories = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({
      path: name,
      migrationFile: {
        path: 'migration.sql',
        content: { tag: 'ok', value: readFileSync(join(folder, name, 'migration.sql'), 'utf8') },
      },
    }))
    .sort((a, b) => a.path.localeCompare(b.path))
  const lockfile = { path: 'migration_lock.toml', content: readFileSync(join(folder, 'migration_lock.toml'), 'utf8') }
  return { baseDir: folder, lockfile, migrationDirectories, shadowDbInitScript: '' }
}

function oracleOf(script: 'cut' | 'whole', migrations: readonly (readonly [string, string])[]) {
  const deploy = ({ url, folder }: Place) =>
    withEngine(url, script, (engine) => engine.applyMigrations({ migrationsList: listOf(folder), filters: FILTERS }))
  const diagnose = ({ url, folder }: Place) =>
    withEngine(url, script, (engine) =>
      engine.diagnoseMigrationHistory({
        migrationsList: listOf(folder),
        filters: FILTERS,
        optInToShadowDatabase: false,
      }),
    )
  const oracle: Oracle = {
    name: script === 'cut' ? 'Prisma 7.10, statement by statement' : 'Prisma, a file in one message',
    packages: ['@prisma/adapter-pg', '@prisma/schema-engine-wasm'],
    count: migrations.length,
    files: (count) => ({
      'migration_lock.toml': '# Please do not edit this file manually\nprovider = "postgresql"\n',
      ...Object.fromEntries(migrations.slice(0, count).map(([name, text]) => [`${name}/migration.sql`, text])),
    }),
    source: (path) => prisma(path, script === 'cut' ? { engine: 7.4 } : {}),
    up: deploy,
    pending: async (place) => (await diagnose(place)).history?.unappliedMigrationNames ?? [],
    table: '_prisma_migrations',
    rows: `SELECT checksum, migration_name, logs, rolled_back_at, applied_steps_count, finished_at >= started_at AS finished,
      length(id) AS id FROM _prisma_migrations ORDER BY started_at`,
    edited: '20240105091244_init/migration.sql',
  }
  return { oracle, diagnose }
}

const cut = oracleOf('cut', migrationsWith(PLAIN))
const whole = oracleOf('whole', migrationsWith(WITH_TRIGGER))

for (const { oracle } of [cut, whole]) contract(oracle)

const { oracle, diagnose } = whole
const { count } = oracle
const BROKEN = { '20240401000000_broken/migration.sql': 'create table half (id int);\nselect 1 / 0;\n' }
const fillWith = (place: Place, files: Readonly<Record<string, string>>) => {
  for (const [name, text] of Object.entries(files)) write(place.folder, name, text)
}

describeWithTool(oracle.packages, 'Prisma and we', () => {
  test('Prisma names the files that were edited after we applied them', async ({ db }) => {
    const place = placeOf(oracle, db)
    await (await ours(oracle, db, place)).up()
    expect((await diagnose(place)).editedMigrationNames).toEqual([])
    fillWith(place, { [`${oracle.edited}`]: 'select 1;' })
    expect((await diagnose(place)).editedMigrationNames).toEqual(['20240105091244_init'])
    expect((await statesOf(oracle, db, place))[0]).toBe('edited')
  })

  test('other line ends are an edit neither for Prisma nor for us, whoever applied the file', async ({ db, other }) => {
    const [place, second] = [placeOf(oracle, db), placeOf(oracle, other)]
    await oracle.up(place)
    await (await ours(oracle, other, second)).up()
    for (const [scratch, there] of [[db, place] as const, [other, second] as const]) {
      for (const [name, text] of Object.entries(oracle.files(count)).filter(([path]) => path.endsWith('.sql'))) {
        fillWith(there, {
          [name]: text.includes('\r\n') ? text.replaceAll('\r\n', '\n') : text.replaceAll('\n', '\r\n'),
        })
      }
      expect((await diagnose(there)).editedMigrationNames).toEqual([])
      expect(await statesOf(oracle, scratch, there)).toEqual(Array(count).fill('applied'))
    }
  })

  test('after a migration that failed in Prisma, we wait until it is resolved', async ({ db }) => {
    const place = placeOf(oracle, db)
    fillWith(place, BROKEN)
    await failure(oracle.up(place))
    const refused = await failure((await ours(oracle, db, place)).up())
    expect(refused.message).toContain('Prisma began 20240401000000_broken on this database and did not finish')
    await resolve(place, '20240401000000_broken')
    expect(await statesOf(oracle, db, place)).toEqual([...Array(count).fill('applied'), 'pending'])
    fillWith(place, { '20240401000000_broken/migration.sql': 'create table whole (id int);' })
    expect((await (await ours(oracle, db, place)).up()).steps).toHaveLength(1)
    expect((await diagnose(place)).history).toBe(null)
  })

  test('a migration that failed in ours leaves Prisma nothing to resolve', async ({ db }) => {
    const place = placeOf(oracle, db)
    fillWith(place, BROKEN)
    await failure((await ours(oracle, db, place)).up())
    expect(await diagnose(place)).toMatchObject({ editedMigrationNames: [], failedMigrationNames: [] })
    expect(await oracle.pending?.(place)).toEqual(['20240401000000_broken'])
    fillWith(place, { '20240401000000_broken/migration.sql': 'create table half (id int);' })
    expect(await oracle.up(place)).toEqual({ appliedMigrationNames: ['20240401000000_broken'] })
    expect(await statesOf(oracle, db, place)).toEqual(Array(count + 1).fill('applied'))
  })

  test('a migration of another branch, below the last one, is applied by both', async ({ db, other }) => {
    const late = { '20240110000000_late/migration.sql': 'create table late (id int);' }
    const [place, second] = [placeOf(oracle, db), placeOf(oracle, other)]
    await oracle.up(place)
    await (await ours(oracle, other, second)).up()
    fillWith(place, late)
    fillWith(second, late)
    expect((await (await ours(oracle, db, place)).up()).steps).toHaveLength(1)
    expect(await oracle.up(second)).toEqual({ appliedMigrationNames: ['20240110000000_late'] })
    for (const [scratch, there] of [[db, place] as const, [other, second] as const]) {
      expect((await diagnose(there)).history).toBe(null)
      expect(await statesOf(oracle, scratch, there)).toEqual(Array(count + 1).fill('applied'))
    }
  })
})

/** What `prisma migrate resolve --rolled-back` does. */
function resolve({ url }: Place, migrationName: string) {
  return withEngine(url, 'whole', (engine) => engine.markMigrationRolledBack({ migrationName }))
}
