/** Sessions that are ending: how long a server may take to let them go. */
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '../migrate/realTime.ts'

/**
 * Milliseconds in which a server ends a session whose client has said goodbye: first those in which it mostly does, while the next
 * test may wait for this database; then those that a server under load may take.
 */
export const ENDING_MS = { mostly: 15, atMost: 400 }

/**
 * Looks at the sessions on a database until those that are ending have ended: the server may not have read a goodbye yet that
 * `pool.end()` has sent.
 * @param isOther whether a session is none of those that the test was given
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
