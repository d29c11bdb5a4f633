/** Queries over the catalogs that stay prepared on a session, since planning them takes longer than running them. */
import type { PostgresError, Row, Session } from './session.ts'

/** Runs a query, which is prepared under `name` when the session is first asked. @param name a word of our own */
export async function queryPrepared(session: Session, name: string, sql: string): Promise<Row[]> {
  const execute = () => session.query(`EXECUTE ${name}`)
  return execute().catch(async (error: PostgresError) => {
    if (error.code !== NOT_PREPARED) throw error
    await session.query(`${PLANNING.map((setting) => `SET ${setting} = off`).join('; ')}; PREPARE ${name} AS ${sql}`)
    try {
      return await execute()
    } finally {
      await session.query(PLANNING.map((setting) => `RESET ${setting}`).join('; ')).catch(() => undefined)
    }
  })
}

// --- internal ---

const NOT_PREPARED = '26000'

/**
 * What the plan does without. It is often made while there are few objects, and lives on when there are many: it would
 * read a whole catalog for each of them, where there is an index. JIT would compile the query at each run.
 */
const PLANNING: readonly string[] = ['jit', 'enable_seqscan']
