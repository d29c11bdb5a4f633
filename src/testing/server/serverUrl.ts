/** The server for test databases that the environment names. */
import { dialectOf, serverKindOf } from '../../server/kinds.ts'
import type { Dialect } from '../../sql/dialect.ts'

/** Returns `MIGRATEST_SERVER_URL` if its dialect fits. `DATABASE_URL` is never used: it may hold somebody's data. */
export function serverUrl(dialect: Dialect): string | undefined {
  const url = process.env.MIGRATEST_SERVER_URL
  const kind = url === undefined ? undefined : serverKindOf(url)
  return kind !== undefined && dialectOf(kind) === dialect ? url : undefined
}
