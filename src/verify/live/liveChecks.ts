/** The checks of what each migration does to a database that is in use. */

import type { Effects } from '../../database/effects.ts'
import { MigrationFailedError } from '../../migrate/errors.ts'
import type { Migration } from '../../migrate/source.ts'
import { labelOf, NIL_VERSION, versionOf } from '../../migrate/version.ts'
import type { Check, MakeCheck, Observed } from '../check.ts'
import type { Observation } from '../finding.ts'
import type { Half, Halves } from '../halves.ts'
import { inHalf } from '../observed.ts'
import { placeNaming } from '../statementAt.ts'
import { VerificationError } from '../verificationError.ts'
import type { Verified } from '../verified.ts'
import { decide, type LiveMigration } from './decide.ts'
import { LiveDatabase } from './liveDatabase.ts'
import { decideOnce } from './once.ts'
import { completed } from './safeWay.ts'
import { listed } from './seen.ts'
import { sized } from './sized.ts'
import type { Unfilled } from './someRows.ts'
import { measureWaiting, type Waited, withWaiting } from './waiting.ts'

export class LiveChecks<Client> {
  readonly #verified: Verified<Client>
  readonly #halves: Halves
  readonly #make: MakeCheck
  readonly #database: LiveDatabase<Client>
  /** Where findings are looked for once more. */
  readonly #second: LiveDatabase<Client>
  readonly #observed: LiveMigration[] = []
  /** Keys of the findings about ups, which the checks of downs do not repeat. */
  readonly #told = new Set<string>()
  /** The first migration whose up failed. Nothing above it can be reached. */
  #failed: Migration | undefined

  constructor(verified: Verified<Client>, halves: Halves, make: MakeCheck) {
    this.#verified = verified
    this.#halves = halves
    this.#make = make
    this.#database = new LiveDatabase(verified)
    this.#second = new LiveDatabase(verified)
  }

  checks(): Check[] {
    const { migrations } = this.#verified
    return [
      ...migrations.map((migration, i) =>
        this.#make(
          {
            id: 'live',
            group: 'live',
            name: `${labelOf(migration)}: while others use it`,
            version: versionOf(migration),
          },
          () => this.#check(migration, migrations[i - 1]?.version ?? NIL_VERSION),
        ),
      ),
      ...migrations
        .map((migration, i) => ({ migration, below: migrations[i - 1]?.version ?? NIL_VERSION }))
        .filter(({ migration }) => this.#canGoDown(migration))
        .reverse()
        .map(({ migration, below }) =>
          this.#make(
            {
              id: 'live-down',
              group: 'live',
              name: `${labelOf(migration)}: its down, while others use the database`,
              version: versionOf(migration),
            },
            () => this.#checkDown(migration, below),
          ),
        ),
      this.#make({ id: 'live-waiting', group: 'live', name: 'waiting for locks', version: undefined }, async () => ({
        observations: decideOnce(this.#observed.filter(({ half }) => half.half === 'up')),
      })),
    ]
  }

  /** The observations so far. */
  get observed(): readonly LiveMigration[] {
    return this.#observed
  }

  async dispose(): Promise<void> {
    await Promise.all([this.#database.dispose(), this.#second.dispose()])
  }

  // --- internal ---

  async #check(migration: Migration, below: number): Promise<Observed> {
    if (this.#failed) throw new VerificationError(`Not reached: the up of ${labelOf(this.#failed)} fails.`)
    const half = this.#halves.of(versionOf(migration), 'up')
    const { effects, remarks } = await this.#observe(this.#database, migration, below)
    if (!half) return {}
    const live = { half, effects }
    this.#observed.push(live)
    const decided = decide(live)
    const again = () => this.#observe(this.#second, migration, below)
    const found = await this.#repeated(decided, half, again)
    for (const one of found) this.#told.add(kindOf(one, migration))
    if (migration === this.#verified.migrations.at(-1)) found.push(...(await this.#incomplete()))
    const waited = await this.#measured(found, migration, below)
    return {
      observations: sized(withWaiting(found, waited), this.#verified.options.sizes),
      ...(remarks.length > 0 && { remark: remarks.join('; ') }),
    }
  }

  /** Indexes of partitioned tables that no migration has completed: each partition may get its own in a later one. */
  async #incomplete(): Promise<Observation[]> {
    const halves = this.#halves.all().filter(({ half }) => half === 'up')
    return (await this.#database.incompleteIndexes()).map((index): Observation => {
      const { name, table, partitions } = index
      const half = halves.find(({ text }) => text.includes(name.split('.').at(-1) ?? name))
      const place = half && placeNaming(half, [name])
      return {
        rule: 'invalid-index',
        severity: 'warning',
        ...(half && { version: half.version, half: 'up', file: half.file, ...place }),
        objects: [table, name],
        message: `Index ${name} of the partitioned table ${table} is not valid at the latest version: ${listed(partitions)} ${partitions.length === 1 ? 'has' : 'have'} no index that is attached to it.`,
        fix: completed(index, place?.statement),
      }
    })
  }

  #canGoDown({ version, down }: Migration): boolean {
    return down !== undefined && !this.#verified.irreversible.has(version)
  }

  /** A down is looked at from the latest version on downwards, so that it needs no way up. */
  async #checkDown(migration: Migration, below: number): Promise<Observed> {
    if (this.#failed && this.#failed.version <= migration.version)
      throw new VerificationError(`Not reached: the up of ${labelOf(this.#failed)} fails.`)
    const half = this.#halves.of(versionOf(migration), 'down')
    if (!half) return {}
    const { effects, remarks } = await this.#observeDown(this.#database, migration, below, half)
    const live = { half, effects }
    this.#observed.push(live)
    // What the up does, too, is told there.
    const decided = decide(live).filter((one) => OF_A_DOWN.has(one.rule) && !this.#told.has(kindOf(one, migration)))
    const again = () => this.#observeDown(this.#second, migration, below, half)
    const found = await this.#repeated(decided, half, again)
    const observations = found.map((one): Observation => ({ ...one, severity: 'notice' }))
    return {
      observations: sized(observations, this.#verified.options.sizes),
      ...(remarks.length > 0 && { remark: remarks.join('; ') }),
    }
  }

  /** Observes a down over rows; over none, if it fails over these. A down that fails anyway is told by another check. */
  async #observeDown(
    database: LiveDatabase<Client>,
    { version }: Migration,
    below: number,
    half: Half,
  ): Promise<Looked> {
    await database.descend(version)
    const empty = await database.fill(half.text)
    const attempt = () =>
      inHalf('down', () => database.observe(below)).catch((error) => {
        if (error instanceof MigrationFailedError) return undefined
        throw error
      })
    const first = await attempt()
    if (first) return { effects: first, remarks: remarksOn(first, empty) }
    const begin = () => database.descend(version).then(() => database.fill(half.text))
    const fitting = await inHalf('down', () => database.observeFitting(below, begin))
    if (fitting) return { effects: fitting, remarks: [OVER_FITTING] }
    await database.descend(version)
    const effects = await attempt()
    if (!effects) return { effects: [], remarks: ['not observed, since it fails'] }
    return { effects, remarks: ['observed without rows, since it fails over generated ones'] }
  }

  /** Looks at the migration once more, on another copy. What does not show again is no more than a notice. */
  async #repeated(found: readonly Observation[], half: Half, observe: () => Promise<Looked>): Promise<Observation[]> {
    if (found.length === 0) return []
    const { effects } = await observe()
    const again = new Set(decide({ half, effects }).map(keyOf))
    return found.map((one): Observation => {
      if (again.has(keyOf(one))) return one
      return { ...one, severity: 'notice', message: `${one.message} On a second copy, it did not show.` }
    })
  }

  /** Measures how long others wait, if that is asked for and a finding says that they do. */
  async #measured(found: readonly Observation[], migration: Migration, below: number): Promise<Waited | undefined> {
    const { measure } = this.#verified.options
    const tables = [...new Set(found.flatMap(({ worked = [] }) => worked))]
    if (measure === undefined || tables.length === 0) return undefined
    const database = new LiveDatabase(this.#verified)
    try {
      await database.reach(below)
      return await measureWaiting(database, migration.version, tables, measure)
    } finally {
      await database.dispose()
    }
  }

  /** Observes a migration over rows; over none, if it fails over these. */
  async #observe(database: LiveDatabase<Client>, migration: Migration, below: number): Promise<Looked> {
    try {
      await database.reach(below)
      const empty = await database.fill(this.#halves.of(versionOf(migration), 'up')?.text ?? '')
      const first = await database.observe(migration.version).catch((error) => {
        if (error instanceof MigrationFailedError) return undefined
        throw error
      })
      if (first) return { effects: first, remarks: remarksOn(first, empty) }
      const fitting = await database.observeFitting(migration.version, async () => {
        await database.dispose()
        await database.reach(below)
        await database.fill(this.#halves.of(versionOf(migration), 'up')?.text ?? '')
      })
      if (fitting) return { effects: fitting, remarks: [OVER_FITTING] }
      await database.dispose()
      await database.reach(below)
      const effects = await database.observe(migration.version)
      return { effects, remarks: ['observed without rows, since it fails over generated ones'] }
    } catch (error) {
      if (error instanceof MigrationFailedError) this.#failed ??= migration
      throw error
    }
  }
}

const OVER_FITTING = 'observed over rows that its new schema accepts, since it fails over others'

interface Looked {
  readonly effects: readonly Effects[]
  readonly remarks: readonly string[]
}

/** Rules that matter for a down, too: those about work that others wait for. */
const OF_A_DOWN: ReadonlySet<string> = new Set([
  'table-rewritten',
  'scan-while-locked',
  'index-blocks-writes',
  'copy-blocks-writes',
  'blocks-reads',
  'invalid-index',
])

/** The same in the up and the down of a migration. */
function kindOf({ rule, worked = [] }: Observation, { version }: Migration): string {
  return JSON.stringify([version, rule, worked.toSorted()])
}

function keyOf({ rule, line, objects }: Observation): string {
  return JSON.stringify([rule, line, objects.toSorted()])
}

/** Says which tables a migration locked without anybody being able to see what that means, as they have no rows. */
function remarksOn(effects: readonly Effects[], empty: readonly Unfilled[]): string[] {
  const locked = new Set(
    effects.flatMap(({ locks }) => locks.filter(({ blocks }) => blocks !== 'nothing').map(({ table }) => table)),
  )
  return empty
    .filter(({ table }) => locked.has(table) || locked.has(table.replace(/^public\./, '')))
    .map(({ table, why }) => `not observed with rows: ${table} could not be filled (${why})`)
}
