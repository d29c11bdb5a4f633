import { type Context, parseTarget, parseVersion } from '../context.ts'
import { planText } from '../render.ts'

export async function run(context: Context, [version]: readonly string[]): Promise<number> {
  const target = parseTarget(version ?? 'latest')
  const { from } = context.options
  const migrator = await context.migrator()
  const plan = await migrator.plan(target, from === undefined ? {} : { from: parseVersion(from) })
  context.print(planText(plan, context.database), plan)
  return 0
}
