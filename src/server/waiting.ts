/** A limit on waiting for another process, which a busy or stopped process of ours does not use up. */
import { now } from '../migrate/realTime.ts'

/**
 * Returns a function that says, each time we look, whether we may wait longer. A program may keep this process busy for a
 * minute (`spawnSync`), and a laptop may sleep: no answer could have reached us then, so that time is counted as one second.
 * @param patienceMs milliseconds in which an answer could have reached us
 */
export function waitingFor(patienceMs: number, clock: () => number = now): () => boolean {
  let left = patienceMs
  let last = clock()
  return () => {
    const time = clock()
    left -= Math.min(time - last, ROUND_MS)
    last = time
    return left > 0
  }
}

// --- internal ---

/** We look every few milliseconds. A longer pause was not a pause in which we could hear anything. */
const ROUND_MS = 1000
