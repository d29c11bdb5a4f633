/** One move of a database to what the files say, rows carried: in one transaction where that can be. */
import type { Carried, DevelopmentDatabase, RowKeeper } from '../database/development.ts'
import type { Wish } from '../migrate/choose.ts'
import type { Driver, Together } from '../migrate/driver.ts'
import type { MigratestError, MigrationFailedError, StatementError } from '../migrate/errors.ts'
import type { Following, FollowPlan } from '../migrate/follow.ts'
import type { Migrator } from '../migrate/migrator.ts'
import type { PlanStep } from '../migrate/plan.ts'

export interface ReconcileOptions {
  /** Rows that may be carried. */
  readonly most: number
  /** `replay`: from nothing, all rows carried. `apart`: one by one, where a copy of the database is there to go back to. */
  readonly way: 'together' | 'apart' | 'replay' | 'replay apart'
  /** Default `all`: as the files say. */
  readonly wish?: Wish
}

export type Outcome =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'done'; readonly plan: FollowPlan; readonly carried: Carried }
  /** Nothing was done: steps do not share a transaction. */
  | { readonly kind: 'apart'; readonly plan: FollowPlan; readonly why: string }
  /** Nothing was done: there is no way back. `loss`: what applying everything from nothing would not carry, where that can be tried. */
  | { readonly kind: 'blocked'; readonly plan: FollowPlan; readonly why: string; readonly loss: Carried | undefined }

/** @throws what is wrong with the files, MigrationFailedError, TooManyRowsError: the database is as it was, or its copy is */
export function reconcile(
  { driver, rows }: DevelopmentDatabase,
  migrator: Migrator,
  { most, way, wish = 'all' }: ReconcileOptions,
  onPlan: (plan: FollowPlan) => Promise<void>,
): Promise<Outcome> {
  return migrator.follow(async (following): Promise<Outcome> => {
    const { plan } = following
    const replays = way === 'replay' || way === 'replay apart'
    if (!replays && plan.steps.length === 0 && plan.records === 0 && !plan.blocked) return { kind: 'nothing' }
    await onPlan(plan)
    rows.begin()
    const move = new Move(driver, rows, following, most)
    if (way === 'replay apart') return { kind: 'done', plan, carried: await move.replayApart() }
    if (way === 'apart') return plan.blocked ? move.blocked(plan.blocked.message) : move.apart()
    if (!driver.together) {
      if (plan.blocked) return move.blocked(plan.blocked.message)
      return { kind: 'apart', plan, why: 'it keeps no schema changes in a transaction' }
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
  }, wish)
}

/** A down does not run. */
export class DownFailed extends Error {}

// --- internal ---

/** The ways in which a plan can be carried out. */
class Move {
  readonly #driver: Driver
  readonly #rows: RowKeeper
  readonly #following: Following
  readonly #most: number

  constructor(driver: Driver, rows: RowKeeper, following: Following, most: number) {
    this.#driver = driver
    this.#rows = rows
    this.#following = following
    this.#most = most
  }

  async together(): Promise<Outcome> {
    const { plan } = this.#following
    try {
      const carried = await this.#inOne(async ({ takenBack }) => {
        const goesDown = this.#undone.length > 0
        if (goesDown) {
          const reached = await takenBack(() => this.#rows.reached(() => this.#down()))
          await this.#rows.keep(reached, { undone: this.#undone, most: this.#most })
        }
        await this.#rows.remember(this.#mended)
        await this.#down()
        if (goesDown) await this.#rows.compare()
        await this.#rows.look()
        await this.#following.up(this.#after)
        return this.#rows.putBack()
      })
      return { kind: 'done', plan, carried }
    } catch (error) {
      if (await this.#rows.areStranded().catch(() => false)) await this.#inOne(() => this.#rows.putBack())
      if (error instanceof DownFailed) return this.blocked(error.message)
      throw error
    }
  }

  /** Each step by itself, with a copy of the database to go back to. @throws DownFailed */
  async apart(): Promise<Outcome> {
    const goesDown = this.#undone.length > 0
    if (goesDown) await this.#inOne(() => this.#rows.keep('all', { undone: this.#undone, most: this.#most }))
    await this.#rows.remember(this.#mended)
    await this.#down()
    if (goesDown) await this.#inOne(() => this.#rows.compare())
    await this.#rows.look()
    await this.#following.up()
    return { kind: 'done', plan: this.#following.plan, carried: await this.#inOne(() => this.#rows.putBack()) }
  }

  async replay(): Promise<Carried> {
    try {
      return await this.#inOne(() => this.#replayed())
    } catch (error) {
      if (await this.#rows.areStranded().catch(() => false)) await this.#inOne(() => this.#rows.putBack())
      throw error
    }
  }

  async replayApart(): Promise<Carried> {
    const { plan } = this.#following
    await this.#inOne(() => this.#rows.keep('all', { undone: plan.history, most: this.#most }))
    await this.#following.replay()
    return this.#inOne(() => this.#rows.putBack())
  }

  /** What would be lost is tried, and taken back. */
  async blocked(why: string): Promise<Outcome> {
    const { plan } = this.#following
    const loss = this.#driver.together
      ? await this.#inOne(({ takenBack }) => takenBack(() => this.#replayed())).catch((error) => {
          if (whyApart(error) === undefined) throw error
          return undefined
        })
      : undefined
    return { kind: 'blocked', plan, why, loss }
  }

  // --- internal ---

  get #undone(): readonly number[] {
    const { steps } = this.#following.plan
    return steps.filter(({ direction }) => direction === 'down').map(({ version }) => version)
  }

  get #mended(): readonly number[] {
    const { changes } = this.#following.plan
    return changes.filter(({ what }) => what === 'down').map(({ version }) => version)
  }

  #after = ({ version }: PlanStep, text: string | null) => this.#rows.looked(version, text)

  async #replayed(): Promise<Carried> {
    await this.#rows.keep('all', { undone: this.#following.plan.history, most: this.#most })
    await this.#rows.look()
    await this.#following.replay(this.#after)
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

  /** Where there are no transactions around schema changes, there is a copy to go back to. */
  #inOne<T>(work: (together: Together) => Promise<T>): Promise<T> {
    return this.#driver.together ? this.#driver.together(work) : work({ takenBack: (trial) => trial() })
  }
}

function whyApart(error: unknown): string | undefined {
  const { sqlState, file = 'a migration' } = error as Partial<MigrationFailedError>
  const why = WANTS_ITS_OWN[sqlState ?? (error as Partial<StatementError>).info?.sqlState ?? '']
  return why === undefined ? undefined : `${file}: ${why}`
}

/** What fails only since it shares a transaction with others, by SQLSTATE. */
const WANTS_ITS_OWN: Readonly<Record<string, string>> = {
  '55P04': 'a new value of an enum can be used only when it is committed',
  '55006': 'it changes a table whose rows still wait for a check',
  '25001': 'it holds a statement that runs outside a transaction only',
}
