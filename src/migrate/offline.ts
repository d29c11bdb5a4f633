/** A driver without a database, for plans made from the files alone. */
import { DIALECTS, type Dialect } from '../sql/dialect.ts'
import type { Driver } from './driver.ts'
import { UsageError } from './errors.ts'
import { NIL_VERSION } from './version.ts'

/** Returns a driver at the nil version, with no history. Every method that would change something throws. */
export function offlineDatabase(dialect: Dialect): Driver {
  const refuse = async () => {
    throw new UsageError('This needs a database, but no database is open.')
  }
  return {
    dialect,
    database: 'no database',
    transactionalDdl: DIALECTS[dialect].transactionalDdl,
    state: async () => ({ version: NIL_VERSION, dirty: false, history: [] }),
    recorded: async () => null,
    rows: async () => null,
    standAside: () => undefined,
    close: async () => undefined,
    lock: refuse,
    unlock: refuse,
    apply: refuse,
    begin: refuse,
    execute: refuse,
    finish: refuse,
    force: refuse,
    rerecord: refuse,
    drop: refuse,
  }
}
