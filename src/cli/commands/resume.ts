import { type Context, parseCount } from '../context.ts'
import { move } from '../move.ts'

export function run(context: Context): Promise<number> {
  const applied = parseCount(context.options.applied)
  return move(context, (migrator) => migrator.resume(applied === undefined ? {} : { applied }))
}
