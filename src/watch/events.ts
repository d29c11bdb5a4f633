/** What a watch says. It never prints. */
import type { Carried } from '../database/development.ts'
import type { Change } from '../migrate/plan.ts'
import type { SchemaDiff } from '../schema/diff.ts'

/** A step that ran. */
export interface RanStep {
  readonly version: number
  readonly name: string
  readonly direction: 'up' | 'down'
  /** `record`: the down that was recorded when it was applied. */
  readonly origin: 'file' | 'record'
  readonly ms: number
}

/** Milliseconds, each from the end of the one before; the first from the save. */
interface Split {
  readonly noticed: number
  readonly planned: number
  readonly run: number
  readonly shown: number
}

export interface Applied {
  readonly from: number
  readonly to: number
  readonly changes: readonly Change[]
  readonly steps: readonly RanStep[]
  /**
   * `one by one`: not atomic; there was a copy of the database to go back to. `rehearsed`: the same, on MySQL, where it ran on
   * an empty copy of the schema first.
   */
  readonly how: 'atomic' | 'stepwise' | 'rehearsed' | 'rebuilt'
  /** Why not in one transaction. */
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
  /** `loss`: what would not be carried. */
  | {
      readonly about: 'irreversible'
      readonly changes: readonly Change[]
      readonly why: string
      readonly loss: Carried | undefined
    }
  | { readonly about: 'row-limit'; readonly why: string }

export type WatchEvent =
  | {
      readonly type: 'opened'
      readonly database: string
      /** As "PostgreSQL 18.4 (embedded)"; empty where the URL was named. */
      readonly server: string
      /** Why the server comes from there. */
      readonly reason: string
      readonly version: number
      /** Migrations above it that are not applied. */
      readonly pending: number
      readonly watching: string
    }
  /** The files are followed from now on. */
  | { readonly type: 'ready'; readonly version: number }
  /** Files were saved, by name. */
  | { readonly type: 'changed'; readonly files: readonly string[] }
  /** What was saved means the same as what was applied. `mended`: the save before could not be applied. */
  | { readonly type: 'unchanged'; readonly files: readonly string[]; readonly mended: boolean }
  | ({ readonly type: 'applied' } & Applied)
  /** The database is as it was. */
  | { readonly type: 'failed'; readonly error: Failure; readonly version: number | undefined }
  | { readonly type: 'asked'; readonly question: Question }
  /** The database was left as it was. `asked`: a person was asked before, with the reason. */
  | { readonly type: 'skipped'; readonly why: string; readonly asked: boolean }
  /** The schema is not as the last run left it: somebody changed it by hand. */
  | { readonly type: 'drifted'; readonly diff: SchemaDiff }
  /** The connection broke. `restarts`: the server is the watch's own, which starts it again. */
  | { readonly type: 'disconnected'; readonly why: string; readonly restarts: boolean }
  | { readonly type: 'reconnected' }
  /** What was asked for has nothing to do. */
  | { readonly type: 'idle'; readonly why: string }
  /** A step takes long: it is still running. */
  | { readonly type: 'running'; readonly step: string; readonly seconds: number }
  /** What code says through `log()`, and notices and warnings that the server sends while a step runs. */
  | { readonly type: 'log'; readonly step: string; readonly message: string }
  /** Somebody holds what a run needs. */
  | { readonly type: 'waiting'; readonly why: string }
  | { readonly type: 'seeded'; readonly files: readonly string[] }
  | { readonly type: 'command'; readonly command: string; readonly code: number; readonly output: string }
  | { readonly type: 'warning'; readonly message: string }

export type OnWatchEvent = (event: WatchEvent) => void
