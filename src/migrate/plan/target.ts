/** Finds the migration that a target names. Pure. */
import { VersionNotFoundError } from '../errors.ts'
import { nearest } from '../nearest.ts'
import type { Migration } from '../source.ts'
import { isRank, isVersion, type JustBefore, labelOf, NIL_VERSION, type Target, type Version } from '../version.ts'

/** A target in which names are replaced by versions. */
export type NumberedTarget = number | 'latest' | 'nil' | { readonly justBefore: number }

/** @throws VersionNotFoundError if no migration, or more than one, has that name or number */
export function numbered(target: Target, migrations: readonly Migration[], source: string): NumberedTarget {
  if (isWord(target)) return target
  if (typeof target !== 'object') return numberOf(target, migrations, source)
  return { justBefore: numberOf((target as JustBefore).justBefore, migrations, source) }
}

/** Returns the version of the migration that a name or a number means. @throws VersionNotFoundError */
export function numberOf(version: Version, migrations: readonly Migration[], source: string): number {
  // A version that is a number need not be in the source: it may be applied without a file.
  const hasRanks = migrations.some((migration) => isRank(migration.version))
  if (typeof version === 'number' && (!hasRanks || isRank(version) || version === NIL_VERSION)) return version
  const found = candidates(version, migrations)
  const [first, second] = found
  if (first && !second) return first.version
  if (!first) throw missing(version, migrations, source)
  throw new VersionNotFoundError(version, `${found.length} migrations in ${source} fit "${version}".`, {
    hint: `Write more of the name: ${found.slice(0, 3).map(labelOf).join(', ')}${found.length > 3 ? ', …' : ''}.`,
  })
}

// --- internal ---

function isWord(target: Target): target is 'latest' | 'nil' {
  return target === 'latest' || target === 'nil'
}

/** Returns the migrations that fit: one with that name, else those with that number, else those that begin so. */
function candidates(version: Version, migrations: readonly Migration[]): readonly Migration[] {
  if (typeof version !== 'number' && typeof version !== 'string') return []
  const text = String(version)
  const exact = migrations.filter((migration) => labelOf(migration) === text)
  if (exact.length > 0) return exact
  if (/^\d+$/.test(text)) {
    const number = Number(text)
    const same = migrations.filter((migration) => (migration.number ?? migration.version) === number)
    if (same.length > 0) return same
  }
  return text === '' ? [] : migrations.filter((migration) => labelOf(migration).startsWith(text))
}

function missing(version: Version, migrations: readonly Migration[], source: string): VersionNotFoundError {
  if (typeof version === 'number' && !isVersion(version)) {
    return new VersionNotFoundError(version, `${version} is not a version.`)
  }
  const last = migrations.at(-1)
  if (!last) return new VersionNotFoundError(version, `There are no migrations in ${source}.`)
  const meant = nearest(String(version), migrations.map(labelOf))
  return new VersionNotFoundError(version, `There is no migration "${version}" in ${source}.`, {
    hint: `${meant ? `Did you mean ${meant}? ` : ''}There are ${migrations.length} migrations, up to ${labelOf(last)}.`,
  })
}
