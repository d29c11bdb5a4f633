import { UsageError } from '../../migrate/errors.ts'
import { type Context, parseTarget, parseVersion } from '../context.ts'
import { sqlText } from '../render.ts'

/** Everything that is printed is SQL or a comment, so that it can be read, reviewed or piped. */
export async function run(context: Context, [range]: readonly string[]): Promise<number> {
  const [from, to, more] = range?.split('..') ?? []
  if (range !== undefined && (to === undefined || more !== undefined)) {
    throw new UsageError(`"${range}" is no range.`, {
      hint: 'For example 3..7, 7..3, nil..latest; without one: what is pending.',
    })
  }
  // A range is of the files alone: no database is asked.
  const migrator = from === undefined ? await context.migrator() : await context.offlineMigrator()
  const options = { ...(from !== undefined && { from: parseVersion(from || 'nil') }), texts: true }
  const plan = await migrator.plan(parseTarget(to || 'latest'), options)
  context.print(sqlText(plan, context.dialect), plan)
  return 0
}
