/** The migration lock: golang-migrate's advisory keys, taken by polling, or a row where there are no session locks. */
import { LockLostError, UsageError } from '../../migrate/errors.ts'
import { advisoryLockId, type Lock, poll, tableLock } from '../locking.ts'
import { ownTables } from '../ownTables.ts'
import { createSchema, hasSchema } from './drop.ts'
import type { PostgresError, Session } from './session.ts'
import { identifier, literal, type Tables } from './tables.ts'

/**
 * Returns both keys that golang-migrate uses: it names the database `/mydb` when opened by URL and `mydb` when handed a
 * connection.
 */
export function migrationLockIds(database: string, { schema, version }: Tables): readonly [bigint, bigint] {
  return [advisoryLockId(database, schema, version), advisoryLockId(`/${database}`, schema, version)]
}

/**
 * Creates a lock that the session holds. It is polled, never waited for: a session that waits in `pg_advisory_lock` has
 * a snapshot, and `CREATE INDEX CONCURRENTLY` waits for every snapshot, so the two would wait for each other.
 */
export function advisoryLock(session: Session, keys: readonly [bigint, bigint]): Lock {
  const [first, second] = keys
  const give = `pg_advisory_unlock(${first}) AS first, pg_advisory_unlock(${second}) AS second, pg_backend_pid() AS pid`
  const take = `pg_try_advisory_lock(${first}) AS third, pg_try_advisory_lock(${second}) AS fourth`
  let holder = 0
  /** @param rows the answer to a query that gives the lock back */
  const confirm = ([row]: readonly Record<string, unknown>[]) => {
    if (row?.first && row.second) return
    const left =
      Number(row?.pid) === holder ? undefined : `server process ${holder} (SELECT pg_terminate_backend(${holder}))`
    throw new LockLostError(session.label, left)
  }
  const giveBack = async (query: string) => {
    const rows = await session.query(query)
    confirm(rows)
    return rows
  }
  // Only giving it back tells whether it was held. It is taken again in the same query.
  const held = `SELECT ${give}, ${take}`
  return {
    async acquire(options) {
      await poll(
        session.label,
        options,
        async () => {
          const [row] = await session.query(
            `SELECT pg_try_advisory_lock(${first}) AS first, pg_try_advisory_lock(${second}) AS second, pg_backend_pid() AS pid`,
          )
          holder = Number(row?.pid)
          if (row?.first && row.second) return true
          if (row?.first) await session.query(`SELECT pg_advisory_unlock(${first})`)
          if (row?.second) await session.query(`SELECT pg_advisory_unlock(${second})`)
          return false
        },
        () => holderOf(session, keys),
      )
    },
    async release() {
      await giveBack(`SELECT ${give}`)
    },
    keep: (query) => giveBack(query(held)),
    held: { sql: held, column: 'first', confirm },
  }
}

/** Creates a lock that is a row, for poolers, which keep no session. @throws UsageError without a second connection */
export function rowLock(session: Session, { schema, version }: Tables): Lock {
  const name = ownTables(version)[5]
  const table = `${identifier(schema)}.${identifier(name)}`
  return tableLock<Session>({
    label: session.label,
    name,
    open: async () => {
      if (session.another) return session.another()
      throw new UsageError(
        'lock: "table" needs a second connection, and this database was opened with a client that allows only one.',
        {
          hint: 'Open it by URL or with a pool, or use lock: "advisory".',
        },
      )
    },
    create: (other) => makeLockTable(other, schema, table),
    attempt: async (other) => {
      await other.query('BEGIN')
      const rows = await other.query(`SELECT id FROM ${table} WHERE id = 1 FOR UPDATE SKIP LOCKED`)
      if (rows.length === 1) return true
      await other.query('ROLLBACK')
      return false
    },
  })
}

// --- internal ---

/**
 * Creates the lock table and its schema. IF NOT EXISTS does not prevent an error when two sessions create the same
 * object at once; another try then finds it.
 */
async function makeLockTable(session: Session, schema: string, table: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      if (!(await hasSchema(session, schema))) await session.query(createSchema(schema))
      await session.query(`CREATE TABLE IF NOT EXISTS ${table} (id integer PRIMARY KEY)`)
      await session.query(`INSERT INTO ${table} VALUES (1) ON CONFLICT DO NOTHING`)
      return
    } catch (error) {
      const { code = '' } = error as PostgresError
      if (tries >= 10 || !['23505', '42P07', '42P06', '42710'].includes(code)) throw error
    }
  }
}

/**
 * Describes who holds one of the keys on this database, since other databases of the server use the same keys: process,
 * program, user, address, start of the session.
 */
export async function holderOf(session: Session, keys: readonly bigint[]): Promise<string | undefined> {
  const objids = keys.map(String).map(literal).join(', ')
  const rows = await session.query(`
    SELECT a.pid, a.application_name, a.usename, a.client_addr::text AS address, a.state,
      to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS since
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND ((l.classid::bigint << 32) | l.objid::bigint)::text IN (${objids})
    LIMIT 1`)
  const row = rows[0]
  if (!row) return undefined
  const program = row.application_name ? ` "${row.application_name}"` : ''
  return `server process ${row.pid}${program}, user ${row.usename} from ${row.address ?? 'a local socket'}, connected since ${row.since} UTC (${row.state}).`
}
