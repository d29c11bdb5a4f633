/** The events of a watch. The watch only reports events; its caller prints them. */
import type { Carried } from '../database/development.ts'
import type { Change } from '../migrate/plan.ts'
import type { Version } from '../migrate/version.ts'
import type { SchemaDiff } from '../schema/diff.ts'

/** A step that ran. */
export interface RanStep {
  readonly version: Version
  readonly name: string
  readonly direction: 'up' | 'down'
  /** `record`: the down recorded when the migration was applied. */
  readonly origin: 'file' | 'record'
  readonly ms: number
}

/** Durations in milliseconds. Each phase begins where the previous one ends; the first begins at the save. */
interface Split {
  readonly noticed: number
  readonly planned: number
  readonly run: number
  readonly shown: number
}

export interface Applied {
  readonly from: Version
  readonly to: Version
  readonly changes: readonly Change<Version>[]
  readonly steps: readonly RanStep[]
  /**
   * `atomic`: in one transaction. `stepwise`: step by step, with a copy of the database to go back to. `rehearsed`:
   * like `stepwise`, after a rehearsal on an empty copy of the schema (MySQL, MariaDB). `rebuilt`: the database was
   * emptied and all migrations were applied again.
   */
  readonly how: 'atomic' | 'stepwise' | 'rehearsed' | 'rebuilt'
  /** The reason for not using one transaction, or for rebuilding. */
  readonly why: string | undefined
  readonly carried: Carried
  readonly diff: SchemaDiff
  readonly warnings: readonly string[]
  readonly ms: Split
}

export interface Failure {
  readonly code: string
  readonly message: string
  readonly file?: string | undefined
  readonly line?: number | undefined
  readonly column?: number | undefined
}

export type Question =
  /** `loss`: the rows and values that a rebuild would not carry; undefined if that is unknown. */
  | {
      readonly about: 'irreversible'
      readonly changes: readonly Change<Version>[]
      readonly why: string
      readonly loss: Carried | undefined
    }
  | { readonly about: 'row-limit'; readonly why: string }

export type WatchEvent =
  | {
      readonly type: 'opened'
      readonly database: string
      /** The server, such as "PostgreSQL 18.4 embedded"; empty if the URL was given. */
      readonly server: string
      /** The reason for choosing this server. */
      readonly reason: string
      readonly version: Version
      /** Number of unapplied migrations above that version. */
      readonly pending: number
      readonly watching: string
    }
  /** The first run has ended. The watch now follows the files. */
  | { readonly type: 'ready'; readonly version: Version }
  /** Files were saved; `files` has their names. */
  | { readonly type: 'changed'; readonly files: readonly string[] }
  /**
   * The saved files have the same effect as the applied migrations. `mended`: the last run had failed, and this save
   * fixed it.
   */
  | { readonly type: 'unchanged'; readonly files: readonly string[]; readonly mended: boolean }
  | ({ readonly type: 'applied' } & Applied)
  /** The run failed. The database is unchanged. */
  | { readonly type: 'failed'; readonly error: Failure; readonly version: Version | undefined }
  | { readonly type: 'asked'; readonly question: Question }
  /**
   * The user or the options declined the change, so the database was left unchanged. `asked`: the user was asked and
   * has seen the reason.
   */
  | { readonly type: 'skipped'; readonly why: string; readonly asked: boolean }
  /** Something other than the watch changed the schema since the last run. */
  | { readonly type: 'drifted'; readonly diff: SchemaDiff }
  /** The connection was lost. `restarts`: `true` if the watch runs the server itself and restarts it. */
  | { readonly type: 'disconnected'; readonly why: string; readonly restarts: boolean }
  | { readonly type: 'reconnected' }
  /** There was nothing to do; `why` gives the reason. */
  | { readonly type: 'idle'; readonly why: string }
  /** A step has been running for a long time. */
  | { readonly type: 'running'; readonly step: string; readonly seconds: number }
  /** A message that code printed with `log()`, or a notice or warning that the server sent while a step ran. */
  | { readonly type: 'log'; readonly step: string; readonly message: string }
  /** Another session holds a lock that the run needs. */
  | { readonly type: 'waiting'; readonly why: string }
  | { readonly type: 'seeded'; readonly files: readonly string[] }
  | { readonly type: 'command'; readonly command: string; readonly code: number; readonly output: string }
  | { readonly type: 'warning'; readonly message: string }

export type OnWatchEvent = (event: WatchEvent) => void
