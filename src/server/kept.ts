/** Remembers facts about a server that keeps its data: its password, and the port that URLs name. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keptFolder } from './places.ts'

export interface Remembered {
  readonly password: string
  /** Distinguishes its data from data left by an earlier server whose password is lost. */
  readonly id: string
  /** The way in which it was started; its data is there. */
  readonly way?: string | undefined
  /** Its port; undefined before its first start. */
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

/** Adds facts that are known once the server has started. */
export function rememberMore(key: string, more: Pick<Remembered, 'port' | 'way'>): void {
  const known = recall(key)
  if (known) remember(key, { ...known, ...more })
}

/** Returns the data folder, for servers that are processes. */
export function keptData(key: string): string {
  return join(keptFolder(), `data-${key}`)
}

/** Returns the file with these facts. Removing the file makes us forget the server. */
export function fileOf(key: string): string {
  return join(keptFolder(), `${key}.json`)
}
