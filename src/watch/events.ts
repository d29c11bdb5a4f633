/** What a watch says. It never prints. */
import type { Carried } from '../database/development.ts'
import type { Change } from '../migrate/choose.ts'
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
  readonly how: 'in one transaction' | 'one by one' | 'rehearsed' | 'from nothing'
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
      readonly about: 'no way back'
      readonly changes: readonly Change[]
      readonly why: string
      readonly loss: Carried | undefined
    }
  | { readonly about: 'many rows'; readonly why: string }

export type WatchEvent =
  | {
      readonly type: 'opened'
      readonly database: string
      readonly server: string
      readonly version: number
      /** Migrations above it that are not applied. */
      readonly pending: number
      readonly watching: string
    }
  /** The files are followed from now on. */
  | { readonly type: 'ready'; readonly version: number }
  /** Files were saved, by name. */
  | { readonly type: 'noticed'; readonly files: readonly string[] }
  /** What was saved means the same as what was applied. */
  | { readonly type: 'unchanged'; readonly files: readonly string[] }
  | ({ readonly type: 'applied' } & Applied)
  /** The database is as it was. */
  | { readonly type: 'failed'; readonly error: Failure; readonly version: number | undefined }
  | { readonly type: 'asked'; readonly question: Question }
  | { readonly type: 'left'; readonly why: string }
  /** The schema is not as the last run left it: somebody changed it by hand. */
  | { readonly type: 'drifted'; readonly diff: SchemaDiff }
  | { readonly type: 'lost'; readonly why: string }
  | { readonly type: 'back' }
  /** What was asked for has nothing to do. */
  | { readonly type: 'nothing'; readonly why: string }
  /** Somebody holds what a run needs. */
  | { readonly type: 'waiting'; readonly why: string }
  | { readonly type: 'seeded'; readonly files: readonly string[] }
  | { readonly type: 'command'; readonly command: string; readonly code: number; readonly output: string }
  | { readonly type: 'warning'; readonly message: string }

export type OnWatchEvent = (event: WatchEvent) => void
