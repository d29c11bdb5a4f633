/** What goes on beside tests and behind them, and what waits for it. */
import { clearInterval, setInterval } from '../../migrate/realTime.ts'

/** Idle connections do not keep a process from ending; work on them that is under way does. */
export async function whileWorking<T>(work: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => undefined, 2 ** 30)
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}

/**
 * Whether nothing may go on behind a test. jest takes a file's environment down after its last test, and whatever loads a module
 * after that fails the run; it tells nobody when that is.
 */
export function endsWithTest(): boolean {
  return process.env.JEST_WORKER_ID !== undefined && process.env.VITEST === undefined
}

/** When the process ends by itself, since nothing is left to do. */
export function atProcessEnd(work: () => Promise<void>): void {
  if (works.size === 0) process.once('beforeExit', () => void Promise.all([...works].map((each) => each())))
  works.add(work)
}

// --- internal ---

const works = new Set<() => Promise<void>>()
