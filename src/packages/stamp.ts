import { statSync } from 'node:fs'

/** Returns a value that changes when the file does. Throws if it is missing. */
export function stampOf(file: string): string {
  const { mtimeMs, size, ino } = statSync(file)
  return `${mtimeMs} ${size} ${ino}`
}
