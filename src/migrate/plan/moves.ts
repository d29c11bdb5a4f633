/** Chooses the migrations a transition needs and their order. Pure: reads no bodies and no database. */
import { VersionNotFoundError } from '../errors.ts'
import type { Direction, Migration } from '../source.ts'
import { describeVersion, isVersion, labelOf, NIL_VERSION, type Target, type Version, versionOf } from '../version.ts'
import type { AppliedMigrations } from './history.ts'
import type { NumberedTarget } from './target.ts'

/** One migration to run: its direction, and the version row before and after. */
export interface Move<V extends Version = number> {
  readonly version: V
  readonly direction: Direction
  readonly from: V
  readonly to: V
}

export type Request<T = Target> =
  | { readonly kind: 'to'; readonly target: T }
  /** `limit` -1: all. */
  | { readonly kind: Direction; readonly limit: number }

export interface Moves {
  readonly moves: readonly Move[]
  /** Number of migrations missing to reach the requested count. */
  readonly short: number
}

/** A move with the facts found when its body was read. */
export interface PlanStep<V extends Version = Version> extends Move<V> {
  readonly name: string
  /** The file the body comes from, or a description of the record in the history. */
  readonly file: string
  /** `file`: the body is in the file. `record`: it is the down recorded when the migration was applied. */
  readonly origin: 'file' | 'record'
  /** 32 hex digits; null for a nil migration, which runs nothing. */
  readonly fingerprint: string | null
  readonly statements: number
  /** `true` if the body is code, not SQL. */
  readonly code: boolean
  /** `true` if the body, the version and the history change together or not at all. */
  readonly atomic: boolean
  /** The SQL that runs, if the plan was made with `texts`; null if nothing runs. */
  readonly text?: string | null
  /** Reasons why `text` may not contain everything the migration runs, if it is code. */
  readonly notes?: readonly string[]
}

export interface MigrationPlan<V extends Version = Version> {
  readonly from: V
  readonly to: V
  readonly steps: readonly PlanStep<V>[]
  /**
   * Number of migrations missing to reach the requested count. If it is above 0, running the plan applies its steps and
   * then throws ShortLimitError.
   */
  readonly short: number
  /** Things the user should know before the plan runs. */
  readonly warnings: readonly string[]
}

export interface MovesInput {
  readonly source: string
  readonly migrations: readonly Migration[]
  readonly current: number
  readonly applied: Pick<AppliedMigrations, 'versions' | 'entries' | 'late'>
  /** Versions of the late migrations that this transition applies. */
  readonly applyLate: ReadonlySet<number>
}

/**
 * Chooses the moves for a request.
 * @throws VersionNotFoundError if the current version (checked first) or the target does not exist
 */
export function chooseMoves(input: MovesInput, request: Request<NumberedTarget>): Moves {
  const { migrations, current } = input
  mustExist(input, current, 'The database is at that version')
  if (request.kind === 'to') return { moves: movesTo(input, request.target), short: 0 }
  if (request.limit === 0) return { moves: [], short: 0 }
  if (request.kind === 'down') {
    const all = downs(input, NIL_VERSION)
    if (all.length === 0 && request.limit > 0) throw nothingBelow(input)
    return limited(all, request.limit)
  }
  if (migrations.length === 0) throw emptySource(input)
  const all = ups(input, Number.POSITIVE_INFINITY)
  if (all.length === 0 && request.limit > 0) {
    throw new VersionNotFoundError(
      shownIn(input, current),
      `There is no migration above ${describeVersion(shownIn(input, current))} in ${input.source}.`,
    )
  }
  return limited(all, request.limit)
}

/**
 * Returns the downs from the current version to below `bottom`, and then all ups. This replaces the edited, missing and
 * late migrations at or above `bottom`.
 */
export function chooseFollowing(input: MovesInput, bottom: number): { downs: readonly Move[]; ups: readonly Move[] } {
  const undone = downs(input, bottom - 1)
  const current = undone.at(-1)?.to ?? input.current
  const applied = { ...input.applied, versions: input.applied.versions.filter((version) => version < bottom) }
  return { downs: undone, ups: ups({ ...input, current, applied }, Number.POSITIVE_INFINITY) }
}

/** Returns the version a target means in this source. @throws VersionNotFoundError if it does not exist */
export function resolveTarget(input: MovesInput, target: NumberedTarget): number {
  const { migrations } = input
  if (target === 'nil' || target === NIL_VERSION) return NIL_VERSION
  if (target === 'latest') {
    const last = migrations.at(-1)
    if (!last) throw emptySource(input)
    return last.version
  }
  if (typeof target === 'object') {
    mustExist(input, target.justBefore)
    return migrations.findLast(({ version }) => version < target.justBefore)?.version ?? NIL_VERSION
  }
  if (!isVersion(target) && !migrations.some(({ version }) => version === target)) {
    throw new VersionNotFoundError(Number(target), `${String(target)} is not a version.`, {
      hint: 'A version is a whole number from 0 to 9007199254740991, or "latest", "nil", justBefore(n).',
    })
  }
  mustExist(input, target)
  return target
}

// --- internal ---

function movesTo(input: MovesInput, target: NumberedTarget): Move[] {
  const version = resolveTarget(input, target)
  if (version >= input.current) return ups(input, version)
  // The files of newer migrations are gone (perhaps they are on another branch). "latest" must not undo them.
  if (target === 'latest') return []
  const down = downs(input, version)
  const reached = down.at(-1)?.to ?? input.current
  if (reached === version) return down
  // The target itself is not applied (merged late), so after the downs we apply it from below.
  const applied = input.applied.versions.filter((v) => v <= reached)
  const late = input.applied.late
  return [
    ...down,
    ...ups({ ...input, current: reached, applied: { ...input.applied, versions: applied, late } }, version),
  ]
}

function ups(input: MovesInput, upTo: number): Move[] {
  const applied = new Set(input.applied.versions)
  const late = new Set(input.applied.late)
  const moves: Move[] = []
  let from = input.current
  for (const { version } of input.migrations) {
    if (version > upTo || applied.has(version)) continue
    if (version < input.current && !(input.applyLate.has(version) && late.has(version))) continue
    const to = Math.max(from, version)
    moves.push({ version, direction: 'up', from, to })
    from = to
  }
  return moves
}

function downs(input: MovesInput, above: number): Move[] {
  const versions = input.applied.versions
  const moves: Move[] = []
  for (let i = versions.length - 1; i >= 0; i--) {
    const version = versions[i] as number
    if (version <= above) break
    moves.push({
      version,
      direction: 'down',
      from: moves.at(-1)?.to ?? input.current,
      to: versions[i - 1] ?? NIL_VERSION,
    })
  }
  return moves
}

/** Returns a version as users know it. */
function shownIn({ migrations, applied }: MovesInput, version: number): Version {
  const found = migrations.find((migration) => migration.version === version) ?? applied.entries.get(version)
  return found ? versionOf(found) : version
}

function limited(all: Move[], limit: number): Moves {
  if (limit < 0) return { moves: all, short: 0 }
  return { moves: all.slice(0, limit), short: Math.max(0, limit - all.length) }
}

function mustExist({ migrations, source, applied }: MovesInput, version: number, why?: string): void {
  if (version === NIL_VERSION) return
  if (migrations.some((m) => m.version === version) || applied.entries.has(version)) return
  throw new VersionNotFoundError(version, `There is no version ${version} in ${source}${why ? `. ${why}` : ''}.`, {
    hint: nearest(migrations, version),
  })
}

function nearest(migrations: readonly Migration[], version: number): string {
  if (migrations.length === 0) return 'There are no migrations in it.'
  const below = migrations.findLast((m) => m.version < version)
  const above = migrations.find((m) => m.version > version)
  const around = [below, above].filter((m) => m !== undefined).map(labelOf)
  return `Nearest: ${around.join(', ')}. There are ${migrations.length} migrations, up to ${versionOf(migrations.at(-1) as Migration)}.`
}

function nothingBelow({ source, current }: MovesInput): VersionNotFoundError {
  return new VersionNotFoundError(current, `No migration is applied, so none of ${source} can be undone.`)
}

function emptySource({ source, current }: MovesInput): VersionNotFoundError {
  return new VersionNotFoundError(current, `There are no migrations in ${source}.`, {
    hint: 'A migration is a pair of files like 0001_create_users.up.sql and 0001_create_users.down.sql.',
  })
}
