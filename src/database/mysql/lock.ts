/** The migration lock: golang-migrate's named lock, taken by polling, or a row where there are no such locks. */
import { LockLostError } from '../../migrate/errors.ts'
import { advisoryLockId, inTime, type Lock, poll } from '../locking.ts'
import { ownTables } from '../ownTables.ts'
import type { MysqlError, Session } from './session.ts'
import { identifier, literal, type Tables } from './tables.ts'

/** As golang-migrate's mysql driver names it: a number, in digits. Such names are the whole server's. */
export function migrationLockName({ database, version }: Pick<Tables, 'database' | 'version'>): string {
  return String(advisoryLockId(`${database}:${version}`))
}

/** Held by the session. Polled, so that who waits can be told to stop. */
export function advisoryLock(session: Session, tables: Tables): Lock {
  const name = literal(migrationLockName(tables))
  return {
    async acquire(options) {
      const attempt = async () => {
        // A session gets a lock that it has once more.
        if (holding.has(session.identity)) return false
        const [row] = await session.query(`SELECT GET_LOCK(${name}, 0) AS got`)
        return Number(row?.got) === 1
      }
      await poll(session.label, options, attempt, () => holderOf(session, name))
      holding.add(session.identity)
    },
    async release() {
      holding.delete(session.identity)
      const [row] = await session.query(`SELECT RELEASE_LOCK(${name}) AS released`)
      if (Number(row?.released) !== 1) throw new LockLostError(session.label)
    },
  }
}

/** A row that an open transaction on a second connection holds: for Galera and other clusters, where named locks are one node's. */
export function tableLock(session: Session, { database, version }: Tables): Lock {
  const name = ownTables(version)[5]
  const table = `${identifier(database)}.${identifier(name)}`
  let holder: Session | undefined
  const close = async () => {
    await holder?.close()
    holder = undefined
  }
  return {
    table: name,
    async acquire(options) {
      const other = await inTime(session.another(), options.timeout)
      holder = other
      try {
        await other.query(`CREATE TABLE IF NOT EXISTS ${table} (id int PRIMARY KEY, holder bigint) ENGINE=InnoDB`)
        // Writing it would wait for who holds it.
        const there = await other.query(`SELECT id FROM ${table} WHERE id = 1`)
        if (there.length === 0) await other.query(`INSERT IGNORE INTO ${table} VALUES (1, NULL)`)
        const attempt = async () => {
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
        }
        await poll(session.label, options, attempt, async () => undefined)
        await session.query(`REPLACE INTO ${table} VALUES (2, CONNECTION_ID())`)
      } catch (error) {
        await close()
        throw error
      }
    },
    async release() {
      try {
        await holder?.query('COMMIT')
      } catch {
        throw new LockLostError(session.label)
      } finally {
        await close()
      }
    },
  }
}

// --- internal ---

/** Sessions that have a migration lock. */
const holding = new WeakSet<object>()

/** Who held it last may be dead, and the server still at its last statement. */
async function isStillRunning(session: Session, table: string): Promise<boolean> {
  const [row] = await session.query(`SELECT holder FROM ${table} WHERE id = 2`)
  if (row?.holder == null) return false
  const processes = await session.query('SHOW PROCESSLIST')
  return processes.some(({ Id, Command }) => Number(Id) === Number(row.holder) && Command !== 'Sleep')
}

/** ER_LOCK_NOWAIT of MySQL, ER_LOCK_WAIT_TIMEOUT of MariaDB. */
const TAKEN = new Set([3572, 1205])

/** Who holds it: a session whose client is gone too, as long as the server is at its last statement. */
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
