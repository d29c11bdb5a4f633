/** Collects the errors of several files, so that they can be thrown together. */
import { MigratestError, SourceProblemsError } from './errors.ts'

/** Throws all errors at once: a single one as it is, several as a SourceProblemsError. */
export function throwAll(errors: readonly MigratestError[]): void {
  const [only, second] = errors
  if (second) throw new SourceProblemsError(errors)
  if (only) throw only
}

/** Runs `work` and returns a MigratestError instead of throwing it. */
export async function attempt<T>(work: () => Promise<T>): Promise<T | MigratestError> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof MigratestError) return error
    throw error
  }
}
