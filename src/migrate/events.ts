/** The events the engine emits while it works. It never prints. */
import type { MigrationPlan, PlanStep } from './plan/moves.ts'
import type { Version } from './version.ts'

export type MigrateEvent<V extends Version = Version> =
  | { readonly type: 'planned'; readonly plan: MigrationPlan<V> }
  | { readonly type: 'started'; readonly step: PlanStep<V> }
  /**
   * `ms`: milliseconds from passing the step to the driver until it was done. For one that was sent ahead: from the answer
   * to the one before it; answers may arrive together. The history has the server's own measure.
   */
  | { readonly type: 'finished'; readonly step: PlanStep<V>; readonly ms: number }
  | { readonly type: 'log'; readonly step: PlanStep<V>; readonly message: string }
  /** A message of the server while a step runs; `severity` is the server's own word, for example NOTICE, WARNING. */
  | { readonly type: 'notice'; readonly step: PlanStep<V>; readonly severity: string; readonly message: string }
  | { readonly type: 'warning'; readonly message: string }

export type OnEvent<V extends Version = Version> = (event: MigrateEvent<V>) => void
