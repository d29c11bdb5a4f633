/** The checks of what each migration does to a database that is in use. */

import type { Effects } from '../../database/effects.ts'
import { MigrationFailedError } from '../../migrate/errors.ts'
import type { Migration } from '../../migrate/source.ts'
import { labelOf, NIL_VERSION, versionOf } from '../../migrate/version.ts'
import type { Check, MakeCheck, Observed } from '../check.ts'
import type { Halves } from '../halves.ts'
import { VerificationError } from '../verificationError.ts'
import type { Verified } from '../verified.ts'
import { decide, type LiveMigration } from './decide.ts'
import { LiveDatabase } from './liveDatabase.ts'
import { decideOnce } from './once.ts'
import { sized } from './sized.ts'
import type { Unfilled } from './someRows.ts'

export class LiveChecks<Client> {
  readonly #verified: Verified<Client>
  readonly #halves: Halves
  readonly #make: MakeCheck
  readonly #database: LiveDatabase<Client>
  readonly #observed: LiveMigration[] = []
  /** The first migration whose up failed. Nothing above it can be reached. */
  #failed: Migration | undefined

  constructor(verified: Verified<Client>, halves: Halves, make: MakeCheck) {
    this.#verified = verified
    this.#halves = halves
    this.#make = make
    this.#database = new LiveDatabase(verified)
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
      this.#make({ id: 'live-waiting', group: 'live', name: 'waiting for locks', version: undefined }, async () => ({
        observations: decideOnce(this.#observed),
      })),
    ]
  }

  /** The observations so far. */
  get observed(): readonly LiveMigration[] {
    return this.#observed
  }

  dispose(): Promise<void> {
    return this.#database.dispose()
  }

  // --- internal ---

  async #check(migration: Migration, below: number): Promise<Observed> {
    if (this.#failed) throw new VerificationError(`Not reached: the up of ${labelOf(this.#failed)} fails.`)
    const half = this.#halves.of(versionOf(migration), 'up')
    const { effects, remarks } = await this.#observe(migration, below)
    if (!half) return {}
    const live = { half, effects }
    this.#observed.push(live)
    return {
      observations: sized(decide(live), this.#verified.options.sizes),
      ...(remarks.length > 0 && { remark: remarks.join('; ') }),
    }
  }

  /** Observes a migration over rows; over none, if it fails over these. */
  async #observe(migration: Migration, below: number): Promise<{ effects: readonly Effects[]; remarks: string[] }> {
    const database = this.#database
    try {
      await database.reach(below)
      const empty = await database.fill(this.#halves.of(versionOf(migration), 'up')?.text ?? '')
      const first = await database.observe(migration.version).catch((error) => {
        if (error instanceof MigrationFailedError) return undefined
        throw error
      })
      if (first) return { effects: first, remarks: remarksOn(first, empty) }
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

/** Says which tables a migration locked without anybody being able to see what that means, as they have no rows. */
function remarksOn(effects: readonly Effects[], empty: readonly Unfilled[]): string[] {
  const locked = new Set(
    effects.flatMap(({ locks }) => locks.filter(({ blocks }) => blocks !== 'nothing').map(({ table }) => table)),
  )
  return empty
    .filter(({ table }) => locked.has(table) || locked.has(table.replace(/^public\./, '')))
    .map(({ table, why }) => `not observed with rows: ${table} could not be filled (${why})`)
}
