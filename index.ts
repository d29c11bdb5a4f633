/** `migratest`: engine, sources, databases and fixtures. Imports no test framework and no database client. */

export { migrateTo } from './fixtures/migrateTo.ts'
export { createMigratedDatabase, type DatabaseFixture, withMigratedDatabase } from './fixtures/withMigratedDatabase.ts'
export { defineConfig, type MigratestConfig } from './src/cli/config.ts'
export { AlreadyWatchedError, TooManyRowsError } from './src/database/development.ts'
export type {
  DatabaseKind,
  Development,
  OpenOptions,
  RegisteredKind,
  Rehearsal,
  SchemaReader,
} from './src/database/kind.ts'
export { registerDatabase } from './src/database/kinds.ts'
export { openDatabase, type RegisteredClients } from './src/database/open.ts'
export { type AnyMigratestError, isMigratestError } from './src/errors.ts'
export { FillError, type FillOptions, type FillTarget, type FillValue, fill } from './src/fill/fill.ts'
export {
  CannotGenerateError,
  GenerateProofError,
  NothingWantedError,
  WantedCommandError,
  WantedSqlError,
} from './src/generate/errors.ts'
export type { Generated } from './src/generate/generated.ts'
export type { GenerateOptions, Wanted } from './src/generate/generateOptions.ts'
export { generate } from './src/generate/lazily.ts'
export type { GivenAnswers } from './src/generate/questions/answers.ts'
export type { Question } from './src/generate/questions/questions.ts'
export type { Statement } from './src/generate/statement.ts'
export type {
  Baseline,
  DatabaseState,
  Driver,
  HistoryChange,
  HistoryEntry,
  HistoryRecord,
  Journal,
  LockOptions,
  MigrationStep,
  OnNotice,
  SharedTransaction,
  StepWork,
} from './src/migrate/driver.ts'
export {
  CancelledError,
  ConnectionError,
  DirtyError,
  DuplicateVersionError,
  EditedMigrationError,
  FakeOrderError,
  FileNameError,
  GraphError,
  IrreversibleError,
  LateMigrationError,
  LockedError,
  LockLostError,
  MigratestError,
  MigrationFailedError,
  MissingMigrationError,
  MultipleHeadsError,
  NotInstalledError,
  NotLoadedError,
  NoWayDownError,
  ScriptError,
  ShortLimitError,
  SourceChangedError,
  SourceNotFoundError,
  SourceProblemsError,
  SquashedError,
  StateMovedError,
  StatementError,
  type StatementErrorInfo,
  UnfinishedError,
  UnhandledRejectionError,
  UnreadableFileError,
  UsageError,
  VersionNotFoundError,
} from './src/migrate/errors.ts'
export type { MigrateEvent, OnEvent } from './src/migrate/events.ts'
export type { GivenMigration } from './src/migrate/given.ts'
export { type MigrationRun, Migrator, type MigratorOptions } from './src/migrate/migrator.ts'
export type { MigrationPlan, PlanStep } from './src/migrate/plan/moves.ts'
export type { MigrationState, MigrationStatus, StatusRow } from './src/migrate/plan/status.ts'
export type {
  Bookkeeping,
  BookkeepingData,
  BookkeepingRow,
  CodeBody,
  Direction,
  Log,
  Migration,
  MigrationBody,
  MigrationContext,
  Relations,
  RunSql,
  Source,
  SourceFormat,
  SqlBody,
} from './src/migrate/source.ts'
export {
  type JustBefore,
  justBefore,
  MAX_VERSION,
  NIL_VERSION,
  type Target,
  type Version,
} from './src/migrate/version.ts'
export type { DiffLine, ObjectDiff, SchemaDiff } from './src/schema/diff.ts'
export { diffSchemas, diffText } from './src/schema/diff.ts'
export type { ObjectKind, SchemaColumn, SchemaMember, SchemaObject } from './src/schema/model.ts'
export { Schema } from './src/schema/schema.ts'
export { ServerStartingError, ServerUnavailableError } from './src/server/errors.ts'
export { type ConvertRowsOptions, convertRows, fillIn } from './src/source/convertRows.ts'
export { directory } from './src/source/directory.ts'
export { defineMigration, type ModuleMigration } from './src/source/files.ts'
export { type GitRevisionOptions, gitRevision } from './src/source/gitRevision.ts'
export { glob } from './src/source/glob.ts'
export { memory } from './src/source/memory.ts'
export { register } from './src/source/module/registry.ts'
export { SeedError } from './src/testing/given.ts'
export {
  type MigratedDatabase,
  OpenTransactionError,
  SharedDatabaseError,
} from './src/testing/lease/migratedDatabase.ts'
export type {
  DatabaseSnapshot,
  MigratedDatabaseOptions,
  Seed,
  SeedRows,
  SeedTarget,
} from './src/testing/lease/options.ts'
export { NoSpaceError } from './src/testing/server/noSpace.ts'
export type { TestServer } from './src/testing/testServer.ts'
export { VerificationError } from './src/verify/verificationError.ts'
export { NotForDevelopmentError } from './src/watch/allowed.ts'
