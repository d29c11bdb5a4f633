/** The checks of what each migration does to rows: up, down and up again, over ordinary rows and over extreme ones. */
import type { FillTable } from '../../fill/model.ts'
import { EDGE_ROWS } from '../../fill/plan.ts'
import { MigrationFailedError } from '../../migrate/errors.ts'
import type { Migration } from '../../migrate/source.ts'
import { labelOf, NIL_VERSION, versionOf } from '../../migrate/version.ts'
import type { Beforehand } from '../beforehand.ts'
import { type Check, keyOf, type MakeCheck, type Observed } from '../check.ts'
import type { Observation } from '../finding.ts'
import type { Half, Halves } from '../halves.ts'
import { inHalf, observationsOf } from '../observed.ts'
import type { Shared } from '../schemaChecks.ts'
import { VerificationError } from '../verificationError.ts'
import type { Verified } from '../verified.ts'
import { changesOf, changesOnTheWayBack, columnsThatCameBack } from './changes.ts'
import { observeMadeUp } from './madeUp.ts'
import { NeverWorked } from './neverWorked.ts'
import { type CounterChange, observeBroken, observeChanges, observeCounters, observeUses } from './observations.ts'
import { definitionOf, RowDatabase, type Unfilled, type Wanted } from './rowDatabase.ts'
import type { State } from './rowMemory.ts'
import type { Counter, RowReader } from './rowReader.ts'
import { saidBy } from './said.ts'
import { smallestRows } from './smallest.ts'
import type { Snapshot } from './snapshot.ts'

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
    if (!found.failed || walk.wanted.length < 2) return found
    const observations = [...found.observations]
    for (const wanted of walk.wanted) {
      await walk.database.dispose()
      const alone = await this.#over({ ...walk, wanted: [wanted] }, migration, below, found.failed)
      observations.push(...alone.observations)
    }
    return { ...found, observations }
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
    let observations = await this.#compareUp(migration, await database.reader(), state, up)
    const half = this.#half(migration, 'up')
    // Only one of the databases has its objects used.
    if (half && walk.set === 'plain') this.#neverWorked.note(state.uses, up.uses, half)
    if (!this.#canGoDown(migration)) return { unfilled, observations }
    const back = await this.#wayBack(walk, migration, below, up, state)
    observations.push(...back.observations)
    if (back.state) {
      const down = back.state
      const again = columnsThatCameBack(state.rows, down.rows, saidBy([this.#half(migration, 'down')]))
      const isAgain = ({ rule, objects: [name = ''] }: Observation) => rule === 'values-dropped' && again.has(name)
      observations = observations.filter((one) => !isAgain(one))
      observations.push(...(await this.#compareBack(migration, await database.reader(), state, up, down)))
    }
    const old = new Set(state.tables.map(definitionOf))
    const isOther = (table: FillTable) => !old.has(definitionOf(table))
    if (!walk.above || !up.tables.some(isOther)) return { unfilled, observations }
    // Rows that the new schema allows and the old one may not.
    database.assume(up.tables)
    await database.fill(walk.above, { isMeant: isOther })
    const above = await this.#wayBack(walk, migration, below, await database.state())
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
    return { unfilled, observations: [...observations, ...told] }
  }

  /** Goes down and up again. Returns the state below, if it came there and the one before is given. */
  async #wayBack(
    walk: RowWalk<Client>,
    migration: Migration,
    below: number,
    state: State,
    before?: State,
  ): Promise<{ readonly state: State | undefined; readonly observations: readonly Observation[] }> {
    const { database } = walk
    try {
      await inHalf('down', () => database.move(below))
    } catch (error) {
      const observations = await this.#downFails(walk, migration, below, state.rows, error)
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

  async #compareUp(migration: Migration, reader: RowReader, before: State, up: State): Promise<Observation[]> {
    const half = this.#half(migration, 'up')
    if (!half) return []
    const said = saidBy([half])
    const changes = await changesOf(reader, before.rows, up.rows, said)
    const broken = up.broken.filter(
      ({ name, table }) => !before.broken.some((one) => one.name === name && one.table === table),
    )
    return [
      ...observeChanges(changes, half, said, false),
      ...(this.#verified.options.server.dialect === 'mysql' ? observeMadeUp(before.rows, up.rows, half, said) : []),
      ...observeBroken(broken, half),
      ...observeCounters(goneBack(before.counters, up.counters), half, said),
      ...observeUses(before.uses, up.uses, half),
    ]
  }

  async #compareBack(
    migration: Migration,
    reader: RowReader,
    before: State,
    up: State,
    down: State,
  ): Promise<Observation[]> {
    const [upHalf, half] = [this.#half(migration, 'up'), this.#half(migration, 'down')]
    if (!half) return []
    const said = { up: saidBy([upHalf]), down: saidBy([half]) }
    const states = { before: before.rows, up: up.rows, down: down.rows }
    const changes = await changesOnTheWayBack(reader, states, said)
    const already = goneBack(before.counters, up.counters).map(({ after }) => `${after.table}.${after.column}`)
    const counters = goneBack(before.counters, down.counters).filter(
      ({ after }) => !already.includes(`${after.table}.${after.column}`),
    )
    return [
      ...observeChanges(changes, half, said.down, true),
      ...observeCounters(counters, half, said.down),
      ...observeUses(before.uses, down.uses, half),
    ]
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
    return this.#fails(walk, migration, { from: below, to: migration.version }, rows, error)
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
    return this.#fails(walk, migration, { from: migration.version, to: below }, rows, error)
  }

  async #fails(
    walk: RowWalk<Client>,
    migration: Migration,
    { from, to }: { readonly from: number; readonly to: number },
    rows: Snapshot,
    error: MigrationFailedError,
  ): Promise<Observation[]> {
    const observed = (await observationsOf(error, (version, half) => this.#halves.of(version, half))) ?? []
    const verified = this.#verified
    return Promise.all(
      observed.map(async (one): Promise<Observation> => {
        const statement = one.statement ?? this.#half(migration, one.half ?? 'up')?.text ?? ''
        const half = this.#half(migration, one.half ?? 'up')
        const smallest = await smallestRows({ verified, from, to, rows, error, statement, half })
        const isMissing = /contains null values|use of null|doesn't have a default|'0000-00-00'/i.test(one.message)
        // Rows need not be equal, so it is not any rows that make it fail.
        const isRepeated = /duplicate|unique/i.test(one.message)
        const rule = walk.set === 'plain' && !isRepeated ? 'fails-with-rows' : 'fails-with-some-rows'
        // Whether values fit depends on them, and those of a real table may.
        const isLess = rule === 'fails-with-rows' && !isMissing
        return {
          ...one,
          rule,
          objects: [smallest?.table ?? tableIn(one.message)].flatMap((table) => table ?? []),
          message: `It fails over ${rule === 'fails-with-rows' ? 'rows' : 'some rows'} and not without: ${one.message}`,
          fix: { text: isMissing ? INSTEAD_OF_NOT_NULL : INSTEAD_OF_FAILING },
          ...(isLess && { severity: 'warning' as const }),
          ...(smallest && { evidence: { insert: smallest.insert } }),
        }
      }),
    )
  }
}

interface Walk {
  readonly set: 'plain' | 'some'
  readonly wanted: readonly Wanted[]
  /** A table that has so many rows gets no more. */
  readonly most: number
  /** Rows that are added at the upper version, before the way down. */
  readonly above?: readonly Wanted[]
}

interface RowWalk<Client> extends Walk {
  readonly database: RowDatabase<Client>
}

const WALKS: readonly Walk[] = [
  { set: 'plain', wanted: [{ set: 'plain', rows: 5 }], most: 3 },
  {
    set: 'some',
    wanted: [
      { set: 'edge', rows: EDGE_ROWS + 1 },
      { set: 'sparse', rows: 3 },
      { set: 'mixed', rows: 4 },
    ],
    most: 6,
    above: [
      { set: 'edge', rows: EDGE_ROWS },
      { set: 'sparse', rows: 2 },
    ],
  },
]

const INSTEAD_OF_NOT_NULL =
  'Add the column without NOT NULL, give its rows a value, and then set NOT NULL: or give the column a default.'
const INSTEAD_OF_FAILING =
  'Mend or move the rows that do not fit, before the statement that refuses them. A query with the condition counts them beforehand.'

interface Found {
  readonly observations: readonly Observation[]
  readonly unfilled: readonly Unfilled[]
  /** The failure of the up over the rows. */
  readonly failed?: MigrationFailedError
}

/** Returns the table of which the server's message speaks. */
function tableIn(message: string): string | undefined {
  return /\b(?:table|relation) "([^"]+)"/.exec(message)?.[1]
}

function isSameFailure(one: MigrationFailedError, other: MigrationFailedError): boolean {
  return (
    one.line === other.line &&
    one.words.replaceAll(/'[^']*'|"[^"]*"|\d+/g, '') === other.words.replaceAll(/'[^']*'|"[^"]*"|\d+/g, '')
  )
}

/** Counters that would give out numbers that rows have, and that did not before. */
function goneBack(before: readonly Counter[], after: readonly Counter[]): CounterChange[] {
  const reaches = ({ next, most }: Counter) => most !== undefined && next <= most
  return after.flatMap((now) => {
    const then = before.find(({ table, column }) => table === now.table && column === now.column)
    return reaches(now) && !(then && reaches(then)) ? [{ before: then, after: now }] : []
  })
}

/** Two kinds of rows show the same. */
function isAbout(one: Observation, other: Observation): boolean {
  if (one.half !== other.half) return false
  const fails = (rule: string) => rule === 'fails-with-rows' || rule === 'fails-with-some-rows'
  if (fails(one.rule) && fails(other.rule)) return one.line === other.line
  return one.rule === other.rule && one.objects.join() === other.objects.join()
}
