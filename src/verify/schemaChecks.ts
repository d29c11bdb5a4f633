/** The checks that compare schemas: each migration up, down and up again, and all of them to the latest and back. */
import { MigrationFailedError } from '../migrate/errors.ts'
import { buildGraph, independent } from '../migrate/graph.ts'
import type { Migration, Relations, Source } from '../migrate/source.ts'
import { describeVersion, labelOf, NIL_VERSION, versionOf } from '../migrate/version.ts'
import type { Schema } from '../schema/schema.ts'
import { findGitBase } from '../source/gitBase.ts'
import { gitRevision } from '../source/gitRevision.ts'
import { folderOf } from '../testing/lease/migrations.ts'
import type { Check, MakeCheck } from './check.ts'
import { inHalf } from './observed.ts'
import { withoutSameMeaning } from './sameMeaning.ts'
import { VerificationError } from './verificationError.ts'
import type { Verified } from './verified.ts'
import { Walk } from './walk.ts'

/** The checks that compare schemas, in the order in which they must run. */
export class SchemaChecks<Client> {
  readonly #options: Verified<Client>['options']
  readonly #source: Source
  readonly #migrations: readonly Migration[]
  readonly #make: MakeCheck
  /** A database that goes up step by step, each step up, down and up. */
  readonly #stepwise: Walk<Client>
  /** A database that goes up without stopping. */
  readonly #straight: Walk<Client>
  /** Reasons why migrations cannot be undone, by version. */
  readonly #irreversible: ReadonlyMap<number, string>
  /** The first migration whose up failed. Nothing above it can be reached. */
  #failed: Migration | undefined
  #nil: Schema | undefined
  #latest: Schema | undefined

  constructor(verified: Verified<Client>, make: MakeCheck) {
    const { options, source, migrations, irreversible } = verified
    this.#irreversible = irreversible
    this.#options = options
    this.#source = source
    this.#migrations = migrations
    this.#make = make
    // Ignore events: every check reads each file it needs, so warnings would repeat.
    const walked = { onEvent: () => undefined, ...options, migrations: source }
    this.#stepwise = new Walk(walked)
    this.#straight = new Walk(walked)
  }

  checks(): Check[] {
    const last = this.#migrations.at(-1)
    const latest = last?.version ?? NIL_VERSION
    const shown = last ? versionOf(last) : 'nil'
    const all = (id: string, name: string, work: () => Promise<string | undefined>) =>
      this.#make({ id, group: id === 'step-by-step' ? 'paths' : 'schema', name, version: undefined }, work)
    return [
      all('versions', 'versions: in order, none late against the base branch', () => this.#late()),
      all('straight-up', `nil → ${shown}`, () => this.#straightUp(latest)),
      ...this.#migrations.map((migration, i) =>
        this.#make(
          {
            id: 'round-trip',
            group: 'schema',
            name: `${labelOf(migration)}: ${this.#canGoDown(migration) ? 'up, down, up' : 'up'}`,
            version: versionOf(migration),
          },
          () => this.#roundTrip(migration, this.#migrations[i - 1]?.version ?? NIL_VERSION),
        ),
      ),
      all('step-by-step', `step by step to ${shown}: same schema as nil → ${shown}`, () => this.#sameAtLatest(latest)),
      ...(this.#migrations.every((migration) => this.#canGoDown(migration))
        ? [all('straight-down', `${shown} → nil, and nothing left`, () => this.#straightDown(latest))]
        : []),
    ]
  }

  async dispose(): Promise<void> {
    await Promise.all([this.#stepwise.dispose(), this.#straight.dispose()])
  }

  /**
   * Checks that there is one head and that no migration is late against the base branch. Versions are unique and in
   * order, otherwise the source would not have listed them.
   */
  async #late(): Promise<string | undefined> {
    const { migrations, base } = this.#options
    const relations = (await this.#source.relations?.()) ?? new Map<number, Relations>()
    const graph = buildGraph(this.#migrations, relations)
    if (graph.problems.length > 0) throw new VerificationError(graph.problems.join('\n'), { rule: 'version-order' })
    if (graph.heads.length > 1) {
      const heads = this.#migrations.filter(({ version }) => graph.heads.includes(version)).map(labelOf)
      throw new VerificationError(`Multiple heads: no migration follows ${heads.join(' and ')}.`, {
        rule: 'version-order',
        hint: 'Join them with "migratest merge", or order them with "-- migrate: depends-on …".',
      })
    }
    const folder = folderOf(migrations)
    if (base === false) return 'not compared with a branch: base is false'
    if (folder === undefined) return 'not compared with a branch: the migrations are not in a folder'
    if (this.#source.format) {
      const remarks = this.#source.remarks ?? []
      return [`not compared with a branch: this is a folder of ${this.#source.format.tool}`, ...remarks].join('; ')
    }
    const found = findGitBase(folder, base)
    if (typeof found === 'string') return `not compared with a branch: ${found}`
    const { revision, present, ...place } = found
    if (!present) return `${revision} has no migrations in this folder yet`
    const there = await gitRevision(revision, place).list()
    const known = new Map(there.map((migration) => [migration.version, migration]))
    const highest = there.at(-1)?.version ?? NIL_VERSION
    for (const migration of this.#migrations) {
      const { version, name } = migration
      const other = known.get(version)
      const file = fileOf(migration)
      const replaced = other && relations.get(version)?.replaces?.includes(labelOf(other))
      if (other && other.name !== name && !replaced) {
        throw new VerificationError(`${file}: version ${version} is ${labelOf(other)} on ${revision}.`, {
          rule: 'version-order',
          version,
          file,
          hint: `Give this one a number above ${highest}.`,
        })
      }
      // A late migration can still run if no migration on the base branch follows it.
      const followed = independent(graph, [version], [...known.keys()]).length === 0
      if (!other && version < highest && followed) {
        throw new VerificationError(
          `${file} is new, but comes before version ${highest}, which is already on ${revision}: existing databases would never run it.`,
          { rule: 'version-order', version, file, hint: `Give it a number above ${highest}.` },
        )
      }
    }
    return `compared with ${revision}`
  }

  /** Returns `false` for a migration without a down in a folder of another tool, which may have none at all. */
  #canGoDown({ down }: Migration): boolean {
    const { format } = this.#source
    return !format || down !== undefined
  }

  async #straightUp(latest: number): Promise<undefined> {
    await this.#straightSchema(latest)
    // Drop this database now: objects of the whole server that a migration creates, such as roles, must not collide
    // when the other database creates them again.
    await this.#straight.dispose()
  }

  /** Returns the schema of a database that went up to `latest` without stopping. */
  async #straightSchema(latest: number): Promise<Schema> {
    this.#refuseUnreachable(latest)
    this.#nil ??= await this.#straight.schemaAt(NIL_VERSION)
    this.#latest ??= await this.#up(() => this.#straight.schemaAt(latest))
    return this.#latest
  }

  async #roundTrip(migration: Migration, below: number): Promise<string | undefined> {
    const { version } = migration
    this.#refuseUnreachable(version)
    const walk = this.#stepwise
    const before = await walk.schemaAt(below)
    const up = await this.#up(() => walk.move(version))
    const reason = this.#irreversible.get(version)
    if (reason !== undefined) return `irreversible: ${reason}`
    if (!this.#canGoDown(migration)) return undefined
    const down = await inHalf('down', () => walk.move(below))
    const file = migration.down ?? migration.up
    const shownBelow = this.#shown(below)
    const undone = withoutSameMeaning(down.diff(before))
    if (undone.changes.length > 0) {
      await walk.dispose()
      const details = {
        version: versionOf(migration),
        half: 'down' as const,
        file,
        diff: undone,
        legend: `- at ${shownBelow}, + after up and down`,
      }
      if (migration.down === undefined) {
        throw new VerificationError(`${labelOf(migration)} has no down, so its changes remain:`, {
          rule: 'down-missing',
          ...details,
          hint: 'Write a down, or a down file that states why there is none: -- migrate: irreversible REASON',
        })
      }
      throw new VerificationError(`${file}: does not restore the schema of version ${shownBelow}:`, {
        rule: 'down-differs',
        ...details,
      })
    }
    const again = await inHalf('up', () => walk.move(version))
    const diff = again.diff(up)
    if (diff.changes.length > 0) {
      throw new VerificationError(`${migration.up ?? file}: the second up gives a different schema than the first:`, {
        rule: 'up-differs',
        version: versionOf(migration),
        half: 'up',
        file: migration.up,
        diff,
        legend: '- first up, + second up',
      })
    }
    return undone.minor.length > 0 ? `the down changes ${undone.minor.join('; ')}` : undefined
  }

  /** What belongs to the database and to no object in it: settings, large objects. */
  async #besides(walk: Walk<Client>): Promise<string[]> {
    if (this.#options.server.dialect !== 'postgres') return []
    return (await walk.query(BESIDES)).map(({ one }) => String(one))
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
      if (error instanceof MigrationFailedError)
        this.#failed ??= this.#migrations.find((migration) => versionOf(migration) === error.version)
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

  async #sameAtLatest(latest: number): Promise<undefined> {
    const straight = await this.#straightSchema(latest)
    const diff = (await this.#stepwise.schemaAt(latest)).diff(straight)
    if (diff.changes.length === 0) return
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
    this.#refuseUnreachable(latest)
    await this.#stepwise.dispose()
    const walk = this.#straight
    const ends = this.#migrations.filter(({ version }) => this.#irreversible.has(version)).reverse()
    let top = latest
    for (const { version } of ends) {
      await walk.schemaAt(top)
      if (version < top) await inHalf('down', () => walk.move(version))
      await walk.dispose()
      top = this.#migrations.findLast((migration) => migration.version < version)?.version ?? NIL_VERSION
    }
    if (top !== NIL_VERSION) {
      this.#nil ??= await walk.schemaAt(NIL_VERSION)
      const besides = await this.#besides(walk)
      await walk.schemaAt(top)
      const diff = (await inHalf('down', () => walk.move(NIL_VERSION))).diff(this.#nil)
      if (diff.changes.length > 0) {
        throw new VerificationError('After undoing every migration, something is left:', {
          rule: 'nil-left',
          diff,
          legend: '+ left',
          hint: 'The down of the migration that created it does not remove it.',
        })
      }
      const left = (await this.#besides(walk)).filter((one) => !besides.includes(one))
      if (left.length > 0) {
        throw new VerificationError(`After undoing every migration, something is left: ${left.join(', ')}.`, {
          rule: 'nil-left',
          objects: left,
          hint: 'Let the down of the migration that made it undo it: ALTER DATABASE … RESET …, lo_unlink(…).',
        })
      }
    }
    const around = ends.map(labelOf).reverse()
    return around.length > 0 ? `not undone, because irreversible: ${around.join(', ')}` : undefined
  }
}

// --- internal ---

const BESIDES = `SELECT 'the setting ' || setting || CASE s.setrole WHEN 0 THEN '' ELSE ' of the role ' || s.setrole::regrole::text END || ' of the database' AS one
  FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) AS setting WHERE d.datname = current_database()
  UNION ALL SELECT 'the large object ' || oid FROM pg_largeobject_metadata ORDER BY 1`

function fileOf({ up, down, name }: Migration): string {
  return up ?? down ?? name
}
