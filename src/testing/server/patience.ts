import { setTimeout as sleep } from 'node:timers/promises'
import { clearInterval, now, setInterval } from '../../migrate/realTime.ts'
import { waitingFor } from '../../server/waiting.ts'

/**
 * Opens a connection. If all are taken, tries again until one becomes free because another test is over. Tries again, too, if
 * this process was busy meanwhile (`execSync`, a breakpoint): a server gives up a client that does not send its password, and
 * the client may take its own silence for the server's.
 * @param codes the error codes that mean "all connections are taken"
 * @throws ConnectionError
 */
export async function patiently<T>(open: () => Promise<T>, codes: readonly string[]): Promise<T> {
  const mayWait = waitingFor(PATIENCE_MS)
  for (;;) {
    const pause = longestPause()
    try {
      return await open()
    } catch (error) {
      const { code } = (error as { cause?: { code?: string } }).cause ?? {}
      const wasBusy = pause.end() > BUSY_MS
      if (!(wasBusy || codes.includes(code ?? '')) || !mayWait()) throw error
      await sleep(20 + Math.random() * 20)
    } finally {
      pause.end()
    }
  }
}

// --- internal ---

const PATIENCE_MS = 30_000
/** Milliseconds. Servers and clients wait for at least ten seconds; the end of a pause may be heard in two parts. */
const BUSY_MS = 3000
const TICK_MS = 500

/** Measures for how long at most this process could do nothing else. */
function longestPause(): { readonly end: () => number } {
  let last = now()
  let longest = 0
  const tick = () => {
    longest = Math.max(longest, now() - last)
    last = now()
  }
  const ticking = setInterval(tick, TICK_MS)
  ticking.unref()
  return {
    end() {
      clearInterval(ticking)
      tick()
      return longest
    },
  }
}
