/** Proves migrations on a real database: each up, down and up again, and all of them from nil to the latest and back. */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { IrreversibleError, MigratestError, UsageError } from '../migrate/errors.ts'
import type { Body, Migration, Source } from '../migrate/source.ts'
import { describeVersion, NIL_VERSION } from '../migrate/version.ts'
import type { Schema } from '../schema/schema.ts'
import { directory } from '../source/directory.ts'
import { findGitBase } from '../source/gitBase.ts'
import { gitRevision } from '../source/gitRevision.ts'
import type { MigratedDatabaseOptions } from '../testing/migratedDatabase.ts'
import { FindingError } from './finding.ts'
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
  /** In order, one after another. @throws FindingError, or what a migration throws; gives a remark where there is one */
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
  const verifier = new Verifier(options, source, migrations)
  return {
    migrations: migrations.length,
    checks: verifier.checks(),
    dispose: () => verifier.dispose(),
  }
}

// --- internal ---

class Verifier<Client> {
  readonly #options: VerifyOptions<Client>
  readonly #migrations: readonly Migration[]
  /** Goes up step by step, each with its way back. */
  readonly #stepwise: Walk<Client>
  /** Goes all the way at once. */
  readonly #straight: Walk<Client>
  /** Found to have no way back: declared here or by their downs. */
  readonly #irreversible = new Set<number>()

  constructor(options: VerifyOptions<Client>, source: Source, migrations: readonly Migration[]) {
    this.#options = options
    this.#migrations = migrations
    // Each file is read by every check that needs it; warnings would come again with each.
    const walked = { onEvent: () => undefined, ...options, migrations: source }
    this.#stepwise = new Walk(walked)
    this.#straight = new Walk(walked)
    for (const version of Object.keys(options.irreversible ?? {})) this.#irreversible.add(Number(version))
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
    const folder = folderOf(migrations)
    if (base === false) return 'not compared with a branch: base is false'
    if (folder === undefined) return 'not compared with a branch: the migrations are not in a folder'
    const found = findGitBase(folder, base)
    if (!found) return 'not compared with a branch: no repository, or none that it could be merged into'
    const { revision, ...place } = found
    let there: readonly Migration[]
    try {
      there = await gitRevision(revision, place).list()
    } catch (error) {
      if (base !== undefined || !(error instanceof MigratestError)) throw error
      return `not compared with ${revision}: ${error.message.split('\n')[0]}`
    }
    const known = new Map(there.map((migration) => [migration.version, migration]))
    const highest = there.at(-1)?.version ?? NIL_VERSION
    for (const migration of this.#migrations) {
      const { version, name } = migration
      const other = known.get(version)
      const file = fileOf(migration)
      if (other && other.name !== name) {
        throw new FindingError(`${file}: version ${version} is ${titleOf(other)} on ${revision}.`, {
          version,
          file,
          hint: `Give this one a number above ${highest}.`,
        })
      }
      if (!other && version < highest) {
        throw new FindingError(
          `${file} is new, and comes before ${highest}, which ${revision} has already: a database that is there would never run it.`,
          { version, file, hint: `Give it a number above ${highest}.` },
        )
      }
    }
    return `compared with ${revision}`
  }

  async #straightUp(latest: number): Promise<undefined> {
    await this.#straight.schemaAt(NIL_VERSION)
    await this.#straight.move(latest)
  }

  async #roundTrip(migration: Migration, below: number): Promise<string | undefined> {
    const { version } = migration
    const walk = this.#stepwise
    const before = await walk.schemaAt(below)
    const up = await walk.move(version)
    if (this.#irreversible.has(version)) return `no way back: ${this.#options.irreversible?.[version]}`
    let down: Schema
    try {
      down = await walk.move(below)
    } catch (error) {
      if (!(error instanceof IrreversibleError)) throw error
      this.#irreversible.add(version)
      return `no way back: ${error.reason}`
    }
    const file = migration.down ?? migration.up
    const undone = down.diff(before)
    if (undone.changes.length > 0) {
      await walk.dispose()
      throw migration.down === undefined
        ? new FindingError(`${titleOf(migration)} has no down, and what it did stays:`, {
            version,
            file,
            diff: undone,
            legend: `- at ${describeVersion(below)}, + after up and down`,
            hint: 'Write its down, or say in it why there is none: -- migrate: irreversible REASON',
          })
        : new FindingError(`${file}: does not give back the schema of version ${describeVersion(below)}:`, {
            version,
            file,
            diff: undone,
            legend: `- at ${describeVersion(below)}, + after up and down`,
          })
    }
    const again = await walk.move(version)
    const diff = again.diff(up)
    if (diff.changes.length > 0) {
      throw new FindingError(`${migration.up ?? file}: up a second time gives another schema than the first time:`, {
        version,
        file: migration.up,
        diff,
        legend: '- the first time, + the second time',
      })
    }
    return undone.minor.length > 0 ? `the way back changes ${undone.minor.join('; ')}` : undefined
  }

  async #sameAtLatest(latest: number): Promise<undefined> {
    const straight = await this.#straight.schemaAt(latest)
    const diff = (await this.#stepwise.schemaAt(latest)).diff(straight)
    if (diff.changes.length === 0) return
    throw new FindingError(
      `Version ${latest} has another schema where each step was undone and done again on the way:`,
      {
        diff,
        legend: '- straight, + step by step',
      },
    )
  }

  /** In stretches: below each step that has no way back, a database begins anew. */
  async #straightDown(latest: number): Promise<string | undefined> {
    const walk = this.#straight
    const ends = this.#migrations.filter(({ version }) => this.#irreversible.has(version)).reverse()
    let top = latest
    for (const { version } of ends) {
      await walk.schemaAt(top)
      if (version < top) await walk.move(version)
      top = this.#migrations.findLast((migration) => migration.version < version)?.version ?? NIL_VERSION
    }
    await walk.dispose()
    const empty = await walk.schemaAt(NIL_VERSION)
    if (top !== NIL_VERSION) {
      await walk.schemaAt(top)
      const diff = (await walk.move(NIL_VERSION)).diff(empty)
      if (diff.changes.length > 0) {
        throw new FindingError('Something is left when every migration has been undone:', {
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

function titleOf({ version, name }: Migration): string {
  return `${version}_${name}`
}

function fileOf({ up, down, name }: Migration): string {
  return up ?? down ?? name
}

function sourceOf(migrations: string | URL | Source): Source {
  return typeof migrations === 'string' || migrations instanceof URL ? directory(migrations) : migrations
}

/** Each file is read once, and stays as it was: every move looks at all that are applied. */
function held(source: Source): Source {
  const listed = source.list()
  listed.catch(() => undefined)
  const bodies = new Map<string, Promise<Body | null>>()
  return {
    name: source.name,
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
  if (migrations instanceof URL) return fileURLToPath(migrations)
  return typeof migrations === 'string' ? resolve(migrations) : undefined
}
