/** Writes a migration: from what the migrations build to a wanted schema, tried and proven on a test server. */

import { UsageError } from '../migrate/errors.ts'
import type { Source } from '../migrate/source.ts'
import type { Schema } from '../schema/schema.ts'
import { DIALECTS } from '../sql/dialect.ts'
import { sourceOf } from '../testing/lease/migrations.ts'
import type { MigratedDatabaseOptions } from '../testing/lease/options.ts'
import type { Attempts, Scratch } from './attempts.ts'
import { isSame } from './decide.ts'
import { destroyQuestions, waysOf } from './destroying.ts'
import type { Generated } from './generated.ts'
import type { GenerateOptions } from './generateOptions.ts'
import type { Generator } from './generator.ts'
import { generatorOf, onlineWriterOf } from './generators.ts'
import { type Answers, NO_ANSWERS } from './hints.ts'
import { comparedPart } from './leaving.ts'
import { nameOf } from './name.ts'
import type { OnlineWriter } from './online/writer.ts'
import { type BothAnswers, changedTables, type Proof, prove } from './proof/prove.ts'
import { proveSpared, type SparedProof } from './proof/proveSpared.ts'
import { attemptsOn, scratchOf } from './proof/scratch.ts'
import { proveWithRows } from './proof/someRows.ts'
import { type ReadAnswers, readAnswers } from './questions/answers.ts'
import { neutralAnswers } from './questions/neutral.ts'
import { overwritten } from './questions/overwritten.ts'
import { type Answered, commonQuestions, type Question } from './questions/questions.ts'
import { wantedSchema } from './wanted/wantedSchema.ts'
import { writtenAtOnce, writtenOnline } from './written.ts'

/**
 * Returns the statements of both halves. Nothing is returned that was not run: up, down, and up again.
 * @throws CannotGenerateError, GenerateProofError, NothingWantedError, WantedSqlError, UsageError for answers
 */
export async function generate<Client>(options: GenerateOptions<Client>): Promise<Generated> {
  const { dialect } = options.server
  const source = await sourceOf(options.migrations)
  const writer = options.online ? onlineWriterOf(dialect) : undefined
  const generator = writer?.generator ?? generatorOf(dialect)
  const filled: string[] = []
  // Both sides at once: each waits for the server most of the time.
  const wanting = wantedSchema(options, source)
  wanting.catch(() => undefined)
  const attempts = await attemptsOn(dialect, scratchOf(options, filled))
  try {
    const from = await attempts.attempt(async (db) => ({ keep: true, value: await db.schema() }))
    const { to: all, left } = await (await wanting)(from)
    const to = comparedPart(options)(all)
    const nothing = { ...NOTHING, from, to, left }
    const answered = { ...readAnswers(options.answers ?? {}, from, to), takesCode: takesCode(source, options) }
    if (answered.answers.conversions.length > 0) refuseCode(source, options)
    if (isSame(generator, to, from)) return nothing
    const questions = openQuestions(generator, from, to, answered)
    if (questions.length > 0) return { ...nothing, questions }

    const { proof, destroyed, scratch } = await proveAnswered({
      attempts,
      options,
      writer,
      generator,
      from,
      to,
      answered,
      filled,
    })
    if (destroyed.length > 0) return { ...nothing, questions: destroyed }
    const { up, down, remark, reached, answers, aside } = proof
    const changed = overwritten(from, to, answered.answers)
    const { transactionalDdl: transactional } = DIALECTS[dialect]
    const migrations = writer
      ? await writtenOnline(
          { writer, statements: up, from, to: reached, answers, transactional },
          scratch,
          dialect,
          changed,
        )
      : [writtenAtOnce(up, down, dialect, changed)]
    const backwards = [...migrations].reverse()
    return {
      ...nothing,
      ...(aside && { aside: aside.map(({ kind, old, new: now }) => `${kind} ${old} is ${now} now`) }),
      up: migrations.flatMap((one) => one.up),
      down: backwards.flatMap((one) => one.down),
      upText: migrations.map((one) => one.upText).join('\n'),
      downText: backwards.map((one) => one.downText).join('\n'),
      migrations,
      name: nameOf(to.diff(from), answered.answers),
      ...(remark !== undefined && { remark }),
    }
  } finally {
    await attempts.dispose()
  }
}

/** Returns the statements that lead from what the migrations build at a version to another schema, and back. */
export async function statementsBetween<Client>(
  options: Omit<GenerateOptions<Client>, 'wanted' | 'answers' | 'rows'> &
    Pick<MigratedDatabaseOptions<Client>, 'version'>,
  to: Schema,
): Promise<Pick<Generated, 'up' | 'down' | 'from'>> {
  const { dialect } = options.server
  const scratch = scratchOf(options)
  const attempts = await attemptsOn(dialect, scratch)
  try {
    return await prove(attempts, generatorOf(dialect), to, { up: NO_ANSWERS, down: NO_ANSWERS })
  } finally {
    await attempts.dispose()
  }
}

// --- internal ---

const NOTHING = { name: '', up: [], down: [], upText: '', downText: '', migrations: [], questions: [] }

/** Returns whether what people answer may be code: it stands in a file of ours. */
function takesCode({ format }: Source, { online }: { readonly online?: boolean | undefined }): boolean {
  return format === undefined && !online
}

/** @throws UsageError if a split or merge cannot be written here */
function refuseCode(source: Source, options: { readonly online?: boolean | undefined }): void {
  if (takesCode(source, options)) return
  const { format } = source
  throw new UsageError(
    format
      ? `A split or merge is written in TypeScript, and nothing of the kind is written into a folder of ${format.tool}.`
      : '--online writes SQL only, and a split or merge is written in TypeScript.',
    {
      hint: 'In three migrations: generate the new columns (--destroy leave=TABLE.COLUMN), write the rows by a migration of your own, and drop the old columns later.',
    },
  )
}

interface ProveInput<Client> {
  readonly attempts: Attempts
  readonly options: GenerateOptions<Client>
  readonly writer: OnlineWriter | undefined
  readonly generator: Generator
  readonly from: Schema
  readonly to: Schema
  readonly answered: ReadAnswers
  /** The tables that databases made from now on get rows in; this adds to them. */
  readonly filled: string[]
}

interface AnsweredProof {
  /** Questions about what the proven statements destroy; then the proof is not what will be written. */
  readonly destroyed: readonly Question[]
  readonly proof: Proof &
    Partial<Pick<SparedProof, 'aside'>> & { readonly answers: BothAnswers; readonly reached: Schema }
  /** Makes databases with the rows that the proof was made with. */
  readonly scratch: () => Promise<Scratch>
}

/** Runs both halves with rows in the tables; and once more where something is set aside or left instead of dropped. */
async function proveAnswered<Client>(input: ProveInput<Client>): Promise<AnsweredProof> {
  const { attempts, options, writer, generator, from, to, answered, filled } = input
  const { dialect } = options.server
  if (options.rows) await fillRows(attempts, options.rows, from)
  const answers = { up: answered.answers, down: neutralAnswers(to, from, reversed(answered.answers)) }
  const tables = options.rows ? [] : changedTables(from, to)
  if (tables.length > 0) {
    await attempts.attempt(async (db) => ({ keep: true, value: await db.fill?.(tables) }))
    // Further databases in which statements are tried get the same rows.
    filled.push(...tables)
  }
  const proven = await proveWithRows(tables, {
    withRows: attempts,
    without: () => attemptsOn(dialect, scratchOf(options)),
    run: (on) => prove(on, generator, to, answers, { from }),
  })
  const scratch = scratchOf(options, proven.remark === undefined ? tables : [])
  const ways = waysOf(proven.up, answered.usual, answered.ways)
  const destroyed = destroyQuestions(proven.up, ways)
  if (destroyed.length > 0 || [...ways.values()].every((way) => way === 'drop')) {
    return { destroyed, proof: { ...proven, answers, reached: to }, scratch }
  }
  const spared = await proveSpared(() => attemptsOn(dialect, scratch), {
    to,
    answers,
    ways,
    dialect,
    isJoined: !writer,
  })
  return { destroyed, proof: spared, scratch }
}

async function fillRows(
  attempts: Attempts,
  rows: NonNullable<GenerateOptions<unknown>['rows']>,
  from: Schema,
): Promise<void> {
  await attempts.attempt(async (db) => {
    await rows(db, from)
    return { keep: true, value: undefined }
  })
}

function openQuestions(generator: Generator, from: Schema, to: Schema, answered: Answered): Question[] {
  return [...commonQuestions(from, to, answered), ...generator.questions(from, to, answered)]
}

/** The answers for the way back: renames and conversions turned round. */
function reversed({ renames, conversions }: Answers): Answers {
  return {
    renames: renames.map(({ kind, old, new: now }) => ({ kind, old: now, new: old })).reverse(),
    fill: new Map(),
    map: new Map(),
    using: new Map(),
    conversions: conversions.map(({ old, new: now }) => ({ old: now, new: old })),
  }
}
