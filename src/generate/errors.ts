/** The errors of `generate` and `diff`. */
import { type ErrorDetails, MigratestError } from '../migrate/errors.ts'
import type { Statement } from './statement.ts'

/** No statements lead from one schema to the other, or none that is known. */
export class CannotGenerateError extends MigratestError {
  readonly code = 'MIGRATEST_CANNOT_GENERATE'
  /** What was tried last. */
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
