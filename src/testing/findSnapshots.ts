/** Which snapshots a test's database can be made from. */
import { readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Migration, Source } from '../migrate/source.ts'
import type { Target } from '../migrate/version.ts'
import { type ChainInput, fingerprintChain, type Link } from './chain.ts'
import type { MigratedDatabaseOptions } from './migratedDatabase.ts'
import type { Snapshots } from './testServer.ts'

export interface Held<Client> {
  readonly snapshots: Snapshots<Client>
  /** The key of the version that is asked for. */
  readonly wanted: string
  /** The highest at or below it that there is; undefined: none. */
  readonly nearest: string | undefined
}

/** Undefined where the migrations have to run: nobody may hear of them otherwise, or their texts do not tell what they do. */
export async function findSnapshots<Client>(
  options: MigratedDatabaseOptions<Client>,
  source: Source,
): Promise<Held<Client> | undefined> {
  const { server, version = 'latest', onEvent, seeds = {} } = options
  if (options.snapshots === false || onEvent || version === 'nil') return undefined
  const snapshots = await server.snapshots?.()
  if (!snapshots) return undefined
  const migrations = await source.list()
  // A seed at a version that is not there is an error, which running them raises.
  const stray = Object.keys(seeds).some((version) => !migrations.some((m) => m.version === Number(version)))
  if (stray) return undefined
  const links = await chainOf(options, {
    source,
    dialect: server.dialect,
    seeds,
    ground: snapshots.ground,
  })
  const end = linkAt(links, version, migrations)
  if (end === undefined) return undefined
  const keys = links.slice(0, end + 1).map(({ key }) => key)
  const wanted = keys.at(-1)
  return wanted === undefined ? undefined : { snapshots, wanted, nearest: await snapshots.nearest(keys) }
}

// --- internal ---

/** Where the chain has that version; undefined where it does not reach so far, or there is no such version. */
function linkAt(links: readonly Link[], target: Target, migrations: readonly Migration[]): number | undefined {
  const found = migrations.findIndex(({ version }) =>
    typeof target === 'object' ? version === target.justBefore : version === target,
  )
  const index = target === 'latest' ? migrations.length - 1 : typeof target === 'object' ? found - 1 : found
  return index >= 0 && index < links.length ? index : undefined
}

interface Known {
  readonly stamp: string
  readonly seeds: unknown
  readonly links: Promise<Link[]>
}

/** By server, since what tests share is the server, while each may have options of its own. */
const known = new WeakMap<object, Known[]>()

const MOST_KNOWN = 8

/** Reading every file for every test would take longer than the copy: a folder's are read again when one has changed. */
function chainOf<Client>(
  { server, migrations, seeds }: MigratedDatabaseOptions<Client>,
  input: ChainInput,
): Promise<Link[]> {
  const stamp = stampOf(migrations)
  if (stamp === undefined) return fingerprintChain(input)
  const before = known.get(server) ?? []
  const found = before.find((chain) => chain.stamp === stamp && chain.seeds === seeds)
  if (found) return found.links
  const links = fingerprintChain(input)
  known.set(server, [{ stamp, seeds, links }, ...before].slice(0, MOST_KNOWN))
  return links
}

/** Names, sizes and times of a folder's files; undefined where the migrations are in no folder. */
function stampOf(migrations: string | URL | Source): string | undefined {
  if (typeof migrations !== 'string' && !(migrations instanceof URL)) return undefined
  const folder = resolve(migrations instanceof URL ? fileURLToPath(migrations) : migrations)
  try {
    const files = readdirSync(folder)
      .sort()
      .map((name) => {
        const { mtimeMs, ctimeMs, size } = statSync(join(folder, name))
        return `${name} ${mtimeMs} ${ctimeMs} ${size}`
      })
    return [folder, ...files].join('\0')
  } catch {
    return undefined
  }
}
