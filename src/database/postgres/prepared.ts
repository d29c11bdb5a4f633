/** Queries over the catalogs that stay prepared on a session, since planning them takes longer than running them. */
import type { PostgresError, Row, Session } from './session.ts'

/**
 * Settings to plan with. A plan is often made while there are few objects, and lives on when there are many: a loop over
 * whole catalogs would then take the square of their number. JIT would compile the query at each run.
 */
export const PLANNING: Readonly<Record<string, string>> = { jit: 'off', enable_nestloop: 'off' }

/** Runs a query, which is prepared under `name` when the session is first asked. @param name a word of our own */
export async function queryPrepared(session: Session, name: string, sql: string): Promise<Row[]> {
  const execute = () => session.query(`EXECUTE ${name}`)
  return execute().catch(async (error: PostgresError) => {
    if (error.code !== NOT_PREPARED) throw error
    const settings = { ...PLANNING, enable_seqscan: 'off' }
    const set = Object.entries(settings).map(([setting, value]) => `SET ${setting} = ${value}`)
    await session.query(`${set.join('; ')}; PREPARE ${name} AS ${sql}`)
    try {
      return await execute()
    } finally {
      await session
        .query(
          Object.keys(settings)
            .map((setting) => `RESET ${setting}`)
            .join('; '),
        )
        .catch(() => undefined)
    }
  })
}

// --- internal ---

const NOT_PREPARED = '26000'
