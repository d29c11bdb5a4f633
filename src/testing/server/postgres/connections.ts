/** Connecting to a server whose connections may all be taken. */
import type { Client } from 'pg'
import { connect } from '../../../database/postgres/connection.ts'
import { letEnd } from '../../../database/postgres/databases.ts'
import { patiently as retry } from '../patience.ts'

export function connectPatiently(url: string, applicationName: string): Promise<Client> {
  return patiently(() => connect(url, { applicationName }))
}

export function patiently<T>(open: () => Promise<T>): Promise<T> {
  return retry(open, [TOO_MANY, SENT_TOO_LATE])
}

/** Connected, and not keeping the process alive until {@link keepAlive}. */
export async function connectAhead(url: string, applicationName: string): Promise<Client> {
  const client = await connect(url, { applicationName })
  letEnd(client)
  return client
}

// --- internal ---

const TOO_MANY = '53300'
/** The password came after authentication_timeout: this process was blocked meanwhile. */
const SENT_TOO_LATE = '57014'
