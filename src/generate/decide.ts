/** Finds statements that lead from one schema to another: writes them, lets the server judge, and writes them again. */
import { diffText } from '../schema/diff.ts'
import type { Schema } from '../schema/schema.ts'
import type { Attempts, Scratch } from './attempts.ts'
import { CannotGenerateError } from './errors.ts'
import type { Generator } from './generator.ts'
import { type Answers, firstHints, type Hints, ON_THE_WAY } from './hints.ts'
import { isSpelling } from './spelling.ts'
import type { Statement } from './statement.ts'

export interface Decision {
  readonly statements: readonly Statement[]
  /** The schema after the statements, which the database has now. */
  readonly reached: Schema
}

/**
 * Leaves the database in the wanted state.
 * @param from what the database is now, as it was read from there
 * @throws CannotGenerateError if no statements were found that the server takes and that lead there
 */
export async function decide(
  attempts: Attempts,
  generator: Generator,
  { from, to }: { readonly from: Schema; readonly to: Schema },
  answers: Answers,
): Promise<Decision> {
  let hints = firstHints(answers)
  let last: Outcome | undefined
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const outcome = await attempts.attempt((db) => once(db, generator, { before: from, to }, hints))
    if (outcome.reached) return { statements: outcome.statements, reached: outcome.reached }
    last = outcome
    if (!outcome.next) break
    hints = outcome.next
  }
  throw failure(last)
}

/**
 * Returns whether a schema is the wanted one, by its text or, where the server spells that differently, by trying: what the wanted text makes
 * of the difference has to be what is there already.
 */
export async function isReached(db: Scratch, generator: Generator, state: State): Promise<boolean> {
  if (isSame(generator, state.to, state.reached)) return true
  const more = await further(db, generator, state)
  return more?.isFixed ?? false
}

/** Returns whether two schemas are equal in all that the dialect can change. */
export function isSame(generator: Generator, wanted: Schema, reached: Schema): boolean {
  return wanted.diff(reached).changes.length === 0 && !generator.differs?.(wanted, reached)
}

// --- internal ---

const MOST_ROUNDS = 40

/** How often statements go on from where they led, because only the server knew where that is. */
const MOST_FURTHER = 3

interface State {
  readonly reached: Schema
  readonly to: Schema
  readonly hints: Hints
}

interface Further {
  readonly statements: readonly Statement[]
  readonly reached: Schema
  /** `true` if the statements changed nothing, and were about all that differs: both texts mean the same. */
  readonly isFixed: boolean
}

/** Goes on from where the statements led. */
async function further(db: Scratch, generator: Generator, { reached, to, hints }: State): Promise<Further | undefined> {
  try {
    const again = {
      ...firstHints({ ...hints.answers, renames: [] }),
      late: hints.late,
      rungs: new Map([[ON_THE_WAY, 1]]),
    }
    const statements = generator.statements(reached, to, again)
    for (const { sql } of statements) await db.run(sql)
    const now = await db.schema()
    return {
      statements,
      reached: now,
      isFixed: isSame(generator, now, reached) && isSpelling(reached, to, statements),
    }
  } catch {
    return undefined
  }
}

interface Outcome {
  readonly statements: readonly Statement[]
  readonly reached?: Schema
  readonly next?: Hints | undefined
  readonly why?: string
}

async function once(
  db: Scratch,
  generator: Generator,
  { before, to }: { readonly before: Schema; readonly to: Schema },
  hints: Hints,
): Promise<{ keep: boolean; value: Outcome }> {
  const renames = generator.renames?.(before, hints.answers.renames) ?? []
  for (const statement of renames) {
    const error = await failureOf(db, statement)
    if (error) return { keep: false, value: { statements: renames, why: describe(statement, error) } }
  }
  const from = renames.length === 0 ? before : await db.schema()
  const changes = generator.statements(from, to, hints)
  const statements = [...renames, ...changes]
  for (const statement of changes) {
    const error = await failureOf(db, statement)
    if (!error) continue
    const next = generator.refused({ from, to, statement, error }, hints)
    return { keep: false, value: { statements, next, why: describe(statement, error) } }
  }
  let reached = changes.length === 0 ? from : await db.schema()
  if (isSame(generator, to, reached)) return { keep: true, value: { statements, reached } }
  const next = generator.unreached(from, to, reached, hints)
  if (next && next.same.size > hints.same.size) return { keep: false, value: { statements, next } }
  const all = [...statements]
  const why = `They lead to another schema (- wanted, + reached):\n\n${diffText(reached.diff(to))}`
  for (let n = 0; n < MOST_FURTHER; n++) {
    const more = await further(db, generator, { reached, to, hints })
    if (!more) break
    if (more.isFixed) return { keep: true, value: { statements: all, reached } }
    if (isSame(generator, more.reached, reached)) break
    all.push(...more.statements)
    reached = more.reached
    if (isSame(generator, to, reached)) return { keep: true, value: { statements: all, reached } }
  }
  return { keep: false, value: { statements, next, why } }
}

async function failureOf(db: Scratch, { sql }: Statement): Promise<Error | undefined> {
  try {
    await db.run(sql)
    return undefined
  } catch (error) {
    return error as Error
  }
}

function describe({ sql }: Statement, error: Error): string {
  const { detail } = error as { detail?: string }
  return `${error.message}${detail ? ` (${detail})` : ''}\n\n  ${sql.replaceAll('\n', '\n  ')}`
}

function failure(last: Outcome | undefined): CannotGenerateError {
  return new CannotGenerateError(`No statements were found that lead to the wanted schema. ${last?.why ?? ''}`.trim(), {
    tried: last?.statements ?? [],
    ...(/ TYPE .* USING /.test(last?.why ?? '') && {
      hint: 'If a value cannot be cast, say how it becomes one: --using TABLE.COLUMN=EXPRESSION',
    }),
  })
}
