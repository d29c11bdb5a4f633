/** The migration lock, shared by all drivers: uses golang-migrate's key and polls. */
import { setTimeout as sleep } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import type { LockOptions } from '../migrate/driver.ts'
import { CancelledError, LockedError, LockLostError, UsageError } from '../migrate/errors.ts'
import { now } from '../migrate/realTime.ts'

/**
 * Computes the lock's key like golang-migrate's `GenerateAdvisoryLockId` (database/util.go): an unsigned 32-bit number.
 */
export function advisoryLockId(database: string, ...further: readonly string[]): bigint {
  const sum = BigInt(crc32([...further, database].join('\0')))
  return (sum * 1486364155n) & 0xffffffffn
}

export interface Lock {
  /** The table that has to stay for the lock to work, if there is one. */
  readonly table?: string
  acquire(options: LockOptions): Promise<void>
  /** @throws LockLostError if it was no longer held */
  release(): Promise<void>
  /**
   * Asks a query, and keeps the lock. Absent for a lock that another session holds.
   * @param query returns the query, whose rows must have the columns of `held`, a SELECT that is to run once
   * @throws LockLostError if it was no longer held
   */
  keep?(query: (held: string) => string): Promise<Record<string, unknown>[]>
  /** The query of {@link keep} and the check of its answer, for a caller who sends the query together with something else. */
  readonly held?: {
    readonly sql: string
    /** Name of its first column. */
    readonly column: string
    /** @throws LockLostError if it was no longer held */
    confirm(rows: readonly Record<string, unknown>[]): void
  }
}

/**
 * Tries to take the lock until it succeeds.
 * @throws LockedError after `timeout`, CancelledError when the signal aborts
 */
export async function poll(
  label: string,
  { timeout, signal }: LockOptions,
  attempt: () => Promise<boolean>,
  holder: () => Promise<string | undefined>,
): Promise<void> {
  const begun = now()
  while (!(await attempt())) {
    const waited = now() - begun
    if (waited >= timeout) throw new LockedError(label, await holder(), waited)
    try {
      await sleep(Math.min(POLL_MS, timeout - waited), undefined, { signal })
    } catch (cause) {
      throw new CancelledError(`Cancelled while waiting for the migration lock on ${label}. Nothing has run.`, {
        cause,
      })
    }
  }
}

/** The part of `tableLock` that differs between databases. */
interface LockTable<S extends LockSession> {
  /** Readable name of the database. */
  readonly label: string
  /** The table's name without its schema. */
  readonly name: string
  /** Opens the second connection. */
  open(): Promise<S>
  /** Creates the table and its row if they are missing. */
  create(session: S): Promise<void>
  /** Begins a transaction and locks the row. If another session holds it, rolls back and returns `false`. */
  attempt(session: S): Promise<boolean>
  /** Called when the row is locked. */
  acquired?(): Promise<void>
}

interface LockSession {
  query(sql: string): Promise<unknown>
  close(): Promise<void>
}

/**
 * Creates a lock that is a row held by an open transaction on a second connection. It ends with that connection, so it
 * cannot go stale.
 */
export function tableLock<S extends LockSession>(table: LockTable<S>): Lock {
  let holder: S | undefined
  const close = async () => {
    await holder?.close()
    holder = undefined
  }
  return {
    table: table.name,
    async acquire(options) {
      const session = await inTime(table.open(), options.timeout)
      holder = session
      try {
        await table.create(session)
        await poll(
          table.label,
          options,
          () => table.attempt(session),
          async () => undefined,
        )
        await table.acquired?.()
      } catch (error) {
        await close()
        throw error
      }
    },
    async release() {
      try {
        await holder?.query('COMMIT')
      } catch {
        throw new LockLostError(table.label)
      } finally {
        await close()
      }
    },
  }
}

// --- internal ---

const POLL_MS = 50

/**
 * Waits for a session at most `timeout` milliseconds, but at least a second: with a pool that lends only one client,
 * the wait would never end.
 * @throws UsageError after that time
 */
async function inTime<S extends LockSession>(opening: Promise<S>, timeout: number): Promise<S> {
  const late = new AbortController()
  const limit = sleep(Math.max(1000, timeout), undefined, { signal: late.signal }).then(() => {
    opening.then((session) => session.close()).catch(() => undefined)
    throw new UsageError('lock: "table" needs a second connection, and the pool does not give one.', {
      hint: 'Let the pool have at least two clients, or use lock: "advisory".',
    })
  })
  try {
    return await Promise.race([opening, limit])
  } finally {
    limit.catch(() => undefined)
    late.abort()
  }
}
