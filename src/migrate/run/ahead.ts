/** Reads the bodies of the next steps while one runs, and sends them to the driver if it takes several at once. */
import type { Driver, MigrationStep, StepWork } from '../driver.ts'
import { SourceChangedError } from '../errors.ts'
import type { MigrateEvent, OnEvent } from '../events.ts'
import type { Hears, LoadedStep } from '../load.ts'
import type { PlanStep } from '../plan/moves.ts'
import { now } from '../realTime.ts'
import type { OneTransaction } from '../source.ts'

export interface RunInput {
  readonly driver: Driver
  readonly steps: readonly PlanStep<number>[]
  /** Reads the body of a planned step again. */
  readonly load: (step: PlanStep<number>) => Promise<LoadedStep>
  readonly signal: AbortSignal
  readonly beside?: BesideSteps | undefined
  /** Called before each step; `true` ends the run there. */
  readonly stopped: () => boolean
  readonly onEvent: OnEvent<number>
  /** `false` if nobody listens to events: the driver then need not ask for the server's messages. */
  readonly isHeard: boolean
  /** `true` sends many ups at once, if the driver supports it. The run cannot be stopped between them. */
  readonly batch: boolean
  /** Which migrations run in one transaction, if the tool that the folder belongs to does that. */
  readonly oneTransaction?: OneTransaction | undefined
}

/** The work that the caller of a run does beside its steps. `text` is the step's body; null if there is none. */
export interface BesideSteps {
  /** Returns SQL for the end of a step's transaction. */
  sql?(step: PlanStep<number>, text: string | null): string | undefined
  /** Called and awaited after each step. `remaining`: number of steps that follow. */
  after(step: PlanStep<number>, text: string | null, remaining: number): Promise<void>
  /** `true` if `after` looks at the database as the step has left it: the next one is sent when it has returned. */
  looks(remaining: number): boolean
}

export interface TakenStep {
  readonly loaded: LoadedStep
  readonly step: MigrationStep
  /** Set if the step has been sent. */
  readonly applied: Promise<void> | undefined
  /** Emits the messages of the step from now on, and those that came before. */
  readonly tell: () => void
}

export class Ahead {
  readonly #input: RunInput
  readonly #sent: TakenStep[] = []
  readonly #answers: number[] = []
  /** The bodies that are being read, by the place of their steps. */
  readonly #read = new Map<number, Promise<LoadedStep>>()
  /** Place of the step that is taken next. */
  #at = 0

  constructor(input: RunInput) {
    this.#input = input
  }

  /** `false` if steps have been sent that nobody has taken. */
  get isEmpty(): boolean {
    return this.#sent.length === 0
  }

  /** Returns the step at `index`, which may have been sent. @throws SourceChangedError */
  async take(index: number, planned: PlanStep<number>): Promise<TakenStep> {
    this.#at = index + 1
    const sent = this.#sent.shift()
    if (sent) return sent
    const loaded = await (this.#read.get(index) ?? this.#input.load(planned))
    this.#read.delete(index)
    if (loaded.plan.fingerprint !== planned.fingerprint) throw new SourceChangedError(planned.file)
    return this.#made(planned, loaded)
  }

  /**
   * Returns the steps from `index` on, at most `most`, that a driver may take together: ups from files that are unchanged
   * since they were planned. None of them counts as taken.
   */
  async several(index: number, most: number): Promise<TakenStep[]> {
    this.#at = index
    const all: TakenStep[] = []
    for (const [i, planned] of this.#input.steps.slice(index, index + most).entries()) {
      if (planned.direction !== 'up' || planned.code || planned.origin !== 'file') break
      const loaded = await this.#reading(index + i, planned).catch(() => undefined)
      if (loaded?.plan.fingerprint !== planned.fingerprint) break
      all.push(this.#made(planned, loaded, true))
    }
    return all
  }

  /** Begins to read as many bodies from `index` on. */
  read(index: number, count: number): void {
    for (const [i, planned] of this.#input.steps.slice(index, index + count).entries())
      this.#reading(index + i, planned)
  }

  /** Call when the steps up to `index` have run: their bodies are not needed any more. */
  drop(index: number): void {
    for (const at of this.#read.keys()) if (at < index) this.#read.delete(at)
  }

  /** Sends the step if the driver can take another one behind it; otherwise returns undefined. */
  send(planned: PlanStep<number>, step: MigrationStep): Promise<void> | undefined {
    const { driver, signal } = this.#input
    if (!this.#goes(planned)) return undefined
    const applied = driver.applyNext?.(step, signal)
    // The failure is thrown when it is the step's turn.
    applied?.then(
      () => this.#answers.push(now()),
      () => undefined,
    )
    return applied
  }

  /** Returns the step that follows the one taken, if it is known that it can run; it is read now if necessary. */
  async following(): Promise<StepWork | undefined> {
    const planned = this.#input.steps[this.#at]
    if (!planned || planned.code || planned.origin === 'record' || this.#input.beside) return undefined
    const loaded = await this.#reading(this.#at, planned).catch(() => undefined)
    return loaded?.plan.fingerprint === planned.fingerprint ? loaded.step({ log: () => undefined }).work : undefined
  }

  /**
   * Reads the bodies of the two steps after the one taken. If that one was sent (`behind`), sends those that follow, as
   * many as the driver takes at once.
   */
  async fill(behind: boolean): Promise<void> {
    const { driver, steps, signal, stopped } = this.#input
    for (;;) {
      const at = this.#at + this.#sent.length
      for (const [i, planned] of steps.slice(at, at + 2).entries()) {
        if (planned.origin === 'record') break
        this.#reading(at + i, planned)
      }
      const planned = steps[at]
      const room = behind && this.#sent.length + 1 < (driver.window ?? 1) && !stopped() && !signal.aborted
      // The version tells whether the step before has been applied, unless that step leaves the version as it is.
      if (!planned || !room || !this.#goes(planned) || steps[at - 1]?.from === steps[at - 1]?.to) return
      if (this.#input.beside?.looks(steps.length - at)) return
      const loaded = await this.#reading(at, planned).catch(() => undefined)
      if (loaded?.plan.fingerprint !== planned.fingerprint || stopped() || signal.aborted) return
      const made = this.#made(planned, loaded, true)
      const applied = this.send(planned, made.step)
      if (!applied) return
      this.#read.delete(at)
      this.#sent.push({ ...made, applied })
    }
  }

  /** Returns when the next of the steps that were sent was answered, in the order in which they were sent. */
  answered(): number | undefined {
    return this.#answers.shift()
  }

  /** Forgets the steps that were sent, since they have done nothing. */
  forget(): void {
    this.#sent.length = 0
  }

  // --- internal ---

  #goes({ atomic, code, origin }: PlanStep<number>): boolean {
    return atomic && !code && origin === 'file'
  }

  #reading(index: number, planned: PlanStep<number>): Promise<LoadedStep> {
    const known = this.#read.get(index)
    if (known) return known
    const promise = this.#input.load(planned)
    // A failed read is thrown when the step's turn comes; until then it must not count as an unhandled rejection.
    promise.catch(() => undefined)
    this.#read.set(index, promise)
    return promise
  }

  #made(planned: PlanStep<number>, loaded: LoadedStep, later = false): TakenStep {
    const { onEvent, isHeard, beside } = this.#input
    const held: MigrateEvent<number>[] = []
    let isHeld = later
    const emit = (event: MigrateEvent<number>) => void (isHeld ? held.push(event) : onEvent(event))
    const tell = () => {
      isHeld = false
      for (const event of held.splice(0)) onEvent(event)
    }
    const alongside = beside?.sql?.(planned, loaded.text)
    const step = { ...loaded.step(hearing(emit, planned, isHeard)), ...(alongside !== undefined && { alongside }) }
    return { loaded, step, applied: undefined, tell }
  }
}

/** Returns listeners that turn the messages of a step into events. */
export function hearing(onEvent: RunInput['onEvent'], step: PlanStep<number>, isHeard = true): Hears {
  return {
    log: (message) => onEvent({ type: 'log', step, message }),
    ...(isHeard && { notice: (notice) => onEvent({ type: 'notice', step, ...notice }) }),
    warn: (message) => onEvent({ type: 'warning', message }),
  }
}
