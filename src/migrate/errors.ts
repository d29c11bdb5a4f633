/**
 * All errors a user can get. Each says what happened, where, and what to do next; each class has a stable code.
 */
import { codeFrame, maskSecrets } from '../sql/codeFrame.ts'
import { positionAt } from '../sql/position.ts'
import { describeVersion, type Version } from './version.ts'

export interface ErrorDetails {
  /** One or two sentences on what to do next. */
  readonly hint?: string | undefined
  readonly cause?: unknown
}

/** Base class of all our errors. `code` is stable and begins with `MIGRATEST_`. */
export abstract class MigratestError extends Error {
  abstract readonly code: string
  readonly hint: string | undefined

  constructor(message: string, { hint, cause }: ErrorDetails = {}) {
    super(hint ? `${message}\n\n${hint}` : message, cause === undefined ? undefined : { cause })
    this.hint = hint
    this.name = new.target.name
  }
}

// --- versions and the state of the database ---

/** The current version or the target is not in the source. Nothing has run. */
export class VersionNotFoundError extends MigratestError {
  readonly code = 'MIGRATEST_VERSION_NOT_FOUND'
  readonly version: Version
  constructor(version: Version, message: string, details?: ErrorDetails) {
    super(message, details)
    this.version = version
  }
}

/** There were fewer migrations than the caller asked for. The ones that existed have been run. */
export class ShortLimitError extends MigratestError {
  readonly code = 'MIGRATEST_SHORT_LIMIT'
  /** Number of migrations that were missing. */
  readonly short: number
  constructor(short: number, asked: number) {
    super(`Ran only ${asked - short} of ${asked} requested migrations: there are no more.`)
    this.short = short
  }
}

/** An earlier migration stopped half-way and could not be rolled back. Nothing has run. */
export class DirtyError extends MigratestError {
  readonly code = 'MIGRATEST_DIRTY'
  readonly version: Version
  constructor(version: Version, what: string) {
    super(`The database is dirty at version ${describeVersion(version)}: ${what}`, {
      hint: `Nothing runs until this is resolved. Fix the migration and continue with "migratest resume", or repair the schema by hand and record its version with "migratest force VERSION".`,
    })
    this.version = version
  }
}

/** Another tool began a migration of its own folder and did not finish it. Nothing has run. */
export class UnfinishedError extends MigratestError {
  readonly code = 'MIGRATEST_UNFINISHED'
}

/** The version row no longer had the value this run had read: another process moved it. This step was rolled back. */
export class StateMovedError extends MigratestError {
  readonly code = 'MIGRATEST_STATE_MOVED'
  constructor(expected: number, found: string) {
    super(`The version changed while migrating: expected ${describeVersion(expected)}, found ${found}.`, {
      hint: 'Another process is migrating this database without our lock. This step was rolled back. Check the version and run again.',
    })
  }
}

/** Another process holds the lock. */
export class LockedError extends MigratestError {
  readonly code = 'MIGRATEST_LOCKED'
  constructor(database: string, holder: string | undefined, waitedMs: number) {
    const waited = waitedMs >= 1000 ? ` (waited ${Math.round(waitedMs / 1000)} s)` : ''
    super(`Another migration is running on ${database}${waited}${holder ? `: ${holder}` : '.'}`, {
      hint: 'Wait for it to finish, or raise lockTimeoutMs. If that process no longer exists, end its session on the server.',
    })
  }
}

/** The lock was no longer held when we released it. */
export class LockLostError extends MigratestError {
  readonly code = 'MIGRATEST_LOCK_LOST'
  /** @param left the session that still holds the lock, if our connection now leads to a different session */
  constructor(database: string, left?: string) {
    const still =
      left === undefined ? '' : ` It is still held by ${left}: end that process, or the next run will be refused.`
    super(`The migration lock on ${database} was lost during the run.${still}`, {
      hint: 'A connection pooler that uses another session for each transaction causes this: connect to the server directly, or use lock: "table". Every step checked the version row, so no migration was applied twice.',
    })
  }
}

// --- the source ---

export class SourceNotFoundError extends MigratestError {
  readonly code = 'MIGRATEST_SOURCE_NOT_FOUND'
}

/** The name of a file that must be a migration is not a valid migration name. */
export class FileNameError extends MigratestError {
  readonly code = 'MIGRATEST_FILE_NAME'
}

export class DuplicateVersionError extends MigratestError {
  readonly code = 'MIGRATEST_DUPLICATE_VERSION'
  readonly version: Version
  constructor(version: Version, first: string, second: string) {
    super(`Two migrations have version ${version}:\n  ${first}\n  ${second}`, { hint: 'Renumber one of them.' })
    this.version = version
  }
}

export class UnreadableFileError extends MigratestError {
  readonly code = 'MIGRATEST_UNREADABLE_FILE'
}

/** Several files cannot be read or run. `errors` has one error per file. Nothing has run. */
export class SourceProblemsError extends MigratestError {
  readonly code = 'MIGRATEST_SOURCE_PROBLEMS'
  readonly errors: readonly MigratestError[]
  constructor(errors: readonly MigratestError[]) {
    // A package that is missing is the same problem of all migrations.
    const messages = [...new Set(errors.map(({ message }) => message))]
    super(`${errors.length} migrations cannot be run as they are.\n\n${messages.join('\n\n')}`)
    this.errors = errors
  }
}

/** Migrations changed between the plan and the run. */
export class SourceChangedError extends MigratestError {
  readonly code = 'MIGRATEST_SOURCE_CHANGED'
  constructor(file: string) {
    super(`${file} changed after the run was planned; it has not been applied.`, { hint: 'Run again.' })
  }
}

// --- history against source ---

export class EditedMigrationError extends MigratestError {
  readonly code = 'MIGRATEST_EDITED'
}

export class MissingMigrationError extends MigratestError {
  readonly code = 'MIGRATEST_MISSING'
}

/**
 * The declared dependencies between migrations are invalid: an unknown name, a cycle, or a dependency on a higher
 * version. Nothing has run.
 */
export class GraphError extends MigratestError {
  readonly code = 'MIGRATEST_GRAPH'
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(problems.join('\n'), {
      hint: 'Fix the lines "-- migrate: depends-on …" (or dependsOn) of these migrations. Nothing has run.',
    })
    this.problems = problems
  }
}

/** Multiple heads: two branches were merged, and no migration joins them. Nothing has run. */
export class MultipleHeadsError extends MigratestError {
  readonly code = 'MIGRATEST_MULTIPLE_HEADS'
  readonly heads: readonly string[]
  constructor(heads: readonly string[]) {
    super(
      `Multiple heads: no migration follows any of these ${heads.length}:\n${heads.map((head) => `  ${head}`).join('\n')}`,
      {
        hint: 'Join them with "migratest merge", or declare which one follows which with "-- migrate: depends-on …".',
      },
    )
    this.heads = heads
  }
}

/** Only some of the migrations that a squashed migration replaces are applied to this database. Nothing has run. */
export class SquashedError extends MigratestError {
  readonly code = 'MIGRATEST_SQUASHED'
  /** Names of the replaced migrations that are not applied. */
  readonly missing: readonly string[]
  constructor(file: string, replaces: readonly string[], missing: readonly string[]) {
    const applied = replaces.length - missing.length
    const some = missing.length > 10 ? [...missing.slice(0, 10), `and ${missing.length - 10} more`] : missing
    super(
      `Only ${applied} of the ${replaces.length} migrations that ${file} replaces are applied to this database. Not applied:\n${some.map((name) => `  ${name}`).join('\n')}`,
      {
        hint: 'Check out the migrations as they were before the squash, migrate up with them, and then use the squashed ones.',
      },
    )
    this.missing = missing
  }
}

/**
 * A migration cannot be recorded as applied before the migrations it depends on, nor as not applied while a migration
 * that depends on it is applied.
 */
export class FakeOrderError extends MigratestError {
  readonly code = 'MIGRATEST_FAKE_ORDER'
  /** Names of the migrations that prevent it. */
  readonly others: readonly string[]
  constructor(head: string, state: 'applied' | 'not applied', others: readonly string[]) {
    super(`${head} migrations that are ${state}:\n${others.map((name) => `  ${name}`).join('\n')}`, {
      hint:
        state === 'applied'
          ? 'Undo or unfake those first, beginning with the last one.'
          : 'Apply or fake those first, or mark everything up to a version as applied with "migratest force VERSION".',
    })
    this.others = others
  }
}

export class LateMigrationError extends MigratestError {
  readonly code = 'MIGRATEST_LATE'
}

/** An applied migration cannot be undone: neither its file nor the history has a usable down. */
export class NoWayDownError extends MigratestError {
  readonly code = 'MIGRATEST_NO_WAY_DOWN'
}

/** The migration's down declares it irreversible and gives a reason. Nothing has run. */
export class IrreversibleError extends MigratestError {
  readonly code = 'MIGRATEST_IRREVERSIBLE'
  readonly version: Version
  readonly reason: string
  constructor(version: Version, file: string, reason: string) {
    super(`${file}: version ${version} cannot be undone: ${reason}`, {
      hint: 'Its down says so (-- migrate: irreversible). Restore a backup, or write a new migration that makes the change you need.',
    })
    this.version = version
    this.reason = reason
  }
}

// --- running ---

export interface TextPlace {
  readonly file: string
  readonly text: string
  readonly start: number
  readonly end?: number | undefined
}

/** The text of a migration cannot be run as it is. Nothing has run. */
export class ScriptError extends MigratestError {
  readonly code = 'MIGRATEST_SCRIPT'
  /** The migration that the text belongs to, or that imports it; undefined while nobody has asked for one. */
  version: Version | undefined
  readonly file: string
  readonly line: number
  readonly column: number
  constructor(message: string, place: TextPlace, hint: string) {
    super(`${located(message, place)}`, { hint })
    const { line, column } = positionAt(place.text, place.start)
    this.file = place.file
    this.line = line
    this.column = column
  }
}

/**
 * A driver throws this error when the database rejects a statement. The engine converts it to a
 * {@link MigrationFailedError}.
 */
export class StatementError extends MigratestError {
  readonly code = 'MIGRATEST_STATEMENT'
  readonly info: StatementErrorInfo
  constructor(info: StatementErrorInfo, cause: unknown) {
    super(info.message, { cause, hint: info.hint })
    this.info = info
  }
}

export interface StatementErrorInfo {
  /** The database's own error message. */
  readonly message: string
  /** SQLSTATE, five characters, if the database reports one. */
  readonly sqlState?: string | undefined
  /** Offset into the script's text. */
  readonly offset?: number | undefined
  /** Index of the statement, from 0. */
  readonly statement?: number | undefined
  readonly detail?: string | undefined
  readonly hint?: string | undefined
  /** Location of the error inside a database function. */
  readonly context?: string | undefined
  /** `true` if the statement had no effect at all, so that only the statements before it took effect. */
  readonly undone?: boolean | undefined
  /** State of the database now, as a sentence, if it differs from the usual one for such a failure. */
  readonly databaseState?: string | undefined
}

export interface MigrationFailedDetails {
  readonly version: Version
  readonly file: string
  readonly text: string | undefined
  /** Offsets of the failed statement in the text. */
  readonly start?: number | undefined
  readonly end?: number | undefined
  readonly info: StatementErrorInfo
  /** State of the database now, as a sentence. */
  readonly databaseState: string
  readonly hint?: string | undefined
  readonly cause: unknown
}

/** A migration failed. The message describes the state of the database. */
export class MigrationFailedError extends MigratestError {
  readonly code = 'MIGRATEST_MIGRATION_FAILED'
  readonly version: Version
  readonly file: string
  readonly line: number | undefined
  readonly column: number | undefined
  readonly sqlState: string | undefined
  /** The server's message, or that of the error which the code threw, without the place and the state. */
  readonly words: string
  /** State of the database now, as a sentence; the message ends with it. */
  readonly databaseState: string
  readonly #details: MigrationFailedDetails
  constructor(input: MigrationFailedDetails) {
    const { file, text, start, info } = input
    const words = maskSecrets(info.message)
    const message = info.sqlState ? `${words} (${info.sqlState})` : words
    const head =
      text !== undefined && start !== undefined
        ? located(message, { file, text, start, end: input.end })
        : `${file}: ${message}`
    const more = [
      info.detail && `Detail: ${maskSecrets(info.detail)}`,
      info.context && `In: ${maskSecrets(info.context)}`,
    ]
    const parts = [head, more.filter(Boolean).join('\n'), input.databaseState].filter(Boolean)
    super(parts.join('\n\n'), {
      cause: input.cause,
      hint: [info.hint, input.hint].filter(Boolean).join(' ') || undefined,
    })
    this.#details = input
    this.words = message
    this.databaseState = input.databaseState
    this.version = input.version
    this.file = file
    this.sqlState = info.sqlState
    const at = text !== undefined && start !== undefined ? positionAt(text, start) : undefined
    this.line = at?.line
    this.column = at?.column
  }

  /** Returns a copy of this error with a different sentence on the state of the database. */
  withState(databaseState: string): MigrationFailedError {
    return new MigrationFailedError({ ...this.#details, databaseState })
  }
}

/** A promise that a migration in code did not await was rejected. The command then cancels the run. */
export class UnhandledRejectionError extends MigratestError {
  readonly code = 'MIGRATEST_UNHANDLED_REJECTION'
  constructor(error: unknown, cancelled: Error | undefined) {
    super(`A promise that was not awaited was rejected: ${error instanceof Error ? error.message : String(error)}`, {
      hint: ['Await it, or catch its error.', cancelled?.message].filter(Boolean).join('\n\n'),
      cause: error,
    })
  }
}

/** The run was cancelled through its signal. */
export class CancelledError extends MigratestError {
  readonly code = 'MIGRATEST_CANCELLED'
}

/** The database cannot be reached, or the connection was lost. */
export class ConnectionError extends MigratestError {
  readonly code = 'MIGRATEST_CONNECTION'
}

/** The requested operation needs an optional package that is not installed. */
export class NotInstalledError extends MigratestError {
  readonly code = 'MIGRATEST_NOT_INSTALLED'
  constructor(packages: string, what: string, cause?: unknown) {
    super(`${what} needs the package ${packages}, which is not installed.`, {
      hint: `npm install --save-dev ${packages}`,
      cause,
    })
  }
}

/** A package is installed, but loading it failed. */
export class NotLoadedError extends MigratestError {
  readonly code = 'MIGRATEST_NOT_LOADED'
  constructor(name: string, what: string, cause: unknown) {
    const reason = hasMessage(cause) ? cause.message : String(cause)
    const isBrowserLike = 'document' in globalThis
    super(`${what} needs the package ${name}. It is installed, but loading it failed: ${reason}`, {
      hint: isBrowserLike
        ? 'This test runs in an environment that imitates a browser (jsdom, happy-dom) and replaces what the package needs from Node. Run it in the environment "node": begin the file with "// @vitest-environment node" or "/** @jest-environment node */".'
        : undefined,
      cause,
    })
  }
}

/** An option or argument is invalid. */
export class UsageError extends MigratestError {
  readonly code = 'MIGRATEST_USAGE'
}

// --- internal ---

function located(message: string, { file, text, start, end }: TextPlace): string {
  const { line, column } = positionAt(text, start)
  return `${file}:${line}:${column}: ${message}\n\n${codeFrame(text, start, end)}`
}

/** Checks for a `message` property, because an error from another realm (jest, jsdom) is not an `instanceof Error`. */
function hasMessage(thrown: unknown): thrown is { readonly message: string } {
  return typeof (thrown as { message?: unknown } | null)?.message === 'string'
}
