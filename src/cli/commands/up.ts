import { type Context, parseCount } from '../context.ts'
import { move } from '../move.ts'

export function run(context: Context, [count]: readonly string[]): Promise<number> {
  const n = parseCount(count)
  return move(context, (migrator) => migrator.up(n))
}
