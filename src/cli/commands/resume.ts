import { type Context, parseCount } from '../context.ts'
import { move } from '../move.ts'

export function run(context: Context): Promise<number> {
  const applied = parseCount(context.options.applied)
  const notApplied = parseCount(context.options['not-applied'])
  return move(context, (migrator) => migrator.resume({ applied, notApplied }))
}
