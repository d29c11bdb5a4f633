/** SQL that a test or preset hands over: its errors say which option it came from, and where in it. */

import { readFileSync } from 'node:fs'
import { URL } from 'node:url'
import { offsetOfError } from '../database/mysql/failure.ts'
import { MigratestError } from '../migrate/errors.ts'
import { isUrl, pathOf } from '../source/folder.ts'
import { codeFrame } from '../sql/codeFrame.ts'
import { offsetOfCodePoint } from '../sql/position.ts'

/** Rows or SQL that a test gave (`given`, `seeds`, `init`, `extensions`) were refused by the database. */
export class SeedError extends MigratestError {
  readonly code = 'MIGRATEST_SEED'
}

type Fields = Partial<Record<'code' | 'detail' | 'hint' | 'position' | 'sqlState', string>>

/** The texts of a preset's `init`: SQL as it is, and the contents of files that URLs name. */
export function initTexts(init: string | URL | readonly (string | URL)[] = []): string[] {
  return [init].flat().map((sql) => {
    const url = typeof sql === 'string' && sql.startsWith('file://') ? new URL(sql) : sql
    return isUrl(url) ? readFileSync(pathOf(url, 'init'), 'utf8') : (url as string)
  })
}

/** @param option as it is to be named: `given.users[0]`, `seeds[3]` */
export async function runGiven<T>(option: string, sql: string | undefined, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (cause) {
    if (cause instanceof MigratestError) throw cause
    const { message, sqlState, code, detail, hint, position } = cause as Error & Fields
    const offset =
      position === undefined
        ? offsetOfError(sql ?? '', cause as Error)
        : offsetOfCodePoint(sql ?? '', Number(position) - 1)
    const frame = sql !== undefined && offset !== undefined ? codeFrame(sql, offset) : undefined
    const state = sqlState ?? code
    const parts = [`${option}: ${message}${state ? ` (${state})` : ''}`, frame, detail && `Detail: ${detail}`]
    throw new SeedError(parts.filter(Boolean).join('\n\n'), { cause, hint })
  }
}
