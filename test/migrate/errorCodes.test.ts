/** Errors narrow by their code. */
import { expect, test } from 'vitest'
import { ConnectionError, DirtyError, isMigratestError, MultipleHeadsError } from '../../index.ts'
import { NotInstalledError, SourceProblemsError, UnreadableFileError } from '../../src/migrate/errors.ts'
import type { Version } from '../../src/migrate/version.ts'

test('a code narrows an error to its class', () => {
  const error: unknown = new DirtyError(3, 'a migration stopped.')
  expect(isMigratestError(error)).toBe(true)
  expect(isMigratestError(error, 'MIGRATEST_LOCKED')).toBe(false)
  if (!isMigratestError(error, 'MIGRATEST_DIRTY')) throw new Error('not narrowed')
  // Only DirtyError has a version of this type here: this line is the test of the types.
  const version: Version = error.version
  expect(version).toBe(3)
})

test('an error of another copy of the package is recognized, other errors and values are not', () => {
  expect(isMigratestError({ code: 'MIGRATEST_CONNECTION', message: 'gone' }, 'MIGRATEST_CONNECTION')).toBe(true)
  for (const other of [new Error('x'), Object.assign(new Error('x'), { code: 'ENOENT' }), null, undefined, 'text'])
    expect(isMigratestError(other)).toBe(false)
})

test('a switch over the code knows every class', () => {
  const describe = (error: unknown): string => {
    if (!isMigratestError(error)) return 'other'
    switch (error.code) {
      case 'MIGRATEST_MULTIPLE_HEADS':
        return error.heads.join()
      case 'MIGRATEST_CONNECTION':
        return error.message
      default:
        return error.code
    }
  }
  expect(describe(new MultipleHeadsError(['1_a', '2_b']))).toBe('1_a,2_b')
  expect(describe(new ConnectionError('gone'))).toBe('gone')
})

test('a problem that several migrations have is said once', () => {
  const missing = () => new NotInstalledError('rolldown', 'A migration in TypeScript')
  const error = new SourceProblemsError([missing(), missing(), new UnreadableFileError('3_c.ts is a folder.')])
  expect(error.errors).toHaveLength(3)
  expect(error.message.match(/needs the package/g)).toHaveLength(1)
  expect(error.message).toContain('3_c.ts is a folder.')
})
