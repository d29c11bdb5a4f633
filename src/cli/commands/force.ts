import { describeVersion } from '../../migrate/version.ts'
import { type Context, parseVersion } from '../context.ts'

export async function run(context: Context, [text]: readonly string[]): Promise<number> {
  const version = parseVersion(text)
  await (await context.migrator('nothing')).force(version)
  context.print(`${context.database} is now marked as version ${describeVersion(version)}; no migration was run.`, {
    version,
    dirty: false,
  })
  return 0
}
