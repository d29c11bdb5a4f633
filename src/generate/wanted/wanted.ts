/** The wanted side: SQL that describes a schema, run in an empty database and read from there. */
import { codeFrame } from '../../sql/codeFrame.ts'
import { DIALECTS, type Dialect } from '../../sql/dialect.ts'
import { positionAt } from '../../sql/position.ts'
import { cutStatements } from '../../sql/statements.ts'
import { NothingWantedError, WantedSqlError } from '../errors.ts'

/** SQL with the name of where it came from, for messages. */
export interface WantedText {
  readonly name: string
  readonly sql: string
}

/**
 * Runs the statements of all texts. They may stand in any order: one that fails is tried again after the others, until none of those that are
 * left succeeds.
 * @throws NothingWantedError if there are no statements, WantedSqlError with the place of the first one that fails
 */
export async function loadWanted(
  run: (sql: string) => Promise<unknown>,
  texts: readonly WantedText[],
  dialect: Dialect,
): Promise<void> {
  let left = texts.flatMap((text) => statementsOf(text, dialect))
  if (left.length === 0) throw new NothingWantedError(texts.map(({ name }) => name))
  if (await isRunAtOnce(run, left, dialect)) return
  while (left.length > 0) {
    const failed: { part: Part; error: Error }[] = []
    for (const part of left) {
      try {
        await run(part.sql)
      } catch (error) {
        failed.push({ part, error: error as Error })
      }
    }
    const [first] = failed
    if (first && failed.length === left.length) throw failure(first.part, first.error)
    left = failed.map(({ part }) => part)
  }
}

// --- internal ---

interface Part {
  readonly text: WantedText
  readonly start: number
  readonly sql: string
}

/**
 * Sends all in one message, which the server undoes as a whole if a statement fails. Most files are in an order that works, and most of the
 * time would be spent on the way.
 */
async function isRunAtOnce(
  run: (sql: string) => Promise<unknown>,
  parts: readonly Part[],
  dialect: Dialect,
): Promise<boolean> {
  if (!DIALECTS[dialect].transactionalDdl) return false
  try {
    await run(parts.map(({ sql }) => sql).join(';\n'))
    return true
  } catch {
    return false
  }
}

/** Commands of psql that pg_dump writes; they mean nothing to the server. */
const PSQL = /^\\(?:un)?restrict .*$/gm

function statementsOf(text: WantedText, dialect: Dialect): Part[] {
  const sql = text.sql.replace(PSQL, (line) => ' '.repeat(line.length))
  const { statements, problem } = cutStatements(sql, dialect)
  if (problem) {
    const { line, column } = positionAt(sql, problem.start)
    throw new WantedSqlError(`${text.name}:${line}:${column}: ${problem.message}.\n\n${codeFrame(sql, problem.start)}`)
  }
  return statements.map(({ start, end }) => ({ text, start, sql: sql.slice(start, end) }))
}

function failure({ text, start, sql }: Part, error: Error): WantedSqlError {
  const at = Number((error as { position?: string }).position)
  const offset = start + (at > 0 ? Math.min(at - 1, sql.length - 1) : 0)
  const { line, column } = positionAt(text.sql, offset)
  return new WantedSqlError(`${text.name}:${line}:${column}: ${error.message}\n\n${codeFrame(text.sql, offset)}`, {
    cause: error,
  })
}
