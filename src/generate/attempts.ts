/** Databases on which statements are tried. */
import type { Schema } from '../schema/schema.ts'
import type { Row } from '../testing/testServer.ts'

/** One database to try on. */
export interface Scratch {
  run(sql: string): Promise<void>
  rows(sql: string): Promise<Row[]>
  schema(): Promise<Schema>
  /** Puts a few rows into tables. Other databases that are made like this one do not get them. */
  fill?(tables: readonly string[]): Promise<void>
  dispose(): Promise<void>
}

/** A database that remembers what was kept, and forgets what was not. */
export interface Attempts {
  /** Runs `work`. Unless it returns that its changes are to be kept, the database is afterwards as it was before. */
  attempt<T>(work: (db: Scratch) => Promise<{ readonly keep: boolean; readonly value: T }>): Promise<T>
  dispose(): Promise<void>
}

/** For databases that roll back changes of the schema. */
export function inTransactions(db: Scratch): Attempts {
  return {
    async attempt(work) {
      await db.run('BEGIN')
      try {
        const { keep, value } = await work(db)
        await db.run(keep ? 'COMMIT' : 'ROLLBACK')
        return value
      } catch (error) {
        await db.run('ROLLBACK').catch(() => undefined)
        throw error
      }
    },
    dispose: () => db.dispose(),
  }
}

/**
 * For all others: what was not kept is forgotten with its database, and the next one is brought to the same state.
 * @param make returns a database at the beginning, with its rows
 */
export function onCopies(make: () => Promise<Scratch>): Attempts {
  const kept: string[] = []
  let current: Scratch | undefined
  const prepared = async () => {
    if (current) return current
    const db = await make()
    for (const sql of kept) await db.run(sql)
    current = db
    return db
  }
  const forget = async () => {
    const db = current
    current = undefined
    await db?.dispose()
  }
  return {
    async attempt(work) {
      const db = await prepared()
      const ran: string[] = []
      const noting: Scratch = {
        ...db,
        run: async (sql) => {
          ran.push(sql)
          await db.run(sql)
        },
        rows: (sql) => db.rows(sql),
        schema: () => db.schema(),
        dispose: () => db.dispose(),
      }
      try {
        const { keep, value } = await work(noting)
        if (keep) kept.push(...ran)
        else if (ran.length > 0) await forget()
        return value
      } catch (error) {
        await forget()
        throw error
      }
    },
    dispose: forget,
  }
}
