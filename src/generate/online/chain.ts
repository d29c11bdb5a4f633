/** A database on which migrations run one after another, as they will: in a transaction or without one. */
import { type Attempts, inTransactions, onCopies, type Scratch } from '../attempts.ts'
import type { Statement } from '../statement.ts'

export interface ChainOptions {
  /** Makes a database in the state before, with rows. */
  readonly scratch: () => Promise<Scratch>
  /** `true` if the server takes back changes of the schema with their transaction. */
  readonly transactional: boolean
}

export interface Chain {
  readonly attempts: Attempts
  /** Runs statements as a migration does. @throws StatementError */
  run(statements: readonly Statement[], alone: boolean): Promise<void>
}

export class StatementError extends Error {
  readonly place: number

  constructor(place: number, { sql }: Statement, cause: Error) {
    super(`${cause.message}\n\n  ${sql.replaceAll('\n', '\n  ')}`, { cause })
    this.place = place
  }
}

export async function openChain({ scratch, transactional }: ChainOptions): Promise<Chain> {
  const each = async (db: Scratch, statements: readonly Statement[]) => {
    for (const [place, statement] of statements.entries()) {
      await db.run(statement.sql).catch((error: Error) => {
        throw new StatementError(place, statement, error)
      })
    }
  }
  if (!transactional) {
    const attempts = onCopies(scratch)
    return {
      attempts,
      run: (statements) => attempts.attempt(async (db) => ({ keep: true, value: await each(db, statements) })),
    }
  }
  const db = await scratch()
  const attempts = inTransactions(db)
  return {
    attempts,
    run: (statements, alone) =>
      alone
        ? each(db, statements)
        : attempts.attempt(async (same) => ({ keep: true, value: await each(same, statements) })),
  }
}
