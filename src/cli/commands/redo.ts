import { UsageError } from '../../migrate/errors.ts'
import { type Context, parseCount } from '../context.ts'
import { plural, runLine } from '../render.ts'

export async function run(context: Context, [count]: readonly string[]): Promise<number> {
  const n = parseCount(count) ?? 1
  const migrator = await context.migrator()
  const begun = performance.now()
  const { short } = await migrator.plan({ kind: 'down', limit: n })
  if (short > 0)
    throw new UsageError(`Only ${plural(n - short, 'migration')} can be undone, not ${n}; nothing was done.`)
  const { blocked } = await migrator.status()
  if (blocked.length > 0)
    throw new UsageError(`Nothing was undone, because nothing could be applied again:\n\n${blocked.join('\n')}`)
  const down = await migrator.down(n)
  if (context.stoppedBy !== undefined) {
    context.tell(`Undone but not applied again: ${down.steps.map(({ version }) => version).join(', ')}.`)
  }
  // If a stop signal arrived, apply nothing again.
  const up = context.stoppedBy === undefined ? await migrator.to(down.from) : { steps: [], to: down.to }
  const run = { from: down.from, to: up.to, steps: [...down.steps, ...up.steps] }
  context.print(runLine(run, context.database, performance.now() - begun), run)
  return 0
}
