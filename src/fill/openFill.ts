import type { Borrowed } from '../database/kind.ts'
import type { FillDatabase } from './fillDatabase.ts'
import { mysqlFill } from './mysql/database.ts'
import { postgresFill } from './postgres/database.ts'

/** Returns what fills a database, for a session on it. */
export function openFill(borrowed: Borrowed): FillDatabase {
  return borrowed.dialect === 'mysql' ? mysqlFill(borrowed.session) : postgresFill(borrowed.session)
}
