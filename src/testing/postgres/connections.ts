/** Connecting to a server whose connections may all be taken. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { letEnd } from '../../database/postgres/cluster.ts'
import { connect } from '../../database/postgres/connection.ts'

export function connectPatiently(url: string, applicationName: string): Promise<Client> {
  return patiently(() => connect(url, { applicationName }))
}

/** Where all connections are taken, one comes free when another test is over. @throws ConnectionError */
export async function patiently<T>(open: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    try {
      return await open()
    } catch (error) {
      const { code } = (error as { cause?: { code?: string } }).cause ?? {}
      if (code !== TOO_MANY || Date.now() > deadline) throw error
      await sleep(20 + Math.random() * 20)
    }
  }
}

/** Connected, and not keeping the process alive until {@link keepAlive}. */
export async function connectAhead(url: string, applicationName: string): Promise<Client> {
  const client = await connect(url, { applicationName })
  letEnd(client)
  return client
}

// --- internal ---

const PATIENCE_MS = 30_000
const TOO_MANY = '53300'
