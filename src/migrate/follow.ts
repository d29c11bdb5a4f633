/** Makes a database match the files: plans which migrations to undo and to apply, and finds downs that are blocked. */
import type { BesideSteps } from './ahead.ts'
import { attempt } from './attempt.ts'
import type { Driver } from './driver.ts'
import { MigratestError, NoWayDownError } from './errors.ts'
import { reconcile } from './history.ts'
import { type LoadInput, loadStep } from './load.ts'
import type { MigrationPlan, Move, PlanStep } from './moves.ts'
import { type Change, type FollowChoice, loadInput } from './plan.ts'
import { NIL_VERSION, type Version } from './version.ts'

export interface FollowPlan extends MigrationPlan<number> {
  readonly changes: readonly Change[]
  /** Error of the first down that cannot run. `steps` then has only the downs before it, followed by the ups. */
  readonly blocked: MigratestError | undefined
  /** `from` and `to` as users know them. */
  readonly shown: { readonly from: Version; readonly to: Version }
  /** Versions that are applied now. */
  readonly history: readonly number[]
  /** Number of history records to rewrite: changed downs, and squashed migrations to record as applied. */
  readonly records: number
  /** Files of steps that cannot share a transaction with others. */
  readonly apart: readonly string[]
}

/** A plan and the functions that run it. Nothing has run yet. */
export interface Following {
  readonly plan: FollowPlan
  /** The driver that runs the plan. Transactions around its steps have to be this one's. */
  readonly driver: Driver
  /** Returns the number under which the history keeps a version of the plan. */
  stored(version: number): number
  /** Undoes the migrations that do not match the files, last one first. Can run again after it was rolled back. */
  down(): Promise<void>
  /** Applies the pending migrations. */
  up(beside?: BesideSteps): Promise<void>
  /** Empties the database and applies all migrations. */
  replay(beside?: BesideSteps): Promise<void>
}

export interface Planned {
  readonly steps: readonly PlanStep<number>[]
  readonly warnings: readonly string[]
  readonly blocked: MigratestError | undefined
  readonly apart: readonly string[]
}

/** Reads every body once. Throws if an up cannot run; if a down cannot, it stops there and returns it as `blocked`. */
export async function planSteps(load: LoadInput, moves: readonly Move[]): Promise<Planned> {
  const steps: PlanStep<number>[] = []
  const warnings: string[] = []
  const apart: string[] = []
  for (const move of moves) {
    const loaded = await attempt(() => loadStep(load, move))
    if (loaded instanceof MigratestError) {
      if (move.direction === 'down') return { steps, warnings, apart, blocked: loaded }
      throw loaded
    }
    const { plan, warning, leftovers, shares } = loaded
    if (leftovers) return { steps, warnings, apart, blocked: new NoWayDownError(`${leftovers.reason}.`) }
    steps.push(plan)
    if (warning) warnings.push(warning)
    if (!shares) apart.push(plan.file)
  }
  return { steps, warnings, apart, blocked: undefined }
}

/** Returns the moves that apply all migrations to an empty database. */
export function fromNothing({ load }: FollowChoice, input: Parameters<typeof loadInput>[0]) {
  const migrations = [...load.migrations.values()].sort((a, b) => a.version - b.version)
  const applied = reconcile({ version: NIL_VERSION, dirty: false, history: [] }, migrations)
  const moves = migrations.map(({ version }, i): Move => {
    const from = migrations[i - 1]?.version ?? NIL_VERSION
    return { version, direction: 'up', from, to: version }
  })
  return { moves, load: loadInput(input, migrations, applied) }
}
