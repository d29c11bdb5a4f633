/** The interface of drivers. Drivers are simple: they never read sources and never decide what to run. */
import type { Dialect } from '../sql/dialect.ts'
import type { Script } from '../sql/script.ts'
import type { Statement } from '../sql/statements.ts'
import type { Syntax } from '../sql/tokens.ts'
import type { Bookkeeping, BookkeepingData, Direction, Log, MigrationContext } from './source.ts'
import { describeVersion, NIL_VERSION } from './version.ts'

/** A row of the history table: one migration that is applied, or the baseline. */
export interface HistoryEntry {
  readonly version: number
  readonly name: string
  /** Null if another tool applied the migration: it counts as applied, but we do not know its content. */
  readonly fingerprint: string | null
  readonly downFingerprint: string | null
  /** Everything in the source at or below this version counts as applied. */
  readonly baseline: boolean
  /** `true` if the history has the text of its up or down. */
  readonly recorded: boolean
  /**
   * SHA-256 of these texts in UTF-8, as hex digits; null where there is no text, undefined if the driver does not tell.
   * A file with the same text need not be read as SQL to see that it is unchanged.
   */
  readonly digests?: { readonly up: string | null; readonly down: string | null } | undefined
  /** Set while a migration without a transaction is running, or if its process died while it ran. */
  readonly running: Journal | null
  readonly appliedAt: Date | null
  readonly appliedBy: string | null
  readonly durationMs: number | null
}

/** The journal of a migration that is running or stopped half-way. */
export interface Journal {
  readonly direction: Direction
  /**
   * Number of statements that were started. It is `done` + 1 while a statement runs, or if we do not know whether it
   * finished. `done`: number of statements known to have finished.
   */
  readonly started: number
  readonly done: number
  readonly total: number
}

export interface DatabaseState {
  /** The version in the version row; -1 if no migration is applied. */
  readonly version: number
  readonly dirty: boolean
  /** Rows of the history table, lowest version first. */
  readonly history: readonly HistoryEntry[]
  /** Reason why no migration may run now, if another tool left one unfinished. */
  readonly blocked?: string | undefined
}

/** The record of an applied migration in the history. */
export interface HistoryRecord {
  readonly version: number
  readonly name: string
  readonly fingerprint: string
  readonly downFingerprint: string | null
  /** Texts of up and down; null if the run only records fingerprints, or the migration has no such half. */
  readonly up: string | null
  readonly down: string | null
}

export interface HistoryChange {
  readonly put?: HistoryRecord | undefined
  readonly remove?: number | readonly number[] | undefined
  readonly baseline?: Baseline | undefined
}

/**
 * A change of the baseline. The driver first deletes the history above `above`. Then all versions up to `version` (-1:
 * none) and those in `adopt` count as applied.
 */
export interface Baseline {
  readonly version: number
  readonly above: number
  readonly adopt?: readonly number[]
}

export type StepWork =
  | { readonly kind: 'nil' }
  | {
      readonly kind: 'sql'
      readonly script: Script
      readonly notice?: OnNotice | undefined
      readonly warn?: Log | undefined
    }
  | {
      readonly kind: 'code'
      readonly run: (context: MigrationContext) => unknown
      readonly log: Log
      readonly notice?: OnNotice | undefined
    }

/**
 * Receives the messages of the server while a step runs. `severity` is the server's own word, for example NOTICE or
 * WARNING.
 */
export type OnNotice = (notice: { readonly severity: string; readonly message: string }) => void

/** One move with its body, ready to run. */
export interface MigrationStep {
  readonly version: number
  readonly name: string
  readonly direction: Direction
  /** `from`: the value the version row must have before the step. `to`: its value afterwards. */
  readonly from: number
  readonly to: number
  readonly work: StepWork
  readonly history: HistoryChange
  /**
   * `true` if `apply` of a step in code comes next, unless the run ends with `unlock`: the driver may begin its transaction
   * together with the end of this one.
   */
  readonly beforeCode?: boolean | undefined
  /** `true` if the run ends with this step: the driver may do with it what `unlock` does. */
  readonly isLast?: boolean | undefined
  /** Statements that record the step in another tool's table. They belong to the same transaction as our record. */
  readonly bookkeeping?: readonly string[] | undefined
  /** SQL of who runs the steps, for the end of the step's transaction. */
  readonly alongside?: string | undefined
}

/** Looks at the database before and after each statement of a migration. `verify` uses it. */
export interface StatementObserver {
  /** `false` while nobody wants to know: statements then run as if there were no observer. */
  readonly isActive: boolean
  /**
   * Calls `run`, which runs the statement, once, and rejects as it does. If it fails without any effect, it may be called
   * again with another text that does the same; PostgreSQL's driver takes no other text.
   */
  observe(statement: ObservedStatement, run: (text?: string) => Promise<void>): Promise<void>
}

export interface ObservedStatement {
  readonly step: MigrationStep
  /** Index of the statement, from 0. A body in code is one statement, unless the driver sees each that it runs. */
  readonly index: number
  /** The statement in the script's text; undefined for code. */
  readonly statement: Statement | undefined
  /** The text of a statement that code runs, where the driver sees each. */
  readonly text?: string
  /** `true` if the statement runs in a transaction, which is still open after it. */
  readonly inTransaction: boolean
  /** Runs SQL on the session of the migration, and in its transaction. */
  query(sql: string): Promise<Record<string, unknown>[]>
  /** Opens another session on the same database, which the caller closes. Undefined if there can be only one. */
  readonly another: (() => Promise<OtherSession>) | undefined
}

export interface OtherSession {
  query(sql: string): Promise<Record<string, unknown>[]>
  close(): Promise<void>
}

export interface LockOptions {
  /** Milliseconds to keep trying, from now. */
  readonly timeout: number
  readonly signal: AbortSignal
  /** Another tool's table, which is created too if it is missing. Its locks are taken beside ours. */
  readonly bookkeeping?: Bookkeeping | undefined
}

export interface SomeApplied {
  /** How many steps have run. */
  readonly applied: number
  /** Number of statements that are done of the step after them, if that one has begun, as by `begin`. */
  readonly begun?: number
}

export interface SharedTransaction {
  /** Runs `work` and then rolls back everything it did in the database. */
  rolledBack<T>(work: () => Promise<T>): Promise<T>
}

export interface Driver {
  readonly dialect: Dialect
  /** How this database session parses literals and names, if it differs from the default of the dialect. */
  readonly syntax?: Syntax
  /** Readable name of the database, for example `"shop" on 127.0.0.1:5432`; never contains a password. */
  readonly database: string
  /**
   * `true` if schema changes can be rolled back. If they cannot, a migration runs statement by statement with the dirty
   * flag set.
   */
  readonly transactionalDdl: boolean
  /**
   * `true` if row changes can be rolled back although schema changes cannot. A migration that only changes rows then
   * runs in one transaction.
   */
  readonly transactionalRows?: boolean

  /** Creates our tables if they are missing and takes the lock. @throws LockedError if another process holds it */
  lock(options: LockOptions): Promise<void>
  /** Releases the lock. @throws LockLostError if it was no longer held */
  unlock(): Promise<void>

  /** Reads version, dirty flag and history. Only reads, and also works on a database without our tables. */
  state(): Promise<DatabaseState>
  /** Returns the recorded text of an applied migration, or null. */
  recorded(version: number, direction: Direction): Promise<string | null>

  /**
   * Runs the body, moves the version row from `from` to `to` and changes the history: all or nothing.
   * @param next what the step does that follows at once, if that is known: the driver may look at its objects beforehand
   * @throws StatementError if the body fails, StateMovedError if the version row did not have the value `from`
   */
  apply(step: MigrationStep, signal: AbortSignal, next?: StepWork): Promise<void>
  /**
   * Applies a step as `apply` does, but may be called while earlier calls are not answered yet: the step is sent at
   * once, and does nothing if an earlier one fails. Returns undefined for a step that has to be applied by itself.
   * Optional, with `window`: omit both if the database cannot do this.
   * @throws NotReachedError if an earlier step failed
   */
  applyNext?(step: MigrationStep, signal: AbortSignal): Promise<void> | undefined
  /** How many calls of `applyNext` are worth being unanswered at once. */
  readonly window?: number
  /**
   * Applies several steps in one round trip, each in its own transaction. If one fails, the steps before it stay
   * applied; the engine reads from `state()` which one it was. Optional: omit it if the database cannot do this.
   */
  applyAll?(steps: readonly MigrationStep[], signal: AbortSignal): Promise<void>
  /**
   * Runs the first of these ups, which follow each other, in one round trip, with the same records as one by one; none of
   * them if not even two can run like that. It throws only if the connection fails: a step that fails is left as it was
   * before its failed statement, and is then to be run by itself, which says what failed. Optional.
   */
  applySome?(steps: readonly MigrationStep[], signal: AbortSignal): Promise<SomeApplied>
  /**
   * `true` if the caller drops the database after any failure. `applyAll` then also takes migrations that cannot run in a
   * transaction, without a journal, and its failure ends the run with a {@link BatchFailedError}.
   */
  readonly disposable?: boolean

  /**
   * Runs `work` in one transaction on this driver's session. The transaction is committed as a whole, or rolled back if
   * `work` throws. Absent if schema changes cannot be rolled back.
   */
  inOneTransaction?<T>(work: (together: SharedTransaction) => Promise<T>): Promise<T>

  /**
   * Calls `work`, whose calls of `apply` all run in one transaction, and commits it. If `work` throws, or the commit fails,
   * everything is rolled back. There are no savepoints: after a failure, `work` must not go on.
   *
   * `apply` may then return before the server has answered its record of a step in code. If the record fails, the next call
   * throws {@link EarlierStepError}, or `allOrNothing` does.
   */
  allOrNothing?(work: () => Promise<void>): Promise<void>

  /**
   * Begins a migration without a transaction: sets the version to `to`, dirty, with a journal. Then `execute` runs
   * statement after statement, and `finish` clears the dirty flag.
   * @param next what the step does that is to begin as soon as this one has finished, if that is known: the driver may
   * then write the end of this one together with the beginning of that one, and look at its objects beforehand. Every
   * other call writes the end first
   */
  begin(step: MigrationStep, next?: StepWork): Promise<void>
  /**
   * Like `execute`, for one or more consecutive statements that can share a round trip. Optional: omit it if the
   * database cannot do this.
   * @returns the number of statements that ran
   * @throws StatementError whose `statement` is the index of the failed statement; the ones before it took effect
   */
  executeSome?(step: MigrationStep, index: number, signal: AbortSignal): Promise<number>
  /** Runs statement `index` (from 0; a code body is one statement) and journals it. @throws StatementError */
  execute(step: MigrationStep, index: number, signal: AbortSignal): Promise<void>
  finish(step: MigrationStep): Promise<void>
  /** Reverts what `begin` wrote. Called only if no statement took effect. */
  abandon?(step: MigrationStep): Promise<void>
  /**
   * Returns whether the statement that was running when a migration stopped took effect, or undefined if the driver
   * cannot find out. Absent if the driver records nothing to decide it by.
   */
  wasApplied?(version: number): Promise<boolean | undefined>

  /** Sets the version row regardless of its value, clears the dirty flag, and puts the baseline at that version. */
  force(version: number): Promise<void>
  /** Replaces the recorded down of applied migrations. */
  rerecord(records: readonly HistoryRecord[]): Promise<void>
  /**
   * Moves our own tables out of the way of another tool's migrations, unless the user has named a place for them: on
   * PostgreSQL into a schema of their own. Called before anything else. Optional, as is `rows`: a driver without them
   * cannot run folders of other tools.
   */
  standAside?(): void
  /** Returns the rows of a query, or null if its table or schema does not exist. */
  rows?(query: string): Promise<readonly BookkeepingData[] | null>
  /** Returns the version as users know it, if versions are ranks. */
  describe?(version: number): string
  /** Drops everything in the database that migrations could have created, including our tables. */
  drop(): Promise<void>
  /** Returns borrowed connections and closes those the driver opened. Never throws. */
  close(): Promise<void>
}

/** Several migrations failed together on a database that is to be dropped: run them one by one to see which, and why. */
export class BatchFailedError extends Error {}

/** The step before the one that was applied failed, when it was recorded. The cause says why. */
export class EarlierStepError extends Error {}

/** A step that was sent ahead has done nothing, because an earlier one failed. */
export class NotReachedError extends Error {}

/** Returns a version as users know it, for messages about a driver's database. */
export function describeAt({ describe }: Pick<Driver, 'describe'>, version: number): string {
  return describe && version !== NIL_VERSION ? describe(version) : describeVersion(version)
}
