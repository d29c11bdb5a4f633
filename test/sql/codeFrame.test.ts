import { expect, test } from 'vitest'
import { codeFrame, maskSecrets } from '../../src/sql/codeFrame.ts'
import { offsetOfCodePoint, positionAt } from '../../src/sql/position.ts'

const TEXT = 'create table a (\n  id integer,\n\tnme txt\n);\nselect 1;\n'

test('shows the line between its neighbours, with carets under the place', () => {
  const start = TEXT.indexOf('txt')
  expect(codeFrame(TEXT, start, start + 3)).toBe(
    [
      '  1 | create table a (',
      '  2 |   id integer,',
      '> 3 | \tnme txt',
      '    | \t    ^^^',
      '  4 | );',
      '  5 | select 1;',
    ].join('\n'),
  )
})

test('does not reach over the line end, and marks at least one place', () => {
  expect(codeFrame('ab\ncd', 1, 4)).toContain('    |  ^\n')
  expect(codeFrame('ab', 2)).toContain('    |   ^')
})

test('shows a window of a very long line', () => {
  const frame = codeFrame(`${'x'.repeat(5000)}here${'y'.repeat(5000)}`, 5000, 5004)
  const [line = '', caret = ''] = frame.split('\n')
  expect(line.length).toBeLessThan(200)
  expect(line.slice(caret.indexOf('^'), caret.lastIndexOf('^') + 1)).toBe('here')
})

test.each([
  ["create role a password 's;''e' login", 'create role a password ******* login'],
  ["alter user a with encrypted password E'a\\'b'", 'alter user a with encrypted password *******'],
  ["create user a identified by 'x'", 'create user a identified by ***'],
  ["create user a identified with sha2 by 'x'", 'create user a identified with sha2 by ***'],
  ["execute 'alter role a password ''hunter2'''", "execute 'alter role a password ***********'"],
  [
    "create subscription s connection 'host=h password=hunter2 user=u'",
    "create subscription s connection 'host=h password=******* user=u'",
  ],
  ['alter role a password $p$secret$p$', 'alter role a password ************'],
])('masks secrets at the same length: %s', (sql, masked) => expect(maskSecrets(sql)).toBe(masked))

test('counts characters as PostgreSQL does', () => {
  const text = '😀😀 select x'
  expect(text.slice(offsetOfCodePoint(text, 3))).toBe('select x')
  expect(positionAt('a\r\nbc', 4)).toEqual({ line: 2, column: 2 })
})
