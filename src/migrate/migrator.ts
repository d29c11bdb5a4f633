/** The engine: applies the migrations of a source to a database. It plans first, then runs. */

import { refuseDirty } from './dirty.ts'
import type { DatabaseState, Driver } from './driver.ts'
import { ShortLimitError, UsageError } from './errors.ts'
import type { OnEvent } from './events.ts'
import { type Fake, fakeDown, fakeUp } from './fake.ts'
import { type Following, following } from './follow.ts'
import { asSource, type GivenMigration } from './given.ts'
import { type LoadInput, loadHalf, loadRepairing, loadStep } from './load.ts'
import type { Policies } from './plan/compare.ts'
import { reconcile } from './plan/history.ts'
import type { MigrationPlan, Move, PlanStep, Request } from './plan/moves.ts'
import {
  type AdoptedRecord,
  type ChosenPlan,
  chooseFollowPlan,
  choosePlan,
  type FollowScope,
  isUnbounded,
  loadInput,
  type PlanInput,
} from './plan/plan.ts'
import type { MigrationState, MigrationStatus } from './plan/status.ts'
import { survey } from './plan/survey.ts'
import { numberOf } from './plan/target.ts'
import { type Ranked, ranked } from './ranked.ts'
import { turn } from './realTime.ts'
import type { RunInput } from './run/ahead.ts'
import { planRun } from './run/planRun.ts'
import { type ResumeOptions, resume } from './run/resume.ts'
import { runSteps } from './run/run.ts'
import { Shown } from './shown.ts'
import { passedOverMessage, type Source } from './source.ts'
import { isVersion, labelOf, NIL_VERSION, type Target, type Version } from './version.ts'

export interface MigratorOptions extends Policies {
  readonly source: Source
  /** The driver: the result of `openDatabase()`, or one of your own. */
  readonly database: Driver
  /** Milliseconds to wait for the lock; default 15 000. */
  readonly lockTimeoutMs?: number
  /** Content of the history table: the texts of up and down (default), or fingerprints only. */
  readonly record?: 'text' | 'fingerprint'
  /**
   * Policy for a recorded down that is code, when the file of its migration is gone or was edited: `refuse` (default)
   * or `run`. With `run`, everybody who can write to the history table can run code on the machine that migrates.
   */
  readonly recordedCode?: 'refuse' | 'run'
  readonly onEvent?: OnEvent
  /**
   * `true` sends many ups in one round trip, each in its own transaction, if the driver supports it. This is faster,
   * but `stop()` waits for all migrations already sent, and each reported duration is an equal share of the round trip.
   * Meant for throwaway databases. Default false.
   */
  readonly batch?: boolean
  /**
   * `tool` (default): if the folder belongs to a tool that runs all pending migrations in one transaction, so do we, where
   * the database can; a failure then leaves nothing behind, as there. `each`: every migration has its own. So it is with
   * `batch` and while `follow` runs, too.
   */
  readonly transactions?: 'tool' | 'each'
  /** For development databases: SQL texts to run when `follow` has emptied the database to apply everything again. */
  readonly before?: readonly string[]
  /** Cancels the running statement when aborted. To let the running migration finish, use {@link Migrator.stop}. */
  readonly signal?: AbortSignal
}

export interface MigrationRun<V extends Version = Version> {
  readonly from: V
  readonly to: V
  /** The steps that ran, in order; empty if there was nothing to do. */
  readonly steps: readonly PlanStep<V>[]
}

export class Migrator {
  readonly #options: MigratorOptions
  /** Set if the source is a folder of another tool. */
  readonly #ranked: Ranked | undefined
  /** `true` if the folder's migrations are code. */
  readonly #isCode: boolean
  readonly #shown: Shown
  readonly #signal: AbortSignal
  #stopping = false
  #busy = false
  #toldPassedOver = false

  /** @throws UsageError if the database's driver cannot run the folder of another tool */
  constructor(options: MigratorOptions) {
    const { source, database } = options
    this.#ranked = source.format && ranked(source, database, source.format)
    this.#isCode = this.#ranked !== undefined && source.codeKey !== undefined
    this.#options = { ...options, ...(this.#ranked && { source: this.#ranked.source, database: this.#ranked.driver }) }
    this.#shown = new Shown(this.#driver, this.#ranked !== undefined)
    this.#signal = options.signal ?? new AbortController().signal
  }

  /** Applies all pending migrations, or the next `n`. @throws ShortLimitError if fewer than `n` were pending */
  up(n?: number): Promise<MigrationRun> {
    return n === undefined ? this.#move({ kind: 'up', limit: -1 }) : this.steps(count(n))
  }

  /**
   * Undoes the last applied migration, the last `n`, or all of them: `down('all')`.
   * @throws ShortLimitError if fewer than `n` were applied
   */
  down(n: number | 'all' = 1): Promise<MigrationRun> {
    return n === 'all' ? this.#move({ kind: 'down', limit: -1 }) : this.steps(-count(n))
  }

  /**
   * Runs `n` migrations up, or down if `n` is negative. With 0 it runs nothing and checks nothing, not even the dirty
   * flag.
   */
  async steps(n: number): Promise<MigrationRun> {
    if (!Number.isSafeInteger(n)) throw new UsageError(`steps(${n}): the number of steps must be a whole number.`)
    if (n === 0) {
      const { version } = await this.version()
      return { from: version, to: version, steps: [] }
    }
    return this.#move({ kind: n < 0 ? 'down' : 'up', limit: Math.abs(n) })
  }

  /** Migrates up or down to `target`. */
  to(target: Target): Promise<MigrationRun> {
    return this.#move({ kind: 'to', target })
  }

  /** Runs the given migrations and ignores the source. */
  run(...migrations: readonly GivenMigration[]): Promise<MigrationRun> {
    if (this.#ranked) throw new UsageError(`run() cannot mix migrations with those of ${this.#options.source.name}.`)
    return this.#exclusive(async (state) => {
      const steps: PlanStep<number>[] = []
      for (const given of migrations) {
        // Each migration changes the history, so we read the state again before the next one.
        const now = steps.length === 0 ? state : await this.#driver.state()
        steps.push(...(await this.#runGiven(now, given)).steps)
      }
      return { from: state.version, to: steps.at(-1)?.to ?? state.version, steps }
    })
  }

  /** Sets the version without running anything, and clears the dirty flag. -1 is the nil version. */
  async force(version: Version): Promise<void> {
    if (typeof version === 'number' && version !== NIL_VERSION && !isVersion(version)) {
      throw new UsageError(`force(${version}): not a version.`)
    }
    this.#ranked?.renew()
    await this.#locked(async () => this.#driver.force(await this.#numberOf(version)))
  }

  /**
   * Records one migration as applied without running it.
   * @throws FakeOrderError if a migration it depends on is not applied
   */
  fake(version: Version): Promise<MigrationRun> {
    return this.#fake(version, fakeUp)
  }

  /**
   * Records one migration as not applied without undoing it.
   * @throws FakeOrderError if an applied migration depends on it
   */
  unfake(version: Version): Promise<MigrationRun> {
    return this.#fake(version, fakeDown)
  }

  /** Drops everything in the database that migrations could have created. */
  async drop(): Promise<void> {
    await this.#locked(() => this.#driver.drop())
  }

  async version(): Promise<MigrationState> {
    const { version, dirty } = await this.#state()
    return { version: this.#shown.version(version), dirty }
  }

  /**
   * Returns the steps a transition would run, without running them.
   * @param options `from`: plan from this version instead of the database's version. `texts`: include the SQL of each
   * step (all of it is then in memory); migrations in code are run against a client that only records statements
   */
  async plan(target: Target | Request, options: { from?: Version; texts?: boolean } = {}): Promise<MigrationPlan> {
    const read = await this.#state()
    const { texts } = options
    const from = options.from === undefined ? undefined : await this.#numberOf(options.from)
    const state: DatabaseState = from === undefined ? read : { version: from, dirty: false, history: [] }
    const request: Request = typeof target === 'object' && 'kind' in target ? target : { kind: 'to', target }
    refuseDirty(state, this.#shown)
    const { moves, short, load } = await this.#choose(state, request, from !== undefined)
    return this.#shown.plan(await planRun(load, state.version, moves, short, texts))
  }

  /**
   * Plans the steps that make the database match the files, and passes the plan to `work`, which runs it. Migrations
   * that were edited, whose file is gone or that were merged late are not refused: everything from the lowest of them
   * upwards is undone, last one first. For development databases.
   * @param downs undo an edited migration with the down recorded when it was applied (`record`), or with the one in its
   * file (`file`)
   */
  follow<T>(
    work: (following: Following) => Promise<T>,
    wish: FollowScope = 'all',
    downs: 'record' | 'file' = 'record',
  ): Promise<T> {
    return this.#locked(async () => {
      const state = await this.#state()
      refuseDirty(state, this.#shown)
      return work(await this.#following(state, wish, downs))
    })
  }

  /** Returns every migration and its status. It writes nothing. */
  async status(): Promise<MigrationStatus> {
    const status = this.#shown.status(await survey(this.#choosing, this.#state()))
    if (status.migrations.length === 0) this.#tellPassedOver(this.#options.source)
    return status
  }

  /**
   * Continues a migration that stopped half-way, after the last statement known to have taken effect.
   * @param options `applied`: number of statements that took effect, needed if the journal does not show whether the
   * last one did
   */
  resume(options: ResumeOptions = {}): Promise<MigrationRun> {
    return this.#locked(async () => {
      await this.#state()
      return this.#shown.run(await resume({ ...this.#choosing, signal: this.#signal, onEvent: this.#emit }, options))
    })
  }

  /** Ends the run after the migration that is currently running, and those that were already sent behind it. */
  stop(): void {
    this.#stopping = true
  }

  // --- internal ---

  get #driver(): Driver {
    return this.#options.database
  }

  #emit: OnEvent<number> = (event) => this.#options.onEvent?.(this.#shown.event(event))

  /**
   * Reads the state at the beginning of a command. The list of migrations stays the same until the next one; where the lock
   * is held, it was made with it.
   */
  #state(): Promise<DatabaseState> {
    if (!this.#busy) this.#ranked?.renew()
    return this.#driver.state()
  }

  /** Returns the number that a version has inside the engine. @throws VersionNotFoundError */
  async #numberOf(version: Version): Promise<number> {
    if (typeof version === 'number' && !this.#ranked) return version
    if (version === 'nil') return NIL_VERSION
    const { source } = this.#options
    return numberOf(version, await source.list(), source.name)
  }

  async #runGiven(state: DatabaseState, given: GivenMigration): Promise<MigrationRun<number>> {
    const { migration, source, move } = asSource(given, state.version)
    const applied = { ...reconcile(state, [migration]), entries: new Map() }
    const load = loadInput({ ...this.#choosing, source }, [migration], applied)
    return this.#execute(state, [move], load, 0)
  }

  #move(request: Request): Promise<MigrationRun> {
    let hasLock = false
    const moving = this.#exclusive(async (state) => {
      hasLock = true
      const { moves, short, load, newDowns, adopted } = await this.#choose(state, request)
      // This overwrites recorded downs, so it must wait until the whole plan is known to be runnable.
      return this.#execute(state, moves, load, short, () => this.#settle(state, newDowns, adopted))
    })
    // The plan reports what cannot be read.
    if (this.#isCode && isUnbounded(request)) this.#readAhead(() => !hasLock).catch(() => undefined)
    return moving
  }

  /** Loads migrations in code while the server is asked for the lock and the state: all of them are compared or run then. */
  async #readAhead(isEarly: () => boolean): Promise<void> {
    const { source, database } = this.#options
    for (const migration of await source.list()) {
      await turn()
      if (!isEarly()) return
      await Promise.all([loadHalf(source, migration, 'up', database), loadHalf(source, migration, 'down', database)])
    }
  }

  #fake(version: Version, faked: typeof fakeUp): Promise<MigrationRun> {
    return this.#exclusive(async (state) => {
      const step = await faked(this.#choosing, state, await this.#numberOf(version))
      await this.#write(step)
      return { from: state.version, to: step.to, steps: [] }
    })
  }

  async #following(state: DatabaseState, wish: FollowScope, downsFrom: 'record' | 'file'): Promise<Following> {
    const choice = await chooseFollowPlan(this.#choosing, state, wish)
    this.#tellPassedOver(this.#options.source)
    return following(choice, {
      input: this.#choosing,
      state,
      downsFrom,
      shown: this.#shown,
      ranked: this.#ranked,
      before: this.#options.before ?? [],
      settle: () => this.#settle(state, choice.newDowns, choice.adopted),
      run: async (steps, load, begins, beside) => {
        await this.#run(steps, load, begins, { beside })
      },
    })
  }

  /** Writes what the history lacks before the moves run: changed downs, and squashed migrations. */
  async #settle(state: DatabaseState, newDowns: ChosenPlan['newDowns'], adopted: ChosenPlan['adopted']): Promise<void> {
    if (newDowns.length > 0) await this.#driver.rerecord(newDowns)
    for (const adoption of adopted) await this.#adopt(state, adoption)
  }

  /** Records a squashed migration as applied, because all migrations it replaces are applied. */
  async #adopt({ version: row }: DatabaseState, { version, replaced, baseline, record }: AdoptedRecord): Promise<void> {
    await this.#write({
      version,
      name: record.name,
      direction: 'up',
      from: row,
      to: row,
      history: { put: record, remove: replaced, baseline: baseline ? { version, above: row } : undefined },
    })
    const message = `${labelOf({ version, name: record.name })} replaces ${replaced.length + 1} migrations that are all applied, so it is now recorded as applied.`
    this.#emit({ type: 'warning', message })
  }

  /** Applies a step that only changes the version and the history. */
  #write(step: Fake): Promise<void> {
    return this.#driver.apply({ ...step, work: { kind: 'nil' } }, this.#signal)
  }

  /** Runs `work` under the lock. @throws DirtyError if the database is dirty */
  #exclusive(work: (state: DatabaseState) => Promise<MigrationRun<number>>): Promise<MigrationRun> {
    return this.#locked(async () => {
      const state = await this.#state()
      refuseDirty(state, this.#shown)
      return this.#shown.run(await work(state))
    })
  }

  async #locked<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy) throw new UsageError('This Migrator is already running: await the first call.')
    this.#busy = true
    this.#stopping = false
    try {
      await this.#driver.lock({ timeout: this.#options.lockTimeoutMs ?? 15_000, signal: this.#signal })
      let result: T
      try {
        result = await work()
      } catch (error) {
        // Report the first error: a lock lost together with the connection is only a consequence of it.
        await this.#driver.unlock().catch(() => undefined)
        throw error
      }
      await this.#driver.unlock()
      return result
    } finally {
      this.#busy = false
    }
  }

  async #choose(state: DatabaseState, request: Request, supposed = false): Promise<ChosenPlan> {
    // The warnings say which other files the folder has, and so why there is no plan.
    const choice = await choosePlan(this.#choosing, state, request, supposed).finally(() =>
      this.#tellPassedOver(this.#options.source),
    )
    const { disagreement } = choice.load.applied
    if (disagreement) this.#emit({ type: 'warning', message: disagreement })
    return choice
  }

  get #choosing(): PlanInput {
    return this.#options
  }

  #tellPassedOver(source: Source): void {
    const messages = [passedOverMessage(source) ?? [], source.remarks ?? []].flat()
    if (this.#toldPassedOver || messages.length === 0) return
    this.#toldPassedOver = true
    for (const message of messages) this.#emit({ type: 'warning', message })
  }

  async #execute(
    state: DatabaseState,
    moves: readonly Move[],
    load: LoadInput,
    short: number,
    first: () => Promise<void> = async () => undefined,
  ): Promise<MigrationRun<number>> {
    const plan = await planRun(load, state.version, moves, short)
    await first()
    this.#emit({ type: 'planned', plan })
    for (const message of plan.warnings) this.#emit({ type: 'warning', message })
    const { batch, transactions } = this.#options
    const oneTransaction = batch || transactions === 'each' ? undefined : load.source.format?.oneTransaction
    const ran = await this.#run(plan.steps, load, plan.steps[0], { oneTransaction })
    if (short > 0 && ran.length === moves.length) throw new ShortLimitError(short, short + moves.length)
    return { from: state.version, to: ran.at(-1)?.to ?? state.version, steps: ran }
  }

  /** @param begins the step whose write also repairs the history after another tool moved the version row */
  #run(
    steps: readonly PlanStep<number>[],
    load: LoadInput,
    begins: PlanStep<number> | undefined,
    { beside, oneTransaction }: Pick<RunInput, 'beside' | 'oneTransaction'>,
  ): Promise<PlanStep<number>[]> {
    return runSteps({
      driver: this.#driver,
      steps,
      beside,
      oneTransaction,
      signal: this.#signal,
      stopped: () => this.#stopping,
      onEvent: this.#emit,
      isHeard: this.#options.onEvent !== undefined,
      batch: this.#options.batch ?? false,
      load: (planned) => (planned === begins ? loadRepairing(load, planned) : loadStep(load, planned)),
    })
  }
}

function count(n: number): number {
  if (Number.isSafeInteger(n) && n >= 0) return n
  throw new UsageError(`${n} is not a number of migrations.`)
}
