/** Loads the generator when it is first asked for: most test processes never do. */
import type { Generated } from './generated.ts'
import type { GenerateOptions } from './generateOptions.ts'

/**
 * Returns the statements of both halves. Nothing is returned that was not run: up, down, and up again.
 * @throws CannotGenerateError, GenerateProofError, NothingWantedError, WantedSqlError, UsageError for answers
 */
export async function generate<Client>(options: GenerateOptions<Client>): Promise<Generated> {
  const { generate } = await import('./generate.ts')
  return generate(options)
}
