import { UsageError } from '../../migrate/errors.ts'
import { type Context, parseTarget, parseVersion } from '../context.ts'
import { sqlText } from '../render.ts'

/** Prints only SQL and comments, so that the output can be read, reviewed or piped into a client. */
export async function run(context: Context, [range]: readonly string[]): Promise<number> {
  const [from, to, more] = range?.split('..') ?? []
  if (range !== undefined && (to === undefined || more !== undefined)) {
    throw new UsageError(`"${range}" is not a range.`, {
      hint: 'For example 3..7, 7..3 or nil..latest. Without a range, showsql prints the pending migrations.',
    })
  }
  // A range is planned from the files alone, so no database is opened.
  const migrator = from === undefined ? await context.migrator() : await context.offlineMigrator()
  const options = { ...(from !== undefined && { from: parseVersion(from || 'nil') }), texts: true }
  const plan = await migrator.plan(parseTarget(to || 'latest'), options)
  context.print(sqlText(plan, context.dialect), plan)
  return 0
}
