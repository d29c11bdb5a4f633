/** Moves, and says where the database is then. */
import type { Migrator, Run } from '../migrate/migrator.ts'
import type { Context } from './context.ts'
import { runLine } from './render.ts'

export async function move(context: Context, run: (migrator: Migrator) => Promise<Run>): Promise<number> {
  const migrator = await context.migrator()
  const begun = performance.now()
  const result = await run(migrator)
  context.print(runLine(result, context.database, performance.now() - begun), result)
  return 0
}
