/** Connecting to a server whose connections may all be taken. */
import type { Connection } from 'mysql2/promise'
import type { ConnectOptions } from '../../../database/mysql/address.ts'
import { connect, holdProcess, openUrl } from '../../../database/mysql/connection.ts'
import type { Session } from '../../../database/mysql/session.ts'
import { patiently } from '../patience.ts'

/** A session of our own, which does not keep the process from ending while it waits for work. */
export function openPatiently(url: string, options: ConnectOptions = {}): Promise<Session> {
  return patiently(() => openUrl(url, { applicationName: 'migratest tests', ...options }, { idle: true }), TOO_MANY)
}

/** A client for tests: dates as the server has them, several statements at once. */
export function connectPatiently(url: string): Promise<Connection> {
  return patiently(() => connect(url, { applicationName: 'migratest test' }, GIVEN), TOO_MANY)
}

/** Connected, and not keeping the process alive until it is handed out. */
export async function connectAhead(url: string): Promise<Connection> {
  const client = await connect(url, { applicationName: 'migratest test' }, GIVEN)
  holdProcess(client, false)
  return client
}

// --- internal ---

const GIVEN = { multipleStatements: true, timezone: 'Z' }
const TOO_MANY = ['ER_CON_COUNT_ERROR', 'ER_TOO_MANY_USER_CONNECTIONS']
