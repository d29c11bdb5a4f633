/** Connects to a server even if all its connections are taken at the moment. */
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

/** Opens a client for a later test. It does not keep the process alive until {@link keepAlive} is called. */
export async function connectAhead(url: string, applicationName: string): Promise<Client> {
  const client = await connect(url, { applicationName })
  letEnd(client)
  return client
}

// --- internal ---

const TOO_MANY = '53300'
/** The error code if the password arrived after `authentication_timeout`, because this process was blocked. */
const SENT_TOO_LATE = '57014'
