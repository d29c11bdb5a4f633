/** The events of a watch. The watch only reports events; its caller prints them. */
import type { Carried } from '../database/development.ts'
import type { Question as GenerateQuestion } from '../generate/questions/questions.ts'
import type { MigrationFailedError } from '../migrate/errors.ts'
import type { Change } from '../migrate/plan/plan.ts'
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

/** A migration that would be written, or was written, for the wanted schema. */
export interface Proposal {
  /** A title made from the change, such as `add_users_email`. */
  readonly title: string
  /** The texts of both halves. */
  readonly up: string
  readonly down: string
  readonly statements: { readonly up: number; readonly down: number }
  /** A failure with generated rows in the tables, though it works without. */
  readonly remark: string | undefined
  /** Objects that stay as they are because the wanted side knows none of their kind: `routine one()`. */
  readonly left: readonly string[]
}

/** A question with the answers yes and no. */
export type Question =
  /** `loss`: the rows and values that a rebuild would not carry; undefined if that is unknown. */
  | {
      readonly about: 'irreversible'
      readonly changes: readonly Change<Version>[]
      readonly why: string
      readonly loss: Carried | undefined
    }
  | { readonly about: 'row-limit'; readonly why: string }

/** A question that has to be answered before a migration can be written. */
export interface AskedOfGenerate {
  readonly about: 'generate'
  /** Why it is asked, in one line. */
  readonly why: string
  readonly question: GenerateQuestion
  /** The possible answers, the likeliest first; empty if the answer is an SQL expression. */
  readonly choices: readonly { readonly answer: string; readonly label: string }[]
}

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
  | { readonly type: 'asked'; readonly question: Question | AskedOfGenerate }
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
  /** A migration is proposed for the wanted schema. Nothing is written before the job `generate`. */
  | { readonly type: 'proposed'; readonly proposal: Proposal }
  /** Questions have to be answered before a migration can be proposed. The job `generate` asks them. */
  | { readonly type: 'questions'; readonly questions: readonly GenerateQuestion[] }
  /** The migration was written as a draft; `again`: in place of what the draft was before. */
  | {
      readonly type: 'drafted'
      readonly proposal: Proposal
      readonly files: readonly string[]
      readonly again: boolean
      /** The code that a person has to write in it, and where; such a migration is no draft. */
      readonly fillIn?: string
    }
  /** Nothing is proposed any more. `files`: those of the draft, which were removed. */
  | { readonly type: 'withdrawn'; readonly why: string; readonly files: readonly string[] }
  /** The draft is done: what is saved from now on is proposed as another migration. */
  | { readonly type: 'finished'; readonly files: readonly string[] }
  /** The wanted schema cannot be read, or no migration leads there. What was proposed before stands. */
  | { readonly type: 'unreadable'; readonly error: Failure }
  | { readonly type: 'seeded'; readonly files: readonly string[] }
  | { readonly type: 'command'; readonly command: string; readonly code: number; readonly output: string }
  | { readonly type: 'warning'; readonly message: string }

/** Returns an error as an event shows it. */
export function failureOf(error: Error): Failure {
  const { code = 'UNKNOWN', file, line, column } = error as Partial<MigrationFailedError>
  return { code, message: error.message, file, line, column }
}

export type OnWatchEvent = (event: WatchEvent) => void
