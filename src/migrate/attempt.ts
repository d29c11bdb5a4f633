/** Errors of files, gathered instead of thrown one by one. */
import { MigratestError, SourceProblemsError } from './errors.ts'

/** What every file has wrong, at once. */
export function throwAll(errors: readonly MigratestError[]): void {
  const [only, second] = errors
  if (second) throw new SourceProblemsError(errors)
  if (only) throw only
}

/** What is wrong with a file is given, not thrown. */
export async function attempt<T>(work: () => Promise<T>): Promise<T | MigratestError> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof MigratestError) return error
    throw error
  }
}
