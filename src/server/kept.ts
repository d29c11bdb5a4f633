/** What has to be known of a server again that keeps its data: its password, and the port that URLs name. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keptFolder } from './places.ts'

export interface Remembered {
  readonly password: string
  /** Tells its data from what another may have left, whose password nobody knows any more. */
  readonly id: string
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

/** Where it is found at last. */
export function rememberPort(key: string, port: number): void {
  const known = recall(key)
  if (known && known.port !== port) remember(key, { ...known, port })
}

/** Where its data is, for servers that are processes. */
export function keptData(key: string): string {
  return join(keptFolder(), `data-${key}`)
}

// --- internal ---

function fileOf(key: string): string {
  return join(keptFolder(), `${key}.json`)
}
