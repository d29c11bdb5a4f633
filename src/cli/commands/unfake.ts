import { describeVersion } from '../../migrate/version.ts'
import { type Context, parseVersion } from '../context.ts'

export async function run(context: Context, [text]: readonly string[]): Promise<number> {
  const version = parseVersion(text)
  const { from, to } = await (await context.migrator()).unfake(version)
  context.print(
    `${context.database} is at version ${describeVersion(to)}: ${version} is now recorded as not applied; nothing was undone.`,
    { from, to },
  )
  return 0
}
