/** Runs SQL that a test or preset hands over: its errors name the option and the place in the SQL. */

import { readFileSync } from 'node:fs'
import { URL } from 'node:url'
import { MigratestError } from '../migrate/errors.ts'
import { isUrl, pathOf } from '../source/folder.ts'
import { codeFrame } from '../sql/codeFrame.ts'
import { offsetOfCodePoint } from '../sql/position.ts'

/** The database refused rows or SQL from a test or preset (`given`, `seeds`, `init`, `extensions`). */
export class SeedError extends MigratestError {
  readonly code = 'MIGRATEST_SEED'
}

type Fields = Partial<Record<'code' | 'detail' | 'hint' | 'position' | 'sqlState', string>>

/** Returns the SQL texts of a preset's `init`: SQL unchanged, and the contents of the files that URLs point to. */
export function initTexts(init: string | URL | readonly (string | URL)[] = []): string[] {
  return [init].flat().map((sql) => {
    const url = typeof sql === 'string' && sql.startsWith('file://') ? new URL(sql) : sql
    return isUrl(url) ? readFileSync(pathOf(url, 'init'), 'utf8') : (url as string)
  })
}

/**
 * Runs SQL or inserts that a test handed over.
 * @param option the option's name in error messages: `given.users[0]`, `seeds[3]`
 * @throws SeedError
 */
export async function runGiven<T>(option: string, sql: string | undefined, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (cause) {
    if (cause instanceof MigratestError) throw cause
    const { message, sqlState, code, detail, hint, position } = cause as Error & Fields
    const offset =
      position === undefined
        ? (await import('../database/mysql/failure.ts')).offsetOfError(sql ?? '', cause as Error)
        : offsetOfCodePoint(sql ?? '', Number(position) - 1)
    const frame = sql !== undefined && offset !== undefined ? codeFrame(sql, offset) : undefined
    const state = sqlState ?? code
    const parts = [`${option}: ${message}${state ? ` (${state})` : ''}`, frame, detail && `Detail: ${detail}`]
    throw new SeedError(parts.filter(Boolean).join('\n\n'), { cause, hint })
  }
}
