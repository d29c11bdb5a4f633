/** Converts the server's errors to ours, with the place in the script and hints for the user. */
import { StatementError } from '../../migrate/errors.ts'
import { offsetOfCodePoint } from '../../sql/position.ts'
import { type PostgresError, ScriptFailure } from './session.ts'

/** Returns whether the error says that one of our tables, or their schema, does not exist. */
export function isMissingTable(error: unknown): boolean {
  const code = (error as PostgresError)?.code
  return code === '42P01' || code === '3F000'
}

/** Returns whether the server itself rejected the statement, as opposed to a broken connection. */
export function isAnswer(error: unknown): boolean {
  const cause = error instanceof StatementError ? (error.cause as PostgresError) : (error as PostgresError)
  return typeof cause?.severity === 'string' && !isFatal(cause)
}

/**
 * Returns whether the server ended the session with this error. The severity is in the server's own language
 * (lc_messages), so the codes decide: PostgreSQL manual, "Error Codes", classes 08, 53300, 57P01 to 57P05, and the two
 * timeouts that end a session.
 */
export function isFatal({ severity, code = '' }: Pick<PostgresError, 'severity' | 'code'>): boolean {
  return severity === 'FATAL' || severity === 'PANIC' || /^(?:08...|53300|57P0[1-5]|25P0[34])$/.test(code)
}

export interface Sent {
  readonly sql: string
  /** Offset of the body in the message. */
  readonly from: number
  readonly length: number
  /** Offset of the message's text in the script. */
  readonly shift?: number
}

/** Converts any error to the type that the engine expects of a driver; connection errors stay unchanged. */
export function asStatementError(thrown: unknown, statement?: number, sent?: Sent): Error {
  if (thrown instanceof StatementError) return thrown
  const error = (thrown instanceof ScriptFailure ? thrown.error : thrown) as PostgresError
  if (typeof error?.severity !== 'string') return error
  let offset: number | undefined
  if (sent && error.position !== undefined) {
    const at = offsetOfCodePoint(sent.sql, Number(error.position) - 1) - sent.from
    // An open parenthesis swallows the text after the body; then the error is placed at the body's end.
    if (at >= 0)
      offset = Math.min(at, sent.sql.slice(sent.from, sent.from + sent.length).trimEnd().length) + (sent.shift ?? 0)
  }
  offset ??= sent && insideOffset(error, sent)
  return new StatementError(
    {
      message: error.message,
      sqlState: error.code,
      offset,
      statement: statement !== undefined && statement >= 0 ? statement : undefined,
      detail: error.detail,
      hint: hintFor(error),
      context: error.where,
    },
    error,
  )
}

// --- internal ---

/** Returns the offset of an error in SQL inside a function, if that SQL occurs in the file verbatim and only once. */
function insideOffset(
  { internalPosition, internalQuery }: PostgresError,
  { sql, from, length, shift = 0 }: Sent,
): number | undefined {
  if (internalPosition === undefined || !internalQuery) return undefined
  const body = sql.slice(from, from + length)
  const found = body.indexOf(internalQuery)
  if (found === -1 || body.indexOf(internalQuery, found + 1) !== -1) return undefined
  return found + offsetOfCodePoint(internalQuery, Number(internalPosition) - 1) + shift
}

/** Where extensions are found that PostgreSQL itself does not bring along: Docker images, and packages for PGlite. */
const HOMES: Readonly<Record<string, { image?: string; pglite?: string }>> = {
  vector: { image: 'pgvector/pgvector:pg17', pglite: '@electric-sql/pglite-pgvector' },
  postgis: { image: 'postgis/postgis:17-3.5' },
  timescaledb: { image: 'timescale/timescaledb:latest-pg17' },
  citus: { image: 'citusdata/citus:13' },
  age: { image: 'apache/age', pglite: '@electric-sql/pglite-age' },
}

/** Extensions that come with PostgreSQL, but not with every build of it. */
const CONTRIB = new Set(
  'btree_gin btree_gist citext cube dblink earthdistance fuzzystrmatch hstore intarray isn lo ltree pg_stat_statements pg_trgm pgcrypto postgres_fdw seg tablefunc tsm_system_rows unaccent uuid-ossp'.split(
    ' ',
  ),
)

function hintForExtension(name: string): string {
  const { image, pglite } = HOMES[name] ?? {}
  const ways = [
    image && `a server from an image that has it: postgres({ image: '${image}' })`,
    pglite && `PGlite with the package ${pglite}: pglite({ extensions: { … } })`,
    !image &&
      CONTRIB.has(name) &&
      "the server's contrib package, or an image of PostgreSQL: postgres({ from: 'container' })",
    !image &&
      !CONTRIB.has(name) &&
      "a server that has it: postgres({ image: '…' }); Supabase's own are in supabase/postgres",
  ].filter(Boolean)
  return `This server does not have it. Use ${ways.join(', or ')}.`
}

/** Returns PostgreSQL's own hint, or one about what usually causes this error. */
function hintFor(error: PostgresError): string | undefined {
  const extension = /^extension "(.+)" is not available$/.exec(error.message)?.[1]
  if (extension !== undefined) return hintForExtension(extension)
  if (error.hint) return error.hint
  if (error.code === '25001')
    return 'Give the statement a migration of its own, or begin the file with "-- migrate: no-transaction".'
  if (error.code === '55P04')
    return 'A new enum value can be used only after the migration that adds it: use it in the next one.'
  if (error.code === '55P03')
    return 'Another session holds what it waits for; with lock: "table" that may be the migration lock itself: use lock: "advisory" for a migration that drops the schema.'
  if (error.code === '42710' && /^role /.test(error.message)) {
    return 'Roles belong to the whole server, so databases that are migrated on it share them. Make it only if it is not there: DO $$ … IF NOT EXISTS …'
  }
  if (error.code === '42501') {
    const schema = /^permission denied for schema (.*)$/.exec(error.message)?.[1]
    // Since PostgreSQL 15, only the owner of a database may create objects in its schema public.
    if (schema !== undefined) {
      return `The user who migrates may not make anything in the schema ${schema}. As its owner run: GRANT CREATE, USAGE ON SCHEMA ${schema} TO the_user; or give the user a schema of its own (CREATE SCHEMA … AUTHORIZATION the_user) and name it in the URL (?search_path=…).`
    }
    return 'The user who migrates lacks a privilege: GRANT it, or connect as the owner.'
  }
  if (error.code === '2D000') {
    return 'It calls a procedure that commits. Begin the file with "-- migrate: no-transaction", so that no transaction is around it.'
  }
  return undefined
}
