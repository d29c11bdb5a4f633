/** Connects to a server even if all its connections are taken at the moment. */
import type { Connection } from 'mysql2/promise'
import type { ConnectOptions } from '../../../database/mysql/address.ts'
import { connect, holdProcess, openUrl } from '../../../database/mysql/connection.ts'
import type { Session } from '../../../database/mysql/session.ts'
import { patiently } from '../patience.ts'

/** Opens a session of our own. While it is idle, it does not keep the process from ending. */
export function openPatiently(url: string, options: ConnectOptions = {}): Promise<Session> {
  return patiently(() => openUrl(url, { applicationName: 'migratest tests', ...options }, { idle: true }), TOO_MANY)
}

/** Opens a client for a test: it takes dates as UTC and allows several statements in one query. */
export function connectPatiently(url: string): Promise<Connection> {
  return patiently(() => connect(url, { applicationName: 'migratest test' }, GIVEN), TOO_MANY)
}

/** Opens a client for a later test. It does not keep the process alive until it is handed out. */
export async function connectAhead(url: string): Promise<Connection> {
  const client = await connect(url, { applicationName: 'migratest test' }, GIVEN)
  holdProcess(client, false)
  return client
}

// --- internal ---

const GIVEN = { multipleStatements: true, timezone: 'Z' }
const TOO_MANY = ['ER_CON_COUNT_ERROR', 'ER_TOO_MANY_USER_CONNECTIONS']
