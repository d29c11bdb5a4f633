import { type Context, parseTarget } from '../context.ts'
import { planText } from '../render.ts'

export async function run(context: Context, [version]: readonly string[]): Promise<number> {
  const target = parseTarget(version ?? 'latest')
  const plan = await (await context.migrator()).plan(target)
  context.print(planText(plan), plan)
  return 0
}
