/** The checks whether migrations that are interrupted, or that two processes run at once, end where others do. */
import {
  ConnectionError,
  LockLostError,
  MigratestError,
  MigrationFailedError,
  UsageError,
} from '../../migrate/errors.ts'
import type { Migration } from '../../migrate/source.ts'
import { labelOf, NIL_VERSION, versionOf } from '../../migrate/version.ts'
import type { Check, MakeCheck, Observed } from '../check.ts'
import type { Observation } from '../finding.ts'
import type { Half, Halves } from '../halves.ts'
import { observationsOf } from '../observed.ts'
import { placeOf } from '../statementAt.ts'
import { VerificationError } from '../verificationError.ts'
import type { Verified } from '../verified.ts'
import { Interrupter, type Kind } from './interrupter.ts'
import { WayDatabase } from './wayDatabase.ts'
import { differenceOf, type Whole } from './whole.ts'

export class InterruptChecks<Client> {
  readonly #verified: Verified<Client>
  readonly #halves: Halves
  readonly #make: MakeCheck
  /** Databases that go up version by version: one without interruptions, one a kind with. */
  readonly #open = new Map<Kind | 'plain', WayDatabase<Client>>()
  readonly #interrupters = new Map<Kind, Interrupter>()
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
        () => this.#twoAtOnce(),
      ),
    ]
  }

  async dispose(): Promise<void> {
    const opened = [...this.#open.values()]
    this.#open.clear()
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
        return { observations: [this.#lostLock(migration, 'its lock is gone when it ends.')] }
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
      const difference = await differenceOf(expected, await database.whole(), () => this.#replay(migration))
      if (difference) observations.push(this.#observation(migration, kind, difference))
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
        return { times, observation: await this.#stuck(migration, half, range, kind, error) }
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

  async #stuck(
    migration: Migration,
    half: Half | undefined,
    range: Half['statements'][number] | undefined,
    kind: Kind,
    error: unknown,
  ): Promise<Observation> {
    if (!isOfAMigration(error)) throw error
    const [observed] = (await observationsOf(error, (version, direction) => this.#halves.of(version, direction))) ?? []
    const how = kind === 'kill' ? 'its process is killed' : 'a statement fails'
    return {
      ...observed,
      rule: 'not-repeatable',
      version: versionOf(migration),
      half: 'up',
      file: half?.file ?? migration.up,
      ...(half && range && placeOf(half.text, range)),
      objects: [labelOf(migration)],
      message: `If ${how} here, the migration cannot be continued: ${observed?.message ?? error.message.split('\n')[0]}`,
      fix: { text: FIX },
    }
  }

  #observation(
    migration: Migration,
    kind: Kind,
    difference: { readonly text: string; readonly objects: readonly string[] },
  ): Observation {
    const half = this.#halves.of(versionOf(migration), 'up')
    const how = kind === 'kill' ? 'killed' : 'stopped by errors'
    return {
      rule: 'not-repeatable',
      version: versionOf(migration),
      half: 'up',
      file: half?.file ?? migration.up,
      objects: difference.objects,
      message: `${how.charAt(0).toUpperCase()}${how.slice(1)} at each statement and continued, it ends elsewhere (- without interruption, + with).`,
      fix: { text: FIX },
      evidence: { diff: difference.text },
    }
  }

  async #replay(migration: Migration): Promise<Whole> {
    const database = await WayDatabase.create(this.#verified)
    try {
      await database.move(versionOf(migration))
      return await database.whole()
    } finally {
      await database.dispose()
    }
  }

  async #twoAtOnce(): Promise<Observed> {
    if (this.#failed) throw new VerificationError(`Not reached: the up of ${labelOf(this.#failed)} fails.`)
    const { migrations } = this.#verified
    const last = migrations.at(-1)
    // A lock that is lost is told already.
    if (!last || this.#lockLost) return {}
    const found = await this.#race(last)
    if (typeof found === 'string') return { remark: found }
    if (!found) return {}
    // The search by halves finds the first version up to which two processes disturb each other.
    let [low, high] = [0, migrations.length - 1]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const migration = migrations[middle]
      if (migration && (await this.#race(migration))) high = middle
      else low = middle + 1
    }
    const culprit = migrations[low]
    const observation = this.#lostLock(
      culprit ?? last,
      `two processes that migrate at once get in each other's way: ${found.text}`,
    )
    return { observations: [observation] }
  }

  #lostLock(migration: Migration, what: string): Observation {
    const half = this.#halves.of(versionOf(migration), 'up')
    return {
      rule: 'migration-lock-lost',
      version: versionOf(migration),
      half: 'up',
      file: half?.file ?? migration.up,
      objects: [labelOf(migration)],
      message: `With ${labelOf(migration)}, ${what}`,
      fix: {
        text: 'Let no migration release locks that it has not taken (pg_advisory_unlock_all, DISCARD ALL, RELEASE_ALL_LOCKS).',
      },
    }
  }

  /** Lets two processes migrate at once. Returns what is wrong then, or a remark. */
  async #race(to: Migration): Promise<{ readonly text: string } | string | undefined> {
    const database = await WayDatabase.create(this.#verified)
    try {
      if (database.url === undefined) return 'there is only one session'
      const results = await database.moveTwice(versionOf(to))
      const failed = results.find((one) => one.status === 'rejected')
      if (failed?.status === 'rejected') {
        if (!isOfAMigration(failed.reason)) throw failed.reason
        return { text: failed.reason.message.split('\n')[0] ?? '' }
      }
      const difference = await differenceOf(await this.#replay(to), await database.whole(), () => this.#replay(to))
      return difference && { text: difference.text }
    } finally {
      await database.dispose()
    }
  }
}

// --- internal ---

/** A server that takes no more connections says nothing about the migrations. */
function isOfAMigration(error: unknown): error is MigratestError {
  return error instanceof MigratestError && !(error instanceof ConnectionError)
}

/** More interruptions of one migration than this are not made. */
const MOST = 60

const FIX =
  'Give each statement that must not be repeated a migration of its own, and let no statement depend on what an earlier one left in the session (variables, temporary tables, settings).'
