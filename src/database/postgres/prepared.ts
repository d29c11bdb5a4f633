/** Queries over the catalogs that stay prepared on a session, since planning them takes longer than running them. */
import type { PostgresError, Row, Session } from './session.ts'
import { literal } from './tables.ts'

/**
 * Runs a query, which is prepared under `name` when the session is first asked.
 * @param name a word of our own
 * @param parameter the type and the value of the query's parameter, if it has one
 */
export async function queryPrepared(
  session: Session,
  name: string,
  sql: string,
  parameter?: { readonly type: string; readonly value: string },
): Promise<Row[]> {
  // A plan for the very value would take longer than the query.
  const execute = () =>
    session.query(
      parameter
        ? `SET plan_cache_mode = force_generic_plan; EXECUTE ${name} (${literal(parameter.value)}); RESET plan_cache_mode`
        : `EXECUTE ${name}`,
    )
  return execute().catch(async (error: PostgresError) => {
    if (error.code !== NOT_PREPARED) throw error
    await session.query(
      `${PLANNING.map((setting) => `SET ${setting} = off`).join('; ')}; PREPARE ${name}${parameter ? ` (${parameter.type})` : ''} AS ${sql}`,
    )
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
