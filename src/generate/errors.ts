/** The errors of `generate` and `diff`. */
import { type ErrorDetails, MigratestError } from '../migrate/errors.ts'
import type { Statement } from './statement.ts'

/** No statements lead from one schema to the other, or none that is known. */
export class CannotGenerateError extends MigratestError {
  readonly code = 'MIGRATEST_CANNOT_GENERATE'
  /** The statements of the last attempt. */
  readonly tried: readonly Statement[]

  constructor(
    message: string,
    { tried = [], ...details }: ErrorDetails & { readonly tried?: readonly Statement[] } = {},
  ) {
    super(message, details)
    this.tried = tried
  }
}

/** The statements ran, but did not do what they should. */
export class GenerateProofError extends MigratestError {
  readonly code = 'MIGRATEST_GENERATE_PROOF'
}

/** The wanted side has no statements. An empty schema would drop everything. */
export class NothingWantedError extends MigratestError {
  readonly code = 'MIGRATEST_NOTHING_WANTED'

  /** @param names where the SQL was looked for */
  constructor(names: readonly string[]) {
    super(`${names.length === 0 ? 'The wanted schema' : names.join(', ')}: there is no statement in it.`, {
      hint: 'An empty schema would drop every table, so nothing was generated. Name a file or a command with SQL.',
    })
  }
}

/** A statement of the wanted schema failed. */
export class WantedSqlError extends MigratestError {
  readonly code = 'MIGRATEST_WANTED_SQL'
}

/** The command that prints the wanted schema failed. */
export class WantedCommandError extends MigratestError {
  readonly code = 'MIGRATEST_WANTED_COMMAND'
}
