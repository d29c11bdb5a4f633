/** Sends what code asks for behind statements of ours, in one message: each message more costs as much as a short statement. */
import type { Client, PoolClient, Query, QueryConfig, QueryResult } from 'pg'
import { isAnswer } from './failure.ts'
import type { PostgresError } from './session.ts'

/**
 * Sends a query of code behind `before`. Its result and the place of its error are as if it had been sent alone.
 * @param before statements without rows, each with its semicolon
 * @param failed called with the error of one of those, which the query has then, too
 * @returns undefined if the query cannot share a message, and was not sent
 */
export function sendBehind(
  client: Client | PoolClient,
  Base: typeof Query,
  before: readonly string[],
  asked: unknown,
  values: unknown,
  failed: (error: PostgresError) => void,
): Promise<QueryResult> | undefined {
  const config = simpleQuery(asked, values)
  if (!config || (client as { binary?: boolean }).binary) return undefined
  const prefix = `${before.join('\n')}\n`
  let left = before.length
  const sent = new Promise<QueryResult>((resolve, reject) => {
    const query = new Base({ ...config, text: prefix + config.text }) as unknown as Handlers
    query.callback = (error, result) => (error ? reject(error) : resolve(result))
    const { handleCommandComplete, handleError } = query
    query.handleCommandComplete = (...given) => {
      if (left-- <= 0) handleCommandComplete.apply(query, given)
    }
    query.handleError = (error, connection) => {
      // The server counts characters, and reads the whole message before it runs any of it.
      const at = Number(error.position) - [...prefix].length
      const isOurs = left > 0 && !(at > 0) && error.code !== SYNTAX_ERROR && isAnswer(error)
      if (isOurs) failed(error)
      else if (at > 0) error.position = String(at)
      handleError.call(query, error, connection)
    }
    client.query(query as unknown as Query)
  })
  return sent.catch((error: Error) => {
    // `pg` does the same: the stack then leads to the code that asked, and not to the socket.
    Error.captureStackTrace(error)
    throw error
  })
}

// --- internal ---

/** Parts of a query of `pg` that its types leave out. */
interface Handlers {
  callback: (error: Error | null, result: QueryResult) => void
  handleCommandComplete(...given: unknown[]): void
  handleError(error: { -readonly [key in keyof PostgresError]: PostgresError[key] }, connection: unknown): void
}

const SYNTAX_ERROR = '42601'

/** A query that has only these options needs no message of its own. */
const KNOWN: ReadonlySet<string> = new Set(['text', 'values', 'types', 'rowMode'])

/** Returns the query if it is a text without parameters. */
function simpleQuery(asked: unknown, values: unknown): QueryConfig | undefined {
  const config = (typeof asked === 'string' ? { text: asked, values } : { values, ...(asked as object) }) as QueryConfig
  if (typeof config.text !== 'string' || !Object.keys(config).every((key) => KNOWN.has(key))) return undefined
  const { values: given, ...query } = config
  return given === undefined || (Array.isArray(given) && given.length === 0) ? query : undefined
}
