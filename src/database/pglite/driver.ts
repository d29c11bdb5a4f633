/**
 * The driver of PGlite, which is PostgreSQL compiled to WebAssembly and runs in this process. It has one session for
 * everything.
 */
import type { PGlite } from '@electric-sql/pglite'
import type { Driver } from '../../migrate/driver.ts'
import { type Lock, poll } from '../locking.ts'
import { type PostgresDriverOptions, postgresDriver } from '../postgres/driver.ts'
import { type PostgresError, type Row, rowsIn, ScriptFailure, type Session } from '../postgres/session.ts'

/** Opens a driver on a PGlite instance. @param own `true` to close the instance with the driver */
export async function pgliteDriver(db: PGlite, options: PostgresDriverOptions, own: boolean): Promise<Driver> {
  const session = await pgliteSession(db, own)
  return postgresDriver(session, options, inProcessLock(session.label, db))
}

/** Opens a session on a PGlite instance. @param own `true` to close the instance with the session */
export async function pgliteSession(db: PGlite, own: boolean): Promise<Session> {
  await db.waitReady
  return new PgliteSession(db, own)
}

// --- internal ---

/**
 * The instances that are being migrated. An advisory lock belongs to a session, and all users of an instance share one,
 * so it would exclude nobody.
 */
const migrating = new WeakSet<PGlite>()

function inProcessLock(label: string, db: PGlite): Lock {
  return {
    async acquire(options) {
      const attempt = async () => !migrating.has(db) && migrating.add(db) !== undefined
      await poll(label, options, attempt, async () => 'in this process.')
    },
    async release() {
      migrating.delete(db)
    },
  }
}

class PgliteSession implements Session {
  readonly label = 'a PGlite database in this process'
  readonly client: PGlite
  readonly borrowed: boolean
  readonly another = undefined

  constructor(db: PGlite, own: boolean) {
    this.client = db
    this.borrowed = !own
  }

  async query(sql: string, params: readonly unknown[] = []): Promise<Row[]> {
    if (params.length === 0) return rowsIn(await this.client.exec(sql))
    const { rows } = await this.client.query<Row>(sql, [...params])
    return rows
  }

  async script(sql: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { protocol } = await import('@electric-sql/pglite')
    const messages = await this.client.runExclusive(() =>
      this.client.execProtocolStream(protocol.serialize.query(sql), { throwOnError: false }),
    )
    let completed = 0
    for (const message of messages) {
      if (message.name === 'commandComplete') completed++
      else if (message.name === 'error') throw new ScriptFailure(completed, message as unknown as PostgresError)
    }
  }

  async close(): Promise<void> {
    if (!this.borrowed) await this.client.close()
  }
}
