/** The engine: brings a source and a database together. Plans first, then runs. */
import { withEnd } from '../sql/script.ts'
import { attempt, throwAll } from './attempt.ts'
import type { Policies } from './compare.ts'
import type { DatabaseState, Driver } from './driver.ts'
import { DirtyError, MigratestError, ShortLimitError, UsageError } from './errors.ts'
import type { OnEvent } from './events.ts'
import { type Fake, fakeDown, fakeUp } from './fake.ts'
import { type AfterStep, type Following, type FollowPlan, fromNothing, planSteps } from './follow.ts'
import { reconcile } from './history.ts'
import { type LoadedStep, type LoadInput, loadStep } from './load.ts'
import type { MigrationPlan, Move, PlanStep, Request } from './moves.ts'
import {
  type AdoptedRecord,
  type ChosenPlan,
  chooseFollowPlan,
  choosePlan,
  type FollowScope,
  loadInput,
  type PlanInput,
} from './plan.ts'
import { recordSql } from './recording.ts'
import { type ResumeOptions, resume } from './resume.ts'
import { runSteps } from './run.ts'
import { type Migration, passedOverMessage, type Source } from './source.ts'
import type { MigrationState, MigrationStatus } from './status.ts'
import { survey } from './survey.ts'
import { isVersion, NIL_VERSION, type Target } from './version.ts'

export interface MigratorOptions extends Policies {
  readonly source: Source
  /** From `openDatabase()`, or a driver of your own. */
  readonly database: Driver
  /** Milliseconds to wait for the lock; default 15 000. */
  readonly lockTimeoutMs?: number
  /** What the history keeps: the texts of up and down (default), or fingerprints only. */
  readonly record?: 'text' | 'fingerprint'
  /**
   * A down that is code and was recorded, for a migration whose file is gone or was edited: `refuse` (default), or `run`.
   * Whoever can write to the history can then have code run where you migrate.
   */
  readonly recordedCode?: 'refuse' | 'run'
  readonly onEvent?: OnEvent
  /**
   * Sends many ups in one round trip, each in its own transaction, where the driver can: faster, but `stop()` waits for all
   * that were sent, and times are shares. For databases that are made to be thrown away. Default false.
   */
  readonly batch?: boolean
  /** Aborting cancels the running statement; see {@link Migrator.stop} for the gentle way. */
  readonly signal?: AbortSignal
}

export interface MigrationRun {
  readonly from: number
  readonly to: number
  /** What ran, in order; empty where there was nothing to do. */
  readonly steps: readonly PlanStep[]
}

/** A migration handed to {@link Migrator.run} directly. */
export interface GivenMigration {
  readonly version: number
  /** The version row afterwards; default `version`. Below `version`: a down. */
  readonly targetVersion?: number
  readonly name?: string
  /** SQL; null or missing moves the version only. */
  readonly body?: string | null
}

export class Migrator {
  readonly #options: MigratorOptions
  readonly #signal: AbortSignal
  #stopping = false
  #busy = false
  #toldPassedOver = false

  constructor(options: MigratorOptions) {
    this.#options = options
    this.#signal = options.signal ?? new AbortController().signal
  }

  /** Applies all pending migrations, or the next `n`. @throws ShortLimitError when fewer than `n` were there */
  up(n?: number): Promise<MigrationRun> {
    return n === undefined ? this.#move({ kind: 'up', limit: -1 }) : this.steps(count(n))
  }

  /** Undoes the last applied migration, the last `n`, or all of them: `down('all')`. @throws ShortLimitError when fewer than `n` were applied */
  down(n: number | 'all' = 1): Promise<MigrationRun> {
    return n === 'all' ? this.#move({ kind: 'down', limit: -1 }) : this.steps(-count(n))
  }

  /** Runs `n` migrations up, or down where `n` is negative. With 0 it runs nothing and looks at nothing, not even at the dirty flag. */
  async steps(n: number): Promise<MigrationRun> {
    if (!Number.isSafeInteger(n)) throw new UsageError(`steps(${n}): the number of steps must be a whole number.`)
    if (n === 0) {
      const { version } = await this.#driver.state()
      return { from: version, to: version, steps: [] }
    }
    return this.#move({ kind: n < 0 ? 'down' : 'up', limit: Math.abs(n) })
  }

  /** Up or down to `target`. */
  to(target: Target): Promise<MigrationRun> {
    return this.#move({ kind: 'to', target })
  }

  /** Runs the given migrations as they are, whatever the source holds. */
  run(...migrations: readonly GivenMigration[]): Promise<MigrationRun> {
    return this.#exclusive(async (state) => {
      const steps: PlanStep[] = []
      for (const given of migrations) {
        // The history has changed with each: it is read anew.
        const now = steps.length === 0 ? state : await this.#driver.state()
        steps.push(...(await this.#runGiven(now, given)).steps)
      }
      return { from: state.version, to: steps.at(-1)?.to ?? state.version, steps }
    })
  }

  /** Sets the version without running anything, and clears the dirty flag. -1 is nil. */
  async force(version: number): Promise<void> {
    if (version !== NIL_VERSION && !isVersion(version)) throw new UsageError(`force(${version}): not a version.`)
    await this.#locked(() => this.#driver.force(version))
  }

  /** Records one migration as applied without running it. @throws FakeOrderError where what it follows is not applied */
  fake(version: number): Promise<MigrationRun> {
    return this.#fake(version, fakeUp)
  }

  /** Records one migration as not applied without undoing it. @throws FakeOrderError where something applied follows it */
  unfake(version: number): Promise<MigrationRun> {
    return this.#fake(version, fakeDown)
  }

  /** Empties the database of all that migrations could have made. */
  async drop(): Promise<void> {
    await this.#locked(() => this.#driver.drop())
  }

  async version(): Promise<MigrationState> {
    const { version, dirty } = await this.#driver.state()
    return { version, dirty }
  }

  /**
   * What a transition would do, without doing it. `from`: as if the database were at that version. `texts`: with the SQL
   * of each step, which is then all in memory; code is run for it against a client that only listens.
   */
  async plan(target: Target | Request, options: { from?: number; texts?: boolean } = {}): Promise<MigrationPlan> {
    const read = await this.#driver.state()
    const { from, texts } = options
    const state: DatabaseState = from === undefined ? read : { version: from, dirty: false, history: [] }
    const request: Request = typeof target === 'object' && 'kind' in target ? target : { kind: 'to', target }
    if (state.dirty) throw dirty(state)
    const { moves, short, load } = await this.#choose(state, request, from !== undefined)
    return this.#plan(state, moves, load, short, texts)
  }

  /**
   * Works out what has to move so that the database is what the files say, and hands that to `work`, which carries it out.
   * What was edited, is gone or came late is undone from the top; nothing is refused for it. For databases in development.
   * @param downs whether an edited migration is undone by the down that was recorded with it, or by the one in its file
   */
  follow<T>(
    work: (following: Following) => Promise<T>,
    wish: FollowScope = 'all',
    downs: 'record' | 'file' = 'record',
  ): Promise<T> {
    return this.#locked(async () => {
      const state = await this.#driver.state()
      if (state.dirty) throw dirty(state)
      return work(await this.#following(state, wish, downs))
    })
  }

  /** Every migration and what became of it. Reads only. */
  async status(): Promise<MigrationStatus> {
    return survey(this.#choosing, await this.#driver.state())
  }

  /**
   * Continues a migration that stopped half-way, behind the last statement that is known to be done.
   * `applied`: that many statements are done, where the journal cannot tell whether the last one was.
   */
  resume(options: ResumeOptions = {}): Promise<MigrationRun> {
    return this.#locked(() => resume({ ...this.#choosing, signal: this.#signal, onEvent: this.#emit }, options))
  }

  /** Ends the run after the migration that is running. */
  stop(): void {
    this.#stopping = true
  }

  // --- internal ---

  get #driver(): Driver {
    return this.#options.database
  }

  #emit: OnEvent = (event) => this.#options.onEvent?.(event)

  async #runGiven(state: DatabaseState, given: GivenMigration): Promise<MigrationRun> {
    const { version, targetVersion: to = version, name = 'given', body = null } = given
    const direction = to >= version ? 'up' : 'down'
    const migration: Migration = { version, name, up: `migration ${version}` }
    const source: Source = {
      name: 'the migrations given to run()',
      list: async () => [migration],
      read: async (_, half) => (body === null || half !== direction ? null : { kind: 'sql', text: body }),
    }
    const applied = { ...reconcile(state, [migration]), entries: new Map() }
    const load = loadInput({ ...this.#choosing, source }, [migration], applied)
    return this.#execute(state, [{ version, direction, from: state.version, to }], load, 0)
  }

  #move(request: Request): Promise<MigrationRun> {
    return this.#exclusive(async (state) => {
      const { moves, short, load, newDowns, adopted } = await this.#choose(state, request)
      // Not before it is known that the moves can be made: what is written here replaces other ways back.
      return this.#execute(state, moves, load, short, async () => {
        if (newDowns.length > 0) await this.#driver.rerecord(newDowns)
        for (const adoption of adopted) await this.#adopt(state, adoption)
      })
    })
  }

  #fake(version: number, faked: typeof fakeUp): Promise<MigrationRun> {
    return this.#exclusive(async (state) => {
      const step = await faked(this.#choosing, state, version)
      await this.#write(step)
      return { from: state.version, to: step.to, steps: [] }
    })
  }

  async #following(state: DatabaseState, wish: FollowScope, downsFrom: 'record' | 'file'): Promise<Following> {
    const choice = await chooseFollowPlan(this.#choosing, state, wish)
    this.#tellPassedOver(this.#options.source)
    const { downs, ups, newDowns, adopted, changes } = choice
    const load = { ...choice.load, preferFileDowns: downsFrom === 'file' }
    const down = await planSteps(load, downs)
    // Without a way down they are not reached, but what is wrong with them is told all the same.
    const up = await planSteps(load, ups)
    const settle = async () => {
      if (newDowns.length > 0) await this.#driver.rerecord(newDowns)
      for (const adoption of adopted) await this.#adopt(state, adoption)
    }
    const begins = down.steps[0] ?? up.steps[0]
    const plan: FollowPlan = {
      from: state.version,
      to: up.steps.at(-1)?.to ?? down.steps.at(-1)?.to ?? state.version,
      steps: [...down.steps, ...up.steps],
      short: 0,
      warnings: [...down.warnings, ...up.warnings],
      blocked: down.blocked,
      apart: [...down.apart, ...up.apart],
      history: load.applied.versions,
      records: newDowns.length + adopted.length,
      changes,
    }
    return {
      plan,
      down: async () => {
        await settle()
        await this.#run(down.steps, load, begins)
      },
      up: async (after) => {
        if (down.steps.length === 0) await settle()
        await this.#run(up.steps, load, begins, after)
      },
      replay: async (after) => {
        const nothing = fromNothing(choice, this.#choosing)
        const { steps } = await planSteps(nothing.load, nothing.moves)
        await this.#driver.drop()
        await this.#driver.force(NIL_VERSION)
        await this.#run(steps, nothing.load, undefined, after)
      },
    }
  }

  /** Writes down that a squashed migration is applied, since all that it replaces is. */
  async #adopt({ version: row }: DatabaseState, { version, replaced, baseline, record }: AdoptedRecord): Promise<void> {
    await this.#write({
      version,
      name: record.name,
      direction: 'up',
      from: row,
      to: row,
      history: { put: record, remove: replaced, baseline: baseline ? { version, above: row } : undefined },
    })
    const message = `${version}_${record.name} replaces ${replaced.length + 1} migrations that are all applied: the history now says so.`
    this.#emit({ type: 'warning', message })
  }

  /** A step in which only version and history change. */
  #write(step: Fake): Promise<void> {
    return this.#driver.apply({ ...step, work: { kind: 'nil' } }, this.#signal)
  }

  /** Under the lock, on a clean database. */
  #exclusive(work: (state: DatabaseState) => Promise<MigrationRun>): Promise<MigrationRun> {
    return this.#locked(async () => {
      const state = await this.#driver.state()
      if (state.dirty) throw dirty(state)
      return work(state)
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
        // The first error is the one to tell; a lock lost with the connection is its consequence.
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
    const choice = await choosePlan(this.#choosing, state, request, supposed)
    this.#tellPassedOver(this.#options.source)
    const { disagreement } = choice.load.applied
    if (disagreement) this.#emit({ type: 'warning', message: disagreement })
    return choice
  }

  get #choosing(): PlanInput {
    return this.#options
  }

  #tellPassedOver(source: Source): void {
    const message = passedOverMessage(source)
    if (this.#toldPassedOver || message === undefined) return
    this.#toldPassedOver = true
    this.#emit({ type: 'warning', message })
  }

  /** Reads every body once: what cannot be read or run is told before the first statement. */
  async #plan(
    state: DatabaseState,
    moves: readonly Move[],
    load: LoadInput,
    short: number,
    texts = false,
  ): Promise<MigrationPlan> {
    const steps: PlanStep[] = []
    const warnings: string[] = []
    const wrong: MigratestError[] = []
    for (const move of moves) {
      const step = await attempt(() => loadStep(load, move))
      if (step instanceof MigratestError) {
        wrong.push(step)
        continue
      }
      const { plan, warning } = step
      steps.push(texts ? { ...plan, ...(await this.#sqlOf(step)) } : plan)
      if (warning) warnings.push(warning)
    }
    throwAll(wrong)
    return { from: state.version, to: moves.at(-1)?.to ?? state.version, steps, short, warnings }
  }

  /** Of code, what it says to a client that only listens. */
  async #sqlOf({ plan, step }: LoadedStep): Promise<Pick<PlanStep, 'text' | 'notes'>> {
    const { work } = step({ log: () => undefined })
    if (work.kind === 'nil') return { text: null }
    if (work.kind === 'sql') return { text: work.script.clientText() }
    const { statements, notes } = await recordSql(work, this.#driver.dialect)
    const { dialect } = this.#driver
    return {
      text: statements.map((sql) => withEnd(sql, dialect)).join('\n'),
      notes: [`code of ${plan.file}`, ...notes],
    }
  }

  async #execute(
    state: DatabaseState,
    moves: readonly Move[],
    load: LoadInput,
    short: number,
    first: () => Promise<void> = async () => undefined,
  ): Promise<MigrationRun> {
    const plan = await this.#plan(state, moves, load, short)
    await first()
    this.#emit({ type: 'planned', plan })
    for (const message of plan.warnings) this.#emit({ type: 'warning', message })
    const ran = await this.#run(plan.steps, load, plan.steps[0])
    if (short > 0 && ran.length === moves.length) throw new ShortLimitError(short, short + moves.length)
    return { from: state.version, to: ran.at(-1)?.to ?? state.version, steps: ran }
  }

  /** @param begins the step whose write also settles what another tool did to the history */
  #run(
    steps: readonly PlanStep[],
    load: LoadInput,
    begins: PlanStep | undefined,
    after?: AfterStep,
  ): Promise<PlanStep[]> {
    const { repair } = load.applied
    return runSteps({
      driver: this.#driver,
      steps,
      after,
      signal: this.#signal,
      stopped: () => this.#stopping,
      onEvent: this.#emit,
      batch: this.#options.batch ?? false,
      load: async (planned) => {
        const loaded = await loadStep(load, planned)
        if (planned !== begins || !repair) return loaded
        const settled = (step: ReturnType<typeof loaded.step>) => {
          const { baseline } = step.history
          return {
            ...step,
            history: {
              ...step.history,
              baseline: baseline ? { ...baseline, above: Math.min(baseline.above, repair.above) } : repair,
            },
          }
        }
        return { ...loaded, step: (hears) => settled(loaded.step(hears)) }
      },
    })
  }
}

function count(n: number): number {
  if (Number.isSafeInteger(n) && n >= 0) return n
  throw new UsageError(`${n} is not a number of migrations.`)
}

function dirty(state: DatabaseState): DirtyError {
  const entry = state.history.find((e) => e.running)
  if (!entry?.running) return new DirtyError(state.version, 'the flag was set by another tool or by hand.')
  const { direction, done, started, total } = entry.running
  const unknown = started > done ? `, and whether statement ${started} took effect is not known` : ''
  return new DirtyError(
    state.version,
    `${direction} of ${entry.version}_${entry.name} stopped with ${done} of ${total} statements done${unknown}.`,
  )
}
