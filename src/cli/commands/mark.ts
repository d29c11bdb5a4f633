import { locateDatabase, openDevelopment } from '../../database/open.ts'
import { UsageError } from '../../migrate/errors.ts'
import type { Context } from '../context.ts'

/** What a database is for is said with its name, so that a slip of the hand marks none. */
export async function run(context: Context, [environment]: readonly string[]): Promise<number> {
  if (!environment || !/^[\w-]{1,40}$/.test(environment)) {
    throw new UsageError('What is it for? For example: migratest mark production')
  }
  const { database } = await locateDatabase(context.url)
  const { confirm } = context.options
  if (environment === 'development' && confirm !== database) {
    throw new UsageError(`Marked for development, "${database}" is moved as files are saved.`, {
      hint: `Add --confirm ${database} if that is meant.`,
    })
  }
  const development = await openDevelopment(context.url, context.openOptions)
  try {
    await development.mark(environment)
  } finally {
    await development.close()
  }
  context.print(`"${database}" is marked: ${environment}.`, { database, environment })
  return 0
}
