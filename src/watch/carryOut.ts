/**
 * Carries out a plan in one transaction. If that is impossible, runs it step by step, with a copy of the database to go
 * back to. If the migrations cannot be undone, rebuilds the database, or does nothing if the user declines.
 */
import { openRehearsal } from '../database/open.ts'
import type { MigratestError } from '../migrate/errors.ts'
import type { MigrateEvent } from '../migrate/events.ts'
import type { Following, FollowPlan } from '../migrate/follow.ts'
import { Migrator } from '../migrate/migrator.ts'
import type { PlanStep } from '../migrate/plan/moves.ts'
import type { FollowScope } from '../migrate/plan/plan.ts'
import type { Source } from '../migrate/source.ts'
import { labelOf } from '../migrate/version.ts'
import type { Effects } from './effects.ts'
import type { Applied, Question, RanStep } from './events.ts'
import type { WatchOptions } from './options.ts'
import {
  checkUndone,
  DownFailed,
  downsNamed,
  isAlreadyThere,
  type Outcome,
  type ReconcileOptions,
  reconcile,
} from './reconcile.ts'
import type { WatchedConnection } from './watchedConnection.ts'

/** The result of a run. `outcome` is undefined if nothing was done because the user declined. */
export interface CarriedOut {
  readonly outcome: Extract<Outcome, { kind: 'done' | 'nothing' }> | undefined
  readonly how: Applied['how']
  readonly why: string | undefined
}

export class CarryOut {
  readonly #options: WatchOptions
  readonly #source: Source
  readonly #link: WatchedConnection
  readonly #cancel: AbortSignal
  readonly #wish: FollowScope
  readonly #onPlan: () => Promise<void>
  readonly #said: Set<string>
  readonly #effects: Effects
  readonly #isDraft: Beside['isDraft']
  readonly #steps = new Map<string, RanStep>()
  /**
   * The down that undoes an edited migration: at first the recorded one; if that does not work, the one in the file.
   */
  #downs: 'record' | 'file' = 'record'
  #running: { readonly step: string; readonly since: number } | undefined
  #question: AbortController | undefined
  #askedMs = 0

  /** @param said warnings that were printed before */
  constructor(
    options: WatchOptions,
    { source, link, cancel, said, effects, isDraft }: Beside,
    wish: FollowScope,
    onPlan: () => Promise<void>,
  ) {
    this.#options = options
    this.#source = source
    this.#link = link
    this.#cancel = cancel
    this.#said = said
    this.#effects = effects
    this.#isDraft = isDraft
    this.#wish = wish
    this.#onPlan = onPlan
  }

  get steps(): readonly RanStep[] {
    return [...this.#steps.values()]
  }

  /** The step that is running, and when it started in milliseconds since 1970. */
  get running(): { readonly step: string; readonly since: number } | undefined {
    return this.#running
  }

  /** Milliseconds spent waiting for answers to questions. */
  get askedMs(): number {
    return this.#askedMs
  }

  /** Withdraws the open question, because the plan it was about has changed. */
  withdraw(): void {
    this.#question?.abort()
  }

  async run(): Promise<CarriedOut> {
    return this.#decided(await this.#reconcile('together'))
  }

  // --- internal ---

  async #reconcile(way: ReconcileOptions['way']): Promise<Reconciled> {
    const development = await this.#link.open()
    const migrator = new Migrator({
      ...this.#options.migrator,
      source: this.#source,
      before: this.#options.before,
      database: development.driver,
      signal: this.#cancel,
      onEvent: (event) => this.#hear(event),
    })
    // The previous attempt was rolled back, so its steps do not count.
    this.#steps.clear()
    const options = {
      most: this.#options.carryRows,
      way,
      wish: this.#wish,
      downs: this.#downs,
      effects: this.#effects,
    }
    try {
      return await reconcile(development, migrator, options, this.#onPlan)
    } catch (error) {
      if ((error as MigratestError).code !== 'MIGRATEST_TOO_MANY_ROWS') throw error
      const why = (error as Error).message
      if (!(await this.#asked({ about: 'row-limit', why }))) return { kind: 'declined', why }
      return reconcile(development, migrator, { ...options, most: Number.POSITIVE_INFINITY }, this.#onPlan)
    }
  }

  /** Decides how to proceed with the outcome of the first attempt. */
  async #decided(first: Reconciled): Promise<CarriedOut> {
    switch (first.kind) {
      case 'declined':
        this.#options.onEvent({ type: 'skipped', why: first.why, asked: true })
        return { outcome: undefined, how: 'atomic', why: first.why }
      case 'lagging': {
        this.#downs = 'file'
        const second = await this.#reconcile('together')
        // If the files' downs fail for another reason, report both reasons, that of the recorded downs first.
        if (second.kind !== 'blocked' || second.why === first.why) return this.#decided(second)
        return this.#decided({ ...second, why: `${first.why}\n${second.why}` })
      }
      case 'apart': {
        const rehearsed = await this.#rehearsed()
        if (rehearsed instanceof Error) return this.#blocked(first.plan, rehearsed.message, undefined)
        const carried = await this.#decided(await this.#beside('apart'))
        return carried.how === 'rebuilt'
          ? carried
          : { ...carried, how: rehearsed ? 'rehearsed' : 'stepwise', why: first.why }
      }
      case 'blocked':
        return this.#blocked(first.plan, first.why, first.loss)
      default:
        return { outcome: first, how: 'atomic', why: undefined }
    }
  }

  /** Handles a plan that cannot be undone: rebuilds the database if the options or the user allow it. */
  async #blocked(
    plan: FollowPlan,
    why: string,
    loss: Extract<Outcome, { kind: 'blocked' }>['loss'],
  ): Promise<CarriedOut> {
    const { onIrreversible, onEvent } = this.#options
    // A draft of a tool without downs has none either: who had it written has agreed to what each save needs.
    const isDrafted = this.#source.format?.downs === false && plan.changes.every(({ name }) => this.#isDraft(name))
    const agreed =
      isDrafted ||
      onIrreversible === 'rebuild' ||
      (onIrreversible === 'ask' && (await this.#asked({ about: 'irreversible', changes: plan.changes, why, loss })))
    if (!agreed) {
      onEvent({ type: 'skipped', why, asked: onIrreversible === 'ask' })
      return { outcome: undefined, how: 'rebuilt', why }
    }
    const { driver } = await this.#link.open()
    const tried = driver.inOneTransaction ? await this.#reconcile('replay') : undefined
    const outcome = tried === undefined || tried.kind === 'apart' ? await this.#beside('replayApart') : tried
    return { outcome: outcome.kind === 'done' ? outcome : undefined, how: 'rebuilt', why }
  }

  /** Runs the steps one by one and restores a copy of the database if one fails. */
  async #beside(way: 'apart' | 'replayApart'): Promise<Reconciled> {
    const { fallback } = await this.#link.open()
    if (fallback.alone) await this.#link.close()
    const ended = await fallback.take()
    if (ended > 0) {
      const others = ended === 1 ? 'another session' : `${ended} other sessions`
      const message = `To copy the database, migratest ended ${others}.`
      this.#options.onEvent({ type: 'warning', message })
    }
    try {
      const outcome = await this.#reconcile(way)
      await fallback.drop()
      return outcome
    } catch (error) {
      if (fallback.alone) await this.#link.close()
      await fallback.restore()
      if (!(error instanceof DownFailed)) throw error
      if (this.#downs === 'record') {
        this.#downs = 'file'
        return this.#beside(way)
      }
      const again = await this.#reconcile('together')
      if (again.kind !== 'apart') return again
      return { kind: 'blocked', plan: again.plan, why: error.message, loss: undefined }
    }
  }

  /**
   * Rehearses the plan on an empty copy of the schema, if the database would keep the effects of a failed run. It uses
   * the recorded downs first and, if those do not undo what was applied, the files' downs.
   * @returns `true` if a rehearsal was needed and passed, `false` if none was needed, or the error of the downs that
   * fail
   * @throws the error of an up that fails
   */
  async #rehearsed(): Promise<boolean | Error> {
    const first = await this.#rehearse()
    if (!(first instanceof DownFailed) || this.#downs === 'file') return first
    this.#downs = 'file'
    const second = await this.#rehearse()
    if (!(second instanceof DownFailed) || second.message === first.message) return second
    return new DownFailed(`${first.message}\n${second.message}`)
  }

  async #rehearse(): Promise<boolean | DownFailed> {
    const { url, open, migrator } = this.#options
    const rehearsal = await openRehearsal(url, open)
    if (!rehearsal) return false
    const follow = <T>(work: (following: Following) => Promise<T>) => {
      const other = new Migrator({ ...migrator, source: this.#source, database: rehearsal.database })
      return other.follow(work, this.#wish, this.#downs)
    }
    let isKnown = true
    let downs: readonly PlanStep<number>[] = []
    try {
      await follow(async (following) => {
        downs = following.plan.steps.filter(({ direction }) => direction === 'down')
        const before = await rehearsal.shape()
        await following.down().catch((cause: Error) => {
          throw new DownFailed(cause.message, { cause })
        })
        if (downs.length > 0) isKnown = checkUndone(this.#effects, downs, before, await rehearsal.shape())
        await following.up()
      })
      return true
    } catch (error) {
      if (error instanceof DownFailed) return error
      if (downs.length === 0 || !isAlreadyThere(error, isKnown)) throw error
      // If the ups also fail on an empty database, the downs are not the cause.
      const isFaultOfDowns = await follow((following) => following.replay()).then(
        () => true,
        () => false,
      )
      if (!isFaultOfDowns) throw error
      return new DownFailed(
        `${downsNamed(downs)} did not undo what was applied: ${(error as Error).message.split('\n')[0]}`,
      )
    } finally {
      await rehearsal.drop()
    }
  }

  async #asked(question: Question): Promise<boolean> {
    const { ask, onEvent } = this.#options
    onEvent({ type: 'asked', question })
    if (!ask) return false
    this.#question = new AbortController()
    const { signal } = this.#question
    const begun = Date.now()
    try {
      return (await ask(question, signal)) && !signal.aborted
    } finally {
      this.#askedMs += Date.now() - begun
      this.#question = undefined
    }
  }

  #hear(event: MigrateEvent): void {
    const { onEvent } = this.#options
    if (event.type === 'started') {
      this.#running = { step: labelOf(event.step), since: Date.now() }
      this.#options.onStep?.(labelOf(event.step))
    }
    if (event.type === 'log') {
      onEvent({ type: 'log', step: labelOf(event.step), message: event.message })
    }
    if (event.type === 'notice') {
      const message = `${event.severity}: ${event.message}`
      onEvent({ type: 'log', step: labelOf(event.step), message })
    }
    // Every plan repeats the same warnings, so print each of them only once.
    if (event.type === 'warning' && !this.#said.has(event.message)) {
      this.#said.add(event.message)
      onEvent({ type: 'warning', message: event.message })
    }
    if (event.type !== 'finished') return
    this.#running = undefined
    this.#options.onStep?.(undefined)
    const { version, name, direction, origin } = event.step
    this.#steps.set(`${direction} ${version}`, { version, name, direction, origin, ms: event.ms })
  }
}

// --- internal ---

/** The objects of the watch that a run uses in addition to the options. */
interface Beside {
  readonly source: Source
  readonly link: WatchedConnection
  readonly cancel: AbortSignal
  readonly said: Set<string>
  readonly effects: Effects
  /** Returns whether the watch has written that migration itself, as a draft. */
  readonly isDraft: (name: string) => boolean
}

/** The outcome of an attempt. `declined`: nothing was done because the user declined. */
type Reconciled = Outcome | { readonly kind: 'declined'; readonly why: string }
