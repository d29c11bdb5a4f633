/** Runs several migrations in one transaction, for folders of tools that do so: all of them take effect, or none. */

import { describeAt, EarlierStepError, type MigrationStep } from '../driver.ts'
import { SourceChangedError, StatementError } from '../errors.ts'
import type { LoadedStep } from '../load.ts'
import type { PlanStep } from '../plan/moves.ts'
import { now, turn } from '../realTime.ts'
import type { OneTransaction } from '../source.ts'
import { hearing, type RunInput } from './ahead.ts'
import { cancelled, failure } from './failure.ts'

type Planned = PlanStep<number>

/** Returns the steps from `at` on that run in one transaction; empty if the tool's rule asks for none. */
export function sharing(steps: readonly Planned[], at: number, rule: OneTransaction | undefined): readonly Planned[] {
  const isIn = ({ atomic, direction }: Planned) => atomic && rule?.directions.includes(direction) === true
  if (!rule || (rule.exception === 'ends' && !steps.every(isIn))) return []
  const end = steps.findIndex((step, place) => place >= at && !isIn(step))
  return steps.slice(at, end === -1 ? undefined : end)
}

/** Runs the steps in one transaction and returns those that ran. They are fewer only after `stop()`. */
export async function runInOneTransaction(input: RunInput, steps: readonly Planned[]): Promise<Planned[]> {
  const { driver, signal, onEvent } = input
  const first = steps[0] as Planned
  const ran: Planned[] = []
  /** The last two steps that were applied. A driver may report the failure of the first when the second is to run. */
  let before: LoadedStep | undefined
  let last: LoadedStep | undefined
  const thrown = (error: unknown) => {
    const isEarlier = error instanceof EarlierStepError
    const of = (isEarlier ? (before ?? last) : last) as LoadedStep
    const cause = isEarlier ? error.cause : error
    const state = nothingStays(input, first, steps)
    return failure(cause, driver, of, undefined, signal, isUncommitted(cause) ? `${state} ${ONE_BY_ONE}` : state)
  }
  const read = async (planned: Planned | undefined) => planned && input.load(planned)
  let reading: ReturnType<typeof read> = read(first)
  const apply = async (planned: Planned, place: number) => {
    const loaded = (await reading) as LoadedStep
    if (loaded.plan.fingerprint !== planned.fingerprint) throw new SourceChangedError(planned.file)
    const step: MigrationStep = loaded.step(hearing(onEvent, planned, input.isHeard))
    onEvent({ type: 'started', step: planned })
    before = last
    last = loaded
    const begun = now()
    const applying = driver.apply(step, signal)
    // The next file is read while the server runs the first statement of this one.
    reading = turn().then(() => read(steps[place + 1]))
    reading.catch(() => undefined)
    await applying.catch((error) => {
      throw thrown(error)
    })
    onEvent({ type: 'finished', step: planned, ms: now() - begun })
    ran.push(planned)
  }
  const work = async () => {
    for (const [place, planned] of steps.entries()) {
      if (input.stopped()) return
      if (signal.aborted) throw cancelled(driver, first.from, signal)
      await apply(planned, place)
    }
    isDone = true
  }
  let isDone = false
  try {
    await driver.allOrNothing?.(work)
  } catch (error) {
    // An error that `work` throws can be shown. Otherwise the record of the last step failed, or the commit.
    if (!isDone) throw error
    before = last
    throw thrown(error)
  }
  return ran
}

// --- internal ---

const ONE_BY_ONE = 'To commit each before the next one runs, apply them one at a time: "migratest up 1".'

/** Returns `true` for SQLSTATE 55P04: a new value of an enum is used in the transaction that has added it. */
function isUncommitted(error: unknown): boolean {
  return error instanceof StatementError && error.info.sqlState === '55P04'
}

function nothingStays({ driver }: RunInput, first: Planned, { length }: readonly Planned[]): string {
  const at = `${driver.database} is at version ${describeAt(driver, first.from)}, clean.`
  return `The ${length} migrations of this run share one transaction, as with the tool that they belong to, so none of them left changes: ${at}`
}
