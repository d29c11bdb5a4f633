import { expect, test } from 'vitest'
import { inlineParameters } from '../../src/sql/parameters.ts'

test.each<[string, unknown[], string]>([
  ['select $1, $2', ["O'Hara", null], "select 'O''Hara', NULL"],
  ['select -$1, 2^$2', [-5, -5], "select -'-5', 2^'-5'"],
  ['select \'$1\', "$1", $$ $1 $$, $1 -- $1', [1], "select '$1', \"$1\", $$ $1 $$, '1' -- $1"],
  ['select $1::int, $10', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "select '1'::int, '10'"],
  ['select $2', [1], 'select $2'],
  ['select $1', [Number.NaN], "select 'NaN'"],
  ['select $1', [true], "select 'true'"],
  ['select $1', [{ a: [1] }], 'select \'{"a":[1]}\''],
  ['select $1', [[1, 'a"b', null, [true]]], 'select  E\'{"1","a\\\\"b",NULL,{"true"}}\''],
  ['select $1', [Buffer.from([1, 255])], "select '\\x01ff'"],
  ['select $1', [[Buffer.from([1])]], 'select  E\'{"\\\\\\\\x01"}\''],
  ['select $1', ['a\\b'], "select  E'a\\\\b'"],
  ['select $1', [{ toPostgres: () => '(1,2)' }], "select '(1,2)'"],
])('%s with %j', (sql, params, expected) => {
  expect(inlineParameters(sql, params, 'postgres')).toBe(expected)
})

test('a date is written in local time, as pg sends it', () => {
  const date = new Date(2020, 0, 1, 2, 3, 4, 5)
  expect(inlineParameters('select $1', [date], 'postgres')).toMatch(/^select '2020-01-01T02:03:04\.005[+-]\d\d:\d\d'$/)
})
