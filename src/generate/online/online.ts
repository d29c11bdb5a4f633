/** Splits a change into migrations that keep nobody out for long, and proves them: all up, one by one down, and again as they are written. */
import { diffText } from '../../schema/diff.ts'
import type { Schema } from '../../schema/schema.ts'
import type { Scratch } from '../attempts.ts'
import { decide, isReached, isSame } from '../decide.ts'
import { GenerateProofError } from '../errors.ts'
import { firstHints, NO_ANSWERS } from '../hints.ts'
import { type BothAnswers, compare, newName, sums } from '../proof/prove.ts'
import { neutralAnswers } from '../questions/neutral.ts'
import type { Statement } from '../statement.ts'
import type { Half } from '../text.ts'
import { type Chain, type ChainOptions, openChain, StatementError } from './chain.ts'
import type { Operation } from './operation.ts'
import { MOST_STAGES, type Placing, type Stage, stagesOf } from './stages.ts'
import type { OnlineWriter } from './writer.ts'

export interface OnlineMigration {
  /** A word for its name, such as `indexes`; empty for the first changes. */
  readonly suffix: string
  readonly up: Half
  readonly down: Half
}

export interface OnlineInput extends ChainOptions {
  readonly writer: OnlineWriter
  /** Statements that lead from one schema to the other, as the writer's generator writes them. */
  readonly statements: readonly Statement[]
  readonly from: Schema
  readonly to: Schema
  readonly answers: BothAnswers
}

/**
 * Returns the migrations. What keeps others waiting, although it is written in the gentlest way that is known, says so in `blocks`.
 * @throws GenerateProofError if they do not lead to the wanted schema and back
 */
export async function onlineMigrations(input: OnlineInput): Promise<readonly OnlineMigration[]> {
  const { writer, statements, from, to, answers } = input
  const first = await openChain(input)
  const tables = tablesOf(from).map((name) => newName(answers.up, 'table', name))
  let operations: Operation[]
  try {
    const seen = await writer.observe(first.attempts, statements, new Set(tables))
    operations = writer.operations(seen, to, new Set(tables)).map(explained)
  } finally {
    await first.attempts.dispose()
  }
  let placing: Placing = { earliest: new Map(), inTurn: false }
  const plainDowns = new Set<number>()
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const stages = stagesOf(operations, placing)
    const chain = await openChain(input)
    try {
      const climbed = await climb(chain, input, stages)
      if (!('failed' in climbed))
        return await downAndAgain(chain, input, { stages, states: climbed.states, plainDowns })
      if (climbed.failed === undefined) {
        if (placing.inTurn) throw climbed.error
        placing = { ...placing, inTurn: true }
        continue
      }
      const { operation, stage } = climbed.failed
      const tried = operations[operation]
      const further = stage + 1
      if (further < MOST_STAGES - 3 && isMissing(climbed.error)) {
        placing = { ...placing, earliest: new Map([...placing.earliest, [operation, further]]) }
      } else if (tried?.steps.some(({ kind }) => kind !== 'change')) {
        operations = operations.with(operation, plainly(tried, climbed.error))
      } else if (placing.inTurn) {
        throw climbed.error
      } else placing = { ...placing, inTurn: true }
    } catch (error) {
      if (!(error instanceof DownRefused) || plainDowns.has(error.stage)) throw error
      plainDowns.add(error.stage)
    } finally {
      await chain.attempts.dispose()
    }
  }
  throw new GenerateProofError('No order of online statements was found that the server takes.', {
    hint: 'Without --online, the migration can be written.',
  })
}

// --- internal ---

const MOST_ROUNDS = 40

/** The server refuses the gentle way back. */
class DownRefused extends Error {
  readonly stage: number

  constructor(stage: number, cause: Error) {
    super(cause.message, { cause })
    this.stage = stage
  }
}

function tablesOf({ objects }: Schema): string[] {
  return objects.filter(({ kind }) => kind === 'table').map(({ name }) => name)
}

/** The first statement says why others wait. */
function explained(operation: Operation): Operation {
  const { steps, plain, blocks } = operation
  if (blocks === undefined) return operation
  const say = (statements: readonly Statement[]) =>
    statements.map((statement, i) => (i === 0 ? { ...statement, blocks } : statement))
  return {
    ...operation,
    steps: steps.map((step, i) => (i === 0 ? { ...step, statements: say(step.statements) } : step)),
    plain: say(plain),
  }
}

/** The operation at once, because the server refuses to do it step by step. */
function plainly({ plain, about, steps }: Operation, error: Error): Operation {
  const what = steps.some(({ kind }) => kind === 'alone') ? 'Others wait meanwhile' : 'Others wait while rows are read'
  const reason = String((error.cause as Error | undefined)?.message ?? error.message).split('\n')[0]
  return explained({
    steps: [{ kind: 'change', statements: plain }],
    plain,
    about,
    // Dropping takes a moment, however it is done.
    ...(plain.some(({ does }) => does !== 'drop') && {
      blocks: `${what}; the server refuses the gentler way: ${reason}.`,
    }),
  })
}

/** Returns whether something that comes later may be what is missing. */
function isMissing({ cause }: Error): boolean {
  const { code = '', errno = 0 } = (cause ?? {}) as { code?: string; errno?: number }
  return (
    /^(?:42P01|42703|42704|42883|42830|2BP01|23514|23502|55000|42P16|42P10|42P07|42710)$/.test(code) ||
    [1054, 1072, 1146, 1822, 6125].includes(errno)
  )
}

type Climbed =
  | { readonly states: readonly Schema[] }
  | { readonly failed: { readonly operation: number; readonly stage: number } | undefined; readonly error: Error }

interface Way {
  readonly stages: readonly NumberedStage[]
  /** The schema before each stage, and after the last. */
  readonly states: readonly Schema[]
  /** Stages whose gentle down the server refuses. */
  readonly plainDowns: ReadonlySet<number>
}

type NumberedStage = Stage & { readonly number: number }

/** Runs all ups. Returns the schema before each and after the last; or what failed. */
async function climb(chain: Chain, input: OnlineInput, stages: readonly NumberedStage[]): Promise<Climbed> {
  const { writer, to, answers } = input
  const { generator } = writer
  const look = <T>(work: (db: Scratch) => Promise<T>) =>
    chain.attempts.attempt(async (db) => ({ keep: true, value: await work(db) }))
  const start = await look((db) => db.schema())
  const before = await look((db) => sums(db, generator, start, start, to, answers.up))
  const states = [start]
  for (const { number, kind, statements } of stages) {
    try {
      await chain.run(
        statements.map(({ statement }) => statement),
        kind === 'alone',
      )
    } catch (error) {
      if (!(error instanceof StatementError)) throw error
      return { failed: { operation: statements[error.place]?.operation ?? 0, stage: number }, error }
    }
    states.push(await look((db) => db.schema()))
  }
  const reached = states.at(-1) ?? start
  const hints = firstHints(answers.up)
  if (!isSame(generator, to, reached) && !(await look((db) => isReached(db, generator, { reached, to, hints })))) {
    const error = new GenerateProofError(
      `The online migrations lead to another schema (- wanted, + reached):\n\n${diffText(reached.diff(to))}`,
    )
    return { failed: undefined, error }
  }
  const renamed = (name: string) => newName(answers.up, 'table', name)
  compare('up', before, await look((db) => sums(db, generator, reached, start, to, answers.up, renamed)))
  return { states }
}

/** Decides on the downs, one by one, and runs all that was written once more. */
async function downAndAgain(chain: Chain, input: OnlineInput, way: Way): Promise<OnlineMigration[]> {
  const { stages, states, plainDowns } = way
  const { writer, answers } = input
  const look = () => chain.attempts.attempt(async (db) => ({ keep: true, value: await db.schema() }))
  const downs: Half[] = []
  // The server may spell an expression in another way than before.
  const before = [...states]
  for (let i = stages.length - 1; i >= 0; i--) {
    const to = states[i] as Schema
    const from = await look()
    const back = i === 0 ? answers.down : neutralAnswers(from, to, NO_ANSWERS)
    const { statements, reached } = await decide(chain.attempts, writer.generator, { from, to }, back)
    before[i] = reached
    const plain = { statements: writer.joined(statements), alone: false }
    downs.unshift(plainDowns.has(i) ? plain : quietly(writer, statements, from, to))
  }
  const migrations = stages.map(({ kind, statements }, i): OnlineMigration => {
    const own = statements.map(({ statement }) => statement)
    return {
      suffix: suffixOf(stages, i),
      up: { statements: kind === 'alone' ? own : writer.joined(own), alone: kind === 'alone' },
      down: downs[i] ?? { statements: [], alone: false },
    }
  })
  const again = async (half: Half, expected: Schema | undefined, what: string) => {
    await chain.run(half.statements, half.alone)
    const found = await look()
    if (expected && !isSame(writer.generator, expected, found) && !(await isStill(chain, input, expected, found)))
      throw new GenerateProofError(
        `${what} leads to another schema than before (- expected, + reached):\n\n${diffText(found.diff(expected))}`,
      )
  }
  for (const [i, { up, suffix }] of migrations.entries())
    await again(up, states[i + 1], `The second up of part ${i + 1} ${suffix}`)
  for (const [i, { down, suffix }] of [...migrations.entries()].reverse()) {
    await again(down, before[i], `The down of part ${i + 1} ${suffix}`).catch((error: Error) => {
      throw error instanceof StatementError ? new DownRefused(i, error) : error
    })
  }
  return migrations
}

async function isStill(chain: Chain, { writer }: OnlineInput, to: Schema, reached: Schema): Promise<boolean> {
  return chain.attempts.attempt(async (db) => ({
    keep: true,
    value: await isReached(db, writer.generator, { reached, to, hints: firstHints(NO_ANSWERS) }),
  }))
}

/** A down keeps nobody out either; what takes more than one transaction runs without one. */
function quietly(writer: OnlineWriter, statements: readonly Statement[], from: Schema, to: Schema): Half {
  const operations = writer.operations(
    statements.map((statement) => ({ statement, rewritten: [] })),
    to,
    new Set(tablesOf(from)),
  )
  const stages = stagesOf(operations, { earliest: new Map(), inTurn: false })
  const alone = stages.some(({ kind }) => kind !== 'change')
  const all = stages.flatMap((stage) => stage.statements.map(({ statement }) => statement))
  return { statements: alone ? all : writer.joined(all), alone }
}

function suffixOf(stages: readonly NumberedStage[], at: number): string {
  const of = (kind: Stage['kind'], sql: string) => {
    if (kind === 'check') return 'validate'
    if (kind === 'change') return at === 0 ? '' : 'finish'
    return /^DO\b/.test(sql) ? 'fill' : / INDEX /.test(sql) ? 'indexes' : ''
  }
  const { kind = 'change', statements = [] } = stages[at] ?? {}
  const words = [...new Set(statements.map(({ statement }) => of(kind, statement.sql)))]
  const earlier = stages.slice(0, at).filter((stage) => stage.kind === kind).length
  const word = words
    .filter((one) => one !== '')
    .sort()
    .reverse()
    .join('_and_')
  const isFirst = kind === 'change' ? earlier <= (stages[0]?.kind === 'change' ? 1 : 0) : earlier === 0
  return word === '' || isFirst
    ? word
    : `${word}_${earlier + (kind === 'change' && stages[0]?.kind === 'change' ? 0 : 1)}`
}
