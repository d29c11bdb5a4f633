/** Plans a run: reads every body once, so that unreadable or invalid migrations are reported before the first statement. */
import { withEnd } from '../../sql/script.ts'
import { attempt, throwAll } from '../attempt.ts'
import { MigratestError } from '../errors.ts'
import { type LoadedStep, type LoadInput, loadStep } from '../load.ts'
import type { MigrationPlan, Move, PlanStep } from '../plan/moves.ts'
import { recordSql } from './recording.ts'

/**
 * @param short the number of migrations that the request wanted beyond the moves
 * @param texts `true` to include the SQL of each step
 * @throws the errors of all bodies together
 */
export async function planRun(
  load: LoadInput,
  from: number,
  moves: readonly Move[],
  short: number,
  texts = false,
): Promise<MigrationPlan<number>> {
  const steps: PlanStep<number>[] = []
  const warnings: string[] = []
  const wrong: MigratestError[] = []
  for (const move of moves) {
    const step = await attempt(() => loadStep(load, move))
    if (step instanceof MigratestError) {
      wrong.push(step)
      // No migration of such a folder has a down, so one error says it all.
      if (move.direction === 'down' && load.source.format) break
      continue
    }
    const { plan, warning } = step
    steps.push(texts ? { ...plan, ...(await sqlOf(load, step)) } : plan)
    if (warning) warnings.push(warning)
  }
  throwAll(wrong)
  return { from, to: moves.at(-1)?.to ?? from, steps, short, warnings }
}

// --- internal ---

/** Returns the SQL of a step. Code is run against a client that only records statements. */
async function sqlOf({ driver }: LoadInput, { plan, step }: LoadedStep): Promise<Pick<PlanStep, 'text' | 'notes'>> {
  const { work } = step({ log: () => undefined })
  if (work.kind === 'nil') return { text: null }
  if (work.kind === 'sql') return { text: work.script.clientText() }
  const { dialect } = driver
  const { statements, notes } = await recordSql(work, dialect)
  return {
    text: statements.map((sql) => withEnd(sql, dialect)).join('\n'),
    notes: [`code of ${plan.file}`, ...notes],
  }
}
