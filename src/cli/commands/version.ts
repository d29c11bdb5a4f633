import { describeVersion } from '../../migrate/version.ts'
import type { Context } from '../context.ts'

export async function run(context: Context): Promise<number> {
  const found = await (await context.migrator('nothing')).version()
  context.print(`${describeVersion(found.version)}${found.dirty ? ' (dirty)' : ''}`, found)
  return 0
}
