/** Databases of failed tests stay, with the line that opens them. */
import type { MigratedDatabase } from './migratedDatabase.ts'
import type { MigratedDatabaseOptions } from './options.ts'

const NEWEST = 3
const MINUTES = 60

/** @returns the line to paste; undefined where it is not kept */
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
    // In memory, or the server is gone: the test's own failure is what matters.
    return undefined
  }
}
