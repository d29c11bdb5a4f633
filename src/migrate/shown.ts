/**
 * Translates versions for users of another tool's folder: the engine numbers its migrations by their place, and users know
 * them by their names. In other folders, versions stay as they are.
 */
import { type Driver, describeAt } from './driver.ts'
import type { MigrateEvent } from './events.ts'
import type { MigrationPlan, PlanStep } from './plan/moves.ts'
import type { MigrationStatus } from './plan/status.ts'
import { NIL_VERSION, type Version, versionOf } from './version.ts'

export class Shown {
  readonly #driver: Driver
  readonly #isRanked: boolean

  /** @param isRanked `true` if the migrations are those of another tool */
  constructor(driver: Driver, isRanked: boolean) {
    this.#driver = driver
    this.#isRanked = isRanked
  }

  version(version: number): Version {
    return this.#isRanked && version !== NIL_VERSION ? describeAt(this.#driver, version) : version
  }

  step(step: PlanStep<number>): PlanStep {
    if (!this.#isRanked) return step
    return { ...step, version: versionOf(step), from: this.version(step.from), to: this.version(step.to) }
  }

  plan(plan: MigrationPlan<number>): MigrationPlan {
    if (!this.#isRanked) return plan
    return { ...plan, ...this.run(plan) }
  }

  run(run: Ran<number>): Ran {
    if (!this.#isRanked) return run
    return { from: this.version(run.from), to: this.version(run.to), steps: run.steps.map((step) => this.step(step)) }
  }

  event(event: MigrateEvent<number>): MigrateEvent {
    if (!this.#isRanked) return event
    if (event.type === 'planned') return { ...event, plan: this.plan(event.plan) }
    return 'step' in event ? { ...event, step: this.step(event.step) } : event
  }

  status(status: MigrationStatus<number>): MigrationStatus {
    if (!this.#isRanked) return status
    const { version, running, migrations } = status
    return {
      ...status,
      version: this.version(version),
      running: running && { ...running, version: this.version(running.version) },
      migrations: migrations.map((row) => ({ ...row, version: versionOf(row) })),
    }
  }
}

// --- internal ---

interface Ran<V extends Version = Version> {
  readonly from: V
  readonly to: V
  readonly steps: readonly PlanStep<V>[]
}
