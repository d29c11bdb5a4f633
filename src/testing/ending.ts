/** Waits for sessions whose client has disconnected but that the server has not ended yet. */
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '../migrate/realTime.ts'

/**
 * Milliseconds that a server may take to end a session whose client has disconnected. `mostly` is usually enough, and
 * short because the next test may wait for the database; `atMost` is nearly always enough; `underLoad` is for where a session
 * that is still there is reported to the user.
 */
export const ENDING_MS = { mostly: 15, atMost: 400, underLoad: 2000 }

/**
 * Lists the sessions on a database repeatedly until those that are ending have ended: the server may not yet have read
 * the disconnect message that `pool.end()` has sent.
 * @param isOther returns `true` for a session that is not one of the test's given clients
 */
export async function withoutEnding<S>(
  look: () => Promise<S[]>,
  isOther: (session: S) => boolean,
  patienceMs: number,
): Promise<S[]> {
  const deadline = now() + patienceMs
  for (let pause = 1; ; pause = Math.min(pause * 2, 20)) {
    const all = await look()
    if (!all.some(isOther) || now() > deadline) return all
    await sleep(pause)
  }
}
