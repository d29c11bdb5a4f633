/** PGlite: PostgreSQL compiled to WebAssembly, in this process. One session, so everything goes through it. */
import type { PGlite } from '@electric-sql/pglite'
import type { Driver } from '../../migrate/driver.ts'
import { type Lock, poll } from '../locking.ts'
import { type PostgresDriverOptions, postgresDriver } from '../postgres/driver.ts'
import { type PostgresError, type Row, ScriptFailure, type Session } from '../postgres/session.ts'

/** @param own close the instance with the driver */
export async function pgliteDriver(db: PGlite, options: PostgresDriverOptions, own: boolean): Promise<Driver> {
  const session = await pgliteSession(db, own)
  return postgresDriver(session, options, inProcessLock(session.label, db))
}

/** @param own close the instance with the session */
export async function pgliteSession(db: PGlite, own: boolean): Promise<Session> {
  await db.waitReady
  return new PgliteSession(db, own)
}

// --- internal ---

/** Advisory locks are the session's, and here all share one: who migrates is kept beside the instance. */
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
    // As with pg: without parameters, several statements may come at once, and the last one's rows are given.
    if (params.length === 0) return ((await this.client.exec(sql)).at(-1)?.rows ?? []) as Row[]
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
