/** The messages between the page and its server. Only types: the page is bundled with them, the server sends them. */
import type { TableSize, WaitingRows } from '../database/rowReader.ts'
import type { StatusRow } from '../migrate/plan/status.ts'
import type { Direction } from '../migrate/source.ts'
import type { SchemaObject } from '../schema/model.ts'
import type { Dialect } from '../sql/dialect.ts'
import type { Finding } from '../verify/finding.ts'
import type { StatementReport } from '../verify/live/effectsReport.ts'
import type { Severity } from '../verify/rules.ts'
import type { AskedOfGenerate, Failure, Question, WatchEvent } from '../watch/events.ts'

/**
 * The name of a schema that can be shown: `nil` (before the first migration), `database` (the live database as it is),
 * or a migration's key, for the schema after it.
 */
type SchemaKey = string

/** One migration on the timeline. */
export interface Station {
  /** The migration's name as the user knows it, such as `7_add_users`; identifies it in all requests. */
  readonly key: string
  /** The number before the name; empty in a folder whose migrations have names only. */
  readonly number: string
  readonly title: string
  /** Keys of the migrations that it depends on. Empty for the first, and for one whose file is gone. */
  readonly parents: readonly string[]
  /** Undefined if no database is shown. */
  readonly state: StatusRow['state'] | undefined
  /** Time at which it was applied, in ISO 8601. */
  readonly appliedAt: string | null
  readonly appliedBy: string | null
  readonly durationMs: number | null
  /** Size of its files; null if it has none. */
  readonly bytes: number | null
  /** Reason why its file cannot be read or run. */
  readonly problem: string | null
  readonly replaces: readonly string[]
}

/** Everything the page shows that is not asked for by name. A reload shows the same. */
export interface UiState {
  /** The folder as the user named it, and the name of its tool if it is another tool's. */
  readonly folder: string
  readonly format: string | undefined
  readonly dialect: Dialect
  /** The database's label, without a password; undefined if none is shown. */
  readonly database: string | undefined
  /** The server, such as "PostgreSQL 18.4 embedded"; empty if the database was named. */
  readonly server: string
  /** `watching`: every save moves the database. `reading`: nothing is changed. `saved`: an exported file. */
  readonly mode: 'watching' | 'reading' | 'saved'
  /** Reason for `reading`; undefined if the user asked for it. */
  readonly why: string | undefined
  /** Key of the migration at whose version the database is; `nil`, or undefined without a database. */
  readonly at: string | undefined
  readonly dirty: boolean
  readonly stations: readonly Station[]
  /** Sentences on what prevents migrating, or needs attention. */
  readonly problems: readonly string[]
  /** The failure that lasts until a save mends it. */
  readonly failure: Failure | undefined
  /** The reason why files or database could not be read the last time; the rest is then as it was before. */
  readonly unread: Failure | undefined
  /** The question that waits for an answer. */
  readonly question: { readonly id: number; readonly question: Question | AskedOfGenerate } | undefined
  /** The migration that the wanted schema needs: the questions before it, its text, or the draft that was written. */
  readonly proposed: Extract<WatchEvent, { readonly type: 'proposed' | 'questions' | 'drafted' }> | undefined
  /** The reason why the wanted schema could not be read the last time. */
  readonly unwanted: Failure | undefined
  /** `false` while the database does not answer. */
  readonly connected: boolean
  /** The step that is running, for example `7_add_users`. */
  readonly running: string | undefined
  /** When `verify` last ran, in milliseconds since 1970, and whether files were saved since; undefined if it never did. */
  readonly verified: { readonly at: number; readonly outdated: boolean } | undefined
  /** The run of `verify` that is under way. */
  readonly verifying: VerifyProgress | undefined
  /** The reason why the last run of `verify` could not begin or end. */
  readonly unverified: Failure | undefined
  /** The events of the watch, oldest first; a few hundred at most. Undefined until the page is connected. */
  readonly events: readonly Heard[] | undefined
  /** Counts up when files or the database have changed, so that what was read before is out of date. */
  readonly epoch: number
}

interface VerifyProgress {
  readonly done: number
  /** 0 until the checks are known. */
  readonly all: number
  /** Name of the running check; empty while a server is starting. */
  readonly check: string
  /** Number of checks that have failed. */
  readonly failed: number
  /** `true` if the run ends after the running check. */
  readonly stopping: boolean
}

/** An event of the watch. */
export interface Heard {
  readonly id: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly event: WatchEvent
}

/** One half of a migration. */
export interface Half {
  /** The file as messages name it. */
  readonly file: string
  /** The file's absolute path, for links that open an editor; undefined if there is no such file. */
  readonly path: string | undefined
  readonly kind: 'sql' | 'code'
  readonly text: string
  /** First and last line of each statement, counted from 1, in the order in which the journal counts them. */
  readonly statements: readonly { readonly from: number; readonly to: number }[]
  /** Reason why the text cannot be run. */
  readonly problem: string | undefined
  /** `false` if each statement runs on its own, although the database could run all of them in one transaction. */
  readonly transaction: boolean
}

export interface VersionDetail {
  readonly key: string
  readonly up: Half | undefined
  /** Undefined if there is no down. For code with both halves in one file, the same text as `up`. */
  readonly down: Half | undefined
  /** The texts that were applied, if the file has changed since or is gone. */
  readonly recorded: { readonly [D in Direction]?: string | undefined } | undefined
}

/** A schema at a version. The page computes differences itself, with the same code as the command. */
export interface SchemaDocument {
  readonly key: SchemaKey
  readonly objects: readonly SchemaObject[]
}

export interface PlanDocument {
  readonly steps: readonly {
    readonly key: string
    readonly direction: Direction
    /** `record`: with the down that was recorded when it was applied. */
    readonly origin: 'file' | 'record'
    readonly statements: number
    readonly code: boolean
    readonly atomic: boolean
  }[]
  readonly warnings: readonly string[]
}

export interface TablesDocument {
  readonly tables: readonly TableSize[]
  /** The rows that a watch keeps aside until the database has a place for them. */
  readonly waiting: readonly WaitingRows[]
}

/** Something that a command could tidy up. */
export interface Suggestion {
  readonly kind: 'merge' | 'squash'
  /** `merge`: the last migration of each branch. `squash`: the migrations that could be one. */
  readonly keys: readonly string[]
  /** `squash`: the revision of git that does not have them yet. */
  readonly base: string | undefined
  readonly command: string
}

export interface SuggestionsDocument {
  readonly suggestions: readonly Suggestion[]
}

/** The body of an answer that reports an error. */
export interface ErrorDocument {
  readonly error: Failure
}

interface StateChange {
  readonly set: Partial<UiState>
  /** Parts that are undefined now; JSON cannot say that. */
  readonly unset: readonly (keyof UiState)[]
}

/** The messages of `api/events`: the event name and its data. */
export interface Messages {
  /** The whole state, when a page connects. */
  readonly state: UiState
  /** The changes in it. */
  readonly change: StateChange
  /** An event, which belongs to the state's events. */
  readonly heard: Heard
}

/** The findings of `verify`. */
export interface FindingsDocument {
  /** The verdict in a line. */
  readonly verdict: string
  readonly ok: boolean
  readonly checks: readonly VerifiedCheck[]
  readonly findings: readonly KeyedFinding[]
  /** The effects of each statement on what was there before it. */
  readonly effects: readonly (StatementReport & { readonly key: string })[]
}

export interface VerifiedCheck {
  /** The name of the check, the same for every version: `round-trip`. */
  readonly id: string
  readonly name: string
  /** The migration's key; undefined for a check of all of them together. */
  readonly key: string | undefined
  readonly ok: boolean
  readonly ms: number
  /** A remark, or what went wrong. */
  readonly text: string | undefined
  readonly notRun: string | undefined
  /** The rules of what it found, allowed findings included. */
  readonly rules: readonly string[]
  /** The most severe finding of the check that nothing allows. */
  readonly worst: Severity | undefined
}

/**
 * `key`: the migration; undefined for a finding about all of them. `path`: the file's absolute path, for links that open
 * an editor; an exported page has none.
 */
export type KeyedFinding = Finding & { readonly key: string | undefined; readonly path?: string | undefined }

/** The data of an exported page. Objects that several versions share are stored once. */
export interface SavedPage {
  readonly format: 1
  readonly state: UiState
  readonly versions: Readonly<Record<string, VersionDetail>>
  readonly objects: readonly SchemaObject[]
  /** For each schema, the indexes of its objects. */
  readonly schemas: Readonly<Record<SchemaKey, readonly number[]>>
  /** Reasons why a schema could not be read, by its key. */
  readonly missing: Readonly<Record<SchemaKey, string>>
  readonly findings?: FindingsDocument | undefined
}
