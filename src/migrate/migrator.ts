/** The engine: brings a source and a database together. Plans first, then runs. */
import { readScript, type Script } from '../sql/script.ts'
import { cutStatements } from '../sql/statements.ts'
import { compareWithFiles, type Policies, refuseTrouble } from './compare.ts'
import type { DatabaseState, Driver, HistoryRecord } from './driver.ts'
import { DirtyError, EditedMigrationError, ShortLimitError, UsageError } from './errors.ts'
import type { OnEvent } from './events.ts'
import { type Applied, reconcile } from './history.ts'
import { type LoadInput, loadStep } from './load.ts'
import {
  chooseMoves,
  type Move,
  type MovesInput,
  type Plan,
  type PlanStep,
  type Request,
  resolveTarget,
} from './plan.ts'
import { continueJournaled, runSteps } from './run.ts'
import { type Migration, passedOverMessage, type Source } from './source.ts'
import { type Status, statusOf, type Version } from './status.ts'
import { isVersion, NIL_VERSION, type Target } from './version.ts'

export interface MigratorOptions extends Policies {
  readonly source: Source
  /** From `openDatabase()`, or a driver of your own. */
  readonly database: Driver
  /** Milliseconds to wait for the lock; default 15 000. */
  readonly lockTimeout?: number
  /** What the history keeps: the texts of up and down (default), or fingerprints only. */
  readonly record?: 'text' | 'fingerprint'
  /**
   * A down that is code and was recorded, for a migration whose file is gone or was edited: `refuse` (default), or `run`.
   * Whoever can write to the history can then have code run where you migrate.
   */
  readonly recordedCode?: 'refuse' | 'run'
  readonly onEvent?: OnEvent
  /** Aborting cancels the running statement; see {@link Migrator.stop} for the gentle way. */
  readonly signal?: AbortSignal
}

export interface Run {
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
  up(n?: number): Promise<Run> {
    return n === undefined ? this.#move({ kind: 'up', limit: -1 }) : this.steps(count(n))
  }

  /** Undoes all applied migrations, or the last `n`. */
  down(n?: number): Promise<Run> {
    return n === undefined ? this.#move({ kind: 'down', limit: -1 }) : this.steps(-count(n))
  }

  /** `n` migrations up, or down where `n` is negative. */
  steps(n: number): Promise<Run> {
    if (!Number.isSafeInteger(n)) throw new UsageError(`steps(${n}): the number of steps must be a whole number.`)
    return this.#move({ kind: n < 0 ? 'down' : 'up', limit: Math.abs(n) })
  }

  /** Up or down to `target`. */
  to(target: Target): Promise<Run> {
    return this.#move({ kind: 'to', target })
  }

  /** Runs the given migrations as they are, whatever the source holds. */
  run(...migrations: readonly GivenMigration[]): Promise<Run> {
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

  /** Empties the database of all that migrations could have made. */
  async drop(): Promise<void> {
    await this.#locked(() => this.#driver.drop())
  }

  async version(): Promise<Version> {
    const { version, dirty } = await this.#driver.state()
    return { version, dirty }
  }

  /**
   * What a transition would do, without doing it. `from`: as if the database were at that version. `texts`: with what
   * each step runs, which is then all in memory.
   */
  async plan(target: Target | Request, options: { from?: number; texts?: boolean } = {}): Promise<Plan> {
    const read = await this.#driver.state()
    const { from, texts } = options
    const state: DatabaseState = from === undefined ? read : { version: from, dirty: false, history: [] }
    const request: Request = typeof target === 'object' && 'kind' in target ? target : { kind: 'to', target }
    if (state.dirty) throw dirty(state)
    const { moves, short, load } = await this.#choose(state, request)
    return this.#plan(state, moves, load, short, texts)
  }

  /** Every migration and what became of it. Reads only. */
  async status(): Promise<Status> {
    const state = await this.#driver.state()
    const migrations = await this.#options.source.list()
    const applied = reconcile(state, migrations)
    const { edited } = await compareWithFiles(this.#loadInput(this.#options.source, migrations, applied))
    return statusOf(state, migrations, applied, edited)
  }

  /**
   * Continues a migration that stopped half-way, behind the last statement that is known to be done.
   * `applied`: that many statements are done, where the journal cannot tell whether the last one was.
   */
  resume(options: { applied?: number } = {}): Promise<Run> {
    return this.#locked(async () => {
      const state = await this.#driver.state()
      const entry = state.history.find((e) => e.running)
      if (!state.dirty || !entry?.running) {
        throw new UsageError('There is nothing to resume: no migration is under way in the journal.', {
          hint: state.dirty
            ? 'The dirty flag was set by another tool: settle the schema, then "migratest force VERSION".'
            : undefined,
        })
      }
      const { direction, started, done, total } = entry.running
      if (started > done && options.applied === undefined) {
        throw new UsageError(
          `It is not known whether statement ${started} of ${total} of ${entry.version}_${entry.name} took effect: the connection ended while it ran.`,
          {
            hint: `Look at the schema, then say resume({ applied: ${started} }) if it did or resume({ applied: ${done} }) if not.`,
          },
        )
      }
      const behind = options.applied ?? done
      if (behind !== done && behind !== started) {
        throw new UsageError(
          `resume({ applied: ${behind} }): the journal says ${done} of ${total} statements are done, and ${started} begun.`,
        )
      }
      const migrations = await this.#options.source.list()
      const history = state.history.filter((e) => !e.running)
      const applied = reconcile({ ...state, dirty: false, history }, migrations)
      const from = state.version
      const move: Move = { version: entry.version, direction, from, to: state.version }
      // A down fits what was applied, which the entry under way still tells.
      const entries = new Map(direction === 'down' && entry.fingerprint !== null ? [[entry.version, entry]] : [])
      const input = this.#loadInput(this.#options.source, migrations, { ...applied, entries })
      const loaded = await loadStep(input, move)
      await this.#sameBefore(entry.version, direction, loaded.text, behind)
      const step = loaded.step((message) => this.#emit({ type: 'log', step: loaded.plan, message }))
      if (step.work.kind === 'sql') refuseLostSettings(step.work.script, behind)
      const begun = performance.now()
      this.#emit({ type: 'started', step: loaded.plan })
      await continueJournaled(this.#driver, step, loaded, behind, this.#signal)
      this.#emit({ type: 'finished', step: loaded.plan, ms: performance.now() - begun })
      return { from, to: state.version, steps: [loaded.plan] }
    })
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

  async #runGiven(state: DatabaseState, given: GivenMigration): Promise<Run> {
    const { version, targetVersion: to = version, name = 'given', body = null } = given
    const direction = to >= version ? 'up' : 'down'
    const migration: Migration = { version, name, up: `migration ${version}` }
    const source: Source = {
      name: 'the migrations given to run()',
      list: async () => [migration],
      read: async (_, half) => (body === null || half !== direction ? null : { kind: 'sql', text: body }),
    }
    const applied = { ...reconcile(state, [migration]), entries: new Map() }
    return this.#execute(
      state,
      [{ version, direction, from: state.version, to }],
      this.#loadInput(source, [migration], applied),
      0,
    )
  }

  #move(request: Request): Promise<Run> {
    return this.#exclusive(async (state) => {
      const { moves, short, load, newDowns } = await this.#choose(state, request)
      if (newDowns.length > 0) await this.#driver.rerecord(newDowns)
      return this.#execute(state, moves, load, short)
    })
  }

  /** Under the lock, on a clean database. */
  #exclusive(work: (state: DatabaseState) => Promise<Run>): Promise<Run> {
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
      await this.#driver.lock({ timeout: this.#options.lockTimeout ?? 15_000, signal: this.#signal })
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

  async #choose(state: DatabaseState, request: Request): Promise<Choice> {
    const { source, outOfOrder = 'error' } = this.#options
    const migrations = await source.list()
    this.#tellPassedOver(source)
    const applied = reconcile(state, migrations)
    const input: MovesInput = {
      source: source.name,
      migrations,
      current: state.version,
      applied,
      applyLate: outOfOrder === 'apply',
    }
    const { moves, short } = chooseMoves(input, request)
    if (applied.disagreement) this.#emit({ type: 'warning', message: applied.disagreement })
    // "latest" is a wish to go up, though newer files may be gone.
    const upwards =
      request.kind === 'to'
        ? request.target === 'latest' || resolveTarget(input, request.target) >= state.version
        : request.kind === 'up'
    const load = this.#loadInput(source, migrations, applied)
    return { moves, short, load, newDowns: upwards ? await refuseTrouble(load, this.#options) : [] }
  }

  #tellPassedOver(source: Source): void {
    const message = passedOverMessage(source)
    if (this.#toldPassedOver || message === undefined) return
    this.#toldPassedOver = true
    this.#emit({ type: 'warning', message })
  }

  #loadInput(source: Source, migrations: readonly Migration[], applied: Applied): LoadInput {
    return {
      source,
      driver: this.#driver,
      migrations: new Map(migrations.map((m) => [m.version, m])),
      applied,
      recordTexts: this.#options.record !== 'fingerprint',
      runRecordedCode: this.#options.recordedCode === 'run',
      trustEdited: this.#options.edited === 'ignore',
    }
  }

  /** Reads every body once: what cannot be read or run is told before the first statement. */
  async #plan(
    state: DatabaseState,
    moves: readonly Move[],
    load: LoadInput,
    short: number,
    texts = false,
  ): Promise<Plan> {
    const steps: PlanStep[] = []
    const warnings: string[] = []
    for (const move of moves) {
      const { plan, warning, text } = await loadStep(load, move)
      steps.push(texts ? { ...plan, text: plan.fingerprint === null ? null : text } : plan)
      if (warning) warnings.push(warning)
    }
    return { from: state.version, to: moves.at(-1)?.to ?? state.version, steps, short, warnings }
  }

  async #execute(state: DatabaseState, moves: readonly Move[], load: LoadInput, short: number): Promise<Run> {
    const plan = await this.#plan(state, moves, load, short)
    this.#emit({ type: 'planned', plan })
    for (const message of plan.warnings) this.#emit({ type: 'warning', message })
    const { repair } = load.applied
    const first = plan.steps[0]
    const ran = await runSteps({
      driver: this.#driver,
      steps: plan.steps,
      signal: this.#signal,
      stopped: () => this.#stopping,
      onEvent: this.#emit,
      load: async (planned) => {
        const loaded = await loadStep(load, planned)
        if (planned !== first || !repair) return loaded
        // The first write also settles what another tool did, in the same transaction.
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
        return { ...loaded, step: (log) => settled(loaded.step(log)) }
      },
    })
    if (short > 0 && ran.length === moves.length) throw new ShortLimitError(short, short + moves.length)
    return { from: state.version, to: ran.at(-1)?.to ?? state.version, steps: ran }
  }

  /** The statements that are done must still be the ones in the file. */
  async #sameBefore(version: number, direction: 'up' | 'down', text: string | null, done: number): Promise<void> {
    const recorded = await this.#driver.recorded(version, direction)
    if (recorded === null || text === null || done === 0) return
    const { dialect } = this.#driver
    const heads = [recorded, text].map((sql) => {
      const script = readScript(sql, dialect)
      const end = script.statements[done - 1]?.end ?? 0
      return cutStatements(script.text.slice(0, end), dialect).canonical.join('\0')
    })
    if (heads[0] === heads[1]) return
    throw new EditedMigrationError(
      `The first ${done} statements of ${version} have run, and they were changed in the file since.`,
      {
        hint: 'Put those statements back as they were and mend only what follows, or settle the schema by hand and "migratest force VERSION".',
      },
    )
  }
}

interface Choice {
  readonly moves: readonly Move[]
  readonly short: number
  readonly load: LoadInput
  readonly newDowns: readonly HistoryRecord[]
}

/** What the file SET before it stopped went with the session; what is left would run under other settings. */
function refuseLostSettings({ statements, text }: Script, done: number): void {
  const isSetting = (index: number) => {
    const [first, second = ''] = statements[index]?.words ?? []
    if (first === 'set') return !['local', 'constraints', 'transaction'].includes(second)
    return first === 'reset' || (first === 'select' && (statements[index]?.words.includes('set_config') ?? false))
  }
  const lost = statements.findIndex((_, index) => index < done && isSetting(index))
  const { start = 0, end = 0 } = statements[lost] ?? {}
  if (lost === -1 || isSetting(done)) return
  throw new UsageError(
    `"${text.slice(start, end)}" ran before the migration stopped, and its effect ended with that session.`,
    {
      hint: 'Repeat it in the file as the first of the statements that are left, and resume again.',
    },
  )
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
