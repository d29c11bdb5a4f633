import { locateDatabase, openDevelopment } from '../../database/open.ts'
import { UsageError } from '../../migrate/errors.ts'
import type { Context } from '../context.ts'

/**
 * Records the purpose of a database, such as production. Marking it for development requires its name, so that a typing
 * error cannot mark the wrong database.
 */
export async function run(context: Context, [environment]: readonly string[]): Promise<number> {
  if (!environment || !/^[\w-]{1,40}$/.test(environment)) {
    throw new UsageError('What is the database for? For example: migratest mark production')
  }
  const { database } = await locateDatabase(context.url)
  const { confirm } = context.options
  if (environment === 'development' && confirm !== database) {
    throw new UsageError(`Marked for development, "${database}" is changed by "migratest watch" on every save.`, {
      hint: `To proceed, add --confirm ${database}.`,
    })
  }
  const development = await openDevelopment(context.url, await context.openOptions())
  try {
    await development.mark(environment)
  } finally {
    await development.close()
  }
  context.print(`"${database}" is now marked as ${environment}.`, { database, environment })
  return 0
}
