/** The checks of what each migration does to a database that is in use. */
import { MigrationFailedError } from '../../migrate/errors.ts'
import type { Migration } from '../../migrate/source.ts'
import { labelOf, NIL_VERSION, versionOf } from '../../migrate/version.ts'
import type { Check, MakeCheck } from '../check.ts'
import type { Observation } from '../finding.ts'
import type { Halves } from '../halves.ts'
import { VerificationError } from '../verificationError.ts'
import type { Verified } from '../verified.ts'
import { decide, type LiveMigration } from './decide.ts'
import { LiveDatabase } from './liveDatabase.ts'
import { decideOnce } from './once.ts'

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
          async () => ({ observations: await this.#observe(migration, migrations[i - 1]?.version ?? NIL_VERSION) }),
        ),
      ),
      this.#make({ id: 'live-waiting', group: 'live', name: 'waiting for locks', version: undefined }, async () => ({
        observations: decideOnce(this.#observed),
      })),
    ]
  }

  /** What was observed so far. */
  get observed(): readonly LiveMigration[] {
    return this.#observed
  }

  dispose(): Promise<void> {
    return this.#database.dispose()
  }

  // --- internal ---

  async #observe(migration: Migration, below: number): Promise<Observation[]> {
    if (this.#failed) throw new VerificationError(`Not reached: the up of ${labelOf(this.#failed)} fails.`)
    const half = this.#halves.of(versionOf(migration), 'up')
    try {
      await this.#database.reach(below)
      const effects = await this.#database.observe(migration.version)
      if (!half) return []
      const live = { half, effects }
      this.#observed.push(live)
      return decide(live)
    } catch (error) {
      if (error instanceof MigrationFailedError) this.#failed ??= migration
      throw error
    }
  }
}
