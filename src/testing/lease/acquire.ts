/** How a test comes by its database: one that is ready, a copy of a snapshot, or its migrations run. */

import { now } from '../../migrate/realTime.ts'
import type { Source } from '../../migrate/source.ts'
import type { Target } from '../../migrate/version.ts'
import type { OpenTransaction, TestDatabase } from '../testServer.ts'
import { endsWithTest } from './hold.ts'
import type { MigratedDatabaseOptions } from './options.ts'
import { Pool, poolOf } from './pool.ts'
import { planSnapshots, type SnapshotPlan, sharedKey } from './snapshotPlan.ts'
import { sharedOf } from './transactions.ts'

export interface Lease<Client> {
  readonly database: TestDatabase<Client>
  /** Connected. */
  readonly client: Client
  /** Where it is by now; undefined: the migrations have to run from wherever it is. */
  readonly at: Target | undefined
  /** The test's statements run in it. */
  readonly transaction?: OpenTransaction | undefined
  /** The test is over. */
  over?(): void
  /** Then, its clients closed: puts back or drops. @param changed more than rows, as far as is known */
  release(how: { changed: boolean }): Promise<void>
  /** It is kept: nobody gets it again. @param isOver whether `over` was said */
  lose(isOver: boolean): void
}

/** Moves a database to a target, on connections of its own. */
export type Bring<Client> = (database: TestDatabase<Client>, target: Target) => Promise<void>

export async function acquire<Client>(
  options: MigratedDatabaseOptions<Client>,
  source: Source,
  bring: Bring<Client>,
): Promise<Lease<Client>> {
  const route = await planSnapshots(options, source)
  if (options.isolation === 'transaction') return obtainTransaction(options, source, route, bring)
  return route ? obtainCopy(options, route, bring) : obtainEmpty(options)
}

/** Begins to make what the first test of a file will ask for, while the file is read. */
export async function prewarm<Client>(options: MigratedDatabaseOptions<Client>, source: Source): Promise<void> {
  if (endsWithTest()) return
  const route = await planSnapshots(options, source)
  if (!route) return
  const { nearest } = await route.snapshots.look(route.links.map(({ key }) => key))
  if (nearest === route.links.at(-1)?.key) (await poolFor(options, route)).prepareFirst()
}

// --- internal ---

async function obtainEmpty<Client>({ server }: MigratedDatabaseOptions<Client>): Promise<Lease<Client>> {
  const database = await server.create()
  return { ...(await connected(database)), at: 'nil', release: () => database.drop(), lose: () => undefined }
}

async function obtainCopy<Client>(
  options: MigratedDatabaseOptions<Client>,
  route: SnapshotPlan<Client>,
  bring: Bring<Client>,
): Promise<Lease<Client>> {
  const pool = await poolFor(options, route)
  const at = route.whole ? (options.version ?? 'latest') : undefined
  const ready = await pool.take()
  pool.prepare()
  try {
    const { database, client } = ready ?? (await connectedTo(() => copyOrBuild(options, route, bring)))
    const release = ({ changed }: { changed: boolean }) => pool.give(database, { changed: changed || at === undefined })
    return { database, client, at, over: () => pool.over(), release, lose: (isOver) => pool.lose(isOver) }
  } catch (error) {
    pool.lose(false)
    throw error
  }
}

async function obtainTransaction<Client>(
  options: MigratedDatabaseOptions<Client>,
  source: Source,
  route: SnapshotPlan<Client> | undefined,
  bring: Bring<Client>,
): Promise<Lease<Client>> {
  const { server, version = 'latest' } = options
  const make = async () => {
    const database = route ? await copyOrBuild(options, route, bring) : await server.create()
    try {
      if (!route?.whole) await bring(database, version)
      return database
    } catch (error) {
      await database.drop().catch(() => undefined)
      throw error
    }
  }
  const shared = sharedOf(server, await sharedKey(options, source), make)
  const { database, client, transaction, release } = await shared.take()
  return { database, client, transaction, at: version, release: () => release(), lose: () => undefined }
}

async function poolFor<Client>(
  { server }: MigratedDatabaseOptions<Client>,
  { snapshots, links }: SnapshotPlan<Client>,
): Promise<Pool<Client>> {
  const key = links.at(-1)?.key ?? ''
  const most = (await server.ahead?.()) ?? 0
  const refills = !endsWithTest()
  return poolOf(server, key, () => new Pool({ clone: () => snapshots.clone(key), most, refills }))
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

/** Once more, where it was left by a process that ended, and dropped by what that had begun before. */
async function connectedTo<Client>(make: () => Promise<TestDatabase<Client>>) {
  try {
    return await connected(await make())
  } catch (error) {
    const { code } = (error as { cause?: { code?: string } }).cause ?? {}
    if (code !== '3D000' && code !== 'ER_BAD_DB_ERROR') throw error
    return connected(await make())
  }
}

/** Below this, running the migrations costs no more than copying a database does. */
const WORTH_KEEPING_MS = 20

/** So much running of migrations is not to be done again when an edit is above it. */
const CHECKPOINT_MS = 250
const CHECKPOINT_EVERY = 100

/** Keys that were asked for: a second time, even what is soon made is worth a snapshot. */
const asked = new Set<string>()

/** A database at the last link, without anybody connected. */
async function copyOrBuild<Client>(
  { server }: MigratedDatabaseOptions<Client>,
  { snapshots, links, isStill }: SnapshotPlan<Client>,
  bring: Bring<Client>,
): Promise<TestDatabase<Client>> {
  const keys = links.map(({ key }) => key)
  const key = keys.at(-1) ?? ''
  const copy = (await snapshots.look(keys)).nearest === key ? await snapshots.clone(key) : undefined
  if (copy) return copy
  return snapshots.exclusively(key, async () => {
    const { nearest, parted } = await snapshots.look(keys)
    const base = nearest === undefined ? undefined : await snapshots.clone(nearest)
    if (base && nearest === key) return base
    const database = base ?? (await server.create())
    try {
      const from = base ? keys.indexOf(nearest ?? '') + 1 : 0
      let spent = 0
      for (const stop of stops(from, keys.length, parted)) {
        const begun = now()
        await bring(database, links[stop - 1]?.version ?? 'nil')
        spent += now() - begun
        const last = stop === keys.length
        const worth = spent > (last || stop === parted || stop === keys.length - 1 ? WORTH_KEEPING_MS : CHECKPOINT_MS)
        if (!(worth || (last && asked.has(key))) || !snapshots.canFreeze(key) || !(await isStill())) continue
        await snapshots.freeze(database, keys[stop - 1] ?? '', keys.slice(0, stop))
        spent = 0
      }
      asked.add(key)
      return database
    } catch (error) {
      await database.drop().catch(() => undefined)
      throw error
    }
  })
}

/**
 * How many migrations to run before looking whether a snapshot is worth it: where somebody edits (below the last one, and
 * where a chain like this one was parted from), and every hundred.
 */
function stops(from: number, to: number, parted: number): number[] {
  const all = new Set([to, to - 1, parted])
  for (let stop = from + CHECKPOINT_EVERY; stop < to; stop += CHECKPOINT_EVERY) all.add(stop)
  return [...all].filter((stop) => stop > from && stop <= to).sort((a, b) => a - b)
}
