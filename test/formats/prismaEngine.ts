/** Prisma's schema engine, which does what `prisma migrate` says. It runs as WebAssembly over `pg`; on MySQL it cannot. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ToolPool, tool, toolFile, withPool } from '../support/tools.ts'
import type { Place } from './contract.ts'

/**
 * How a file reaches the server. `cut`: as the driver adapter for PostgreSQL sends it, statement by statement, cut at
 * every semicolon, wherever that is. `whole`: in one message, as the native engine of Prisma up to 7.3 sends it.
 */
export type Way = 'cut' | 'whole'

export interface Diagnosis {
  readonly editedMigrationNames: readonly string[]
  readonly failedMigrationNames: readonly string[]
  readonly history: { readonly diagnostic: string; readonly unappliedMigrationNames?: readonly string[] } | null
}

/** Does what `prisma migrate deploy` does. */
export function deploy({ url, folder }: Place, way: Way): Promise<{ appliedMigrationNames: string[] }> {
  return withEngine(url, way, (engine) => engine.applyMigrations({ migrationsList: listOf(folder), filters: FILTERS }))
}

/** Asks what `prisma migrate status` asks. */
export function diagnose({ url, folder }: Place, way: Way): Promise<Diagnosis> {
  const input = { migrationsList: listOf(folder), filters: FILTERS, optInToShadowDatabase: false }
  return withEngine(url, way, (engine) => engine.diagnoseMigrationHistory(input))
}

/** Does what `prisma migrate resolve --rolled-back` does. */
export function markRolledBack({ url }: Place, migrationName: string): Promise<unknown> {
  return withEngine(url, 'whole', (engine) => engine.markMigrationRolledBack({ migrationName }))
}

// --- internal ---

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

interface Connector {
  connect(): Promise<Connection>
}

const FILTERS = { externalTables: [], externalEnums: [] }

async function withEngine<T>(url: string, way: Way, work: (engine: Engine) => Promise<T>): Promise<T> {
  loading ??= load()
  const make = await loading
  const { PrismaPg } = tool<{ PrismaPg: new (pool: ToolPool) => Connector }>('@prisma/adapter-pg')
  return withPool(url, async (pool) => {
    const connector = new PrismaPg(pool)
    if (way === 'whole') sendWhole(connector)
    const engine = await make(connector)
    return work(engine).finally(() => engine.free())
  })
}

/** Lets connections send a script in one message. */
function sendWhole(connector: Connector): void {
  const connect = connector.connect.bind(connector)
  connector.connect = async () => {
    const connection = await connect()
    connection.executeScript = async (script) => void (await connection.underlyingDriver().query(script))
    return connection
  }
}

/** The engine as `prisma` loads it; once, because it is large. */
let loading: ReturnType<typeof load> | undefined

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
  const { bindMigrationAwareSqlAdapterFactory: bind } = tool<{
    bindMigrationAwareSqlAdapterFactory(factory: object): object
  }>('@prisma/driver-adapter-utils')
  const code = readFileSync(toolFile('@prisma/schema-engine-wasm/schema_engine_bg.wasm'))
  const { instance } = await wasm.instantiate(code, { './schema_engine_bg.js': glue })
  glue.__wbg_set_wasm(instance.exports)
  ;(instance.exports.__wbindgen_start as () => void)()
  const { SchemaEngine } = glue as unknown as {
    SchemaEngine: { new: (options: object, log: (line: string) => void, adapter: object) => Promise<Engine> }
  }
  return async (connector: Connector) => {
    const schema = 'datasource db {\n  provider = "postgresql"\n}\n'
    return SchemaEngine.new({ datamodels: [['schema.prisma', schema]] }, () => undefined, bind(connector))
  }
}

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
