/** Keeps the databases of failed tests and returns the command that opens each. */
import type { MigratedDatabase } from './migratedDatabase.ts'
import type { MigratedDatabaseOptions } from './options.ts'

const NEWEST = 3
const MINUTES = 60

/** Keeps a failed test's database. @returns the command that opens it; `undefined` if it is not kept */
export async function keepFailed<Client>(
  db: MigratedDatabase<Client>,
  { keepFailed: rule = process.env.CI ? false : {}, isolation = 'database' }: MigratedDatabaseOptions<Client>,
): Promise<string | undefined> {
  if (rule === false || isolation !== 'database') return undefined
  const { newest = NEWEST, minutes = MINUTES } = rule
  if (newest < 1) return undefined
  try {
    const { version } = await db.version()
    return await db.keep({ version, newest, forMs: minutes * 60_000 })
  } catch {
    // The database is in memory, or the server is gone. The test's own failure matters more than this error.
    return undefined
  }
}
