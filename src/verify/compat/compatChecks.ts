/** The checks whether code of the version before goes on working while a deployment rolls. */

import { fillTables } from '../../fill/fillTables.ts'
import type { FillTable } from '../../fill/model.ts'
import { MigrationFailedError } from '../../migrate/errors.ts'
import type { Migration } from '../../migrate/source.ts'
import { labelOf, NIL_VERSION, versionOf } from '../../migrate/version.ts'
import type { Check, MakeCheck, Observed } from '../check.ts'
import type { Observation } from '../finding.ts'
import type { Half, Halves } from '../halves.ts'
import type { Release } from '../release/release.ts'
import { saidBy } from '../rows/said.ts'
import { placeOf } from '../statementAt.ts'
import { VerificationError } from '../verificationError.ts'
import type { Verified } from '../verified.ts'
import { WayDatabase } from '../ways/wayDatabase.ts'
import { accepted, type Broken, brokenBy, leavingOut, type Renamed, type Run } from './broken.ts'
import { CauseObserver } from './causeObserver.ts'
import { expandAndContract, readable } from './expandContract.ts'
import { newRows } from './newRows.ts'
import { objectQueries } from './oldObjects.ts'
import { type OldQuery, oldQueries } from './oldQueries.ts'
import { acceptedRows, type PossibleRow, possibleRows, refusing } from './refusedRows.ts'

export class CompatChecks<Client> {
  readonly #verified: Verified<Client>
  readonly #release: Release | undefined
  readonly #halves: Halves
  readonly #make: MakeCheck
  #database: WayDatabase<Client> | undefined
  #at = NIL_VERSION
  /** With a release: the queries of its code that still work. */
  #ofRelease: Pick<OldCode, 'queries' | 'rows'> | undefined
  /** The first migration whose up failed. Nothing above it can be reached. */
  #failed: Migration | undefined

  constructor(verified: Verified<Client>, release: Release | undefined, halves: Halves, make: MakeCheck) {
    this.#verified = verified
    this.#release = release
    this.#halves = halves
    this.#make = make
  }

  checks(): Check[] {
    const { migrations } = this.#verified
    const last = this.#last
    return migrations.flatMap((migration, i) =>
      migration.version <= last
        ? []
        : this.#make(
            {
              id: 'old-code',
              group: 'compat',
              name: `${labelOf(migration)}: the code of ${this.#release?.revision ?? 'the version before'} goes on`,
              version: versionOf(migration),
            },
            () => this.#check(migration, migrations[i - 1]?.version ?? NIL_VERSION),
          ),
    )
  }

  async dispose(): Promise<void> {
    const database = this.#database
    this.#database = undefined
    this.#at = NIL_VERSION
    await database?.dispose()
  }

  // --- internal ---

  /** The version that a database of the release has; nil without a release. */
  get #last(): number {
    const { migrations, source } = this.#verified
    const identify = source.format?.identify ?? String
    const isOf = (one: Migration, old: Migration) =>
      source.format ? identify(one.name) === identify(old.name) : one.version === old.version
    return migrations.findLast((one) => this.#release?.migrations.some((old) => isOf(one, old)))?.version ?? NIL_VERSION
  }

  async #check(migration: Migration, below: number): Promise<Observed> {
    if (this.#failed) throw new VerificationError(`Not reached: the up of ${labelOf(this.#failed)} fails.`)
    try {
      await this.#reach(below)
      const { queries, rows, remark } = await this.#oldCode()
      const database = await this.#moveOver(migration, below)
      const half = this.#halves.of(versionOf(migration), 'up')
      const said = saidBy([half])
      const renamed: Renamed = (table, column) => said.renamedColumn([table.name], column)
      const run = await runOn(database)
      const rowsNow = async () => newRows((await database.filling()).fill, await database.tables())
      const failing = [...(await brokenBy(run, queries, renamed)), ...(await leavingOut(run, queries, rowsNow))]
      const broken = [...failing, ...(await refusing(run, rows, failing))]
      if (this.#ofRelease) {
        const told = new Set(broken.flatMap((one) => one.queries.map(({ sql }) => sql)))
        this.#ofRelease = {
          queries: queries.filter(({ sql, parts }) => !told.has(sql) && !parts.some((part) => told.has(part.sql))),
          rows: await acceptedRows(run, rows),
        }
      }
      if (broken.length === 0) return remark ? { remark } : {}
      const now = await database.tables()
      const causes = await this.#causes(migration, below, broken)
      const observations = broken.map((one) => this.#observation(one, half, causes.get(one), now))
      return { observations, ...(remark && { remark }) }
    } catch (error) {
      if (error instanceof MigrationFailedError) this.#failed ??= migration
      throw error
    }
  }

  /** Goes up to a version, on its way through what databases of the release have. */
  async #reach(version: number): Promise<WayDatabase<Client>> {
    if (this.#at > version) await this.dispose()
    this.#database ??= await WayDatabase.create(this.#verified)
    const release = this.#release
    if (this.#at !== version && version !== NIL_VERSION) {
      if (release && this.#at === NIL_VERSION) await this.#database.move('latest', release.source)
      if (!release || version > this.#last) await this.#move(this.#database, version)
    }
    this.#at = version
    return this.#database
  }

  async #move(database: WayDatabase<Client>, version: number): Promise<void> {
    const policies = this.#release ? LENIENT : {}
    await database.move(version, this.#verified.source, policies)
  }

  /** Runs the migration over the rows that are there, or over none if it fails over these. */
  async #moveOver(migration: Migration, below: number): Promise<WayDatabase<Client>> {
    const database = await this.#reach(below)
    try {
      await this.#move(database, migration.version)
    } catch (error) {
      if (!(error instanceof MigrationFailedError)) throw error
      await this.dispose()
      await this.#move(await this.#reach(below), migration.version)
    }
    this.#at = migration.version
    return this.#reach(migration.version)
  }

  /** Returns the queries of old code, and rows that it may add, which the present schema accepts. */
  async #oldCode(): Promise<OldCode> {
    if (this.#ofRelease) return { ...this.#ofRelease, remark: undefined }
    const database = this.#database ?? (await this.#reach(this.#at))
    const tables = await database.tables()
    const { fill, reader } = await database.filling()
    const counts = await fill.counts(tables.filter(({ refused }) => refused === undefined))
    const poor = tables.filter(({ refused }) => refused === undefined).filter((_, n) => (counts[n] ?? 0) < 2)
    const wanted = new Map(poor.map(({ id }) => [id, 2]))
    await fill.transaction(() => fillTables(fill, tables, wanted, { set: 'plain', partitions: false }))
    const rows = await reader.rows(tables)
    const there = new Map(tables.flatMap(({ id }, n) => (rows[n]?.[0] ? [[id, rows[n][0]] as const] : [])))
    const { dialect } = this.#verified.options.server
    const added = await newRows(fill, tables)
    const run = await runOn(database)
    const all = [...oldQueries(tables, added, there, dialect), ...(await objectQueries(run, dialect))]
    const queries = await accepted(run, all)
    const missed = tables.filter((table) => !queries.some((one) => one.table === table && one.verb === 'INSERT'))
    const sets = [await newRows(fill, tables, 'sparse', 3), await newRows(fill, tables, 'edge', EXTREME_ROWS)]
    const possible = possibleRows(await newRows(fill, tables, 'plain', 2), sets.flat(), dialect)
    const possibleNow = await acceptedRows(run, possible)
    if (this.#release) this.#ofRelease = { queries, rows: possibleNow }
    const remark =
      missed.length > 0 ? `no INSERT of old code is known for ${missed.map(({ name }) => name).join(', ')}` : undefined
    return { queries, rows: possibleNow, remark }
  }

  /** Finds the statement after which a query fails: runs the migration once more, and asks after each. */
  async #causes(
    migration: Migration,
    below: number,
    broken: readonly Broken[],
  ): Promise<ReadonlyMap<Broken, { start: number; end: number }>> {
    const observer = new CauseObserver(broken)
    const database = await WayDatabase.create(this.#verified, observer)
    try {
      if (this.#release) await database.move('latest', this.#release.source)
      if (below !== NIL_VERSION && below > this.#last) await this.#move(database, below)
      observer.isActive = true
      await this.#move(database, migration.version)
    } finally {
      await database.dispose()
    }
    return observer.causes
  }

  #observation(
    broken: Broken,
    half: Half | undefined,
    range: { readonly start: number; readonly end: number } | undefined,
    now: readonly FillTable[],
  ): Observation {
    const { table, column, error, queries } = broken
    const verbs = [...new Set(queries.map(({ verb }) => verb))]
    const object = column === undefined ? table.name : `${table.name}.${column}`
    const place = half && range ? placeOf(half.text, range) : undefined
    const said = saidBy([half])
    const { dialect } = this.#verified.options.server
    const whose = this.#release ? this.#release.revision : 'the version before'
    return {
      rule: 'old-code-breaks',
      // Without a release nobody has said that code of the version before runs anywhere.
      ...(this.#release && { severity: broken.kind === 'refused' ? ('notice' as const) : ('warning' as const) }),
      version: half?.version,
      half: 'up',
      file: half?.file,
      ...place,
      objects: [object],
      message:
        broken.kind === 'refused'
          ? `Code of ${whose} may add a row to ${table.name}${shownValue(broken)} refused now: ${error}`
          : broken.kind === 'left-out'
            ? `Code of ${whose} fails that adds rows to ${table.name} and gives ${column} no value: ${error}`
            : `Code of ${whose} fails that uses ${object} (${verbs.join(', ')}): ${error}`,
      fix: expandAndContract(broken, { said, now, dialect, statement: place?.statement }),
      evidence: {
        queries: [broken.first ?? [], queries]
          .flat()
          .map(({ sql }) => `${readable(sql)};`)
          .join('\n'),
      },
    }
  }
}

// --- internal ---

interface OldCode {
  readonly queries: readonly OldQuery[]
  readonly rows: readonly PossibleRow[]
  readonly remark: string | undefined
}

/** So many extreme rows of each table are tried. */
const EXTREME_ROWS = 24

/** Says which row it is, up to the verb of the clause. */
function shownValue({ column, value, first }: Broken): string {
  if (column === undefined) return ' that is'
  if (first) return ` with the ${column} of another row, which is`
  if (value === undefined || value === null) return ` without ${column}, which is`
  const text = [...value].length > 40 ? `${[...value].slice(0, 37).join('')}…` : value
  return ` with the ${column} ${JSON.stringify(text)}, which is`
}

const LENIENT = { edited: 'ignore', missing: 'ignore', outOfOrder: 'apply' } as const

async function runOn<Client>(database: WayDatabase<Client>): Promise<Run> {
  const { session } = (await database.filling()).borrowed
  return (sql) => session.query(sql)
}
