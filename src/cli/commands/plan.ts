import { type Context, parseTarget, parseVersion } from '../context.ts'
import { planText } from '../render.ts'

/** Everything that is printed is SQL or a comment, so that it can be read, reviewed or piped. */
export async function run(context: Context, [version]: readonly string[]): Promise<number> {
  const target = parseTarget(version ?? 'latest')
  const { from } = context.options
  const migrator = await context.migrator()
  const plan = await migrator.plan(target, { ...(from !== undefined && { from: parseVersion(from) }), texts: true })
  context.print(planText(plan), plan)
  return 0
}
