/** What the engine asks of a driver. Drivers are dumb: they never look at sources and never decide what to run. */
import type { Dialect } from '../sql/dialect.ts'
import type { Script } from '../sql/script.ts'
import type { Syntax } from '../sql/tokens.ts'
import type { Direction, Log, MigrationContext } from './source.ts'

/** A row of the history table: one migration that is applied, or the baseline. */
export interface HistoryEntry {
  readonly version: number
  readonly name: string
  /** Null where it was applied by another tool: counted as applied, but not known. */
  readonly fingerprint: string | null
  readonly downFingerprint: string | null
  /** Everything in the source at or below this version counts as applied. */
  readonly baseline: boolean
  /** Whether the text of its up and down is recorded. */
  readonly recorded: boolean
  /** Set while a migration without a transaction is under way, or was when its process died. */
  readonly running: Journal | null
  readonly appliedAt: Date | null
  readonly appliedBy: string | null
  readonly durationMs: number | null
}

/** The journal of a migration under way. */
export interface Journal {
  readonly direction: Direction
  /** Statements begun and statements known to be finished; begun = finished + 1 while one runs or if that is unknown. */
  readonly started: number
  readonly done: number
  readonly total: number
}

export interface DatabaseState {
  /** -1 where nothing is applied. */
  readonly version: number
  readonly dirty: boolean
  /** Lowest version first. */
  readonly history: readonly HistoryEntry[]
}

/** What goes into the history for a migration that was applied. */
export interface HistoryRecord {
  readonly version: number
  readonly name: string
  readonly fingerprint: string
  readonly downFingerprint: string | null
  /** Texts; null where the run records fingerprints only, or there is no such half. */
  readonly up: string | null
  readonly down: string | null
}

export interface HistoryChange {
  readonly put?: HistoryRecord | undefined
  readonly remove?: number | readonly number[] | undefined
  readonly baseline?: Baseline | undefined
}

/** First of all forget what is above `above`, then count as applied: all up to `version` (-1: nothing), and `adopt`. */
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

/** Hears what the server says while a step runs: severity as the server writes it (NOTICE, WARNING), and the message. */
export type OnNotice = (notice: { readonly severity: string; readonly message: string }) => void

/** One move, ready to be run. */
export interface MigrationStep {
  readonly version: number
  readonly name: string
  readonly direction: Direction
  /** The version row as it must be before, and as it will be. */
  readonly from: number
  readonly to: number
  readonly work: StepWork
  readonly history: HistoryChange
}

export interface LockOptions {
  /** Milliseconds to go on trying, from now. */
  readonly timeout: number
  readonly signal: AbortSignal
}

export interface SharedTransaction {
  /** Runs `work` and takes back all that it did in the database. */
  rolledBack<T>(work: () => Promise<T>): Promise<T>
}

export interface Driver {
  readonly dialect: Dialect
  /** How this session reads literals and names, where that is not the usual way of its dialect. */
  readonly syntax?: Syntax
  /** The database as a person would say it, as `"shop" on 127.0.0.1:5432`; never a password. */
  readonly database: string
  /** Whether schema changes can be rolled back. Without it, a migration runs statement by statement under the dirty flag. */
  readonly transactionalDdl: boolean
  /** Whether rows can, where schema changes cannot: a migration that changes nothing but rows is then one transaction. */
  readonly transactionalRows?: boolean

  /** Makes our tables where they are missing and takes the lock. @throws LockedError */
  lock(options: LockOptions): Promise<void>
  /** @throws LockLostError if the lock was not held any more */
  unlock(): Promise<void>

  /** Reads only; answers on a database that has none of our tables too. */
  state(): Promise<DatabaseState>
  /** The recorded text of an applied migration, or null. */
  recorded(version: number, direction: Direction): Promise<string | null>

  /**
   * Runs the body, moves the version row from `from` to `to` and changes the history: all or nothing.
   * @throws StatementError from the body, StateMovedError where the row was not as expected
   */
  apply(step: MigrationStep, signal: AbortSignal): Promise<void>
  /**
   * The same for several steps in one round trip, each in a transaction of its own. Where one fails, those before it
   * stand; which it was is read from `state()`. Leave it out where that cannot be had.
   */
  applyAll?(steps: readonly MigrationStep[], signal: AbortSignal): Promise<void>

  /**
   * One transaction around all that `work` runs on this driver's session: kept as a whole, or, where it throws, not at all.
   * Left out where schema changes cannot be rolled back.
   */
  inOneTransaction?<T>(work: (together: SharedTransaction) => Promise<T>): Promise<T>

  /** The way without a transaction: flag dirty at `to` with a journal, run statement after statement, flag clean. */
  begin(step: MigrationStep): Promise<void>
  /**
   * The same as `execute` for one statement or several in a row, where they can share a round trip. Leave it out where that cannot be
   * had.
   * @returns how many have run. @throws StatementError whose `statement` says which failed: those before it stand
   */
  executeSome?(step: MigrationStep, index: number, signal: AbortSignal): Promise<number>
  /** Runs statement `index` (from 0; a code body is one statement) and journals it. @throws StatementError */
  execute(step: MigrationStep, index: number, signal: AbortSignal): Promise<void>
  finish(step: MigrationStep): Promise<void>
  /** Takes back what `begin` wrote, where no statement took effect. */
  abandon?(step: MigrationStep): Promise<void>
  /**
   * Of the statement under way when a migration stopped: whether it took effect. Undefined where that cannot be told.
   * Left out where nothing is recorded to tell it by.
   */
  wasApplied?(version: number): Promise<boolean | undefined>

  /** Sets the row whatever it was, clean, with a baseline there. */
  force(version: number): Promise<void>
  /** Replaces the recorded down of applied migrations. */
  rerecord(records: readonly HistoryRecord[]): Promise<void>
  /** Empties the database of all that migrations could have made, our tables too. */
  drop(): Promise<void>
  /** Gives back what was borrowed and closes what was opened. Never throws. */
  close(): Promise<void>
}
