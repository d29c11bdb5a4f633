import { type Context, parseTarget } from '../context.ts'
import { guard } from '../guard.ts'
import { move } from '../move.ts'

export async function run(context: Context, [version]: readonly string[]): Promise<number> {
  const target = parseTarget(version)
  if (target === 'nil') await guard(context, 'goto nil')
  return move(context, (migrator) => migrator.to(target))
}
