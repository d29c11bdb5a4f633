/** Background work of tests, and the end of the process, which waits for it. */
import { clearInterval, setInterval } from '../../migrate/realTime.ts'

/** Keeps the process from ending until `work` is done; idle connections do not do that. */
export async function whileWorking<T>(work: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => undefined, 2 ** 30)
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}

/**
 * Returns `true` if no work may continue after a test. jest tears down a file's environment after its last test,
 * without notice; loading a module after that fails the run.
 */
export function endsWithTest(): boolean {
  return process.env.JEST_WORKER_ID !== undefined && process.env.VITEST === undefined
}

/** Runs `work` when the process ends because nothing is left to do (`beforeExit`). */
export function atProcessEnd(work: () => Promise<void>): void {
  if (works.size === 0) process.once('beforeExit', () => void Promise.all([...works].map((each) => each())))
  works.add(work)
}

// --- internal ---

const works = new Set<() => Promise<void>>()
