/** The migration lock: golang-migrate's named lock, taken by polling, or a row where there are no such locks. */
import { LockLostError } from '../../migrate/errors.ts'
import { advisoryLockId, inTime, type Lock, poll } from '../locking.ts'
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
        const [row] = await session.query(`SELECT GET_LOCK(${name}, 0) AS got`)
        return Number(row?.got) === 1
      }
      await poll(session.label, options, attempt, () => holderOf(session, name))
    },
    async release() {
      const [row] = await session.query(`SELECT RELEASE_LOCK(${name}) AS released`)
      if (Number(row?.released) !== 1) throw new LockLostError(session.label)
    },
  }
}

/** A row that an open transaction on a second connection holds: for Galera and other clusters, where named locks are one node's. */
export function tableLock(session: Session, { database, version }: Tables): Lock {
  const name = `${version}_lock`
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
        await other.query(`CREATE TABLE IF NOT EXISTS ${table} (id int PRIMARY KEY) ENGINE=InnoDB`)
        await other.query(`INSERT IGNORE INTO ${table} VALUES (1)`)
        const attempt = async () => {
          await other.query('START TRANSACTION')
          try {
            return (await other.query(`SELECT id FROM ${table} WHERE id = 1 FOR UPDATE NOWAIT`)).length === 1
          } catch (error) {
            await other.query('ROLLBACK')
            if (TAKEN.has((error as MysqlError).errno ?? 0)) return false
            throw error
          }
        }
        await poll(session.label, options, attempt, async () => undefined)
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
