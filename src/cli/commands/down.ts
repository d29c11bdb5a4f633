import { UsageError } from '../../migrate/errors.ts'
import { type Context, parseCount } from '../context.ts'
import { guard } from '../guard.ts'
import { move } from '../move.ts'

export async function run(context: Context, [count]: readonly string[]): Promise<number> {
  const n = parseCount(count)
  if (context.options.all) {
    if (n !== undefined) throw new UsageError(`Both ${n} and --all? Use only one of them.`)
    await guard(context, 'down --all')
    return move(context, (migrator) => migrator.down('all'))
  }
  if (n === undefined)
    throw new UsageError('How many? "migratest down 1" undoes the last migration, "migratest down --all" all of them.')
  return move(context, (migrator) => migrator.down(n))
}
