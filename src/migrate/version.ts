/** The version of a database on which no migration is applied. */
export const NIL_VERSION = -1

/** Versions are whole numbers from 0 to 2^53 - 1, the range in which JavaScript counts exactly. */
export const MAX_VERSION = Number.MAX_SAFE_INTEGER

/** The result of {@link justBefore}. */
export interface JustBefore {
  readonly justBefore: number
}

/** The target of a transition: a version, the highest one, the nil version, or the one below a given version. */
export type Target = number | 'latest' | 'nil' | JustBefore

/**
 * Returns the target below `version` in the source (`nil` below the first). A test of migration `version` usually
 * starts there.
 */
export function justBefore(version: number): JustBefore {
  return { justBefore: version }
}

export function isVersion(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

export function describeVersion(version: number): string {
  return version === NIL_VERSION ? 'nil' : String(version)
}

export function describeTarget(target: Target): string {
  if (typeof target === 'object') return `just before ${target.justBefore}`
  return typeof target === 'number' ? describeVersion(target) : target
}
