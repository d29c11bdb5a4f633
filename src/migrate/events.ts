/** The events the engine emits while it works. It never prints. */
import type { MigrationPlan, PlanStep } from './moves.ts'

export type MigrateEvent =
  | { readonly type: 'planned'; readonly plan: MigrationPlan }
  | { readonly type: 'started'; readonly step: PlanStep }
  /** `ms`: milliseconds from passing the step to the driver until it was done. */
  | { readonly type: 'finished'; readonly step: PlanStep; readonly ms: number }
  | { readonly type: 'log'; readonly step: PlanStep; readonly message: string }
  /** A message of the server while a step runs; `severity` is the server's own word, for example NOTICE, WARNING. */
  | { readonly type: 'notice'; readonly step: PlanStep; readonly severity: string; readonly message: string }
  | { readonly type: 'warning'; readonly message: string }

export type OnEvent = (event: MigrateEvent) => void
