/** Finds out whether code has ended the transaction in which we run it. */
import { StatementError } from '../../../migrate/errors.ts'
import type { PostgresError, Row, Session } from '../session.ts'
import * as tables from '../tables.ts'

/** Gives the transaction an id, by which its fate can be told later. */
export const TRANSACTION_ID = 'SELECT pg_catalog.txid_current()::text AS id'

export function idIn(rows: readonly Row[]): string {
  return String(rows[0]?.id)
}

/** Returns whether a transaction has been committed. The session must not be in a transaction that has failed. */
export async function isCommitted(session: Session, id: string): Promise<boolean> {
  const rows = await session
    .query('SELECT pg_catalog.txid_status($1) AS status', [id])
    .catch((): { status?: unknown }[] => [])
  return rows[0]?.status === 'committed'
}

/** Returns the error for what `checkTransaction` has found, if that is the failure. */
export function endingFound({ message }: PostgresError): Error | undefined {
  if (message.includes(tables.ENDED)) return new Error(ENDED_BY_CODE)
  if (!message.includes(tables.GONE)) return undefined
  return new Error('The migration removed the version table; write it in SQL, where it is put back.')
}

/** Returns the same error with a database state that no longer promises that everything was rolled back. */
export function endedByCode(error: Error): StatementError {
  const info = error instanceof StatementError ? error.info : { message: error.message }
  const databaseState =
    'It had ended the transaction it runs in: what it did up to there stays, and the version does not say so. Take that back by hand, or say with "migratest fake" that it is applied.'
  return new StatementError({ ...info, databaseState }, error instanceof StatementError ? error.cause : error)
}

/**
 * Watches what code does until the returned function is called. That returns `true` if the code can neither have ended
 * the transaction, changed a setting, nor removed our tables: if all that the server has completed is DDL.
 */
export function watchCommands(session: Session): () => boolean {
  const end = session.commands?.()
  return () => {
    const completed = end?.()
    return completed !== undefined && session.inTransaction === true && [...completed].every((one) => DDL.has(one))
  }
}

// --- internal ---

/**
 * Commands that do none of that. After others, which may run functions and triggers, the server is asked whether the
 * transaction is still ours, and settings are put back.
 */
const DDL: ReadonlySet<string> = new Set([
  ...['CREATE TABLE', 'ALTER TABLE', 'CREATE INDEX', 'ALTER INDEX', 'DROP INDEX', 'CREATE SEQUENCE', 'ALTER SEQUENCE'],
  ...['CREATE TYPE', 'ALTER TYPE', 'CREATE VIEW', 'CREATE FUNCTION', 'CREATE TRIGGER', 'COMMENT'],
  ...['SAVEPOINT', 'RELEASE'],
])

const ENDED_BY_CODE =
  'The migration ended the transaction it runs in, so what it did could not be recorded with it. Export "transaction = false" for a migration that begins and ends its own.'
