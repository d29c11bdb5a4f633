/** PostgreSQL's own scanner and parser (libpg-query) decide who is right. */
import fc from 'fast-check'
import { parseSync, scanSync } from 'libpg-query'
import { beforeAll, describe, expect, test } from 'vitest'
import { cutStatements } from '../../src/sql/statements.ts'
import { tokenize } from '../../src/sql/tokens.ts'

beforeAll(async () => {
  const { loadModule } = await import('libpg-query')
  await loadModule()
})

/** Whole statements, each a trap of its own. */
const STATEMENTS = [
  "select 'it''s; -- not' as a",
  "select E'back\\\\slash \\'; quoted'",
  "select E'first' \n '\\' second;'",
  "select U&'d\\0061t;a'",
  'select U&"d\\0061t;a" from "quo""ted;"',
  'select $$ ; -- $a$ /* $$',
  'select $tag$ $$ ; $tag $ $tag$',
  'do $body$ begin perform 1; end $body$',
  'select a$b, c$$d from t',
  "select b'01', x'ff', n'z;'",
  'select 1 /* block ; /* nested ; */ */ + 2',
  'select 1 -- line ; comment\n + 2',
  'create rule r as on insert to t do also (insert into u values (1); insert into v values (2))',
  'create function f(a int) returns int language sql begin atomic select case when a > 0 then 1 else 2 end; select 2; end',
  'create or replace procedure p() begin atomic insert into t values (1); end',
  "create function begin() returns int language sql as 'select 1;'",
  'begin',
  'end',
  'commit',
  'select case when true then 1 end',
  'insert into t (a, "b;") values ($1, $2)',
  'select 1 as "😀;"',
  "select '😀;ü'",
  'create table ü (ä int default 1)',
  'select a::text, b->>0, c @> d, e #- f, 1.5e-10, .5, 1_000, 0x1F',
  'select x from t where a <> b and c != d and -1 < +2',
  'select 1 +/* ; */ 2',
  'select array[1,2][1:2]',
]

const SEPARATORS = [';', ' ; ', ';\n', ';;', '; -- c ;\n', '; /* ; */ ', ';\r\n']

/** Bits that combine into things nobody would write. */
const BITS = [
  "'",
  "''",
  '"',
  '""',
  '$$',
  '$a$',
  '$',
  ';',
  '--',
  '\n',
  '/*',
  '*/',
  '\\',
  '(',
  ')',
  "E'",
  "U&'",
  "x'",
  'begin',
  'atomic',
  'end',
  'case',
  'create',
  'function',
  'select',
  ' ',
  '1',
  '$1',
  'a',
  'ü',
  '😀',
  '+',
  '-',
  '*',
  '/',
  '@',
  '\u00a0',
  '\r',
  '\t',
  ',',
  '.',
  'do',
  'as',
]

/**
 * libpg-query's scanner is changed to keep comments, and so lost this: a literal goes on behind a comment and a line break.
 * The server does continue it (test/database/postgres.test.ts), and so do we.
 */
const CONTINUES_BEHIND_COMMENT = /'\s*--[^\r\n]*[\r\n](?:\s|--[^\r\n]*[\r\n])*'/

function spans(text: string): [number, number][] {
  const bytes = Buffer.from(text)
  const { stmts } = parseSync(text)
  return (stmts ?? []).map(({ stmt_location = 0, stmt_len }) => {
    const end = stmt_len === undefined ? bytes.length : stmt_location + stmt_len
    return [bytes.subarray(0, stmt_location).toString().length, bytes.subarray(0, end).toString().length]
  })
}

/** Each of our statements lies in exactly one of the parser's, in order. */
function agree(text: string): void {
  if (CONTINUES_BEHIND_COMMENT.test(text)) return
  let expected: [number, number][]
  try {
    expected = spans(text)
  } catch {
    return
  }
  const { statements, problem } = cutStatements(text, 'postgres')
  if (problem?.kind === 'copy') return
  expect(problem, JSON.stringify(text)).toBeUndefined()
  expect(statements.length, JSON.stringify(text)).toBe(expected.length)
  for (const [i, { start, end }] of statements.entries()) {
    const [from, to] = expected[i] ?? [0, 0]
    expect(start >= from && end <= to, `${JSON.stringify(text)}: ${start}-${end} in ${from}-${to}`).toBe(true)
  }
}

describe('the lexer against PostgreSQL’s parser', () => {
  test('scripts of tricky statements are cut where the parser cuts them', () => {
    const script = fc
      .array(fc.tuple(fc.constantFrom(...STATEMENTS), fc.constantFrom(...SEPARATORS)), { maxLength: 8 })
      .map((parts) => parts.flat().join(''))
    fc.assert(fc.property(script, agree), { numRuns: 2000 })
  })

  test('whatever the parser accepts of random bits is cut as it does', () => {
    const script = fc.array(fc.constantFrom(...BITS, ...STATEMENTS), { maxLength: 12 }).map((bits) => bits.join(''))
    fc.assert(fc.property(script, agree), { numRuns: 10_000 })
  })

  test('literals and identifiers begin and end where the scanner says', () => {
    const script = fc.array(fc.constantFrom(...BITS, ...STATEMENTS), { maxLength: 10 }).map((bits) => bits.join(' '))
    const exact = new Set(['SCONST', 'USCONST', 'XCONST', 'BCONST', 'IDENT', 'UIDENT', 'SQL_COMMENT', 'C_COMMENT'])
    fc.assert(
      fc.property(script, (text) => {
        if (CONTINUES_BEHIND_COMMENT.test(text)) return
        let scanned: { start: number; end: number; tokenName: string }[]
        try {
          scanned = scanSync(text).tokens
        } catch {
          return
        }
        const bytes = Buffer.from(text)
        const offset = (byte: number) => bytes.subarray(0, byte).toString().length
        const tokens = [...tokenize(text, 'postgres')]
        const ours = new Map(tokens.map((token) => [token.start, token.end]))
        // To the server a backslash is one odd character; to psql, and to us, a command up to the line's end.
        const command = tokens.find((token) => token.kind === 'command')?.start ?? Number.POSITIVE_INFINITY
        for (const { start, end, tokenName } of scanned) {
          if (offset(start) >= command) break
          if (exact.has(tokenName))
            expect(ours.get(offset(start)), `${JSON.stringify(text)} at ${start}`).toBe(offset(end))
        }
      }),
      { numRuns: 3000 },
    )
  })
})

describe('properties', () => {
  const anything = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.array(fc.constantFrom(...BITS), { maxLength: 30 }).map((b) => b.join('')),
  )

  test.each(['postgres', 'mysql'] as const)(
    '%s: tokens and white space make up the text, whatever it is',
    (dialect) => {
      fc.assert(
        fc.property(anything, (text) => {
          let at = 0
          for (const { start, end } of tokenize(text, dialect)) {
            expect(text.slice(at, start)).toMatch(/^[ \t\n\r\f\v]*$/)
            expect(end).toBeGreaterThan(start)
            at = end
          }
          expect(text.slice(at)).toMatch(/^[ \t\n\r\f\v]*$/)
        }),
        { numRuns: 5000 },
      )
    },
  )
})
