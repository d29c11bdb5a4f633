/** What is verified: the migrations, read once, and the options. All checks share it. */
import type { TableSizes } from '../database/sizes.ts'
import type { Migration, Source } from '../migrate/source.ts'
import type { Version } from '../migrate/version.ts'
import type { MigratedDatabaseOptions } from '../testing/lease/options.ts'
import type { TestServer } from '../testing/testServer.ts'
import type { AllowOption } from './allow.ts'
import type { RuleLevels } from './judge.ts'
import type { RuleGroup } from './rules.ts'

export interface VerifyOptions<Client> extends Omit<MigratedDatabaseOptions<Client>, 'version'> {
  /**
   * Versions that cannot be undone, each with the reason. A down that states `-- migrate: irreversible REASON` needs no
   * entry.
   */
  readonly irreversible?: Readonly<Record<Version, string>>
  /**
   * The branch into which these migrations will be merged, such as `origin/main`: new migrations must come after those
   * on it. Default: the branch that the CI or the remote names; without one, nothing is compared. `false`: do not
   * compare.
   */
  readonly base?: string | false
  /** What is checked; default: schemas and paths, and the release if there is one. */
  readonly groups?: readonly RuleGroup[]
  /**
   * A revision of git, such as `origin/main`: only the migrations are checked that this branch adds or changes since it
   * left that one.
   */
  readonly since?: string
  /**
   * A revision of git, such as the tag `v1.4.0`, from which databases are upgraded: the group `release` checks that they
   * end where a fresh install does.
   */
  readonly release?: string
  /**
   * A shell command of the release, such as `npm test`, that the group `compat` runs in a work tree of that revision, with
   * a database at the new schema in DATABASE_URL. It runs where `folder` is in that work tree, by default the working
   * directory, and is ended after `timeoutMs`, by default ten minutes.
   */
  readonly app?: { readonly command: string; readonly folder?: string; readonly timeoutMs?: number }
  /**
   * Other servers of the same kind on which the migrations must lead to the same, such as `pglite()` beside `postgres()`:
   * checked with the paths.
   */
  // biome-ignore lint/suspicious/noExplicitAny: each server has clients of its own
  readonly also?: readonly TestServer<any>[]
  /** Moves over several versions to try, besides single steps and the whole way; default 6. */
  readonly pairs?: number | 'all'
  /** How large the tables are where the migrations will run, as `migratest sizes` prints it under `tables`. */
  readonly sizes?: TableSizes
  /**
   * Rows to give the tables on which a migration works while others wait, to measure how long these do: one that reads, one
   * that writes. Default: nothing is measured.
   */
  readonly measure?: number
  /** Severities of rules, or `'off'`: `{ 'index-blocks-writes': 'error' }`. */
  readonly rules?: RuleLevels
  /**
   * Findings that are accepted in files that must stay as they are, with the reason: `{ 12: { 'down-differs': 'the
   * comment is not needed' } }`. A file that may change says so itself: `-- migrate: allow RULE because REASON`.
   */
  readonly allow?: AllowOption
  /**
   * Checks that are not run, each with the reason: `{ 'straight-down': 'nobody goes down to nothing' }`, or of one version:
   * `{ 'rows 12': 'it takes an hour' }`. They are reported as not run.
   */
  readonly skip?: Readonly<Record<string, string>>
}

export interface Verified<Client> {
  readonly options: VerifyOptions<Client>
  readonly source: Source
  readonly migrations: readonly Migration[]
  /** Reasons why migrations cannot be undone, by version. */
  readonly irreversible: ReadonlyMap<number, string>
}
