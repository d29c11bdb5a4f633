/** Reads the bodies of the next steps while one runs, and sends them to the driver if it takes several at once. */
import type { Driver, MigrationStep } from './driver.ts'
import { SourceChangedError } from './errors.ts'
import type { MigrateEvent, OnEvent } from './events.ts'
import type { Hears, LoadedStep } from './load.ts'
import type { PlanStep } from './moves.ts'

export interface RunInput {
  readonly driver: Driver
  readonly steps: readonly PlanStep<number>[]
  /** Reads the body of a planned step again. */
  readonly load: (step: PlanStep<number>) => Promise<LoadedStep>
  readonly signal: AbortSignal
  /** Called and awaited after each step. `remaining`: number of steps that follow. */
  readonly after?: ((step: PlanStep<number>, text: string | null, remaining: number) => Promise<void>) | undefined
  /** Called before each step; `true` ends the run there. */
  readonly stopped: () => boolean
  readonly onEvent: OnEvent<number>
  /** `true` sends many ups at once, if the driver supports it. The run cannot be stopped between them. */
  readonly batch: boolean
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
  #next: Promise<LoadedStep> | undefined

  constructor(input: RunInput) {
    this.#input = input
  }

  /** `false` if steps have been sent that nobody has taken. */
  get isEmpty(): boolean {
    return this.#sent.length === 0
  }

  /** Returns the next step: the first of those that were sent, or else its body. @throws SourceChangedError */
  async take(planned: PlanStep<number>): Promise<TakenStep> {
    const sent = this.#sent.shift()
    if (sent) return sent
    const loaded = await (this.#next ?? this.#input.load(planned))
    this.#next = undefined
    if (loaded.plan.fingerprint !== planned.fingerprint) throw new SourceChangedError(planned.file)
    return this.#made(planned, loaded)
  }

  /** Sends the step if the driver can take another one behind it; otherwise returns undefined. */
  send(planned: PlanStep<number>, step: MigrationStep): Promise<void> | undefined {
    const { driver, signal } = this.#input
    if (!this.#goes(planned)) return undefined
    const applied = driver.applyNext?.(step, signal)
    // The failure is thrown when it is the step's turn.
    applied?.catch(() => undefined)
    return applied
  }

  /**
   * Reads the body of the step at `index`. If the step before it was sent (`behind`), sends it and those that follow, as
   * many as the driver takes at once.
   */
  async fill(index: number, behind: boolean): Promise<void> {
    const { driver, steps, signal, stopped } = this.#input
    for (;;) {
      const at = index + this.#sent.length
      const planned = steps[at]
      if (!planned) return
      this.#next ??= this.#read(planned)
      const room = behind && this.#sent.length + 1 < (driver.window ?? 1) && !stopped() && !signal.aborted
      // The version tells whether the step before has been applied, unless that step leaves the version as it is.
      if (!room || !this.#goes(planned) || steps[at - 1]?.from === steps[at - 1]?.to) return
      const loaded = await this.#next.catch(() => undefined)
      if (loaded?.plan.fingerprint !== planned.fingerprint || stopped() || signal.aborted) return
      const made = this.#made(planned, loaded, true)
      const applied = this.send(planned, made.step)
      if (!applied) return
      this.#next = undefined
      this.#sent.push({ ...made, applied })
    }
  }

  /** Forgets the steps that were sent, since they have done nothing. */
  forget(): void {
    this.#sent.length = 0
    this.#next = undefined
  }

  // --- internal ---

  #goes({ atomic, code, direction, origin }: PlanStep<number>): boolean {
    return atomic && !code && direction === 'up' && origin === 'file' && !this.#input.after
  }

  #read(planned: PlanStep<number>): Promise<LoadedStep> {
    const promise = this.#input.load(planned)
    // A failed read is thrown when the step's turn comes; until then it must not count as an unhandled rejection.
    promise.catch(() => undefined)
    return promise
  }

  #made(planned: PlanStep<number>, loaded: LoadedStep, later = false): TakenStep {
    const { onEvent } = this.#input
    const held: MigrateEvent<number>[] = []
    let isHeld = later
    const emit = (event: MigrateEvent<number>) => void (isHeld ? held.push(event) : onEvent(event))
    const tell = () => {
      isHeld = false
      for (const event of held.splice(0)) onEvent(event)
    }
    return { loaded, step: loaded.step(hearing(emit, planned)), applied: undefined, tell }
  }
}

/** Returns listeners that turn the messages of a step into events. */
export function hearing(onEvent: RunInput['onEvent'], step: PlanStep<number>): Hears {
  return {
    log: (message) => onEvent({ type: 'log', step, message }),
    notice: (notice) => onEvent({ type: 'notice', step, ...notice }),
    warn: (message) => onEvent({ type: 'warning', message }),
  }
}
