import type { Context } from '../context.ts'
import { guard } from '../guard.ts'

export async function run(context: Context): Promise<number> {
  await guard(context, 'drop')
  await (await context.migrator('nothing')).drop()
  context.print(`${context.database} is empty.`, { version: -1, dirty: false })
  return 0
}
