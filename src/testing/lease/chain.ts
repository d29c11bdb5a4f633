/** What a database at a version was made of, as a key: the same key, the same database. */
import { fingerprintOfHalf, type Loaded, loadHalf } from '../../migrate/load.ts'
import type { Migration, Source } from '../../migrate/source.ts'
import type { Dialect } from '../../sql/dialect.ts'
import { fingerprintOf } from '../../sql/script.ts'

export interface ChainLink {
  readonly version: number
  /** 32 hex digits over this migration and all that went before. */
  readonly key: string
}

export interface ChainInput {
  readonly source: Source
  /** Those up to where the test begins. */
  readonly migrations: readonly Migration[]
  readonly dialect: Dialect
  /** Versions at which rows are put in, and what says which; undefined where nothing does. */
  readonly seeded: ReadonlyMap<number, string | undefined>
  /** What each database has before its first migration, and what its sessions are told. */
  readonly ground: readonly string[]
}

/** Changes when what is written into a database changes. */
const FORMAT = '3'

/**
 * One link a migration, lowest version first. It ends before the first whose text does not tell what it leaves: code (which
 * may import anything, as may a seed that is a function), objects of the whole server, a text that cannot be read or run.
 */
export async function fingerprintChain({
  source,
  migrations,
  dialect,
  seeded,
  ground,
}: ChainInput): Promise<ChainLink[]> {
  const links: ChainLink[] = []
  let key = fingerprintOf([FORMAT, ...ground])
  for (const migration of migrations) {
    const seed = seeded.get(migration.version)
    if ((seed === undefined && seeded.has(migration.version)) || isCode(migration)) break
    const halves = await read(source, migration, dialect)
    if (halves === undefined || halves.some((half) => !isTold(half))) break
    const parts = halves.flatMap((half) => [half.kind, fingerprintOfHalf(half)])
    key = fingerprintOf([
      key,
      String(migration.version),
      migration.name,
      ...parts,
      ...(seed === undefined ? [] : ['seed', seed]),
    ])
    links.push({ version: migration.version, key })
  }
  return links
}

// --- internal ---

/** By its name: loading it would run it. */
function isCode({ up, down }: Migration): boolean {
  return /\.m?[jt]s$/.test(up ?? down ?? '')
}

/** Up and down, which is in the history too. Undefined where one cannot be read: running the migrations tells why. */
async function read(source: Source, migration: Migration, dialect: Dialect): Promise<Loaded[] | undefined> {
  try {
    return [
      await loadHalf(source, migration, 'up', { dialect }),
      await loadHalf(source, migration, 'down', { dialect }),
    ]
  } catch {
    return undefined
  }
}

/**
 * Roles, tablespaces, other databases and replication slots are the server's: a copy of a database neither makes nor holds
 * them as its migrations would. Looked for everywhere, since functions and DO blocks make them too.
 */
const OF_THE_SERVER =
  /\b(?:create|alter|drop)\s+(?:role|user|group|tablespace|database|subscription)\b|\b(?:drop|reassign)\s+owned\b|\balter\s+system\b|replication_slot|\bdblink\b|\bset\s+(?:global|persist\w*)\b|@@global\b|\binstall\s+(?:plugin|component)\b|^\s*use\s/im

function isTold(half: Loaded): boolean {
  if (half.kind === 'code') return false
  if (half.kind === 'nil') return true
  if (half.script.problem !== undefined) return false
  // What a database itself has is copied along; one that is named may be another.
  const own = half.text.includes('current_database()')
    ? half.text.replace(/\b(alter|to|on)\s+database\b/gi, '')
    : half.text
  return !OF_THE_SERVER.test(own.replace(/\balter\s+role\s+\S+\s+in\b/gi, ''))
}
