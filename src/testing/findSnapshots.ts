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
  /** The key of the version that is asked for; undefined where texts do not tell all that is in it. */
  readonly wanted: string | undefined
  /** The highest at or below it that there is; undefined: none. */
  readonly nearest: string | undefined
  /** Whether the texts are still those that the key was made of, read anew. */
  readonly isStill: () => Promise<boolean>
}

/** Undefined where the migrations have to run: somebody listens to them, or there are no snapshots here. */
export async function findSnapshots<Client>(
  options: MigratedDatabaseOptions<Client>,
  source: Source,
): Promise<Held<Client> | undefined> {
  const { server, version = 'latest', onEvent } = options
  if (options.snapshots === false || onEvent || version === 'nil') return undefined
  const snapshots = await server.snapshots?.()
  if (!snapshots) return undefined
  const seeded = new Set(Object.keys(options.seeds ?? {}).map(Number))
  const all = await source.list()
  const end = indexOf(version, all)
  // What is not there, seeds among it, is an error that running the migrations raises.
  if (end < 0 || [...seeded].some((seed) => !all.some((migration) => migration.version === seed))) return undefined
  const migrations = all.slice(0, end + 1)
  const input = { source, migrations, dialect: server.dialect, seeded, ground: snapshots.ground }
  const keysOf = (links: readonly Link[]) => links.map(({ key }) => key)
  const keys = keysOf(await chainOf(options, input))
  if (keys.length === 0) return undefined
  const wanted = keys.length === migrations.length ? keys.at(-1) : undefined
  const isStill = async () => keysOf(await fingerprintChain(input)).at(-1) === wanted
  return { snapshots, wanted, nearest: await snapshots.nearest(keys), isStill }
}

// --- internal ---

/** Where that version is; -1 where it is not. */
function indexOf(target: Target, migrations: readonly Migration[]): number {
  if (target === 'latest') return migrations.length - 1
  if (typeof target !== 'object') return migrations.findIndex(({ version }) => version === target)
  const above = migrations.findIndex(({ version }) => version === target.justBefore)
  return above === -1 ? -1 : above - 1
}

interface Known {
  readonly stamp: string
  readonly links: Promise<Link[]>
}

/** By server, since what tests share is the server, while each may have options of its own. */
const known = new WeakMap<object, Known[]>()

const MOST_KNOWN = 32

/** Reading every file for every test would take longer than the copy: a folder's are read again when one has changed. */
function chainOf<Client>({ server, migrations }: MigratedDatabaseOptions<Client>, input: ChainInput): Promise<Link[]> {
  const files = stampOf(migrations)
  if (files === undefined) return fingerprintChain(input)
  const stamp = [files, input.migrations.length, [...input.seeded].join(), ...input.ground].join('\0')
  const before = known.get(server) ?? []
  const found = before.find((chain) => chain.stamp === stamp)
  if (found) return found.links
  const links = fingerprintChain(input)
  known.set(server, [{ stamp, links }, ...before].slice(0, MOST_KNOWN))
  return links
}

/** Names, places, sizes and times of a folder's files; undefined where the migrations are in no folder. */
function stampOf(migrations: string | URL | Source): string | undefined {
  if (typeof migrations !== 'string' && !(migrations instanceof URL)) return undefined
  const folder = resolve(migrations instanceof URL ? fileURLToPath(migrations) : migrations)
  try {
    const files = readdirSync(folder)
      .sort()
      .map((name) => {
        const { dev, ino, mtimeMs, ctimeMs, size } = statSync(join(folder, name))
        return [name, dev, ino, mtimeMs, ctimeMs, size].join(' ')
      })
    return [folder, ...files].join('\0')
  } catch {
    return undefined
  }
}
