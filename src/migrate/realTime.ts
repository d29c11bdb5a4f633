/**
 * The runtime's own clock and timers. Tests replace the global ones (`vi.useFakeTimers()`, node:test's `mock.timers`, jsdom), and
 * work that goes on beside a test must not stop with them, nor judge by their dates.
 */
import { performance } from 'node:perf_hooks'
import * as timers from 'node:timers'

/** Captured when this module is loaded: a test runner may replace the properties of node:timers later. */
export const { clearInterval, clearTimeout, setInterval, setTimeout } = timers

/** Milliseconds since 1970, with fractions. It never goes back, so it also measures durations. */
export function now(): number {
  return performance.timeOrigin + monotonic()
}

// --- internal ---

const monotonic = performance.now.bind(performance)
