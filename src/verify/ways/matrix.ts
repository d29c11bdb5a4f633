/** For each pair of versions: whether the move was run, or follows from single steps that were. Pure. */
import type { Migration } from '../../migrate/source.ts'
import { labelOf, versionOf } from '../../migrate/version.ts'

/** A move between two places: 0 is nil, 1 is the first version. */
export type Move = readonly [from: number, to: number]

export interface Matrix {
  /** `nil`, and the names of all migrations. */
  readonly versions: readonly string[]
  /**
   * A row for each version to begin at, with a letter for each to end at: `R` run, `F` follows from single steps that ran
   * and were as they should be, `X` cannot be (irreversible, or without a down), `?` not known, `-` the same version.
   */
  readonly rows: readonly string[]
}

export interface Known {
  readonly migrations: readonly Migration[]
  /** Whether the migration can be undone. */
  isReversible(migration: Migration): boolean
  /** Whether a check has passed: `true`, `false`, or undefined if it has not run. */
  passed(id: string, version?: ReturnType<typeof versionOf>): boolean | undefined
  /** Longer moves that ran. */
  readonly moves: readonly Move[]
}

export function matrixOf({ migrations, isReversible, passed, moves }: Known): Matrix {
  const last = migrations.length
  const steps = migrations.map((migration) => passed('round-trip', versionOf(migration)) === true)
  const barriers = migrations.map((migration) => !isReversible(migration))
  const run = new Set(moves.map(String))
  if (passed('straight-up')) run.add(String([0, last]))
  if (passed('straight-down') && !barriers.includes(true)) run.add(String([last, 0]))
  for (const [place, isOk] of steps.entries()) {
    if (!isOk) continue
    run.add(String([place, place + 1]))
    if (!barriers[place]) run.add(String([place + 1, place]))
  }
  const letter = (from: number, to: number): string => {
    if (from === to) return '-'
    const [low, high] = [Math.min(from, to), Math.max(from, to)]
    if (to < from && barriers.slice(low, high).includes(true)) return 'X'
    if (run.has(String([from, to]))) return 'R'
    return steps.slice(low, high).every(Boolean) ? 'F' : '?'
  }
  const places = Array.from({ length: last + 1 }, (_, place) => place)
  return {
    versions: ['nil', ...migrations.map(labelOf)],
    rows: places.map((from) => places.map((to) => letter(from, to)).join('')),
  }
}
