/** The checks whether migrations that are interrupted, or that two processes run at once, end where others do. */
import { LockLostError, MigrationFailedError, UsageError } from '../../migrate/errors.ts'
import type { Migration } from '../../migrate/source.ts'
import { labelOf, NIL_VERSION, versionOf } from '../../migrate/version.ts'
import type { Check, MakeCheck, Observed } from '../check.ts'
import type { Observation } from '../finding.ts'
import type { Halves } from '../halves.ts'
import { VerificationError } from '../verificationError.ts'
import type { Verified } from '../verified.ts'
import { Interrupter, type Kind } from './interrupter.ts'
import { endsElsewhere, stuck } from './notRepeatable.ts'
import { lostLock, twoAtOnce } from './twoAtOnce.ts'
import { WayDatabase } from './wayDatabase.ts'
import { differenceOf, type Whole } from './whole.ts'

export class InterruptChecks<Client> {
  readonly #verified: Verified<Client>
  readonly #halves: Halves
  readonly #make: MakeCheck
  /** Databases that go up version by version: one without interruptions, one a kind with. */
  readonly #open = new Map<Kind | 'plain', WayDatabase<Client>>()
  readonly #interrupters = new Map<Kind, Interrupter>()
  /** A database whose rows have other numbers, and the version that it has. */
  #other: { readonly database: WayDatabase<Client>; at: number } | undefined
  #at = NIL_VERSION
  /** The first migration whose up failed. Nothing above it can be reached. */
  #failed: Migration | undefined
  /** The first migration that has lost our lock. */
  #lockLost: Migration | undefined

  constructor(verified: Verified<Client>, halves: Halves, make: MakeCheck) {
    this.#verified = verified
    this.#halves = halves
    this.#make = make
  }

  checks(): Check[] {
    const { migrations } = this.#verified
    return [
      ...migrations.map((migration, i) =>
        this.#make(
          {
            id: 'interrupted',
            group: 'interrupt',
            name: `${labelOf(migration)}: interrupted at each statement and continued`,
            version: versionOf(migration),
          },
          () => this.#check(migration, migrations[i - 1]?.version ?? NIL_VERSION),
        ),
      ),
      this.#make(
        {
          id: 'two-at-once',
          group: 'interrupt',
          name: 'two processes at once: one waits for the other',
          version: undefined,
        },
        async () => {
          if (this.#failed) throw new VerificationError(`Not reached: the up of ${labelOf(this.#failed)} fails.`)
          // A lock that is lost is told already.
          return this.#lockLost ? {} : twoAtOnce(this.#verified, this.#halves)
        },
      ),
    ]
  }

  async dispose(): Promise<void> {
    const opened = [...this.#open.values(), ...(this.#other ? [this.#other.database] : [])]
    this.#open.clear()
    this.#other = undefined
    this.#at = NIL_VERSION
    await Promise.all(opened.map((database) => database.dispose()))
  }

  // --- internal ---

  async #check(migration: Migration, below: number): Promise<Observed> {
    if (this.#lockLost) throw new VerificationError(`Not reached: ${labelOf(this.#lockLost)} loses the lock.`)
    if (this.#failed) throw new VerificationError(`Not reached: the up of ${labelOf(this.#failed)} fails.`)
    const plain = await this.#reach(below)
    try {
      await plain.move(versionOf(migration))
    } catch (error) {
      if (error instanceof LockLostError && !this.#lockLost) {
        this.#lockLost = migration
        return { observations: [lostLock(migration, this.#halves, 'its lock is gone when it ends.')] }
      }
      if (error instanceof MigrationFailedError) this.#failed = migration
      throw error
    }
    const expected = await plain.whole()
    const observations: Observation[] = []
    const counts: string[] = []
    for (const [kind, interrupter] of this.#interrupters) {
      const database = this.#open.get(kind)
      if (!database) continue
      const found = await this.#interrupted(database, migration, kind, interrupter)
      if (found.observation) observations.push(found.observation)
      counts.push(`${found.times} × ${kind}`)
      if (found.observation) continue
      const again = () => this.#withOtherNumbers(migration)
      const difference = await differenceOf(expected, await database.whole(), again, true)
      if (difference) observations.push(endsElsewhere(migration, this.#halves, kind, difference))
    }
    // A failure is reported once, and not again for each migration above it.
    if (observations.length > 0) await this.dispose()
    else this.#at = migration.version
    return { observations, remark: counts.join(', ') }
  }

  /** Returns the database without interruptions at a version; all others are there, too. */
  async #reach(version: number): Promise<WayDatabase<Client>> {
    const plain = this.#open.get('plain')
    if (plain && this.#at === version) return plain
    await this.dispose()
    this.#interrupters.clear()
    this.#open.set('plain', await WayDatabase.create(this.#verified))
    for (const kind of ['error', 'kill'] as const) {
      const interrupter = new Interrupter(kind, this.#verified.options.server.dialect === 'mysql')
      const database = await WayDatabase.create(this.#verified, interrupter)
      // Without another session nobody can end one.
      if (kind === 'kill' && database.url === undefined) {
        await database.dispose()
        continue
      }
      this.#interrupters.set(kind, interrupter)
      this.#open.set(kind, database)
    }
    if (version !== NIL_VERSION) for (const database of this.#open.values()) await database.move(version)
    this.#at = version
    return this.#open.get('plain') as WayDatabase<Client>
  }

  /** Runs a migration, interrupts it at each statement, and continues it each time as a person would. */
  async #interrupted(
    database: WayDatabase<Client>,
    migration: Migration,
    kind: Kind,
    interrupter: Interrupter,
  ): Promise<{ times: number; observation: Observation | undefined }> {
    const half = this.#halves.of(versionOf(migration), 'up')
    interrupter.begin()
    for (let times = 0; times <= MOST; times++) {
      const at = interrupter.at
      try {
        if (await database.isDirty()) await this.#resume(database, at)
        else await database.move(versionOf(migration))
        return { times, observation: undefined }
      } catch (error) {
        if (interrupter.isDone) {
          interrupter.isDone = false
          if (kind === 'kill') await database.closeSessions()
          continue
        }
        const range = at === undefined ? undefined : half?.statements[at.index]
        return { times, observation: await stuck(migration, this.#halves, range, kind, error) }
      } finally {
        if (interrupter.isOver) interrupter.isActive = false
      }
    }
    return { times: MOST, observation: undefined }
  }

  /** Continues a migration. Where the journal cannot tell how far it came, says what is true. */
  async #resume(database: WayDatabase<Client>, at: Interrupter['at']): Promise<void> {
    try {
      await database.resume()
    } catch (error) {
      if (!(error instanceof UsageError) || !/not known/.test(error.message) || at === undefined) throw error
      await database.resume({ applied: at.index + (at.hasRun ? 1 : 0) })
    }
  }

  /**
   * Runs the migrations without interruption, where some numbers are taken each time: what was rolled back has taken some,
   * too, and nobody may rely on a number.
   */
  async #withOtherNumbers({ version }: Migration): Promise<Whole> {
    this.#other ??= { database: await WayDatabase.create(this.#verified), at: NIL_VERSION }
    const other = this.#other
    for (const migration of this.#verified.migrations) {
      if (migration.version <= other.at || migration.version > version) continue
      await other.database.takeNumbers()
      await other.database.move(versionOf(migration))
      other.at = migration.version
    }
    return other.database.whole()
  }
}

// --- internal ---

/** More interruptions of one migration than this are not made. */
const MOST = 60
