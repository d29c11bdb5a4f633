/**
 * Migrates test databases: with seeds on the way, in few round trips, and with explanations of errors about objects of
 * the whole server.
 */

import type { Driver } from '../../migrate/driver.ts'
import { MigrationFailedError, UsageError, VersionNotFoundError } from '../../migrate/errors.ts'
import type { MigrateEvent } from '../../migrate/events.ts'
import { type MigrationRun, Migrator } from '../../migrate/migrator.ts'
import { numberOf } from '../../migrate/plan/target.ts'
import { type Migration, passedOverMessage, type Source } from '../../migrate/source.ts'
import { type Target, versionOf } from '../../migrate/version.ts'
import { ENDING_MS } from '../ending.ts'
import type { Disposable, TestDatabase } from '../testServer.ts'
import type { MigratedDatabaseOptions, Seed, SeedTarget } from './options.ts'
import { applyPrepare, applySeed } from './seeds.ts'

/** Migrates a database that no test has yet, inserts seeds on the way, and closes every connection that it opened. */
export type Build<Client> = (database: TestDatabase<Client>, target: Target, how: HowToBuild) => Promise<void>

interface HowToBuild extends Disposable {
  /** `true` to run the option `prepare` at the end. */
  readonly prepares: boolean
}

/** Makes the function that migrates databases for these options. */
export function builder<Client>(options: MigratedDatabaseOptions<Client>, source: Source): Build<Client> {
  return async (database, version, { prepares, disposable = false }) => {
    const seeded = Object.keys(options.seeds ?? {}).length > 0
    const client = await database.connect()
    try {
      const { table, schema } = options
      const driver = await database.openDriver(client, { table, schema, disposable })
      const target: SeedTarget<Client> = {
        dialect: options.server.dialect,
        client,
        url: database.url,
        query: async <T extends object>(sql: string, params?: readonly unknown[]) =>
          (await database.query(client, sql, params)) as object[] as T[],
      }
      try {
        const migrator = migratorOn(driver, source, options)
        if (seeded) await moveWithSeeds(migrator, version, source, options, target)
        else await migrator.to(version)
      } finally {
        await driver.close()
      }
      if (!prepares || options.prepare === undefined) return
      await applyPrepare(options, target)
      const left = await database.leftOpen([client], ENDING_MS.underLoad)
      if (left.some(({ given }) => !given)) throw new UsageError(LEFT_OPEN)
    } finally {
      await database.disconnect(client).catch(() => undefined)
    }
  }
}

const LEFT_OPEN =
  'prepare() left a connection to the database open, so it cannot be copied for the tests. End its pool or client at the end of prepare().'

export function migratorOn<Client>(
  database: Driver,
  source: Source,
  { outOfOrder, onEvent }: MigratedDatabaseOptions<Client>,
  batch = onEvent === undefined,
): Migrator {
  return new Migrator({
    source,
    database,
    ...(outOfOrder && { outOfOrder }),
    onEvent: onEvent ?? printWarning,
    batch,
    // A value added to an enum can then be used by the next migration, and seeds come in between.
    transactions: 'each',
  })
}

/**
 * Migrates to `target`. Stops on the way up at each seed's version that this run passes, and inserts its rows.
 * @throws VersionNotFoundError if a seed names an unknown version
 */
export async function moveWithSeeds<Client>(
  migrator: Migrator,
  target: Target,
  source: Source,
  options: MigratedDatabaseOptions<Client>,
  db: SeedTarget<Client>,
): Promise<MigrationRun> {
  if (Object.keys(options.seeds ?? {}).length === 0) return explained(() => migrator.to(target))
  const migrations = await source.list()
  const seeds = seedsByVersion(options.seeds, migrations, source)
  const places = new Map(migrations.map((migration, place) => [versionOf(migration), place]))
  const plan = await migrator.plan(target)
  const from = places.get(plan.from) ?? -1
  const reached = new Set(
    plan.steps
      .filter((step) => step.direction === 'up' && (places.get(step.version) ?? -1) > from)
      .map((step) => step.version),
  )
  const steps: MigrationRun['steps'][number][] = []
  for (const migration of migrations) {
    const version = versionOf(migration)
    const given = seeds.get(migration.version)
    if (!given || !reached.has(version)) continue
    steps.push(...(await explained(() => migrator.to(version))).steps)
    await applySeed(`seeds[${given.key}]`, given.seed, db)
  }
  const last = await explained(() => migrator.to(target))
  return { from: plan.from, to: last.to, steps: [...steps, ...last.steps] }
}

/**
 * Returns the seeds by the version of their migration.
 * @throws VersionNotFoundError if a seed names an unknown version
 */
export function seedsByVersion(
  seeds: MigratedDatabaseOptions<unknown>['seeds'],
  migrations: readonly Migration[],
  source: Source,
): ReadonlyMap<number, { readonly key: string; readonly seed: Seed }> {
  const known = new Set(migrations.map(({ version }) => version))
  return new Map(
    Object.entries(seeds ?? {}).map(([key, seed]) => {
      const version = numberOf(/^\d+$/.test(key) ? Number(key) : key, migrations, source.name)
      if (known.has(version)) return [version, { key, seed }]
      throw new VersionNotFoundError(version, `seeds: there is no version ${key} in ${source.name}.`)
    }),
  )
}

/** Prints the warning that running the migrations would print, when they need not run. */
export function tellPassedOver(source: Source): void {
  const messages = [passedOverMessage(source) ?? [], source.remarks ?? []].flat()
  for (const message of messages) printWarning({ type: 'warning', message })
}

/**
 * Says once which migration, and all after it, run for every test instead of being copied, if that takes time.
 * @param ended the migration and the reason
 */
export function tellReplayed(ended: string, ms: number): void {
  if (ms < WORTH_TELLING_MS || replayed.has(ended)) return
  replayed.add(ended)
  process.stderr.write(
    `migratest: ${ended}, so it and the migrations after it run for every test instead of being copied (${Math.round(ms)} ms).\n`,
  )
}

// --- internal ---

/** Milliseconds of migrations per test above which the user should know why they run. */
const WORTH_TELLING_MS = 100

/** Adds an explanation to errors about objects of the whole server, which all its test databases share. */
async function explained(move: () => Promise<MigrationRun>): Promise<MigrationRun> {
  try {
    return await move()
  } catch (error) {
    if (error instanceof MigrationFailedError && OF_THE_SERVER.test(`${error.sqlState} ${error.message}`)) {
      const what = error.hint
        ? 'In tests'
        : 'Roles, tablespaces and databases belong to the whole server, which all test databases share'
      error.message += `\n\n${what}: leave roles to the preset (postgres({ roles: ['app'] })), or give the test a server of its own (isolation: 'server').`
    }
    throw error
  }
}

/** Matches errors about a role, tablespace or database that already exists or is still needed elsewhere. */
const OF_THE_SERVER = /^(?:42710|42P04|2BP01) [\s\S]*?\b(?:role|tablespace|database) "/

const replayed = new Set<string>()

const printed = new Set<string>()

/** Prints each warning once in a process: every test of a suite runs the same migrations. */
function printWarning(event: MigrateEvent): void {
  if (event.type !== 'warning' || printed.has(event.message)) return
  printed.add(event.message)
  process.stderr.write(`migratest: ${event.message}\n`)
}
