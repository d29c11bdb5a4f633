/** All errors as one union, so that a `code` tells TypeScript which class it is. */
import type { AlreadyWatchedError, TooManyRowsError } from './database/development.ts'
import type { FillError } from './fill/fill.ts'
import type * as generate from './generate/errors.ts'
import type * as engine from './migrate/errors.ts'
import type { ServerStartingError, ServerUnavailableError } from './server/errors.ts'
import type { SeedError } from './testing/given.ts'
import type { OpenTransactionError, SharedDatabaseError } from './testing/lease/migratedDatabase.ts'
import type { NoSpaceError } from './testing/server/noSpace.ts'
import type { VerificationError } from './verify/verificationError.ts'
import type { NotForDevelopmentError } from './watch/allowed.ts'

/** Every error that this package throws. `code` tells them apart: `switch (error.code)`. */
export type AnyMigratestError =
  | engine.CancelledError
  | engine.ConnectionError
  | engine.DirtyError
  | engine.DuplicateVersionError
  | engine.EditedMigrationError
  | engine.FakeOrderError
  | engine.FileNameError
  | engine.GraphError
  | engine.IrreversibleError
  | engine.LateMigrationError
  | engine.LockLostError
  | engine.LockedError
  | engine.MigrationFailedError
  | engine.MissingMigrationError
  | engine.MultipleHeadsError
  | engine.NoWayDownError
  | engine.NotInstalledError
  | engine.NotLoadedError
  | engine.ScriptError
  | engine.ShortLimitError
  | engine.SourceChangedError
  | engine.SourceNotFoundError
  | engine.SourceProblemsError
  | engine.SquashedError
  | engine.StateMovedError
  | engine.StatementError
  | engine.UnfinishedError
  | engine.UnhandledRejectionError
  | engine.UnreadableFileError
  | engine.UsageError
  | engine.VersionNotFoundError
  | generate.CannotGenerateError
  | generate.GenerateProofError
  | generate.NothingWantedError
  | generate.WantedCommandError
  | generate.WantedSqlError
  | AlreadyWatchedError
  | FillError
  | NoSpaceError
  | NotForDevelopmentError
  | OpenTransactionError
  | SeedError
  | ServerStartingError
  | ServerUnavailableError
  | SharedDatabaseError
  | TooManyRowsError
  | VerificationError

/**
 * Returns `true` for an error of this package, or for the one with that `code`. It compares codes and not classes, so it also
 * recognizes errors that come from another copy of the package or from another realm (jest, jsdom).
 */
export function isMigratestError(error: unknown): error is AnyMigratestError
export function isMigratestError<C extends AnyMigratestError['code']>(
  error: unknown,
  code: C,
): error is Extract<AnyMigratestError, { code: C }>
export function isMigratestError(error: unknown, code?: string): boolean {
  const found = (error as { code?: unknown } | null | undefined)?.code
  return typeof found === 'string' && (code === undefined ? found.startsWith('MIGRATEST_') : found === code)
}
