/** The version of a database on which no migration is applied. */
export const NIL_VERSION = -1

/** Versions are whole numbers from 0 to 2^53 - 1, the range in which JavaScript counts exactly. */
export const MAX_VERSION = Number.MAX_SAFE_INTEGER

/**
 * The version of a migration: a number, or in a folder of another tool (Prisma, Drizzle, …) the migration's name. -1 is
 * the nil version.
 */
export type Version = number | string

/** The result of {@link justBefore}. */
export interface JustBefore {
  readonly justBefore: Version
}

/**
 * The target of a transition: a version, the highest one, the nil version, or the one below a given version. A version is
 * a number, a name (`20240612_split_names`), or a beginning that only one name has (`20240612`).
 */
export type Target = number | 'latest' | 'nil' | (string & {}) | JustBefore

/**
 * Returns the target below `version` in the source (`nil` below the first). A test of migration `version` usually
 * starts there.
 */
export function justBefore(version: Version): JustBefore {
  return { justBefore: version }
}

export function isVersion(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Returns `true` for the rank of a migration that has a name instead of a number. Ranks are not whole numbers. */
export function isRank(version: Version): boolean {
  return typeof version === 'number' && !Number.isInteger(version)
}

/** Returns the version as users know it: the name instead of a rank. */
export function versionOf({ version, name }: { readonly version: Version; readonly name: string }): Version {
  return isRank(version) ? name : version
}

/** Returns the migration's name: `7_add_users`, or the name that another tool gave it. */
export function labelOf({ version, name }: { readonly version: Version; readonly name: string }): string {
  return typeof version === 'string' || isRank(version) ? name : `${version}_${name}`
}

export function describeVersion(version: Version): string {
  return version === NIL_VERSION ? 'nil' : String(version)
}

export function describeTarget(target: Target): string {
  if (typeof target === 'object') return `just before ${target.justBefore}`
  return describeVersion(target)
}
