/** Brings a database in line with the files once and carries its rows, in one transaction if possible. */
import { type Carried, type DevelopmentDatabase, type RowKeeper, TooManyRowsError } from '../database/development.ts'
import type { Driver, SharedTransaction } from '../migrate/driver.ts'
import type { MigratestError, MigrationFailedError, StatementError } from '../migrate/errors.ts'
import type { Following, FollowPlan } from '../migrate/follow.ts'
import type { Migrator } from '../migrate/migrator.ts'
import type { PlanStep } from '../migrate/plan/moves.ts'
import type { FollowScope } from '../migrate/plan/plan.ts'
import type { BesideSteps } from '../migrate/run/ahead.ts'
import { labelOf, versionOf } from '../migrate/version.ts'
import { type Effects, leftoversText, type Shape } from './effects.ts'

export interface ReconcileOptions {
  /** Maximum number of rows to carry, that is, to save before the downs and to insert again after the ups. */
  readonly most: number
  /**
   * How to run the steps. `together`: in one transaction. `apart`: one by one, with a copy of the database to go back
   * to. `replay`: rebuild in one transaction: empty the database, apply everything, carry all rows. `replayApart`:
   * rebuild, one step at a time.
   */
  readonly way: 'together' | 'apart' | 'replay' | 'replayApart'
  /** Scope of the move; default `all`: bring the database in line with the files. */
  readonly wish?: FollowScope
  /** The down that undoes an edited migration: the recorded one (default) or the one in the file. */
  readonly downs?: 'record' | 'file'
  /** Known effects of migrations; the run adds those of the migrations it applies. */
  readonly effects: Effects
}

export type Outcome =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'done'; readonly plan: FollowPlan; readonly carried: Carried }
  /** Nothing was done: the steps cannot share a transaction. */
  | { readonly kind: 'apart'; readonly plan: FollowPlan; readonly why: string }
  /** Nothing was done: the recorded downs did not undo what was applied. The files' downs may. */
  | { readonly kind: 'lagging'; readonly plan: FollowPlan; readonly why: string }
  /**
   * Nothing was done: the migrations cannot be undone. `loss`: what a rebuild would not carry; undefined if that cannot
   * be tried.
   */
  | { readonly kind: 'blocked'; readonly plan: FollowPlan; readonly why: string; readonly loss: Carried | undefined }

/**
 * Runs one move. If it throws in the ways `together` and `replay`, the database is unchanged. In `apart` and
 * `replayApart` the database may have changed, and the caller restores its copy.
 * @throws errors of the files, MigrationFailedError, TooManyRowsError
 */
export function reconcile(
  development: DevelopmentDatabase,
  migrator: Migrator,
  { most, way, wish = 'all', downs = 'record', effects }: ReconcileOptions,
  onPlan: (plan: FollowPlan) => Promise<void>,
): Promise<Outcome> {
  return migrator.follow(
    async (following): Promise<Outcome> => {
      const { plan } = following
      const replays = way === 'replay' || way === 'replayApart'
      if (!replays && plan.steps.length === 0 && plan.records === 0 && !plan.blocked) return { kind: 'nothing' }
      await onPlan(plan)
      const { driver } = following
      const { rows } = development
      rows.begin()
      const move = new Move(development, following, { most, downs, effects })
      if (way === 'replayApart') return { kind: 'done', plan, carried: await move.replayApart() }
      if (way === 'apart') return plan.blocked ? move.blocked(plan.blocked.message) : move.apart()
      if (!driver.inOneTransaction) {
        if (plan.blocked) return move.blocked(plan.blocked.message)
        return { kind: 'apart', plan, why: 'this database cannot roll back schema changes' }
      }
      try {
        if (way === 'replay') return { kind: 'done', plan, carried: await move.replay() }
        if (plan.blocked) return await move.blocked(plan.blocked.message)
        const [file] = plan.apart
        if (file !== undefined) return { kind: 'apart', plan, why: `${file} runs outside a transaction` }
        return await move.together()
      } catch (error) {
        const why = whyApart(error)
        if (why === undefined) throw error
        return { kind: 'apart', plan, why }
      }
    },
    wish,
    downs,
  )
}

/** The downs have reached other tables than they did before, or must not keep that many rows. Nothing was done. */
class ReachedMore extends Error {}

/** Thrown if a down fails, or does not undo what was applied. */
export class DownFailed extends Error {}

/**
 * Returns `true` if the error says that an object or key already exists, which a down may have left. Recognizes
 * SQLSTATEs, and MySQL's error numbers.
 * @param rowsOnly `true` if the downs are known to have left no object
 */
export function isAlreadyThere(error: unknown, rowsOnly: boolean): boolean {
  const { code, sqlState, cause } = error as Partial<MigrationFailedError>
  if (code !== 'MIGRATEST_MIGRATION_FAILED') return false
  const { errno } = ((cause as { cause?: { errno?: number } } | undefined)?.cause ?? {}) as { errno?: number }
  if (sqlState === DUPLICATE_KEY || errno === DUPLICATE_KEY_MYSQL) return true
  return !rowsOnly && (ALREADY_THERE.has(sqlState ?? '') || ALREADY_THERE_MYSQL.has(errno ?? 0))
}

/**
 * Compares the shape of a database before and after downs with the known effects of the undone migrations.
 * @returns whether those effects are known
 * @throws DownFailed, naming the downs and what they left
 */
export function checkUndone(effects: Effects, downs: readonly PlanStep<number>[], before: Shape, now: Shape): boolean {
  // The effects are compared from the lowest migration upwards.
  const found = effects.leftBy(downs.map(versionOf).reverse(), before, now)
  const text = found && leftoversText(found)
  if (text === undefined) return found !== undefined
  const atFault = downs.filter((step) => found?.of.includes(versionOf(step)))
  const named = downsNamed(atFault.length > 0 ? atFault : downs)
  throw new DownFailed(`${named} did not undo what was applied: it ${text}.`)
}

/** Returns the subject for a sentence about the downs: the file of a single down, otherwise "Undoing …". */
export function downsNamed(downs: readonly PlanStep<number>[]): string {
  const [first] = downs
  return downs.length === 1 && first ? `${first.file}` : `Undoing ${downs.map(labelOf).join(', ')}`
}

/** Returns the message for an "already exists" error if the downs left no object: they may have left rows. */
function leftRowsText(downs: readonly PlanStep<number>[], error: Error): string {
  return `${downsNamed(downs)} may have left rows: ${error.message.split('\n')[0]}`
}

// --- internal ---

/** Carries out one plan, in any of the ways of `ReconcileOptions`. */
class Move {
  readonly #development: DevelopmentDatabase
  readonly #driver: Driver
  readonly #rows: RowKeeper
  readonly #following: Following
  readonly #most: number
  readonly #downs: 'record' | 'file'
  readonly #effects: Effects
  /** The objects before the first down. */
  #before: Shape = new Set()
  /** The objects after the last step, if they were read. */
  #shape: Shape | undefined
  readonly #learned: (() => void)[] = []
  /** `true` while we expect the downs to reach what they have reached before. */
  #expects = true

  constructor(
    development: DevelopmentDatabase,
    following: Following,
    { most, downs, effects }: { most: number; downs: 'record' | 'file'; effects: Effects },
  ) {
    this.#development = development
    this.#driver = following.driver
    this.#rows = development.rows
    this.#following = following
    this.#most = most
    this.#downs = downs
    this.#effects = effects
  }

  async together(): Promise<Outcome> {
    const { plan } = this.#following
    // Without downs, nothing can be left over.
    let isKnown = this.#undone.length === 0
    try {
      const carried = await this.#inOne(async (transaction) => {
        const goesDown = this.#undone.length > 0
        if (goesDown) {
          this.#before = await this.#development.shape()
          isKnown = await this.#undo(transaction)
          await this.#rows.compare()
        } else await this.#rows.remember(this.#mended)
        await this.#rows.look()
        await this.#beginLearning()
        await this.#following.up(this.#inShared)
        return this.#rows.putBack()
      })
      this.#keepLearned()
      return { kind: 'done', plan, carried }
    } catch (error) {
      if (error instanceof ReachedMore) {
        this.#rows.begin()
        this.#shape = undefined
        this.#learned.length = 0
        this.#expects = false
        return this.together()
      }
      if (await this.#rows.areStranded().catch(() => false)) await this.#inOne(() => this.#rows.putBack())
      const wasLeft = this.#undone.length > 0 && isAlreadyThere(error, isKnown)
      if (!(error instanceof DownFailed || wasLeft)) throw error
      const { message } = error as Error
      const why = !wasLeft
        ? message
        : isKnown
          ? leftRowsText(this.#steps('down'), error as Error)
          : `${downsNamed(this.#steps('down'))} did not undo what was applied: ${message.split('\n')[0]}`
      if (this.#downs === 'record') return { kind: 'lagging', plan, why }
      try {
        return await this.blocked(why)
      } catch (again) {
        // If the ups also fail on an empty database, the downs are not the cause.
        throw wasLeft ? error : again
      }
    }
  }

  /** Runs each step separately, with a copy of the database to go back to. @throws DownFailed */
  async apart(): Promise<Outcome> {
    const goesDown = this.#undone.length > 0
    if (goesDown) await this.#inOne(() => this.#rows.keep('all', { undone: this.#undone, most: this.#most }))
    if (goesDown) this.#before = await this.#development.shape()
    await this.#rows.remember(this.#mended)
    await this.#down()
    if (goesDown) await this.#checkUndone()
    if (goesDown) await this.#inOne(() => this.#rows.compare())
    await this.#rows.look()
    await this.#beginLearning()
    try {
      await this.#following.up(this.#alone)
    } catch (error) {
      if (!goesDown || this.#downs === 'file' || !isAlreadyThere(error, true)) throw error
      throw new DownFailed(leftRowsText(this.#steps('down'), error as Error), { cause: error })
    }
    const carried = await this.#inOne(() => this.#rows.putBack())
    this.#keepLearned()
    return { kind: 'done', plan: this.#following.plan, carried }
  }

  async replay(): Promise<Carried> {
    try {
      const carried = await this.#inOne(() => this.#replayed())
      this.#effects.clear()
      this.#keepLearned()
      return carried
    } catch (error) {
      if (await this.#rows.areStranded().catch(() => false)) await this.#inOne(() => this.#rows.putBack())
      throw error
    }
  }

  async replayApart(): Promise<Carried> {
    const { plan } = this.#following
    await this.#inOne(() =>
      this.#rows.keep('all', {
        undone: plan.history.map((version) => this.#following.stored(version)),
        most: this.#most,
      }),
    )
    this.#shape = undefined
    await this.#following.replay(this.#alone)
    this.#effects.clear()
    this.#keepLearned()
    return this.#inOne(() => this.#rows.putBack())
  }

  /**
   * Returns a `blocked` outcome with the loss that a rebuild would cause. To determine the loss, it runs the rebuild
   * and rolls it back, if the database can roll back schema changes.
   */
  async blocked(why: string): Promise<Outcome> {
    const { plan } = this.#following
    const loss = this.#driver.inOneTransaction
      ? await this.#inOne(({ rolledBack }) => rolledBack(() => this.#replayed())).catch((error) => {
          if (whyApart(error) === undefined) throw error
          return undefined
        })
      : undefined
    return { kind: 'blocked', plan, why, loss }
  }

  // --- internal ---

  #steps(wanted: 'up' | 'down'): readonly PlanStep<number>[] {
    return this.#following.plan.steps.filter(({ direction }) => direction === wanted)
  }

  /** The numbers of the migrations to be undone in the history. */
  get #undone(): readonly number[] {
    return this.#steps('down').map(({ version }) => this.#following.stored(version))
  }

  /**
   * Keeps the rows that the downs reach, and runs them. Which tables that is, a trial shows that is rolled back; unless the
   * same migrations were undone before, for then they will reach the same, which is checked afterwards.
   * @returns whether the effects of the undone migrations are known
   * @throws DownFailed, ReachedMore
   */
  async #undo({ rolledBack }: SharedTransaction): Promise<boolean> {
    const options = { undone: this.#undone, most: this.#most }
    if (this.#expects && (await this.#keepExpected(options))) {
      await this.#rows.remember(this.#mended)
      if (!(await this.#rows.reachesOnlyKept?.(() => this.#down()))) throw new ReachedMore()
      return this.#checkUndone()
    }
    let isKnown = false
    const reached = await rolledBack(async () => {
      const found = await this.#rows.reached(() => this.#down())
      isKnown = await this.#checkUndone()
      return found
    })
    await this.#rows.keep(reached, options)
    await this.#rows.remember(this.#mended)
    await this.#down()
    return isKnown
  }

  async #keepExpected(options: { undone: readonly number[]; most: number }): Promise<boolean> {
    try {
      return (await this.#rows.keepExpected?.(options)) ?? false
    } catch (error) {
      // The downs may reach fewer tables than before.
      if (error instanceof TooManyRowsError) throw new ReachedMore()
      throw error
    }
  }

  async #checkUndone(): Promise<boolean> {
    this.#shape = await this.#development.shape()
    return checkUndone(this.#effects, this.#steps('down'), this.#before, this.#shape)
  }

  /**
   * Reads the shape before the first up, which `#learn` compares with the shape after it. Skips this if there is no up,
   * or if there are more than `MOST_LEARNED`.
   */
  async #beginLearning(): Promise<void> {
    const { length } = this.#steps('up')
    if (length > 0 && length <= MOST_LEARNED) this.#shape ??= await this.#development.shape()
  }

  /**
   * Records what a step created and removed. Does so only for the last steps, because those are the ones that a person
   * edits.
   */
  async #learn(step: PlanStep<number>, remaining: number): Promise<void> {
    const version = versionOf(step)
    const { fingerprint } = step
    const before = this.#shape
    const after = remaining <= MOST_LEARNED ? await this.#development.shape() : undefined
    this.#shape = after
    this.#learned.push(() => {
      if (before && after) this.#effects.record(version, fingerprint, before, after)
      else this.#effects.forget(version)
    })
  }

  /** Records the learned effects once the run is committed. */
  #keepLearned(): void {
    for (const keep of this.#learned) keep()
  }

  get #mended(): readonly number[] {
    const { changes } = this.#following.plan
    return changes.filter(({ what }) => what === 'down').map(({ version }) => this.#following.stored(version))
  }

  /** The work beside steps that each have a transaction of their own. */
  get #alone(): BesideSteps {
    return {
      after: (step, _, remaining) => this.#learn(step, remaining),
      looks: (remaining) => remaining <= MOST_LEARNED,
    }
  }

  /** The work beside steps that share one transaction. */
  get #inShared(): BesideSteps {
    return { ...this.#alone, sql: ({ version }, text) => this.#rows.looking?.(this.#following.stored(version), text) }
  }

  async #replayed(): Promise<Carried> {
    await this.#rows.keep('all', {
      undone: this.#following.plan.history.map((version) => this.#following.stored(version)),
      most: this.#most,
    })
    await this.#rows.look()
    this.#shape = undefined
    await this.#following.replay(this.#inShared)
    return this.#rows.putBack()
  }

  async #down(): Promise<void> {
    try {
      await this.#following.down()
    } catch (cause) {
      if ((cause as Partial<MigratestError>).code !== 'MIGRATEST_MIGRATION_FAILED') throw cause
      throw new DownFailed((cause as Error).message, { cause })
    }
  }

  /**
   * Runs `work` in one transaction. If the database cannot roll back schema changes, runs it without one: there is a
   * copy to go back to.
   */
  #inOne<T>(work: (together: SharedTransaction) => Promise<T>): Promise<T> {
    return this.#driver.inOneTransaction
      ? this.#driver.inOneTransaction(work)
      : work({ rolledBack: (trial) => trial() })
  }
}

const MOST_LEARNED = 5

const DUPLICATE_KEY = '23505'
const DUPLICATE_KEY_MYSQL = 1062
const ALREADY_THERE = new Set(['42P07', '42710', '42701', '42723', '42P06', '42P16', '42S01', '42S21'])
/**
 * MySQL's error numbers for duplicates: table (1050), column (1060), key (1061), routine (1304), trigger (1359), event
 * (1537), foreign key (1826), check constraint (3822).
 */
const ALREADY_THERE_MYSQL = new Set([1050, 1060, 1061, 1304, 1359, 1537, 1826, 3822])

function whyApart(error: unknown): string | undefined {
  const { sqlState, file = 'a migration' } = error as Partial<MigrationFailedError>
  const why = WANTS_ITS_OWN[sqlState ?? (error as Partial<StatementError>).info?.sqlState ?? '']
  return why === undefined ? undefined : `${file}: ${why}`
}

/** Errors, by SQLSTATE, that occur only because a migration shares a transaction with others. */
const WANTS_ITS_OWN: Readonly<Record<string, string>> = {
  '55P04': 'a new enum value can only be used after it is committed',
  '55006': 'it changes a table that has deferred checks pending',
  '25001': 'it contains a statement that cannot run in a transaction',
}
