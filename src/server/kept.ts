/** What has to be known of a server again that keeps its data: its password, and the port that URLs name. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keptFolder } from './places.ts'

export interface Remembered {
  readonly password: string
  /** Tells its data from what another may have left, whose password nobody knows any more. */
  readonly id: string
  /** Which way it was started: its data is there. */
  readonly way?: string | undefined
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

/** What came of its start. */
export function rememberMore(key: string, more: Pick<Remembered, 'port' | 'way'>): void {
  const known = recall(key)
  if (known) remember(key, { ...known, ...more })
}

/** Where its data is, for servers that are processes. */
export function keptData(key: string): string {
  return join(keptFolder(), `data-${key}`)
}

/** What forgets it, when it is removed. */
export function fileOf(key: string): string {
  return join(keptFolder(), `${key}.json`)
}
