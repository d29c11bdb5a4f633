/** The version of a database on which no migration is applied. */
export const NIL_VERSION = -1

/** Versions are whole numbers from 0 to 2^53 - 1, the range in which JavaScript counts exactly. */
export const MAX_VERSION = Number.MAX_SAFE_INTEGER

/** Made by {@link justBefore}. */
export interface JustBefore {
  readonly justBefore: number
}

/** Where to move: a version, the highest one, none at all, or the one below a given version. */
export type Target = number | 'latest' | 'nil' | JustBefore

/** The version below `version` in the source (`nil` below the first): the usual start of a test of `version`. */
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
