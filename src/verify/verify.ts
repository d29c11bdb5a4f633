/**
 * Verifies migrations on a real database: their schemas on the way up, down and up again, and what each does to a
 * database that is in use.
 */
import { UsageError } from '../migrate/errors.ts'
import { numberOf } from '../migrate/plan/target.ts'
import type { Migration, MigrationBody, Source } from '../migrate/source.ts'
import { labelOf, type Version, versionOf } from '../migrate/version.ts'
import { folderOf, sourceOf } from '../testing/lease/migrations.ts'
import { optionAllows, readAllows } from './allow.ts'
import { Beforehand } from './beforehand.ts'
import { type Check, keyOf, type MakeCheck, makeCheck, skippedCheck } from './check.ts'
import { CompatChecks } from './compat/compatChecks.ts'
import { oldAppCheck } from './compat/oldApp.ts'
import type { Finding } from './finding.ts'
import { Halves } from './halves.ts'
import { Judge } from './judge.ts'
import { type StatementReport, statementReports } from './live/effectsReport.ts'
import { LiveChecks } from './live/liveChecks.ts'
import { observationsOf } from './observed.ts'
import { openRelease } from './release/release.ts'
import { ReleaseChecks } from './release/releaseChecks.ts'
import { RowChecks } from './rows/rowChecks.ts'
import { type RuleGroup, refuseUnknownRules } from './rules.ts'
import { SchemaChecks } from './schemaChecks.ts'
import { changedVersions } from './since.ts'
import { readStated } from './stated.ts'
import type { VerifyOptions } from './verified.ts'
import type { Matrix } from './ways/matrix.ts'
import { Passed, wayChecks } from './ways/wayChecks.ts'

export type { Check } from './check.ts'
export type { VerifyOptions } from './verified.ts'

export interface Verification {
  readonly migrations: readonly { readonly version: Version; readonly label: string }[]
  /** The checks, in the order in which they must run. */
  readonly checks: readonly Check[]
  /**
   * Returns findings about the run as a whole, when its checks have run: an allow that allowed nothing.
   * @param ran the checks that have run
   */
  conclude(ran: readonly Check[]): readonly Finding[]
  /** Returns what each statement did to a database in use, as far as that was checked. */
  effects(): readonly StatementReport[]
  /** Returns what is known of each pair of versions, from the checks that have run. */
  matrix(): Matrix
  /** Releases the databases. */
  dispose(): Promise<void>
}

/**
 * Prepares the checks of a set of migrations.
 * @throws UsageError, or an error of the source, such as two files for one version or an invalid file name
 */
export async function verification<Client>(options: VerifyOptions<Client>): Promise<Verification> {
  const source = held(await sourceOf(options.migrations))
  const migrations = await source.list()
  if (migrations.length === 0) throw new UsageError(`There are no migrations in ${source.name}.`)
  const { rules = {}, server } = options
  const groups = options.groups ?? [...DEFAULT_GROUPS, ...(options.app ? (['compat'] as const) : [])]
  refuseUnknownRules(rules, 'rules')
  const halves = await Halves.read(source, migrations, server.dialect)
  const read = halves.all().map((half) => readAllows(half, server.dialect))
  const find = (key: string) => found(key, migrations, source)
  const judge = new Judge(rules, [
    ...read.flatMap(({ allows }) => allows),
    ...optionAllows(options.allow, find),
    ...halves.all().flatMap((half) => readStated(half, server.dialect)),
  ])
  const passed = new Passed()
  const beforehand = new Beforehand()
  const make = passed.remembering((about, work) => {
    const atTurn = () => {
      beforehand.turn(keyOf(about.id, about.version))
      return work()
    }
    return makeCheck(about, judge, atTurn, (error) =>
      observationsOf(error, (version, half) => halves.of(version, half)),
    )
  })
  const verified = { options, source, migrations, irreversible: reasonsOf(options, halves, migrations, source) }
  // The copy of a snapshot and other servers are compared with it.
  const wantsWhole = groups.includes('paths') && (options.snapshots !== false || (options.also ?? []).length > 0)
  const shared = { halves, make, beforehand, wantsWhole }
  const schema = new SchemaChecks(verified, shared)
  const live = new LiveChecks(verified, halves, make)
  const rows = new RowChecks(verified, shared)
  const { release: revision } = options
  const release = revision === undefined ? undefined : await openRelease(revision, folderOf(options.migrations), source)
  const released = new ReleaseChecks(verified, release, halves, make)
  const compat = new CompatChecks(verified, release, halves, make)
  if (options.app && !release) throw new UsageError('app: name the revision whose command it is, too: --from REVISION.')
  const app = release && oldAppCheck(verified, release, make)
  const ways = wayChecks(verified, schema, passed, shared)
  const wanted = wantedOf(options, migrations)
  const versions = new Set(wanted.map(versionOf))
  const isWanted = ({ id, version }: Check) =>
    wanted === migrations || (version === undefined ? OF_A_BRANCH.has(id) : versions.has(version))
  const problems = read.flatMap((one) => one.problems).filter(({ version = '' }) => versions.has(version))
  const all = [
    ...(problems.length > 0 ? [allowCheck(make, problems)] : []),
    ...schema.checks(),
    ...rows.checks(),
    ...live.checks(),
    ...released.checks(),
    ...compat.checks(),
    ...(app ? [app] : []),
    ...ways.checks,
  ]
  const checks = withoutSkipped(all, options.skip).filter((check) => groups.includes(check.group) && isWanted(check))
  // PGlite runs in this process: there is nobody to do two things at once.
  if (halves.areApart && server.url) beforehand.order(checks.filter(isRun).map(({ id, version }) => keyOf(id, version)))

  return {
    migrations: wanted.map((migration) => ({ version: versionOf(migration), label: labelOf(migration) })),
    checks,
    conclude: (ran) => judge.unused(checked(checks, ran), versions),
    effects: () => statementReports(live.observed),
    matrix: ways.matrix,
    dispose: async () => {
      await beforehand.stop()
      release?.dispose()
      await Promise.all([schema.dispose(), rows.dispose(), live.dispose(), compat.dispose(), ways.dispose()])
    },
  }
}

// --- internal ---

const DEFAULT_GROUPS: readonly RuleGroup[] = ['schema', 'paths', 'release']

/** Checks of all migrations together that also run if only those of a branch are checked. */
const OF_A_BRANCH: ReadonlySet<string> = new Set([
  'versions',
  'allow',
  'live-waiting',
  'objects',
  'release-files',
  'release-upgrade',
  'release-rows',
  'old-app',
])

function isRun({ skipped }: Check): boolean {
  return skipped === undefined
}

/** Returns the migrations to check: all, or with `since` those that the branch adds or changes. */
function wantedOf<Client>(
  { since, migrations: given }: VerifyOptions<Client>,
  migrations: readonly Migration[],
): readonly Migration[] {
  if (since === undefined) return migrations
  const changed = changedVersions(since, folderOf(given), migrations)
  return migrations.filter(({ version }) => changed.has(version))
}

/** Replaces the checks that the project does not run. @throws UsageError for a check that there is not, or without a reason */
function withoutSkipped(checks: readonly Check[], skip: VerifyOptions<unknown>['skip'] = {}): Check[] {
  const namesOf = ({ id, version }: Check) => [id, ...(version === undefined ? [] : [`${id} ${version}`])]
  for (const [name, reason] of Object.entries(skip)) {
    if (typeof reason !== 'string' || reason.trim() === '') throw new UsageError(`skip: ${name} has no reason.`)
    if (checks.some((check) => namesOf(check).includes(name))) continue
    const ids = [...new Set(checks.map(({ id }) => id))]
    throw new UsageError(`skip: there is no check "${name}".`, {
      hint: `A check is one of ${ids.join(', ')}, or one of these with a version behind it: "round-trip 12".`,
    })
  }
  return checks.map((check) => {
    const name = namesOf(check).findLast((one) => Object.hasOwn(skip, one))
    return name === undefined ? check : skippedCheck(check, skip[name] ?? '')
  })
}

function allowCheck(make: MakeCheck, observations: ReturnType<typeof readAllows>['problems']): Check {
  const name = 'allow: each names a rule and gives a reason'
  return make({ id: 'allow', group: 'schema', name, version: undefined }, async () => ({ observations }))
}

/** Returns the groups whose checks have all run. */
function checked(checks: readonly Check[], ran: readonly Check[]): RuleGroup[] {
  const missed = new Set(checks.filter((check) => !ran.includes(check)).map(({ group }) => group))
  return [...new Set(checks.map(({ group }) => group))].filter((group) => !missed.has(group))
}

function found(
  key: string,
  migrations: readonly Migration[],
  source: Source,
): { version: number | string } | undefined {
  const number = numberOf(/^\d+$/.test(key) ? Number(key) : key, migrations, source.name)
  const migration = migrations.find(({ version }) => version === number)
  return migration && { version: versionOf(migration) }
}

/** Collects the reasons from the option `irreversible` and from the downs that state one. */
function reasonsOf<Client>(
  { irreversible = {} }: VerifyOptions<Client>,
  halves: Halves,
  migrations: readonly Migration[],
  source: Source,
): ReadonlyMap<number, string> {
  const reasons = new Map<number, string>()
  for (const [key, reason] of Object.entries(irreversible)) {
    const number = numberOf(/^\d+$/.test(key) ? Number(key) : key, migrations, source.name)
    if (!migrations.some(({ version }) => version === number))
      throw new UsageError(`irreversible: there is no version ${key} in ${source.name}.`)
    reasons.set(number, reason)
  }
  for (const migration of migrations) {
    const reason = halves.of(versionOf(migration), 'down')?.irreversible
    if (reason !== undefined) reasons.set(migration.version, reason)
  }
  return reasons
}

/** Returns a source that reads each file once and keeps what it says, since every move reads all applied migrations. */
function held(source: Source): Source {
  const listed = source.list()
  listed.catch(() => undefined)
  const bodies = new Map<string, Promise<MigrationBody | null>>()
  let relations: ReturnType<NonNullable<Source['relations']>> | undefined
  return {
    ...source,
    list: () => listed,
    ...(source.relations && {
      relations: () => {
        relations ??= source.relations?.() as NonNullable<typeof relations>
        return relations
      },
    }),
    async read(migration, direction) {
      const key = `${migration.version} ${direction}`
      const body = bodies.get(key) ?? source.read(migration, direction)
      bodies.set(key, body)
      return body
    },
  }
}
