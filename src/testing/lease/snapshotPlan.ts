/**
 * Plans which snapshots a test can begin from: one key for each migration, as long as its text determines the result.
 */
import { UsageError, VersionNotFoundError } from '../../migrate/errors.ts'
import { numbered } from '../../migrate/plan/target.ts'
import type { Migration, Source } from '../../migrate/source.ts'
import type { Target } from '../../migrate/version.ts'
import { idOf } from '../../source/identity.ts'
import type { Snapshots } from '../testServer.ts'
import { type ChainLink, fingerprintChain, type KeyChain } from './chain.ts'
import { type Folder, isSame, isUnchanged, lookAt, lookAtFiles } from './folderLook.ts'
import { seedsByVersion } from './moves.ts'
import type { DatabaseSnapshot, MigratedDatabaseOptions, Seed } from './options.ts'
import type { SeedKey } from './seedFile.ts'
import { seedFunction } from './seedFunction.ts'
import { prepareSeed, seedKey, seedName, seedsOf } from './seeds.ts'

export interface SnapshotPlan<Client> {
  readonly source: Source
  readonly snapshots: Snapshots<Client>
  /** One link for each migration, lowest version first; at least one. */
  readonly links: readonly ChainLink[]
  /**
   * `true` if the last link is the version at which the test begins; otherwise the remaining migrations have to run.
   */
  readonly whole: boolean
  /**
   * Reads the texts again. Returns undefined if they have changed, else the links: those of this plan, except that a
   * function may have turned out to remember something, so that its keys are of this process now.
   */
  readonly current: () => Promise<readonly ChainLink[] | undefined>
  /** Returns `true` if a function has turned out to remember something since the keys were made. */
  readonly isOutdated: () => boolean
}

/** The plan for a test's database; `plan` is undefined if all migrations have to run. */
export interface Planned<Client> {
  readonly plan?: SnapshotPlan<Client> | undefined
  /** The migration from which on they have to run, and why, if that is worth a line. */
  readonly ended?: string | undefined
}

/** Plans the snapshots for a test. There are none if there is a listener (`onEvent`). */
export async function planSnapshots<Client>(
  options: MigratedDatabaseOptions<Client>,
  source: Source,
): Promise<Planned<Client>> {
  const { server, version = 'latest', onEvent } = options
  if (options.from) return { plan: await planFrom(options, source) }
  if (options.snapshots === false || onEvent || version === 'nil' || !server.snapshots) return {}
  const snapshots = await server.snapshots()
  const { table = '', schema = '' } = options
  const environment = table || schema ? [...snapshots.environment, '', table, schema] : snapshots.environment
  const chain = (keyOf = seedKey) => chainTo(source, version, options, environment, keyOf)
  const { links, whole, ended } = await remembered(options, source, [version, environment], chain)
  const last = links.at(-1)
  if (!last) return { ended }
  const keyBefore = await keysNow(options)
  const current = async () => {
    const before = await chain(keyBefore)
    if (before.links.at(-1)?.key !== last.key) return undefined
    const after = await chain()
    return after.links.length === links.length ? after.links : undefined
  }
  const names = JSON.stringify(seedNames(options))
  const isOutdated = () => JSON.stringify(seedNames(options)) !== names
  return { plan: { source, snapshots, links, whole, current, isOutdated }, ended }
}

/**
 * Returns a key for tests that share a database: a hash of the texts if they determine the database, otherwise one made
 * from the options themselves. It differs from the keys of snapshots.
 */
export async function sharedKey<Client>(options: MigratedDatabaseOptions<Client>, source: Source): Promise<string> {
  const { migrations, version = 'latest', onEvent, outOfOrder } = options
  if (options.from) return `from ${savedState(options).key}`
  const { table = '', schema = '' } = options
  const environment = ['shared', table, schema]
  const chain = () => chainTo(source, version, options, environment)
  const { links, whole } = await remembered(options, source, [...environment, version], chain)
  if (whole && !onEvent) return links.at(-1)?.key ?? 'empty'
  const from = typeof migrations === 'object' ? idOf(migrations) : migrations
  return JSON.stringify([
    from,
    ...environment,
    version,
    seedNames(options),
    outOfOrder,
    onEvent && idOf(onEvent),
    links.at(-1)?.key,
  ])
}

// --- internal ---

/** Plans for a test that begins with a saved state: its snapshot is all there is. */
async function planFrom<Client>(
  options: MigratedDatabaseOptions<Client>,
  source: Source,
): Promise<SnapshotPlan<Client>> {
  const also = (['version', 'seeds', 'prepare'] as const).filter((name) => options[name] !== undefined)
  if (also.length > 0) {
    throw new UsageError(`The options "from" and "${also.join('", "')}" exclude each other.`, {
      hint: 'A saved state has its version and its rows already. migrateTo() moves it to another version.',
    })
  }
  const snapshots = await options.server.snapshots?.()
  if (!snapshots) throw new UsageError('The option "from" needs a server that can copy databases.')
  const link = { ...savedState(options), ofThisProcess: true, prepared: true }
  return { source, snapshots, links: [link], whole: true, current: async () => [link], isOutdated: () => false }
}

/** @throws UsageError if no test has saved the state yet */
function savedState<Client>({ from }: MigratedDatabaseOptions<Client>): DatabaseSnapshot {
  const saved = from?.()
  if (typeof saved?.key === 'string') return saved
  throw new UsageError('The option "from" returned no snapshot: the test that saves it has not run.', {
    hint: 'A test before this one has to call db.snapshot(). It may have been skipped, filtered out by its name, or failed.',
  })
}

/** Returns the index of the last migration up to the target; -1 if there is none. */
function indexOf(asked: Target, migrations: readonly Migration[], source: Source): number {
  const target = numbered(asked, migrations, source.name)
  if (target === 'latest') return migrations.length - 1
  if (typeof target !== 'object') return migrations.findIndex(({ version }) => version === target)
  const above = migrations.findIndex(({ version }) => version === target.justBefore)
  return above === -1 ? -1 : above - 1
}

const NO_CHAIN: KeyChain = { links: [], files: [], variables: [], whole: false }

async function chainTo<Client>(
  source: Source,
  version: Target,
  options: MigratedDatabaseOptions<Client>,
  environment: readonly string[],
  keyOf = seedKey,
): Promise<KeyChain> {
  const all = await source.list()
  let end: number
  const seeded = new Map<number, SeedKey>()
  try {
    end = indexOf(version, all, source)
    for (const [at, { key, seed }] of seedsByVersion(options.seeds, all, source)) {
      seeded.set(at, await keyOf(`seeds[${key}]`, seed))
    }
  } catch (error) {
    // A missing version, also that of a seed, is an error that running the migrations raises.
    if (error instanceof VersionNotFoundError) return NO_CHAIN
    throw error
  }
  if (end < 0) return NO_CHAIN
  const migrations = all.slice(0, end + 1)
  const rows = prepareSeed(options)
  const prepared = rows === undefined ? undefined : await keyOf('prepare', rows)
  return fingerprintChain({ source, migrations, dialect: options.server.dialect, environment, seeded, prepared })
}

/** Returns what gives the keys that functions have now, also when one turns out to remember something. */
async function keysNow<Client>(options: MigratedDatabaseOptions<Client>): Promise<typeof seedKey> {
  const functions = seedsOf(options).filter((seed) => typeof seed === 'function')
  if (functions.length === 0) return seedKey
  const keys = new Map<Seed, SeedKey>()
  for (const seed of functions) keys.set(seed, await seedKey('', seed))
  return async (option, seed) => keys.get(seed) ?? seedKey(option, seed)
}

/** Tells the rows of tests apart, without reading the files that they are in. */
function seedNames<Client>(options: MigratedDatabaseOptions<Client>): unknown[] {
  return [
    ...Object.entries(options.seeds ?? {}).map(([at, seed]) => [at, seedName(seed)]),
    seedName(prepareSeed(options)),
  ]
}

interface Known {
  /** The code that the chain is made from, which may be outside of the folder; unset while it is being read. */
  code: Folder | undefined
  /** The values of the variables of the environment that the code reads, by name. */
  variables: Readonly<Record<string, string | undefined>>
  readonly folder: Folder
  readonly more: string
  readonly chain: Promise<KeyChain>
}

/** Chains by server: tests share the server, while each test may have its own options object. */
const known = new WeakMap<object, Known[]>()

const MOST_KNOWN = 32

/**
 * Returns the chain computed earlier, unless a file of the folder or a function has changed. Reading every file for every test would
 * take longer than copying the database.
 */
async function remembered<Client>(
  options: MigratedDatabaseOptions<Client>,
  source: Source,
  more: readonly unknown[],
  make: () => Promise<KeyChain>,
): Promise<KeyChain> {
  const { server } = options
  const before = known.get(server) ?? []
  for (const seed of seedsOf(options)) if (typeof seed === 'function') await seedFunction(seed).look()
  const folder = await lookAt(source)
  if (folder === undefined) return make()
  const text = JSON.stringify([...more, seedNames(options), source.format?.settings, source.format?.before()])
  const found = before.find((one) => one.more === text && isSame(one.folder, folder) && isCurrent(one))
  if (found) return found.chain
  const chain = make()
  const one: Known = { folder, more: text, chain, code: undefined, variables: {} }
  known.set(server, [one, ...before].slice(0, MOST_KNOWN))
  chain.then(
    ({ files, variables }) => {
      one.variables = Object.fromEntries(variables.map((name) => [name, process.env[name]]))
      if (files.length > 0) one.code = lookAtFiles(files)
    },
    () => undefined,
  )
  return chain
}

function isCurrent({ code, variables }: Known): boolean {
  if (Object.entries(variables).some(([name, value]) => process.env[name] !== value)) return false
  return code === undefined || isUnchanged(code)
}
