/** Durations, times and sizes for people. */

export function duration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
}

/** The day and the time, in the reader's own zone: `27 Nov 2026, 10:31`. */
export function moment(iso: string): string {
  // The first one takes some milliseconds, which the first view should not wait for.
  moments ??= new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
  return moments.format(new Date(iso))
}

export function clock(at: number): string {
  return new Date(at).toLocaleTimeString(undefined, { hour12: false })
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${grouped(n)} ${n === 1 ? one : many}`
}

/** A whole number with its thousands apart: `12,345`. Loading the browser's own rules for that takes a while. */
export function grouped(n: number): string {
  return String(n).replace(/\B(?=(?:\d{3})+$)/g, ',')
}

export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let at = 0
  let size = n
  while (size >= 1000 && at < units.length - 1) {
    size /= 1000
    at++
  }
  return `${size >= 10 || at === 0 ? Math.round(size) : size.toFixed(1)} ${units[at]}`
}

// --- internal ---

let moments: Intl.DateTimeFormat | undefined
