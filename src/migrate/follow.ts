/** Making a database what the files say: what is undone, what is applied, and where there is no way back. */
import { attempt } from './attempt.ts'
import { MigratestError, NoWayDownError } from './errors.ts'
import { reconcile } from './history.ts'
import { type LoadInput, loadStep } from './load.ts'
import type { MigrationPlan, Move, PlanStep } from './moves.ts'
import { type Change, type FollowChoice, loadInput } from './plan.ts'
import { NIL_VERSION } from './version.ts'

export interface FollowPlan extends MigrationPlan {
  readonly changes: readonly Change[]
  /** Why it cannot be gone back: what the first such down says. The steps are then those up to there. */
  readonly blocked: MigratestError | undefined
  /** Versions that are applied now. */
  readonly history: readonly number[]
  /** How many records will be written anew: of downs that were mended, and of what was squashed. */
  readonly records: number
  /** Files of steps that cannot share a transaction with others. */
  readonly apart: readonly string[]
}

/** A plan, and the ways to carry it out; nothing has run yet. */
export interface Following {
  readonly plan: FollowPlan
  /** Undoes what does not stand any more, from the top. Can be run again where it was taken back. */
  down(): Promise<void>
  /** Applies what is there. */
  up(after?: AfterStep): Promise<void>
  /** Empties the database and applies everything from nothing. */
  replay(after?: AfterStep): Promise<void>
}

/** @param text of its body, null where there is none. @param remaining how many steps follow */
export type AfterStep = (step: PlanStep, text: string | null, remaining: number) => Promise<void>

export interface Planned {
  readonly steps: readonly PlanStep[]
  readonly warnings: readonly string[]
  readonly blocked: MigratestError | undefined
  readonly apart: readonly string[]
}

/** Reads every body once. What cannot be applied is thrown; what cannot be undone is said. */
export async function planSteps(load: LoadInput, moves: readonly Move[]): Promise<Planned> {
  const steps: PlanStep[] = []
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

/** From nothing: as if the database were empty. */
export function fromNothing({ load }: FollowChoice, input: Parameters<typeof loadInput>[0]) {
  const migrations = [...load.migrations.values()].sort((a, b) => a.version - b.version)
  const applied = reconcile({ version: NIL_VERSION, dirty: false, history: [] }, migrations)
  const moves = migrations.map(({ version }, i): Move => {
    const from = migrations[i - 1]?.version ?? NIL_VERSION
    return { version, direction: 'up', from, to: version }
  })
  return { moves, load: loadInput(input, migrations, applied) }
}
