/** The checks of what each migration does to rows: up, down and up again, over ordinary rows and over extreme ones. */
import type { FillTable } from '../../fill/model.ts'
import { MigrationFailedError } from '../../migrate/errors.ts'
import type { Migration } from '../../migrate/source.ts'
import { labelOf, NIL_VERSION, versionOf } from '../../migrate/version.ts'
import type { Beforehand } from '../beforehand.ts'
import { type Check, keyOf, type MakeCheck, type Observed } from '../check.ts'
import type { Observation } from '../finding.ts'
import type { Half, Halves } from '../halves.ts'
import { inHalf } from '../observed.ts'
import type { Shared } from '../schemaChecks.ts'
import { VerificationError } from '../verificationError.ts'
import type { Verified } from '../verified.ts'
import { columnsThatCameBack } from './changes.ts'
import { compareBack, compareUp } from './comparedStates.ts'
import { type FailureOverRows, isSameFailure, observeFailure } from './failsOverRows.ts'
import { type NarrowedNumber, narrowedNumbers } from './narrowedNumbers.ts'
import { NeverWorked } from './neverWorked.ts'
import { definitionOf, RowDatabase, type Unfilled } from './rowDatabase.ts'
import type { State } from './rowMemory.ts'
import { saidBy } from './said.ts'
import type { Snapshot } from './snapshot.ts'
import { WALKS, type Walk } from './walks.ts'

export class RowChecks<Client> {
  readonly #verified: Verified<Client>
  readonly #halves: Halves
  readonly #make: MakeCheck
  readonly #beforehand: Beforehand
  readonly #walks: readonly RowWalk<Client>[]
  readonly #neverWorked = new NeverWorked()
  /** The first migration whose up fails even without rows. Nothing above it can be reached. */
  #failed: Migration | undefined

  constructor(verified: Verified<Client>, { halves, make, beforehand }: Shared) {
    this.#verified = verified
    this.#halves = halves
    this.#make = make
    this.#beforehand = beforehand
    // Seeds and code may write on sessions of their own.
    const isCounted = halves.areCounted && Object.keys(verified.options.seeds ?? {}).length === 0
    this.#walks = WALKS.map((walk) => ({
      ...walk,
      database: new RowDatabase(verified, { isWhole: walk.set === 'plain', isCounted }),
    }))
  }

  checks(): Check[] {
    const { migrations } = this.#verified
    const name = 'whatever has a body works when it is used'
    const checks = migrations.map((migration, i) => {
      const about = { id: 'rows', group: 'rows', version: versionOf(migration) } as const
      const below = migrations[i - 1]?.version ?? NIL_VERSION
      const steps = this.#walks.map((walk) =>
        this.#beforehand.plan(
          `rows ${walk.set}`,
          keyOf(about.id, about.version),
          () => this.#step(walk, migration, below),
          // No migration above can be reached.
          (error) => error instanceof MigrationFailedError,
        ),
      )
      return this.#make({ ...about, name: `${labelOf(migration)}: with rows` }, () => this.#check(migration, steps))
    })
    return [
      ...checks,
      this.#make({ id: 'objects', group: 'rows', name, version: undefined }, async () => ({
        observations: this.#neverWorked.observations(),
      })),
    ]
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#walks.map(({ database }) => database.dispose()))
  }

  // --- internal ---

  async #check(migration: Migration, steps: readonly (() => Promise<Found>)[]): Promise<Observed> {
    if (this.#failed) throw new VerificationError(`Not reached: the up of ${labelOf(this.#failed)} fails.`)
    const observations: Observation[] = []
    const unfilled = new Map<string, string>()
    try {
      for (const step of steps) {
        const found = await step()
        for (const { table, why } of found.unfilled) unfilled.set(table, why)
        observations.push(...found.observations.filter((one) => !observations.some((other) => isAbout(one, other))))
      }
    } catch (error) {
      if (error instanceof MigrationFailedError) this.#failed ??= migration
      throw error
    }
    const text = this.#textOf(migration)
    const missed = [...unfilled].filter(([table]) => text.includes(table.split('.').at(-1) ?? table))
    const remark = missed.map(([table, why]) => `without rows in ${table} (${why})`).join('; ')
    return { observations, ...(remark && { remark }) }
  }

  #textOf(migration: Migration): string {
    return `${this.#half(migration, 'up')?.text ?? ''}\n${this.#half(migration, 'down')?.text ?? ''}`
  }

  #half(migration: Migration, half: 'up' | 'down'): Half | undefined {
    return this.#halves.of(versionOf(migration), half)
  }

  /** Takes the step over all rows of a walk; if it fails over those, over each kind alone, so that one does not hide others. */
  async #step(walk: RowWalk<Client>, migration: Migration, below: number): Promise<Found> {
    const found = await this.#over(walk, migration, below)
    if (found.narrowed && walk.set !== 'plain') {
      const more = await this.#overLargeNumbers(walk, migration, below, found.narrowed)
      return { ...found, observations: [...found.observations, ...more] }
    }
    if (!found.failed || walk.wanted.length < 2) return found
    const observations = [...found.observations]
    for (const wanted of walk.wanted) {
      await walk.database.dispose()
      const alone = await this.#over({ ...walk, wanted: [wanted] }, migration, below, found.failed)
      // Each kind may fail in a way of its own; anything else is told once.
      const isTold = (one: Observation) => !isFailure(one) && observations.some((other) => isAbout(other, one))
      observations.push(...alone.observations.filter((one) => !isTold(one)))
    }
    return { ...found, observations }
  }

  /** Takes the step over a row whose number only the old type can hold. */
  async #overLargeNumbers(
    walk: RowWalk<Client>,
    migration: Migration,
    below: number,
    narrowed: readonly NarrowedNumber[],
  ): Promise<Observation[]> {
    const { database } = walk
    await database.dispose()
    await database.reach(below)
    const reader = await database.reader()
    for (const { table, column, next } of narrowed) await reader.numberFrom(table, column, next)
    const names = new Set(narrowed.map(({ table }) => table.name))
    await database.fill([{ set: 'plain', rows: 1 }], { isMeant: ({ name }) => names.has(name) })
    // What is asked is whether the row fits, not whether the sequence does.
    for (const { table, column } of narrowed) await reader.numberFrom(table, column, 1n)
    const { rows } = await database.state()
    try {
      await database.move(migration.version)
      return []
    } catch (error) {
      if (!(error instanceof MigrationFailedError)) throw error
      return this.#upFails(walk, migration, below, rows, error)
    }
  }

  /** @param known a failure that has been told */
  async #over(
    walk: RowWalk<Client>,
    migration: Migration,
    below: number,
    known?: MigrationFailedError,
  ): Promise<Found> {
    const { database } = walk
    await database.reach(below)
    const unfilled = await database.fill(walk.wanted, { most: walk.most, text: this.#textOf(migration) })
    const state = await database.state()
    try {
      await database.move(migration.version)
    } catch (error) {
      if (!(error instanceof MigrationFailedError)) throw error
      if (known && isSameFailure(known, error)) {
        await database.reach(migration.version)
        return { unfilled, observations: [], failed: error }
      }
      return { unfilled, observations: await this.#upFails(walk, migration, below, state.rows, error), failed: error }
    }
    const up = await database.state()
    const half = this.#half(migration, 'up')
    const less = narrowedNumbers(state.tables, up.tables)
    const narrowed = less.length > 0 ? { narrowed: less } : {}
    const { dialect } = this.#verified.options.server
    let observations = half ? await compareUp(half, dialect, await database.reader(), { before: state, up }) : []
    // Only one of the databases has its objects used.
    if (half && walk.set === 'plain') this.#neverWorked.note(state.uses, up.uses, half)
    if (!this.#canGoDown(migration)) return { unfilled, observations, ...narrowed }
    const back = await this.#wayBack(walk, migration, below, up, state)
    observations.push(...back.observations)
    if (back.state) {
      const down = back.state
      const downHalf = this.#half(migration, 'down')
      const again = columnsThatCameBack(state.rows, down.rows, saidBy([downHalf]))
      const isAgain = ({ rule, objects: [name = ''] }: Observation) => rule === 'values-dropped' && again.has(name)
      observations = observations.filter((one) => !isAgain(one))
      const states = { before: state, up, down }
      if (downHalf) observations.push(...(await compareBack(half, downHalf, await database.reader(), states)))
    }
    const old = new Set(state.tables.map(definitionOf))
    const isOther = (table: FillTable) => !old.has(definitionOf(table))
    if (!walk.above || !up.tables.some(isOther)) return { unfilled, observations, ...narrowed }
    // Rows that the new schema allows and the old one may not.
    if (back.state && haveSameTables(state, back.state)) await database.fillAgain(walk.above, up, isOther)
    else await database.fill(walk.above, { isMeant: isOther })
    // The server undoes a down that fails, so the state it began with can be read afterwards.
    const isUndone = this.#half(migration, 'down')?.isUndone === true
    const above = await this.#wayBack(walk, migration, below, isUndone ? undefined : await database.state())
    // The old schema has no place for what only the new one allows: that is so by nature, but good to know.
    const told = above.observations.map(
      (one): Observation => ({
        ...one,
        severity: 'notice',
        message: one.message.replace(
          'It fails over some rows and not without',
          'It fails over rows that only the new schema allows',
        ),
      }),
    )
    const news = told.filter((one) => !observations.some((other) => isAbout(other, one)))
    return { unfilled, observations: [...observations, ...news], ...narrowed }
  }

  /**
   * Goes down and up again. Returns the state below, if it came there and the one before is given.
   * @param state the state above; omitted if it is to be read only if the down fails
   */
  async #wayBack(
    walk: RowWalk<Client>,
    migration: Migration,
    below: number,
    state: State | undefined,
    before?: State,
  ): Promise<{ readonly state: State | undefined; readonly observations: readonly Observation[] }> {
    const { database } = walk
    let above = state
    const whenFailed = async () => {
      above ??= await database.state().catch(() => undefined)
    }
    try {
      await inHalf('down', () => database.move(below, whenFailed))
    } catch (error) {
      const observations = await this.#downFails(walk, migration, below, above?.rows ?? [], error)
      return { state: undefined, observations }
    }
    const down = before && (await database.stateAgain(before.tables))
    try {
      await database.move(migration.version)
    } catch (error) {
      // The rows that the down has left are not those from before: the way up is checked with those.
      if (!(error instanceof MigrationFailedError)) throw error
      await database.reach(migration.version)
    }
    return { state: down, observations: [] }
  }

  #canGoDown(migration: Migration): boolean {
    return migration.down !== undefined && !this.#verified.irreversible.has(migration.version)
  }

  /** The up fails over rows: an observation, unless it fails without any, too. */
  async #upFails(
    walk: RowWalk<Client>,
    migration: Migration,
    below: number,
    rows: Snapshot,
    error: MigrationFailedError,
  ): Promise<Observation[]> {
    await walk.database.dispose()
    await walk.database.reach(below)
    await walk.database.move(migration.version)
    return this.#failure(walk, migration, { from: below, to: migration.version, rows, error })
  }

  async #downFails(
    walk: RowWalk<Client>,
    migration: Migration,
    below: number,
    rows: Snapshot,
    error: unknown,
  ): Promise<Observation[]> {
    if (!(error instanceof MigrationFailedError)) throw error
    const { database } = walk
    await database.dispose()
    await database.reach(migration.version)
    const failsAnyway = await database.move(below).then(
      () => false,
      () => true,
    )
    await database.dispose()
    await database.reach(migration.version)
    // Another check says so.
    if (failsAnyway) return []
    return this.#failure(walk, migration, { from: migration.version, to: below, rows, error })
  }

  #failure(
    { set }: RowWalk<Client>,
    migration: Migration,
    failed: Pick<FailureOverRows<Client>, 'from' | 'to' | 'rows' | 'error'>,
  ): Promise<Observation[]> {
    return observeFailure({ ...failed, verified: this.#verified, halves: this.#halves, migration, set })
  }
}

interface RowWalk<Client> extends Walk {
  readonly database: RowDatabase<Client>
}

interface Found {
  readonly observations: readonly Observation[]
  readonly unfilled: readonly Unfilled[]
  /** The failure of the up over the rows. */
  readonly failed?: MigrationFailedError
  /** Columns that can hold fewer numbers now. */
  readonly narrowed?: readonly NarrowedNumber[]
}

/** Returns whether the way back gave the tables that were there before, so that the way up gives those of the first time. */
function haveSameTables({ tables }: State, { tables: back }: State): boolean {
  const isSame = (table: FillTable, n: number) =>
    table.id === back[n]?.id && definitionOf(table) === definitionOf(back[n] as FillTable)
  return tables.length === back.length && tables.every(isSame)
}

/** Two kinds of rows show the same. */
function isAbout(one: Observation, other: Observation): boolean {
  if (one.half !== other.half) return false
  if (isFailure(one) && isFailure(other)) return one.line === other.line
  return one.rule === other.rule && one.objects.join() === other.objects.join()
}

function isFailure({ rule }: Observation): boolean {
  return rule === 'fails-with-rows' || rule === 'fails-with-some-rows'
}
