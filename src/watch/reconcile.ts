/** One move of a database to what the files say, rows carried: in one transaction where that can be. */
import type { Carried, DevelopmentDatabase } from '../database/development.ts'
import type { Wish } from '../migrate/choose.ts'
import type { Together } from '../migrate/driver.ts'
import type { MigratestError, MigrationFailedError } from '../migrate/errors.ts'
import type { Following, FollowPlan } from '../migrate/follow.ts'
import type { Migrator } from '../migrate/migrator.ts'
import type { PlanStep } from '../migrate/plan.ts'

export interface ReconcileOptions {
  /** Rows that may be carried. */
  readonly most: number
  /** `replay`: from nothing, all rows carried. `apart`: one by one, where a copy of the database is there to go back to. */
  readonly way: 'together' | 'apart' | 'replay'
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

/** @throws what is wrong with the files, MigrationFailedError, TooManyRowsError: the database is as it was */
export function reconcile(
  { driver, rows }: DevelopmentDatabase,
  migrator: Migrator,
  { most, way, wish = 'all' }: ReconcileOptions,
  onPlan: (plan: FollowPlan) => Promise<void>,
): Promise<Outcome> {
  return migrator.follow(async (following): Promise<Outcome> => {
    const { plan } = following
    const { together } = driver
    if (way !== 'replay' && plan.steps.length === 0 && plan.records === 0 && !plan.blocked) return { kind: 'nothing' }
    await onPlan(plan)
    rows.begin()
    const after = ({ version }: PlanStep, text: string | null) => rows.looked(version, text)
    // Without transactions around schema changes there is a copy to go back to.
    const inOne = <T>(work: (together: Together) => Promise<T>): Promise<T> =>
      together ? (together.call(driver, work) as Promise<T>) : work(NOTHING_TAKEN_BACK)
    const undone = plan.steps.filter(({ direction }) => direction === 'down').map(({ version }) => version)
    const mended = plan.changes.filter(({ what }) => what === 'down').map(({ version }) => version)

    const replay = async () => {
      const all = plan.history
      await rows.keep('all', { undone: all, most })
      await rows.look()
      await following.replay(after)
      return rows.putBack()
    }
    const blocked = async (why: string): Promise<Outcome> => {
      const loss = together && (await inOne<Carried>(({ takenBack }) => takenBack(replay)))
      return { kind: 'blocked', plan, why, loss }
    }

    if (way === 'replay' && !together) {
      await rows.keep('all', { undone: plan.history, most })
      await following.replay(after)
      return { kind: 'done', plan, carried: await rows.putBack() }
    }
    if (way === 'replay') return { kind: 'done', plan, carried: await inOne<Carried>(replay) }
    if (plan.blocked) return blocked(plan.blocked.message)
    if (way === 'apart') {
      if (undone.length > 0) await inOne(() => rows.keep('all', { undone, most }))
      await rows.remember(mended)
      await following.down()
      if (undone.length > 0) await inOne(() => rows.compare())
      await rows.look()
      await following.up()
      return { kind: 'done', plan, carried: await inOne<Carried>(() => rows.putBack()) }
    }
    const [apart] = plan.apart
    if (!together) return { kind: 'apart', plan, why: 'it keeps no schema changes in a transaction' }
    if (apart !== undefined) return { kind: 'apart', plan, why: `${apart} runs outside a transaction` }
    try {
      const carried = await inOne<Carried>(async ({ takenBack }) => {
        if (undone.length > 0) {
          const reached = await takenBack(() => rows.reached(() => tried(following)))
          await rows.keep(reached, { undone, most })
        }
        await rows.remember(mended)
        await following.down()
        if (undone.length > 0) await rows.compare()
        await rows.look()
        await following.up(after)
        return rows.putBack()
      })
      return { kind: 'done', plan, carried }
    } catch (error) {
      if (error instanceof DownFailed) return blocked(error.message)
      const why = WANTS_ITS_OWN[(error as Partial<MigrationFailedError>).sqlState ?? '']
      const { file } = error as MigrationFailedError
      if (why) return { kind: 'apart', plan, why: `${file ?? 'a migration'}: ${why}` }
      throw error
    }
  }, wish)
}

// --- internal ---

/** A down does not run. */
class DownFailed extends Error {}

async function tried(following: Following): Promise<void> {
  try {
    await following.down()
  } catch (cause) {
    if ((cause as Partial<MigratestError>).code !== 'MIGRATEST_MIGRATION_FAILED') throw cause
    throw new DownFailed((cause as Error).message, { cause })
  }
}

const NOTHING_TAKEN_BACK: Together = { takenBack: (work) => work() }

/** What fails only since it shares a transaction with others, by SQLSTATE. */
const WANTS_ITS_OWN: Readonly<Record<string, string>> = {
  '55P04': 'a new value of an enum can be used only when it is committed',
  '55006': 'it changes a table whose rows still wait for a check',
  '25001': 'it holds a statement that runs outside a transaction only',
}
