/** The checks of the way from a release to what is there now: it leads where a fresh install leads, rows and all. */

import { fillTables } from '../../fill/fillTables.ts'
import { MigrationFailedError } from '../../migrate/errors.ts'
import { versionOf } from '../../migrate/version.ts'
import { diffText } from '../../schema/diff.ts'
import type { Check, MakeCheck, Observed } from '../check.ts'
import type { Observation } from '../finding.ts'
import type { Halves } from '../halves.ts'
import { observationsOf } from '../observed.ts'
import type { Verified } from '../verified.ts'
import { WayDatabase } from '../ways/wayDatabase.ts'
import { differenceOf, type Whole } from '../ways/whole.ts'
import type { Release } from './release.ts'
import { insertedBefore, releaseFiles } from './releaseFiles.ts'

export class ReleaseChecks<Client> {
  readonly #verified: Verified<Client>
  readonly #release: Release | undefined
  readonly #halves: Halves
  readonly #make: MakeCheck

  constructor(verified: Verified<Client>, release: Release | undefined, halves: Halves, make: MakeCheck) {
    this.#verified = verified
    this.#release = release
    this.#halves = halves
    this.#make = make
  }

  checks(): Check[] {
    const release = this.#release
    if (!release) return []
    const { revision } = release
    const check = (id: string, name: string, work: () => Promise<Observed>) =>
      this.#make({ id, group: 'release', name, version: undefined }, work)
    return [
      check('release-files', `from ${revision}: its migrations are unedited, all there, and come first`, async () => {
        const { source, migrations, options } = this.#verified
        const now = { source, migrations, halves: this.#halves, dialect: options.server.dialect }
        return { observations: await releaseFiles(release, now) }
      }),
      check('release-upgrade', `from ${revision}: an upgrade ends where a fresh install does`, () =>
        this.#upgrade(release),
      ),
      check('release-rows', `from ${revision}: an upgrade with rows`, () => this.#upgradeRows(release)),
    ]
  }

  // --- internal ---

  async #upgrade(release: Release): Promise<Observed> {
    const fresh = () => this.#within((database) => this.#fresh(database))
    const expected = await fresh()
    const upgraded = await this.#within(async (database) => {
      await database.move('latest', release.source)
      await this.#toLatest(database, release)
      return database.whole()
    }).catch((error) => this.#failure(error, release, ''))
    if ('observations' in upgraded) return upgraded
    const difference = await differenceOf(expected, upgraded, fresh)
    if (!difference) return this.#told(release)
    const { revision } = release
    const what = difference.isOfRows ? 'has other rows or numbers' : 'has another schema'
    const observation: Observation = {
      rule: 'release-differs',
      objects: difference.objects,
      message: `A database upgraded from ${revision} ${what} than a new one (- new, + upgraded from ${revision}).`,
      fix: {
        text: 'Write a migration that brings both to the same: it does what is missing, and nothing where it is there.',
      },
      evidence: { diff: difference.text },
    }
    return { observations: [observation] }
  }

  async #fresh(database: WayDatabase<Client>): Promise<Whole> {
    await database.move('latest')
    return database.whole()
  }

  /** Upgrades a database whose tables have generated rows. What becomes of them is the subject of the group `rows`. */
  async #upgradeRows(release: Release): Promise<Observed> {
    const expected = await this.#within(async (database) => {
      await database.move('latest')
      return database.schema()
    })
    return this.#within(async (database) => {
      await database.move('latest', release.source)
      const { fill } = await database.filling()
      const tables = await database.tables()
      const wanted = new Map(tables.map(({ id }) => [id, ROWS]))
      const filled = await fill.transaction(() => fillTables(fill, tables, wanted, { set: 'plain', partitions: false }))
      const empty = filled.filter(({ rows }) => rows === 0).map(({ table, why }) => `${table.name} (${why})`)
      const remark = empty.length > 0 ? { remark: `without rows in ${empty.join(', ')}` } : {}
      try {
        await this.#toLatest(database, release)
      } catch (error) {
        return { ...(await this.#failure(error, release, ' over rows')), ...remark }
      }
      // Without rows the upgrade differs from a fresh install, too: another check says so.
      const diff = (await database.schema()).diff(expected)
      const isKnown = diff.changes.length > 0 && (await this.#differsWithoutRows(release, expected))
      if (diff.changes.length === 0 || isKnown) return remark
      const observation: Observation = {
        rule: 'release-differs',
        objects: diff.changes.map(({ object }) => object),
        message: `A database with rows that is upgraded from ${release.revision} has another schema than a new one.`,
        fix: { text: 'Let no migration make or drop something because there are rows, or none.' },
        evidence: { diff: diffText(diff) },
      }
      return { observations: [observation], ...remark }
    })
  }

  async #differsWithoutRows(release: Release, expected: Whole['schema']): Promise<boolean> {
    return this.#within(async (database) => {
      await database.move('latest', release.source)
      await this.#toLatest(database, release)
      return (await database.schema()).diff(expected).changes.length > 0
    })
  }

  /** Upgrades as the folder's tool would: what was edited or removed is not looked at, another check says so. */
  async #toLatest(database: WayDatabase<Client>, release: Release): Promise<void> {
    const { source } = this.#verified
    const isApplied = source.format?.outOfOrder === 'apply' || this.#verified.options.outOfOrder === 'apply'
    const isLate = insertedBefore(release, this.#verified).length > 0
    await database.move('latest', source, {
      edited: 'ignore',
      missing: 'ignore',
      ...(isLate && { outOfOrder: isApplied ? ('apply' as const) : ('ignore' as const) }),
    })
  }

  async #failure(error: unknown, release: Release, how: string): Promise<{ observations: Observation[] }> {
    if (!(error instanceof MigrationFailedError)) throw error
    const known = new Set(this.#verified.migrations.map(versionOf))
    const observed = await observationsOf(error, (version, half) => this.#halves.of(version, half))
    if (!observed || error.version === undefined || !known.has(error.version)) throw error
    return {
      observations: observed.map((one) => ({
        ...one,
        rule: 'upgrade-fails' as const,
        message: `The upgrade from ${release.revision} fails${how}: ${one.message}`,
        fix: {
          text: 'Let the migration deal with what the release has left, before it demands something of it.',
        },
      })),
    }
  }

  #told({ migrations, revision }: Release): Observed {
    const added = this.#verified.migrations.length - migrations.length
    return { remark: `${revision} has ${migrations.length} migrations, ${Math.max(0, added)} came since` }
  }

  async #within<T>(work: (database: WayDatabase<Client>) => Promise<T>): Promise<T> {
    const database = await WayDatabase.create(this.#verified)
    try {
      return await work(database)
    } finally {
      await database.dispose()
    }
  }
}

const ROWS = 5
