/** Which snapshots lead to where a test begins: keys of its migrations, as far as their texts tell all. */
import { readdirSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Migration, Source } from '../../migrate/source.ts'
import type { Target } from '../../migrate/version.ts'
import { isUrl, pathOf } from '../../source/folder.ts'
import type { Snapshots } from '../testServer.ts'
import { type ChainInput, type ChainLink, fingerprintChain } from './chain.ts'
import type { MigratedDatabaseOptions } from './options.ts'
import { seedText } from './seeds.ts'

export interface SnapshotPlan<Client> {
  readonly snapshots: Snapshots<Client>
  /** One a migration, lowest version first; at least one. */
  readonly links: readonly ChainLink[]
  /** Whether the last of them is where the test begins; else the others have to run. */
  readonly whole: boolean
  /** Whether the texts are still those that the keys were made of, read anew. */
  readonly isStill: () => Promise<boolean>
}

/** Undefined where the migrations have to run: somebody listens to them, or there are no snapshots here. */
export async function planSnapshots<Client>(
  options: MigratedDatabaseOptions<Client>,
  source: Source,
): Promise<SnapshotPlan<Client> | undefined> {
  const { server, version = 'latest', onEvent } = options
  if (options.snapshots === false || onEvent || version === 'nil' || !server.snapshots) return undefined
  const snapshots = await server.snapshots()
  const seeded = new Map(Object.entries(options.seeds ?? {}).map(([at, seed]) => [Number(at), seedText(seed)]))
  const chain = () => chainTo(source, version, { dialect: server.dialect, seeded, ground: snapshots.environment })
  const { links, whole } = await remembered(options, [version, [...seeded], snapshots.environment], chain)
  const last = links.at(-1)
  if (!last) return undefined
  const isStill = async () => (await chain()).links.at(-1)?.key === last.key
  return { snapshots, links, whole, isStill }
}

/**
 * Says of what a database is made, for those that share one: by its texts, where they tell all; else by what was handed over.
 * Differs from the keys of snapshots.
 */
export async function sharedKey<Client>(options: MigratedDatabaseOptions<Client>, source: Source): Promise<string> {
  const { server, migrations, version = 'latest', seeds = {}, onEvent, outOfOrder } = options
  const seeded = new Map(Object.entries(seeds).map(([at, seed]) => [Number(at), seedText(seed)]))
  const chain = () => chainTo(source, version, { dialect: server.dialect, seeded, ground: ['shared'] })
  const { links, whole } = await remembered(options, ['shared', version, [...seeded]], chain)
  if (whole && !onEvent) return links.at(-1)?.key ?? 'empty'
  const handed = Object.entries(seeds).map(([at, seed]) => [
    at,
    typeof seed === 'function' ? idOf(seed) : seedText(seed),
  ])
  const from = typeof migrations === 'object' ? idOf(migrations) : migrations
  return JSON.stringify([from, version, handed, outOfOrder, onEvent && idOf(onEvent), links.at(-1)?.key])
}

// --- internal ---

const ids = new WeakMap<object, number>()
let lastId = 0

function idOf(thing: object): number {
  const id = ids.get(thing) ?? ++lastId
  ids.set(thing, id)
  return id
}

/** Where that version is; -1 where it is not. */
function indexOf(target: Target, migrations: readonly Migration[]): number {
  if (target === 'latest') return migrations.length - 1
  if (typeof target !== 'object') return migrations.findIndex(({ version }) => version === target)
  const above = migrations.findIndex(({ version }) => version === target.justBefore)
  return above === -1 ? -1 : above - 1
}

interface Chain {
  readonly links: readonly ChainLink[]
  readonly whole: boolean
}

async function chainTo(
  source: Source,
  version: Target,
  input: Pick<ChainInput, 'dialect' | 'seeded' | 'ground'>,
): Promise<Chain> {
  const all = await source.list()
  const end = indexOf(version, all)
  // What is not there, seeds among it, is an error that running the migrations raises.
  const stray = [...input.seeded.keys()].some((seed) => !all.some((migration) => migration.version === seed))
  if (end < 0 || stray) return { links: [], whole: false }
  const migrations = all.slice(0, end + 1)
  const links = await fingerprintChain({ ...input, source, migrations })
  return { links, whole: links.length === migrations.length }
}

interface Known {
  readonly folder: Folder
  readonly more: string
  readonly chain: Promise<Chain>
}

/** By server, since what tests share is the server, while each may have options of its own. */
const known = new WeakMap<object, Known[]>()

const MOST_KNOWN = 32

/** Reading every file for every test would take longer than the copy: a folder's are read again when one has changed. */
function remembered<Client>(
  { server, migrations }: MigratedDatabaseOptions<Client>,
  more: readonly unknown[],
  make: () => Promise<Chain>,
): Promise<Chain> {
  const folder = lookAt(migrations)
  if (folder === undefined) return make()
  const text = JSON.stringify(more)
  const before = known.get(server) ?? []
  const found = before.find((one) => one.more === text && isSame(one.folder, folder))
  if (found) return found.chain
  const chain = make()
  known.set(server, [{ folder, more: text, chain }, ...before].slice(0, MOST_KNOWN))
  return chain
}

/** Files of a folder by name, and for each what changes when it is written. */
interface Folder {
  readonly path: string
  readonly names: readonly string[]
  readonly facts: Float64Array
}

/** Undefined where the migrations are in no folder. */
function lookAt(migrations: string | URL | Source): Folder | undefined {
  if (typeof migrations !== 'string' && !isUrl(migrations)) return undefined
  const path = resolve(pathOf(migrations))
  try {
    const names = readdirSync(path)
    const facts = new Float64Array(names.length * 5)
    for (const [i, name] of names.entries()) {
      const { dev, ino, mtimeMs, ctimeMs, size } = statSync(`${path}/${name}`)
      facts.set([dev, ino, mtimeMs, ctimeMs, size], i * 5)
    }
    return { path, names, facts }
  } catch {
    return undefined
  }
}

function isSame(a: Folder, b: Folder): boolean {
  if (a.path !== b.path || a.names.length !== b.names.length) return false
  return a.names.every((name, i) => name === b.names[i]) && a.facts.every((fact, i) => fact === b.facts[i])
}
