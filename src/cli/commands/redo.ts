import { type Context, parseCount } from '../context.ts'
import { runLine } from '../render.ts'

export async function run(context: Context, [count]: readonly string[]): Promise<number> {
  const n = parseCount(count) ?? 1
  const migrator = await context.migrator()
  const begun = performance.now()
  const down = await migrator.down(n)
  // A run that was asked to stop has not undone all, and does not begin anew.
  const up = context.stoppedBy === undefined ? await migrator.to(down.from) : { steps: [], to: down.to }
  const run = { from: down.from, to: up.to, steps: [...down.steps, ...up.steps] }
  context.print(runLine(run, context.database, performance.now() - begun), run)
  return 0
}
