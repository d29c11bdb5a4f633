/**
 * The runtime's own clock and timers. Tests replace the global ones (`vi.useFakeTimers()`, node:test's `mock.timers`,
 * jsdom). Our work in the background of a test must not stop when they stop, and must not use their dates.
 */
import * as timers from 'node:timers'

/** Captured when this module is loaded: a test runner may replace the properties of node:timers later. */
export const { clearInterval, clearTimeout, setInterval, setTimeout } = timers
const { setImmediate } = timers

/** Returns milliseconds since 1970, with fractions. The clock never goes back, so it can also measure durations. */
export function now(): number {
  return ORIGIN + monotonic()
}

/** Resolves when the event loop has turned: what had arrived by now has been handled. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

// --- internal ---

/** The clock is not that of node:perf_hooks, since loading it takes milliseconds. */
const clock = process.hrtime
const ORIGIN = Date.now() - monotonic()

function monotonic(): number {
  const [seconds, nanoseconds] = clock()
  return seconds * 1000 + nanoseconds / 1e6
}
