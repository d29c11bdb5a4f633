/** Gives a test its database: a prepared one, a copy of a snapshot, or an empty one to run the migrations on. */

import { BatchFailedError } from '../../migrate/driver.ts'
import { UsageError } from '../../migrate/errors.ts'
import { now } from '../../migrate/realTime.ts'
import type { Source } from '../../migrate/source.ts'
import type { Target } from '../../migrate/version.ts'
import type { OpenTransaction, TestDatabase } from '../testServer.ts'
import { endsWithTest } from './hold.ts'
import { type Build, builder } from './moves.ts'
import type { MigratedDatabaseOptions } from './options.ts'
import { Pool, poolOf } from './pool.ts'
import { seedsOf } from './seeds.ts'
import { planSnapshots, type SnapshotPlan, sharedKey } from './snapshotPlan.ts'
import { sharedOf } from './transactions.ts'

/** One test's use of one database. */
export interface Lease<Client> {
  readonly database: TestDatabase<Client>
  /** The first client, already connected. */
  readonly client: Client
  /** The target that the database is already at; `undefined` if the migrations have to run from its present version. */
  readonly at: Target | undefined
  /** Why the migrations have to run, such as `4_code.ts: it uses fetch`, if that is worth a line. */
  readonly ended?: string | undefined
  /** The transaction that the test's statements run in, if the database is shared. */
  readonly transaction?: OpenTransaction | undefined
  /**
   * Ends the lease: counts the test as over at once, waits for `finish`, which closes the test's clients, and then
   * restores or drops the database. Never rejects because of the database.
   */
  end(finish: () => Promise<LeaseOutcome>): Promise<void>
}

/**
 * The state in which a test leaves its database: `changed` if more than rows may differ, `kept` if the lease must not
 * touch it.
 */
type LeaseOutcome = 'clean' | 'changed' | 'kept'

/**
 * Leases a database to a test.
 * @param isOnly `true` if no other is likely to be wanted: none is made ahead, and this one is dropped at the end
 * @throws ServerUnavailableError, and what the migrations throw
 */
export async function acquire<Client>(
  options: MigratedDatabaseOptions<Client>,
  source: Source,
  isOnly = false,
): Promise<Lease<Client>> {
  const { plan, ended } = await planSnapshots(options, source)
  const build = builder(options, source)
  if (options.isolation === 'transaction') return leaseTransaction(options, source, plan, build)
  if (!plan) return { ...(await leaseEmpty(options, source)), ended }
  return { ...(await (isOnly ? leaseOnly : leaseCopy)(options, plan, build)), ended }
}

/** Starts to prepare the database of a file's first test while the file is still being loaded. */
export async function prewarm<Client>(options: MigratedDatabaseOptions<Client>, source: Source): Promise<void> {
  // A function's key is what it is made of when the test begins.
  if (endsWithTest() || seedsOf(options).some((seed) => typeof seed === 'function')) return
  const { plan } = await planSnapshots(options, source)
  if (!plan) return
  const { nearest } = await plan.snapshots.look(plan.links.map(({ key }) => key))
  if (nearest === plan.links.at(-1)?.key) (await poolFor(options, plan)).prepareFirst()
}

// --- internal ---

async function leaseEmpty<Client>(
  { server }: MigratedDatabaseOptions<Client>,
  { format }: Source,
): Promise<Lease<Client>> {
  const database = await server.create(format?.before())
  return { ...(await connected(database)), at: 'nil', end: endWithDrop(database) }
}

async function leaseOnly<Client>(
  options: MigratedDatabaseOptions<Client>,
  plan: SnapshotPlan<Client>,
  build: Build<Client>,
): Promise<Lease<Client>> {
  const { database, client } = await connectedTo(() => copyOrBuild(options, plan, build))
  const at = plan.whole ? (options.version ?? 'latest') : undefined
  return { database, client, at, end: endWithDrop(database) }
}

function endWithDrop<Client>(database: TestDatabase<Client>): Lease<Client>['end'] {
  return async (finish) => {
    if ((await finish()) !== 'kept') await database.drop().catch(() => undefined)
  }
}

async function leaseCopy<Client>(
  options: MigratedDatabaseOptions<Client>,
  plan: SnapshotPlan<Client>,
  build: Build<Client>,
): Promise<Lease<Client>> {
  const pool = await poolFor(options, plan)
  const at = plan.whole ? (options.version ?? 'latest') : undefined
  const ready = await pool.take()
  pool.prepare()
  try {
    const { database, client } = ready ?? (await connectedTo(() => copyOrBuild(options, plan, build)))
    const end: Lease<Client>['end'] = (finish) =>
      pool.end(database, async () => {
        const outcome = await finish()
        // The test has run migrations beyond the snapshot: restoring its rows would not be enough.
        return outcome === 'clean' && at === undefined ? 'changed' : outcome
      })
    return { database, client, at, end }
  } catch (error) {
    pool.cancel()
    throw error
  }
}

async function leaseTransaction<Client>(
  options: MigratedDatabaseOptions<Client>,
  source: Source,
  plan: SnapshotPlan<Client> | undefined,
  build: Build<Client>,
): Promise<Lease<Client>> {
  const { server, version = 'latest' } = options
  const make = async () => {
    const database = plan ? await copyOrBuild(options, plan, build) : await server.create(source.format?.before())
    try {
      if (!plan?.whole) await build(database, version, { prepares: true })
      return database
    } catch (error) {
      await database.drop().catch(() => undefined)
      throw error
    }
  }
  const shared = sharedOf(server, await sharedKey(options, source), make)
  const { database, client, transaction, release } = await shared.take()
  const end: Lease<Client>['end'] = async (finish) => {
    await finish()
    await release().catch(() => undefined)
  }
  return { database, client, transaction, at: version, end }
}

/** Returns the pool of the copies of a plan's last snapshot. */
export async function poolFor<Client>(
  { server }: Pick<MigratedDatabaseOptions<Client>, 'server'>,
  { snapshots, links }: Pick<SnapshotPlan<Client>, 'snapshots' | 'links'>,
): Promise<Pool<Client>> {
  const { key = '', ofThisProcess } = links.at(-1) ?? {}
  const forget = ofThisProcess ? () => snapshots.drop(key) : undefined
  const most = (await server.ahead?.()) ?? 0
  const refills = !endsWithTest()
  return poolOf(server, key, () => new Pool({ clone: () => snapshots.clone(key), most, refills, forget }))
}

async function connected<Client>(
  database: TestDatabase<Client>,
): Promise<{ database: TestDatabase<Client>; client: Client }> {
  try {
    return { database, client: await database.connect() }
  } catch (error) {
    await database.drop().catch(() => undefined)
    throw error
  }
}

/**
 * Makes a database and connects to it. Tries twice: a database left by a process that ended may still be dropped by a
 * sweep that had started before.
 */
async function connectedTo<Client>(make: () => Promise<TestDatabase<Client>>) {
  try {
    return await connected(await make())
  } catch (error) {
    const { code } = (error as { cause?: { code?: string } }).cause ?? {}
    if (code !== '3D000' && code !== 'ER_BAD_DB_ERROR') throw error
    return connected(await make())
  }
}

/** Milliseconds. If the migrations take less than this, running them costs no more than copying a database. */
const WORTH_KEEPING_MS = 20

/**
 * Milliseconds of migrations after which an additional snapshot is made, so that an edit above it does not cause them
 * to run again.
 */
const CHECKPOINT_MS = 250
const CHECKPOINT_EVERY = 100

const GONE = 'The snapshot that this test begins with is not on the server any more.'
const GONE_HINT =
  'A snapshot lasts for the test file that made it, on its server. PGlite keeps the four that were used last; other servers drop the oldest if they take too much room.'

/** Keys that tests have asked for. At the second request, even a database that is quick to make is worth a snapshot. */
const asked = new Set<string>()

/** Number of migrations from which a test's first run is worth a line: it may take seconds. */
const MANY = 100

function tellFirst({ name, format }: Source, count: number): void {
  const tool = format ? ` (${format.tool})` : ''
  process.stderr.write(`migratest: ${name}${tool}: applying ${count} migrations once; tests then get copies.\n`)
}

/** Returns a database at the last link of the chain, with nobody connected to it. */
async function copyOrBuild<Client>(
  options: MigratedDatabaseOptions<Client>,
  plan: SnapshotPlan<Client>,
  build: Build<Client>,
): Promise<TestDatabase<Client>> {
  const { snapshots, links } = plan
  const keys = links.map(({ key }) => key)
  const key = keys.at(-1) ?? ''
  const copy = (await snapshots.look(keys)).nearest === key ? await snapshots.clone(key) : undefined
  if (copy) return copy
  if (options.from) throw new UsageError(GONE, { hint: GONE_HINT })
  return snapshots.exclusively(key, async () => {
    // Another test of this process may have run the function meanwhile.
    const still = plan.isOutdated() ? { ...plan, links: (await plan.current()) ?? links } : plan
    try {
      return await buildOne(options, still, (database, version, how) =>
        build(database, version, { ...how, disposable: true }),
      )
    } catch (error) {
      if (!(error instanceof BatchFailedError)) throw error
      // One by one, the migrations fail with an error that says which, and why.
      return buildOne(options, still, build)
    }
  })
}

/** Builds a database from the nearest snapshot, and makes the snapshots that are worth it. Drops it after a failure. */
async function buildOne<Client>(
  { server }: MigratedDatabaseOptions<Client>,
  { snapshots, links, current, source }: SnapshotPlan<Client>,
  build: Build<Client>,
): Promise<TestDatabase<Client>> {
  const keys = links.map((link) => link.key)
  const key = keys.at(-1) ?? ''
  const { nearest, parted } = await snapshots.look(keys)
  const base = nearest === undefined ? undefined : await snapshots.clone(nearest)
  if (base && nearest === key) return base
  const database = base ?? (await server.create(source.format?.before()))
  try {
    const done = base ? keys.indexOf(nearest ?? '') + 1 : 0
    if (keys.length - done >= MANY) tellFirst(source, keys.length - done)
    let spent = 0
    for (const stop of stops(done, keys.length, parted)) {
      const begun = now()
      const { version, ofThisProcess, once, prepared = false } = links[stop - 1] ?? { version: 'nil' as const }
      await build(database, version, { prepares: prepared })
      spent += now() - begun
      const last = stop === keys.length
      const enough = last || stop === parted || stop === keys.length - 1 ? WORTH_KEEPING_MS : CHECKPOINT_MS
      // Functions that a test makes anew each time would leave a snapshot that nobody asks for again.
      const worth = (once || !ofThisProcess) && spent > enough
      if (!(worth || (last && (once || asked.has(key)))) || !snapshots.canFreeze(key)) continue
      const still = await current()
      if (!still) continue
      // One that only this process uses is dropped with the pool of its copies.
      if (still[stop - 1]?.ofThisProcess) await poolFor({ server }, { snapshots, links: still.slice(0, stop) })
      const stillKeys = still.map((link) => link.key)
      await snapshots.freeze(database, stillKeys[stop - 1] ?? '', stillKeys.slice(0, stop))
      spent = 0
    }
    asked.add(key)
    return database
  } catch (error) {
    await database.drop().catch(() => undefined)
    throw error
  }
}

/**
 * Returns the numbers of migrations after which to decide whether to make a snapshot: all of them, all but the last and
 * the point where a similar chain diverges (somebody edits there), and every hundred.
 */
function stops(from: number, to: number, parted: number): number[] {
  const all = new Set([to, to - 1, parted])
  for (let stop = from + CHECKPOINT_EVERY; stop < to; stop += CHECKPOINT_EVERY) all.add(stop)
  return [...all].filter((stop) => stop > from && stop <= to).sort((a, b) => a - b)
}
