/** Finds the first version at which something fails that worked before, by halves, each on a copy of its own. */
import { UsageError } from '../migrate/errors.ts'
import type { Migration } from '../migrate/source.ts'
import { labelOf, NIL_VERSION, type Version, versionOf } from '../migrate/version.ts'
import { MigratedDatabase } from '../testing/lease/migratedDatabase.ts'
import { sourceOf } from '../testing/lease/migrations.ts'
import type { MigratedDatabaseOptions } from '../testing/lease/options.ts'

export interface Tried {
  readonly version: Version
  /** The migration's name, or `nil`. */
  readonly label: string
  readonly ok: boolean
  /** Why it failed; what it printed. */
  readonly message: string
}

export interface Bisected {
  /** The first version at which it fails; undefined if it works at the latest version, or fails at all. */
  readonly first: Tried | undefined
  /** The last version below at which it works. */
  readonly last: Tried | undefined
  /** The versions, in the order in which they were tried. */
  readonly tried: readonly Tried[]
}

export interface BisectOptions<Client> extends Omit<MigratedDatabaseOptions<Client>, 'version'> {
  /** Returns why it fails on this database; undefined if it works. */
  readonly attempt: (db: MigratedDatabase<Client>) => Promise<string | undefined>
  /** Receives each attempt when it is over. */
  readonly onTried?: (tried: Tried) => void
}

/**
 * Tries the latest version, then versions further and further below until one works, and then halves what is between. If
 * none of these works (what it needs is made and broken between two of them), tries all others from the top.
 * @throws UsageError if there are no migrations, and the error of a migration that fails
 */
export async function bisect<Client>(options: BisectOptions<Client>): Promise<Bisected> {
  const source = await sourceOf(options.migrations)
  const migrations = await source.list()
  if (migrations.length === 0) throw new UsageError(`There are no migrations in ${source.name}.`)
  const { attempt, onTried, ...rest } = options
  const tried: Tried[] = []
  const known = new Map<number, Tried>()
  const at = async (place: number): Promise<Tried> => {
    const before = known.get(place)
    if (before) return before
    const migration = migrations[place]
    const db = await MigratedDatabase.create({ ...rest, migrations: source, version: migration?.version ?? 'nil' })
    try {
      const message = await attempt(db)
      const one = { ...named(migration), ok: message === undefined, message: message ?? '' }
      tried.push(one)
      known.set(place, one)
      onTried?.(one)
      return one
    } finally {
      await db[Symbol.asyncDispose]()
    }
  }
  let bad = migrations.length - 1
  let first = await at(bad)
  if (first.ok) return { first: undefined, last: first, tried }
  let good = bad
  let last: Tried | undefined
  for (let step = 1; last === undefined && good > -1; step *= 2) {
    good = Math.max(-1, bad - step)
    const one = await at(good)
    if (one.ok) last = one
    else [bad, first] = [good, one]
  }
  if (last === undefined) {
    for (let place = migrations.length - 2; place > -1; place--) {
      const one = await at(place)
      if (one.ok) return { first: await at(place + 1), last: one, tried }
    }
    return { first: undefined, last: undefined, tried }
  }
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2)
    const one = await at(middle)
    if (one.ok) [good, last] = [middle, one]
    else [bad, first] = [middle, one]
  }
  return { first, last, tried }
}

// --- internal ---

function named(migration: Migration | undefined): Pick<Tried, 'version' | 'label'> {
  return migration
    ? { version: versionOf(migration), label: labelOf(migration) }
    : { version: NIL_VERSION, label: 'nil' }
}
