/** What has to be known of a server again that keeps its data: its password, and the port that URLs name. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keptFolder } from './places.ts'

export interface Remembered {
  readonly password: string
  /** Undefined before its first start. */
  readonly port?: number | undefined
}

export function recall(key: string): Remembered | undefined {
  try {
    return JSON.parse(readFileSync(fileOf(key), 'utf8')) as Remembered
  } catch {
    return undefined
  }
}

export function remember(key: string, remembered: Remembered): void {
  writeFileSync(fileOf(key), JSON.stringify(remembered), { mode: 0o600 })
}

/** Where its data is, for servers that are processes. */
export function keptData(key: string): string {
  return join(keptFolder(), `data-${key}`)
}

// --- internal ---

function fileOf(key: string): string {
  return join(keptFolder(), `${key}.json`)
}
