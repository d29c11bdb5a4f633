/** The migration lock: golang-migrate's named lock, taken by polling, or a row where there are no such locks. */
import { LockLostError } from '../../migrate/errors.ts'
import { advisoryLockId, type Lock, poll, tableLock } from '../locking.ts'
import { ownTables } from '../ownTables.ts'
import type { MysqlError, Session } from './session.ts'
import { identifier, literal, type Tables } from './tables.ts'

/**
 * Returns the lock name that golang-migrate's mysql driver uses: a number in digits. Lock names are shared by the whole
 * server.
 */
export function migrationLockName({ database, version }: Pick<Tables, 'database' | 'version'>): string {
  return String(advisoryLockId(`${database}:${version}`))
}

/** Creates a lock that the session holds. It is polled, so that waiting can be cancelled. */
export function advisoryLock(session: Session, tables: Tables): Lock {
  const name = literal(migrationLockName(tables))
  return {
    async acquire(options) {
      const attempt = async () => {
        // GET_LOCK succeeds again for a session that already holds the lock.
        if (holding.has(session.identity)) return false
        const [row] = await session.query(`SELECT GET_LOCK(${name}, 0) AS got`)
        return Number(row?.got) === 1
      }
      await poll(session.label, options, attempt, () => holderOf(session, name))
      holding.add(session.identity)
    },
    async keep(query) {
      const rows = await session.query(query(`SELECT IS_USED_LOCK(${name}) = CONNECTION_ID() AS held`))
      if (Number(rows[0]?.held) === 1) return rows
      holding.delete(session.identity)
      throw new LockLostError(session.label)
    },
    async release() {
      holding.delete(session.identity)
      const [row] = await session.query(`SELECT RELEASE_LOCK(${name}) AS released`)
      if (Number(row?.released) !== 1) throw new LockLostError(session.label)
    },
  }
}

/** Creates a lock that is a row: for Galera and other clusters, where a named lock only exists on one node. */
export function rowLock(session: Session, { database, version }: Tables): Lock {
  const name = ownTables(version)[5]
  const table = `${identifier(database)}.${identifier(name)}`
  return tableLock<Session>({
    label: session.label,
    name,
    open: () => session.another(),
    create: async (other) => {
      await other.query(`CREATE TABLE IF NOT EXISTS ${table} (id int PRIMARY KEY, holder bigint) ENGINE=InnoDB`)
      // Writing the row would wait for whoever holds it.
      const there = await other.query(`SELECT id FROM ${table} WHERE id = 1`)
      if (there.length === 0) await other.query(`INSERT IGNORE INTO ${table} VALUES (1, NULL)`)
    },
    attempt: async (other) => {
      await other.query('START TRANSACTION')
      try {
        const rows = await other.query(`SELECT id FROM ${table} WHERE id = 1 FOR UPDATE NOWAIT`)
        if (rows.length === 1 && !(await isStillRunning(other, table))) return true
        await other.query('ROLLBACK')
        return false
      } catch (error) {
        await other.query('ROLLBACK')
        if (TAKEN.has((error as MysqlError).errno ?? 0)) return false
        throw error
      }
    },
    acquired: async () => {
      await session.query(`REPLACE INTO ${table} VALUES (2, CONNECTION_ID())`)
    },
  })
}

// --- internal ---

/** Sessions that hold a migration lock. */
const holding = new WeakSet<object>()

/** Returns whether the server still runs the last statement of the previous holder, whose client may be dead. */
async function isStillRunning(session: Session, table: string): Promise<boolean> {
  const [row] = await session.query(`SELECT holder FROM ${table} WHERE id = 2`)
  if (row?.holder == null) return false
  const processes = await session.query('SHOW PROCESSLIST')
  return processes.some(({ Id, Command }) => Number(Id) === Number(row.holder) && Command !== 'Sleep')
}

/** Errors for a row locked by another: ER_LOCK_NOWAIT of MySQL, ER_LOCK_WAIT_TIMEOUT of MariaDB. */
const TAKEN = new Set([3572, 1205])

/** Describes who holds the lock. A session whose client is gone still holds it while the server runs its statement. */
async function holderOf(session: Session, name: string): Promise<string | undefined> {
  const [lock] = await session.query(`SELECT IS_USED_LOCK(${name}) AS id`).catch(() => [])
  if (lock?.id == null) return undefined
  const rows = await session.query('SHOW FULL PROCESSLIST').catch(() => [])
  const row = rows.find(({ Id }) => Number(Id) === Number(lock.id))
  if (!row) return `connection ${lock.id}; who it is, this user may not see (PROCESS).`
  const doing = row.Info
    ? `running for ${row.Time} s: ${String(row.Info).replace(/\s+/g, ' ').slice(0, 200)}`
    : `idle for ${row.Time} s`
  return `connection ${row.Id}, user ${row.User} from ${row.Host || 'a local socket'}, ${doing}.`
}
