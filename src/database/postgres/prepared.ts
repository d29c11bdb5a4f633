/** Queries over the catalogs that stay prepared on a session, since planning them takes longer than running them. */
import type { PostgresError, Row, Session } from './session.ts'
import { literal } from './tables.ts'

/**
 * Runs a query, which is prepared under `name` when the session is first asked.
 * @param name a word of our own
 * @param parameter the type and the value of the query's parameter, if it has one
 */
export async function queryPrepared(
  session: Pick<Session, 'query'>,
  name: string,
  sql: string,
  parameter?: Parameter,
): Promise<Row[]> {
  return session.query(executing(name, parameter)).catch((error: PostgresError) => {
    if (error.code !== NOT_PREPARED) throw error
    return prepareAndRun(session, name, sql, parameter)
  })
}

/**
 * Runs a query as `queryPrepared` does, on a session that may have a transaction open, which an error would abort. So it asks
 * first whether the statement is there: a migration may have removed it.
 */
export async function queryPreparedInside(session: Pick<Session, 'query'>, name: string, sql: string): Promise<Row[]> {
  const [there] = await session.query(`SELECT 1 AS there FROM pg_catalog.pg_prepared_statements WHERE name = '${name}'`)
  return there ? session.query(`EXECUTE ${name}`) : prepareAndRun(session, name, sql)
}

// --- internal ---

interface Parameter {
  readonly type: string
  readonly value: string
}

function executing(name: string, parameter: Parameter | undefined): string {
  if (!parameter) return `EXECUTE ${name}`
  // A plan for the very value would take longer than the query.
  return `SET plan_cache_mode = force_generic_plan; EXECUTE ${name} (${literal(parameter.value)}); RESET plan_cache_mode`
}

async function prepareAndRun(
  session: Pick<Session, 'query'>,
  name: string,
  sql: string,
  parameter?: Parameter,
): Promise<Row[]> {
  const type = parameter ? ` (${parameter.type})` : ''
  await session.query(
    `${PLANNING.map((setting) => `SET ${setting} = off`).join('; ')}; PREPARE ${name}${type} AS ${sql}`,
  )
  try {
    return await session.query(executing(name, parameter))
  } finally {
    await session.query(PLANNING.map((setting) => `RESET ${setting}`).join('; ')).catch(() => undefined)
  }
}

const NOT_PREPARED = '26000'

/**
 * The settings that are off while the query is planned. Its plan is often made while there are few objects, and is still used
 * when there are many: sequential scans would then read a whole catalog for each of them, where there is an index. JIT would
 * compile the query at each run.
 */
const PLANNING: readonly string[] = ['jit', 'enable_seqscan']
