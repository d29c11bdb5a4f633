/** The checks that compare schemas: each migration up, down and up again, and all of them to the latest and back. */
import { MigrationFailedError } from '../migrate/errors.ts'
import type { Migration, Source } from '../migrate/source.ts'
import { describeVersion, labelOf, NIL_VERSION, versionOf } from '../migrate/version.ts'
import type { Schema } from '../schema/schema.ts'
import type { Beforehand } from './beforehand.ts'
import { type Check, keyOf, type MakeCheck } from './check.ts'
import type { Halves } from './halves.ts'
import { leftBehind, type NilState, readNil } from './nilState.ts'
import { inHalf } from './observed.ts'
import { differsAbove, differsBelow } from './roundTrip.ts'
import { withoutSameMeaning } from './sameMeaning.ts'
import { Stretches } from './stretches.ts'
import { VerificationError } from './verificationError.ts'
import type { Verified } from './verified.ts'
import { checkOrder } from './versionOrder.ts'
import { Walk } from './walk.ts'
import { wholeOfDatabase } from './ways/wayDatabase.ts'
import type { Whole } from './ways/whole.ts'

/** What checks of schemas and of ways share. */
export interface Shared {
  readonly halves: Halves
  readonly make: MakeCheck
  readonly beforehand: Beforehand
  /** `true` if other checks want to know all rows at the latest version. */
  readonly wantsWhole: boolean
}

/** The checks that compare schemas, in the order in which they must run. */
export class SchemaChecks<Client> {
  readonly #verified: Verified<Client>
  readonly #source: Source
  readonly #migrations: readonly Migration[]
  readonly #make: MakeCheck
  readonly #beforehand: Beforehand
  readonly #wantsWhole: boolean
  /** `true` if the databases cannot meet in what belongs to the whole server. */
  readonly #areApart: boolean
  readonly #stretches: Stretches
  /** Databases that go up step by step, each step up, down and up: one for each stretch. */
  readonly #stepwise: readonly Walk<Client>[]
  /** A database that goes up without stopping, and down. */
  readonly straight: Walk<Client>
  /** Reasons why migrations cannot be undone, by version. */
  readonly #irreversible: ReadonlyMap<number, string>
  /** The first migration whose up failed. Nothing above it can be reached. */
  #failed: Migration | undefined
  /** The migrations that failed when they were first applied, by their errors. */
  readonly #firstFailures = new WeakMap<Error, Migration>()
  #nil: NilState | undefined
  #wentUp: Promise<Straight> | undefined
  /** The versions whose schemas others want to know, with what was read on the way up. */
  readonly #remembered = new Map<number, Schema | undefined>()

  constructor(verified: Verified<Client>, { halves, make, beforehand, wantsWhole }: Shared) {
    const { options, source, migrations, irreversible } = verified
    this.#verified = verified
    this.#beforehand = beforehand
    this.#wantsWhole = wantsWhole
    this.#areApart = halves.areApart
    this.#irreversible = irreversible
    this.#source = source
    this.#migrations = migrations
    this.#make = make
    // Ignore events: every check reads each file it needs, so warnings would repeat.
    const walked = { onEvent: () => undefined, ...options, migrations: source }
    // Seeds may write on sessions of their own.
    const isCounted = halves.areCounted && Object.keys(options.seeds ?? {}).length === 0
    this.#stretches = new Stretches(verified, halves)
    this.#stepwise = this.#stretches.map(() => new Walk(walked, isCounted))
    this.straight = new Walk(walked, isCounted)
  }

  checks(): Check[] {
    const last = this.#migrations.at(-1)
    const latest = last?.version ?? NIL_VERSION
    const shown = last ? versionOf(last) : 'nil'
    const all = (id: string, name: string, work: () => Promise<string | undefined>) =>
      this.#make({ id, group: id === 'step-by-step' ? 'paths' : 'schema', name, version: undefined }, work)
    const trips = this.#migrations.map((migration, i) => this.#tripCheck(migration, i))
    const atLatest = this.#stepwise.map((walk, stretch) =>
      this.#beforehand.plan(`steps ${stretch}`, 'step-by-step', () => walk.alone(() => endsAt(walk, latest))),
    )
    const goUp = this.#beforehand.plan('straight', 'straight-up', () => this.#goStraight(latest))
    const goDown = this.#beforehand.plan('straight', 'straight-down', () =>
      this.straight.alone(() => this.#straightDown(latest)),
    )
    return [
      all('versions', 'order of versions', () => checkOrder(this.#verified)),
      all('straight-up', `nil → ${shown}`, async () => void (await this.#turn(latest, goUp))),
      ...trips,
      all('step-by-step', `step by step to ${shown}: same schema as nil → ${shown}`, () =>
        this.#sameAtLatest(latest, atLatest),
      ),
      ...(this.#migrations.every((migration) => this.#canGoDown(migration))
        ? [all('straight-down', `${shown} → nil, and nothing left`, () => this.#turn(latest, goDown))]
        : []),
    ]
  }

  /** @param i the migration's place */
  #tripCheck(migration: Migration, i: number): Check {
    const about = { id: 'round-trip', group: 'schema', version: versionOf(migration) } as const
    const stretch = this.#stretches.of(i)
    const walk = this.#stepwise[stretch] as Walk<Client>
    const trip = this.#beforehand.plan(
      `steps ${stretch}`,
      keyOf(about.id, about.version),
      () => walk.alone(() => this.#roundTrip(walk, migration, this.#migrations[i - 1]?.version ?? NIL_VERSION)),
      // No migration above can be reached.
      (error) => error instanceof Error && this.#firstFailures.has(error),
    )
    const name = `${labelOf(migration)}: ${this.#canGoDown(migration) ? 'up, down, up' : 'up'}`
    return this.#make({ ...about, name }, () => this.#turn(migration.version, trip))
  }

  /** Remembers the schemas of these versions when they are reached step by step. */
  remember(versions: readonly number[]): void {
    for (const version of versions) this.#remembered.set(version, undefined)
  }

  /** Returns the schema of a version that was to be remembered; undefined if no check has read it. */
  schemaOf(version: number): Schema | undefined {
    return this.#remembered.get(version)
  }

  /** Returns all rows of the database that went up without stopping; undefined if it did not, or they were not read. */
  async whole(): Promise<Whole | undefined> {
    return (await this.#wentUp?.catch(() => undefined))?.whole
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#stepwise, this.straight].map((walk) => walk.dispose()))
  }

  /** Returns `false` for a migration without a down in a folder of another tool, which may have none at all. */
  #canGoDown({ down }: Migration): boolean {
    const { format } = this.#source
    return !format || down !== undefined
  }

  /** Waits for the work of a check whose turn it is. */
  async #turn<T>(version: number, work: () => Promise<T>): Promise<T> {
    this.#refuseUnreachable(version)
    try {
      return await work()
    } catch (error) {
      if (error instanceof Error) this.#failed ??= this.#firstFailures.get(error)
      throw error
    }
  }

  /** Lets a database go up to `latest` without stopping, once. */
  #goStraight(latest: number): Promise<Straight> {
    this.#wentUp ??= this.straight
      .alone(() => this.#straightUp(latest))
      .catch((error) => {
        this.#wentUp = undefined
        throw error
      })
    return this.#wentUp
  }

  async #straightUp(latest: number): Promise<Straight> {
    const walk = this.straight
    this.#nil ??= await readNil(walk, this.#verified.options.server.dialect)
    const schema = await this.#up(() => walk.schemaAt(latest))
    // If that fails, the check that wants it says so.
    const read = async () => wholeOfDatabase(this.#verified, await walk.database()).catch(() => undefined)
    const whole = this.#wantsWhole ? await read() : undefined
    // Objects of the whole server that a migration creates, such as roles, must not collide when the other database
    // creates them again.
    if (!this.#areApart) await walk.dispose()
    return { schema, whole }
  }

  async #roundTrip(walk: Walk<Client>, migration: Migration, below: number): Promise<string | undefined> {
    const { version } = migration
    const before = await walk.schemaAt(below)
    if (this.#remembered.has(below)) this.#remembered.set(below, before)
    const up = await this.#up(() => walk.move(version))
    if (this.#remembered.has(version)) this.#remembered.set(version, up)
    const reason = this.#irreversible.get(version)
    if (reason !== undefined) return `irreversible: ${reason}`
    if (!this.#canGoDown(migration)) return undefined
    const down = await inHalf('down', () => walk.move(below))
    const undone = withoutSameMeaning(down.diff(before))
    const remains = differsBelow(migration, this.#shown(below), undone)
    if (remains) {
      await walk.dispose()
      throw remains
    }
    const again = await inHalf('up', () => walk.move(version))
    const differs = differsAbove(migration, again.diff(up))
    if (differs) throw differs
    return undone.minor.length > 0 ? `the down changes ${undone.minor.join('; ')}` : undefined
  }

  #shown(version: number): string {
    const migration = this.#migrations.find((one) => one.version === version)
    return describeVersion(migration ? versionOf(migration) : version)
  }

  /** Runs a move up and remembers the migration that fails. */
  async #up<T>(way: () => Promise<T>): Promise<T> {
    try {
      return await inHalf('up', way)
    } catch (error) {
      const failed =
        error instanceof MigrationFailedError &&
        this.#migrations.find((migration) => versionOf(migration) === error.version)
      if (failed) this.#firstFailures.set(error, failed)
      throw error
    }
  }

  /** Throws if a migration below `version` has failed. Only that migration's own check reports why. */
  #refuseUnreachable(version: number): void {
    const failed = this.#failed
    if (!failed || version <= failed.version) return
    throw new VerificationError(`Not reached: the up of ${labelOf(failed)} fails.`, {
      version: versionOf(failed),
      file: failed.up,
    })
  }

  async #sameAtLatest(latest: number, atLatest: readonly (() => Promise<Schema>)[]): Promise<undefined> {
    const straight = await this.#turn(latest, () => this.#goStraight(latest))
    const stepwise = await Promise.all(atLatest.map((schemaAt) => schemaAt()))
    const diff = stepwise.map((schema) => schema.diff(straight.schema)).find(({ changes }) => changes.length > 0)
    if (!diff) return
    throw new VerificationError(
      `Version ${this.#shown(latest)} has a different schema if each migration is undone and applied again on the way:`,
      {
        rule: 'paths-differ',
        diff,
        legend: '- without stopping, + step by step',
      },
    )
  }

  /**
   * Undoes all migrations and compares the schema with the empty one. An irreversible migration is skipped: below it,
   * the check continues with a new database.
   */
  async #straightDown(latest: number): Promise<string | undefined> {
    if (!this.#areApart) await Promise.all(this.#stepwise.map((walk) => walk.dispose()))
    const walk = this.straight
    const ends = this.#migrations.filter(({ version }) => this.#irreversible.has(version)).reverse()
    let top = latest
    for (const { version } of ends) {
      await walk.schemaAt(top)
      if (version < top) await inHalf('down', () => walk.move(version))
      await walk.dispose()
      top = this.#migrations.findLast((migration) => migration.version < version)?.version ?? NIL_VERSION
    }
    if (top !== NIL_VERSION) {
      this.#nil ??= await readNil(walk, this.#verified.options.server.dialect)
      await walk.schemaAt(top)
      const down = await inHalf('down', () => walk.move(NIL_VERSION))
      const { dialect } = this.#verified.options.server
      const migrations = this.#migrations.filter(({ version }) => version <= top)
      const left = await leftBehind(walk, down, this.#nil, { dialect, migrations })
      if (left) {
        // Nothing else may begin on what is left.
        await walk.dispose()
        throw left
      }
    }
    const around = ends.map(labelOf).reverse()
    return around.length > 0 ? `not undone, because irreversible: ${around.join(', ')}` : undefined
  }
}

// --- internal ---

/** What is known of a database that went up without stopping. */
interface Straight {
  readonly schema: Schema
  readonly whole: Whole | undefined
}

/**
 * Returns the schema of the latest version, to which a walk comes up over what its steps have left. Nobody needs its database
 * then, and dropping it takes a moment that others may still need for their work.
 */
async function endsAt<Client>(walk: Walk<Client>, latest: number): Promise<Schema> {
  const schema = await walk.schemaAt(latest)
  await walk.dispose()
  return schema
}
