/** Queries over the catalogs that stay prepared on a session, since planning them takes longer than running them. */
import type { PostgresError, Row, Session } from './session.ts'

/** Runs a query, which is prepared under `name` when the session is first asked. @param name a word of our own */
export async function queryPrepared(session: Session, name: string, sql: string): Promise<Row[]> {
  return session.query(`EXECUTE ${name}`).catch((error: PostgresError) => {
    if (error.code !== NOT_PREPARED) throw error
    return prepareAndRun(session, name, sql)
  })
}

/**
 * Runs a query as `queryPrepared` does, on a session that may have a transaction open, which an error would abort. So it asks
 * first whether the statement is there: a migration may have removed it.
 */
export async function queryPreparedInside(session: Session, name: string, sql: string): Promise<Row[]> {
  const [there] = await session.query(`SELECT 1 AS there FROM pg_catalog.pg_prepared_statements WHERE name = '${name}'`)
  return there ? session.query(`EXECUTE ${name}`) : prepareAndRun(session, name, sql)
}

// --- internal ---

async function prepareAndRun(session: Session, name: string, sql: string): Promise<Row[]> {
  await session.query(`${PLANNING.map((setting) => `SET ${setting} = off`).join('; ')}; PREPARE ${name} AS ${sql}`)
  try {
    return await session.query(`EXECUTE ${name}`)
  } finally {
    await session.query(PLANNING.map((setting) => `RESET ${setting}`).join('; ')).catch(() => undefined)
  }
}

const NOT_PREPARED = '26000'

/**
 * What the plan does without. It is often made while there are few objects, and lives on when there are many: it would
 * read a whole catalog for each of them, where there is an index. JIT would compile the query at each run.
 */
const PLANNING: readonly string[] = ['jit', 'enable_seqscan']
