/** What the engine says while it works. It never prints. */
import type { MigrationPlan, PlanStep } from './moves.ts'

export type MigrateEvent =
  | { readonly type: 'planned'; readonly plan: MigrationPlan }
  | { readonly type: 'started'; readonly step: PlanStep }
  /** `ms`: from handing the step to the driver until it was done. */
  | { readonly type: 'finished'; readonly step: PlanStep; readonly ms: number }
  | { readonly type: 'log'; readonly step: PlanStep; readonly message: string }
  /** What the server says while a step runs; `severity` as it writes it: NOTICE, WARNING. */
  | { readonly type: 'notice'; readonly step: PlanStep; readonly severity: string; readonly message: string }
  | { readonly type: 'warning'; readonly message: string }

export type OnEvent = (event: MigrateEvent) => void
