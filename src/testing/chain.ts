/** What a database at a version was made of, as a key: the same key, the same database. */
import { fingerprintOfHalf, loadHalf } from '../migrate/load.ts'
import type { Source } from '../migrate/source.ts'
import type { Dialect } from '../sql/dialect.ts'
import { fingerprintOf } from '../sql/script.ts'
import type { Seed } from './seeds.ts'

export interface Link {
  readonly version: number
  /** 32 hex digits over this migration, its seed, and all that went before. */
  readonly key: string
}

export interface ChainInput {
  readonly source: Source
  readonly dialect: Dialect
  readonly seeds: Readonly<Record<number, Seed>>
  /** What each database has before its first migration. */
  readonly ground: readonly string[]
}

/** Changes when what is written into a database changes. */
const FORMAT = '1'

/**
 * One link a migration, lowest version first. It ends before the first that its text does not tell: code (which may import
 * anything), a seed that is a function, a text that cannot be run.
 */
export async function fingerprintChain({ source, dialect, seeds, ground }: ChainInput): Promise<Link[]> {
  const links: Link[] = []
  let key = fingerprintOf([FORMAT, ...ground])
  for (const migration of await source.list()) {
    const up = await loadHalf(source, migration, 'up', dialect)
    const down = await loadHalf(source, migration, 'down', dialect)
    const seed = seeds[migration.version]
    if (up.kind === 'code' || down.kind === 'code' || typeof seed === 'function') break
    if (up.kind === 'sql' && up.script.problem) break
    // The history holds the down too.
    const parts = [key, String(migration.version), migration.name, fingerprintOfHalf(up), fingerprintOfHalf(down)]
    key = fingerprintOf([...parts, down.kind, JSON.stringify(seed ?? null, exactly)])
    links.push({ version: migration.version, key })
  }
  return links
}

// --- internal ---

/** Values that JSON would leave out or write alike. */
function exactly(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `bigint ${value}`
  if (value === undefined) return 'undefined'
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  return value
}
