import { openDatabase } from '../../database/open.ts'
import { ASIDE_TABLE, ownTables } from '../../database/ownTables.ts'
import { readSizes } from '../../database/sizes.ts'
import type { Context } from '../context.ts'

/** Prints the counts of rows and bytes of a database's tables as JSON, for `verify --sizes`. */
export async function run(context: Context): Promise<number> {
  const { url } = context
  context.busy('reading the sizes of tables')
  const driver = await openDatabase(url, {})
  try {
    const tables = await readSizes(driver, [...ownTables(context.config.table), ...ownTables(ASIDE_TABLE)])
    context.printRaw(JSON.stringify({ format: 1, tables }, undefined, 2))
  } finally {
    await driver.close()
  }
  return 0
}
