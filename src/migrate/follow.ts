/** Makes a database match the files: plans which migrations to undo and to apply, and finds downs that are blocked. */

import { attempt } from './attempt.ts'
import type { DatabaseState, Driver } from './driver.ts'
import { MigratestError, NoWayDownError } from './errors.ts'
import { type LoadInput, loadStep } from './load.ts'
import { reconcile } from './plan/history.ts'
import type { MigrationPlan, Move, PlanStep } from './plan/moves.ts'
import { type Change, type FollowChoice, loadInput, type PlanInput } from './plan/plan.ts'
import type { Ranked } from './ranked.ts'
import type { BesideSteps } from './run/ahead.ts'
import type { Shown } from './shown.ts'
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

/** The facts that `following` needs, and the functions that run and write for it. */
export interface FollowWith {
  readonly input: PlanInput
  readonly state: DatabaseState
  /** The downs to undo an edited migration with: those recorded, or those in its file. */
  readonly downsFrom: 'record' | 'file'
  readonly shown: Shown
  /** Set if the source is a folder of another tool. */
  readonly ranked: Ranked | undefined
  /** SQL to run in the emptied database before everything is applied again. */
  readonly before: readonly string[]
  /** Writes changed downs and squashed migrations to the history. */
  readonly settle: () => Promise<void>
  /** @param begins the step whose write also repairs the history */
  readonly run: (
    steps: readonly PlanStep<number>[],
    load: LoadInput,
    begins: PlanStep<number> | undefined,
    beside?: BesideSteps,
  ) => Promise<void>
}

/** Plans the chosen moves. It runs nothing, but reads every body, so that nothing that cannot run is begun. */
export async function following(choice: FollowChoice, given: FollowWith): Promise<Following> {
  const { input, state, downsFrom, shown, ranked, before, settle, run } = given
  const { downs, ups, newDowns, adopted, changes } = choice
  const driver = input.database
  const load = { ...choice.load, preferFileDowns: downsFrom === 'file' }
  const down = await planSteps(load, downs)
  // If a down is blocked, the ups are never reached, but we still report errors in them.
  const up = await planSteps(load, ups)
  const begins = down.steps[0] ?? up.steps[0]
  const to = up.steps.at(-1)?.to ?? down.steps.at(-1)?.to ?? state.version
  return {
    plan: {
      from: state.version,
      to,
      shown: { from: shown.version(state.version), to: shown.version(to) },
      steps: [...down.steps, ...up.steps],
      short: 0,
      warnings: [...down.warnings, ...up.warnings],
      blocked: down.blocked,
      apart: [...down.apart, ...up.apart],
      history: load.applied.versions,
      records: newDowns.length + adopted.length,
      changes,
    },
    driver,
    stored: (version) => ranked?.stored(version) ?? version,
    down: async () => {
      await settle()
      await run(down.steps, load, begins)
    },
    up: async (beside) => {
      if (down.steps.length === 0) await settle()
      await run(up.steps, load, begins, beside)
    },
    replay: async (beside) => {
      const nothing = fromNothing(choice, input)
      const { steps } = await planSteps(nothing.load, nothing.moves)
      await driver.drop()
      for (const sql of before) await ranked?.query(sql)
      await driver.force(NIL_VERSION)
      await run(steps, nothing.load, undefined, beside)
    },
  }
}

// --- internal ---

interface Planned {
  readonly steps: readonly PlanStep<number>[]
  readonly warnings: readonly string[]
  readonly blocked: MigratestError | undefined
  readonly apart: readonly string[]
}

/** Reads every body once. Throws if an up cannot run; if a down cannot, it stops there and returns it as `blocked`. */
async function planSteps(load: LoadInput, moves: readonly Move[]): Promise<Planned> {
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
function fromNothing({ load }: FollowChoice, input: PlanInput) {
  const migrations = [...load.migrations.values()].sort((a, b) => a.version - b.version)
  const applied = reconcile({ version: NIL_VERSION, dirty: false, history: [] }, migrations)
  const moves = migrations.map(({ version }, i): Move => {
    const from = migrations[i - 1]?.version ?? NIL_VERSION
    return { version, direction: 'up', from, to: version }
  })
  return { moves, load: loadInput(input, migrations, applied) }
}
