/** Errors as the page gets them. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { MigratestError } from '../migrate/errors.ts'
import type { Failure } from '../watch/events.ts'

/** Converts an error. Of an error of another package only the first line is passed on, without passwords in URLs. */
export function failureOf(thrown: unknown): Failure {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  const { code = 'UNKNOWN', message, file, line, column } = error as Error & Partial<Failure>
  if (error instanceof MigratestError) return located({ code: String(code), message, file, line, column })
  return { code: String(code), message: (message.split('\n')[0] ?? '').replace(/:\/\/[^\s/]*@/g, '://') }
}

/** Returns the failure with its file's absolute path, which a link that opens an editor needs. */
export function located(failure: Failure): Failure {
  const { file } = failure
  return file !== undefined && existsSync(file) ? { ...failure, file: resolve(file) } : failure
}
