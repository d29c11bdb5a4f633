/** The migration lock, shared by all drivers: uses golang-migrate's key and polls. */
import { setTimeout as sleep } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import type { LockOptions } from '../migrate/driver.ts'
import { CancelledError, LockedError, UsageError } from '../migrate/errors.ts'
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
  release(): Promise<void>
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

/**
 * Waits for a session at most `timeout` milliseconds, but at least a second: with a pool that lends only one client,
 * the wait would never end.
 * @throws UsageError after that time
 */
export async function inTime<S extends { close(): Promise<void> }>(opening: Promise<S>, timeout: number): Promise<S> {
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

// --- internal ---

const POLL_MS = 50
