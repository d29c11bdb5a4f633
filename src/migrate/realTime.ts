/**
 * The runtime's own clock and timers. Tests replace the global ones (`vi.useFakeTimers()`, node:test's `mock.timers`,
 * jsdom). Our work in the background of a test must not stop when they stop, and must not use their dates.
 */
import { performance } from 'node:perf_hooks'
import * as timers from 'node:timers'

/** Captured when this module is loaded: a test runner may replace the properties of node:timers later. */
export const { clearInterval, clearTimeout, setInterval, setTimeout } = timers

/** Returns milliseconds since 1970, with fractions. The clock never goes back, so it can also measure durations. */
export function now(): number {
  return performance.timeOrigin + monotonic()
}

// --- internal ---

const monotonic = performance.now.bind(performance)
