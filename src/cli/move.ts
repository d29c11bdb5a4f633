/**
 * Runs a move, after a rehearsal if `--rehearse` is given, and prints the version that the database is at afterwards.
 */
import { openRehearsal } from '../database/open.ts'
import { MigrationFailedError } from '../migrate/errors.ts'
import type { MigrationRun, Migrator } from '../migrate/migrator.ts'
import type { Context } from './context.ts'
import { runLine } from './render.ts'

export async function move(context: Context, run: (migrator: Migrator) => Promise<MigrationRun>): Promise<number> {
  if (context.options.rehearse) await rehearse(context, run)
  const migrator = await context.migrator('texts')
  const begun = performance.now()
  const result = await run(migrator)
  context.print(runLine(result, context.database, performance.now() - begun), result)
  return 0
}

// --- internal ---

/** Runs the move on an empty copy of the schema. Does nothing if the database rolls back failed migrations anyway. */
async function rehearse(context: Context, run: (migrator: Migrator) => Promise<MigrationRun>): Promise<void> {
  context.busy('rehearsing on an empty copy of the schema')
  const rehearsal = await openRehearsal(context.url, await context.openOptions())
  if (!rehearsal) return
  try {
    const { steps } = await run(await context.migratorOn(rehearsal.database))
    if (steps.length > 0)
      context.tell(
        `Rehearsal passed: ${steps.length === 1 ? 'the migration runs' : `all ${steps.length} migrations run`} on an empty copy of the schema.`,
      )
  } catch (error) {
    throw error instanceof MigrationFailedError
      ? error.withState(`This was a rehearsal on an empty copy of the schema: ${rehearsal.of} has not changed.`)
      : error
  } finally {
    await rehearsal.drop()
  }
}
