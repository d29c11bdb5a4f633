/** Proves migrations on a real database: each up, down and up again, and all of them from nil to the latest and back. */
import { resolve } from 'node:path'
import { MigrationFailedError, UsageError } from '../migrate/errors.ts'
import { buildGraph, independent } from '../migrate/graph.ts'
import type { Migration, MigrationBody, Relations, Source } from '../migrate/source.ts'
import { describeVersion, NIL_VERSION } from '../migrate/version.ts'
import type { Schema } from '../schema/schema.ts'
import { directory } from '../source/directory.ts'
import { isUrl, pathOf } from '../source/folder.ts'
import { findGitBase } from '../source/gitBase.ts'
import { gitRevision } from '../source/gitRevision.ts'
import { readScript } from '../sql/script.ts'
import type { MigratedDatabaseOptions } from '../testing/lease/options.ts'
import { VerificationError } from './finding.ts'
import { Walk } from './walk.ts'

export interface VerifyOptions<Client> extends Omit<MigratedDatabaseOptions<Client>, 'version'> {
  /** Versions that have no way back, each with the reason. A down that says `-- migrate: irreversible REASON` needs no entry. */
  readonly irreversible?: Readonly<Record<number, string>>
  /**
   * The branch that these migrations will be merged into, as `origin/main`: what is new must come after what is there.
   * Default: what the CI or the remote says; not compared where there is none. `false`: not compared.
   */
  readonly base?: string | false
}

interface Check {
  /** As `7_split_names: up, down, up`. */
  readonly name: string
  /** Undefined for checks of all migrations together. */
  readonly version: number | undefined
  /** In order, one after another. @throws VerificationError, or what a migration throws; gives a remark where there is one */
  run(): Promise<string | undefined>
}

export interface Verification {
  readonly migrations: number
  readonly checks: readonly Check[]
  /** Gives back the databases. */
  dispose(): Promise<void>
}

/** @throws what the source throws: two files for one version, a name that does not fit; UsageError */
export async function verification<Client>(options: VerifyOptions<Client>): Promise<Verification> {
  const source = held(sourceOf(options.migrations))
  const migrations = await source.list()
  if (migrations.length === 0) throw new UsageError(`There are no migrations in ${source.name}.`)
  const stray = Object.keys(options.irreversible ?? {}).find(
    (v) => !migrations.some(({ version }) => version === Number(v)),
  )
  if (stray !== undefined) throw new UsageError(`irreversible: there is no version ${stray} in ${source.name}.`)
  const verifier = new Verifier(options, source, migrations, await reasonsOf(options, source, migrations))
  return {
    migrations: migrations.length,
    checks: verifier.checks(),
    dispose: () => verifier.dispose(),
  }
}

// --- internal ---

class Verifier<Client> {
  readonly #options: VerifyOptions<Client>
  readonly #source: Source
  readonly #migrations: readonly Migration[]
  /** Goes up step by step, each with its way back. */
  readonly #stepwise: Walk<Client>
  /** Goes all the way at once. */
  readonly #straight: Walk<Client>
  /** Why there is no way back, by version. */
  readonly #irreversible: ReadonlyMap<number, string>
  /** The first whose up failed: nothing above it can be reached. */
  #failed: Migration | undefined
  #nil: Schema | undefined
  #latest: Schema | undefined

  constructor(
    options: VerifyOptions<Client>,
    source: Source,
    migrations: readonly Migration[],
    irreversible: ReadonlyMap<number, string>,
  ) {
    this.#irreversible = irreversible
    this.#options = options
    this.#source = source
    this.#migrations = migrations
    // Each file is read by every check that needs it; warnings would come again with each.
    const walked = { onEvent: () => undefined, ...options, migrations: source }
    this.#stepwise = new Walk(walked)
    this.#straight = new Walk(walked)
  }

  checks(): Check[] {
    const latest = this.#migrations.at(-1)?.version ?? NIL_VERSION
    const all = (name: string, run: () => Promise<string | undefined>): Check => ({ name, version: undefined, run })
    return [
      all('versions: in order, none late against the base branch', () => this.#late()),
      all(`nil → ${latest}`, () => this.#straightUp(latest)),
      ...this.#migrations.map(
        (migration, i): Check => ({
          name: `${titleOf(migration)}: up, down, up`,
          version: migration.version,
          run: () => this.#roundTrip(migration, this.#migrations[i - 1]?.version ?? NIL_VERSION),
        }),
      ),
      all(`step by step to ${latest} as straight to it`, () => this.#sameAtLatest(latest)),
      all(`${latest} → nil, and nothing left`, () => this.#straightDown(latest)),
    ]
  }

  async dispose(): Promise<void> {
    await Promise.all([this.#stepwise.dispose(), this.#straight.dispose()])
  }

  /** Numbers are unique and in order, or the source would not have listed them. */
  async #late(): Promise<string | undefined> {
    const { migrations, base } = this.#options
    const relations = (await this.#source.relations?.()) ?? new Map<number, Relations>()
    const graph = buildGraph(this.#migrations, relations)
    if (graph.problems.length > 0) throw new VerificationError(graph.problems.join('\n'), {})
    if (graph.heads.length > 1) {
      const heads = this.#migrations.filter(({ version }) => graph.heads.includes(version)).map(titleOf)
      throw new VerificationError(`${heads.length} migrations are followed by none: ${heads.join(', ')}.`, {
        hint: 'Write the one that joins them with "migratest merge", or say which follows which with "-- migrate: depends-on …".',
      })
    }
    const folder = folderOf(migrations)
    if (base === false) return 'not compared with a branch: base is false'
    if (folder === undefined) return 'not compared with a branch: the migrations are not in a folder'
    const found = findGitBase(folder, base)
    if (typeof found === 'string') return `not compared with a branch: ${found}`
    const { revision, present, ...place } = found
    if (!present) return `${revision} has no migrations there yet`
    const there = await gitRevision(revision, place).list()
    const known = new Map(there.map((migration) => [migration.version, migration]))
    const highest = there.at(-1)?.version ?? NIL_VERSION
    for (const migration of this.#migrations) {
      const { version, name } = migration
      const other = known.get(version)
      const file = fileOf(migration)
      const replaced = other && relations.get(version)?.replaces?.includes(titleOf(other))
      if (other && other.name !== name && !replaced) {
        throw new VerificationError(`${file}: version ${version} is ${titleOf(other)} on ${revision}.`, {
          version,
          file,
          hint: `Give this one a number above ${highest}.`,
        })
      }
      // One of a branch of its own runs where those above it have run already.
      const followed = independent(graph, [version], [...known.keys()]).length === 0
      if (!other && version < highest && followed) {
        throw new VerificationError(
          `${file} is new, and comes before ${highest}, which ${revision} has already: a database that is there would never run it.`,
          { version, file, hint: `Give it a number above ${highest}.` },
        )
      }
    }
    return `compared with ${revision}`
  }

  async #straightUp(latest: number): Promise<undefined> {
    await this.#straightSchema(latest)
    // What a migration makes for the whole server must not be in its way when another database makes it again.
    await this.#straight.dispose()
  }

  /** Of a database that went up all the way at once. */
  async #straightSchema(latest: number): Promise<Schema> {
    this.#refuseUnreachable(latest)
    this.#nil ??= await this.#straight.schemaAt(NIL_VERSION)
    this.#latest ??= await this.#going(() => this.#straight.schemaAt(latest))
    return this.#latest
  }

  async #roundTrip(migration: Migration, below: number): Promise<string | undefined> {
    const { version } = migration
    this.#refuseUnreachable(version)
    const walk = this.#stepwise
    const before = await walk.schemaAt(below)
    const up = await this.#going(() => walk.move(version))
    const reason = this.#irreversible.get(version)
    if (reason !== undefined) return `no way back: ${reason}`
    const down = await walk.move(below)
    const file = migration.down ?? migration.up
    const undone = down.diff(before)
    if (undone.changes.length > 0) {
      await walk.dispose()
      const details = { version, file, diff: undone, legend: `- at ${describeVersion(below)}, + after up and down` }
      if (migration.down === undefined) {
        throw new VerificationError(`${titleOf(migration)} has no down, and what it did stays:`, {
          ...details,
          hint: 'Write its down, or say in it why there is none: -- migrate: irreversible REASON',
        })
      }
      throw new VerificationError(
        `${file}: does not give back the schema of version ${describeVersion(below)}:`,
        details,
      )
    }
    const again = await walk.move(version)
    const diff = again.diff(up)
    if (diff.changes.length > 0) {
      throw new VerificationError(
        `${migration.up ?? file}: up a second time gives another schema than the first time:`,
        {
          version,
          file: migration.up,
          diff,
          legend: '- the first time, + the second time',
        },
      )
    }
    return undone.minor.length > 0 ? `the way back changes ${undone.minor.join('; ')}` : undefined
  }

  /** Remembers where a way up ended. */
  async #going<T>(way: () => Promise<T>): Promise<T> {
    try {
      return await way()
    } catch (error) {
      if (error instanceof MigrationFailedError)
        this.#failed ??= this.#migrations.find(({ version }) => version === error.version)
      throw error
    }
  }

  /** The one that failed says why itself; those above it need not say it again. */
  #refuseUnreachable(version: number): void {
    const failed = this.#failed
    if (!failed || version <= failed.version) return
    throw new VerificationError(`Not reached: ${titleOf(failed)} does not go up.`, {
      version: failed.version,
      file: failed.up,
    })
  }

  async #sameAtLatest(latest: number): Promise<undefined> {
    const straight = await this.#straightSchema(latest)
    const diff = (await this.#stepwise.schemaAt(latest)).diff(straight)
    if (diff.changes.length === 0) return
    throw new VerificationError(
      `Version ${latest} has another schema where each step was undone and done again on the way:`,
      {
        diff,
        legend: '- straight, + step by step',
      },
    )
  }

  /** In stretches: below each step that has no way back, a database begins anew. */
  async #straightDown(latest: number): Promise<string | undefined> {
    this.#refuseUnreachable(latest)
    await this.#stepwise.dispose()
    const walk = this.#straight
    const ends = this.#migrations.filter(({ version }) => this.#irreversible.has(version)).reverse()
    let top = latest
    for (const { version } of ends) {
      await walk.schemaAt(top)
      if (version < top) await walk.move(version)
      await walk.dispose()
      top = this.#migrations.findLast((migration) => migration.version < version)?.version ?? NIL_VERSION
    }
    if (top !== NIL_VERSION) {
      this.#nil ??= await walk.schemaAt(NIL_VERSION)
      await walk.schemaAt(top)
      const diff = (await walk.move(NIL_VERSION)).diff(this.#nil)
      if (diff.changes.length > 0) {
        throw new VerificationError('Something is left when every migration has been undone:', {
          diff,
          legend: '+ left',
          hint: 'The down of the migration that made it does not remove it.',
        })
      }
    }
    const around = ends.map(titleOf).reverse()
    return around.length > 0 ? `in stretches around ${around.join(', ')}` : undefined
  }
}

/** From the options, and from downs that say so themselves. */
async function reasonsOf<Client>(
  { irreversible = {}, server }: VerifyOptions<Client>,
  source: Source,
  migrations: readonly Migration[],
): Promise<ReadonlyMap<number, string>> {
  const reasons = new Map(Object.entries(irreversible).map(([version, reason]) => [Number(version), reason]))
  for (const migration of migrations) {
    // What cannot be read is told by the check of that migration.
    const body = await source.read(migration, 'down').catch(() => null)
    const reason = body?.kind === 'sql' ? readScript(body.text, server.dialect).irreversible : undefined
    if (reason !== undefined) reasons.set(migration.version, reason)
  }
  return reasons
}

function titleOf({ version, name }: Migration): string {
  return `${version}_${name}`
}

function fileOf({ up, down, name }: Migration): string {
  return up ?? down ?? name
}

function sourceOf(migrations: string | URL | Source): Source {
  return typeof migrations === 'string' || isUrl(migrations) ? directory(migrations) : migrations
}

/** Each file is read once, and stays as it was: every move looks at all that are applied. */
function held(source: Source): Source {
  const listed = source.list()
  listed.catch(() => undefined)
  const bodies = new Map<string, Promise<MigrationBody | null>>()
  return {
    ...source,
    list: () => listed,
    async read(migration, direction) {
      const key = `${migration.version} ${direction}`
      const body = bodies.get(key) ?? source.read(migration, direction)
      bodies.set(key, body)
      return body
    },
  }
}

function folderOf(migrations: string | URL | Source): string | undefined {
  return typeof migrations === 'string' || isUrl(migrations) ? resolve(pathOf(migrations)) : undefined
}
