/** Texts that servers read in another way than usual, as their own clients take them. */
import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../src/sql/dialect.ts'
import { readScript, type Script } from '../../src/sql/script.ts'
import { syntaxOfModes } from '../../src/sql/statements.ts'
import type { Syntax } from '../../src/sql/tokens.ts'

const cut = ({ text, statements }: Script) => statements.map(({ start, end }) => text.slice(start, end))

describe('string modes and literals', () => {
  const cases: [name: string, dialect: Dialect, syntax: Syntax, text: string, count: number][] = [
    ['sql_mode with :=', 'mysql', {}, "set sql_mode := 'NO_BACKSLASH_ESCAPES'; select 'C:\\'; select 1", 3],
    ['sql_mode of the session', 'mysql', {}, "set session sql_mode='NO_BACKSLASH_ESCAPES'; select 'C:\\'; select 1", 3],
    ['sql_mode by @@', 'mysql', {}, "set @@session.sql_mode = 'NO_BACKSLASH_ESCAPES'; select 'C:\\'; select 1", 3],
    ['sql_mode as a number', 'mysql', {}, "set sql_mode = 1048576; select 'C:\\'; select 1", 3],
    [
      'sql_mode that is added to',
      'mysql',
      {},
      `set sql_mode = concat(@@sql_mode, ',NO_BACKSLASH_ESCAPES'); select 'C:\\'; select 1`,
      3,
    ],
    [
      'sql_mode that is put back from a variable',
      'mysql',
      {},
      "/*!40101 set @old=@@sql_mode, sql_mode='NO_BACKSLASH_ESCAPES' */; select 'C:\\'; set sql_mode=@old; select 'a\\'b'",
      4,
    ],
    [
      'sql_mode of all sessions to come changes nothing here',
      'mysql',
      {},
      "set global sql_mode='NO_BACKSLASH_ESCAPES'; select 'a\\'b;'",
      2,
    ],
    ["the server's own sql_mode", 'mysql', { noBackslashEscapes: true }, "select 'C:\\'; select 1", 2],
    [
      "back to the server's own sql_mode",
      'mysql',
      { noBackslashEscapes: true },
      "set sql_mode=''; select 'a\\'b'; set sql_mode=default; select 'C:\\'; select 1",
      5,
    ],
    ['ORACLE quotes names with "', 'mysql', {}, 'set sql_mode=oracle; select 1 as "a;b"; select 1', 3],
    [
      'standard_conforming_strings = off',
      'postgres',
      {},
      "set standard_conforming_strings = off; select 'it\\'s; x'; select 1",
      3,
    ],
    [
      'standard_conforming_strings to off, in quotes',
      'postgres',
      {},
      `set local "standard_conforming_strings" to 'off'; select 'it\\'s; x'`,
      2,
    ],
    [
      'standard_conforming_strings by set_config',
      'postgres',
      {},
      "select set_config('standard_conforming_strings', 'off', false); select 'it\\'s; x'",
      2,
    ],
    [
      'standard_conforming_strings that is reset',
      'postgres',
      {},
      "set standard_conforming_strings = off; reset standard_conforming_strings; select 'C:\\'; select 1",
      4,
    ],
    [
      "the database's own standard_conforming_strings",
      'postgres',
      { backslashEscapes: true },
      "select 'it\\'s; x'; select 1",
      2,
    ],
  ]
  test.each(cases)('%s', (_, dialect, syntax, text, count) => {
    const script = readScript(text, dialect, syntax)
    expect(script.problem).toBeUndefined()
    expect(cut(script)).toHaveLength(count)
  })

  test('a mode of the server says how to read', () => {
    expect(syntaxOfModes('STRICT_TRANS_TABLES,ANSI_QUOTES')).toMatchObject({
      ansiQuotes: true,
      noBackslashEscapes: false,
    })
    expect(syntaxOfModes('ANSI,NO_BACKSLASH_ESCAPES')).toMatchObject({ ansiQuotes: true, noBackslashEscapes: true })
  })
})

describe("bodies in MariaDB's Oracle mode", () => {
  const bodies = [
    'create or replace procedure op(a int) as\n v int := 1;\nbegin\n if v > 1 then null; elsif v > 0 then v := 3; end if;\nexception when others then select 1;\nend;',
    'create function f(a int) return int is\nbegin\n for r in 1 .. 3 loop null; end loop;\n while a > 5 loop exit; end loop;\n return a;\nend f;',
    'create package pk as\n function f return int;\n procedure p(a int);\nend;',
    'create or replace package body pk as\n c int := 5;\n function f return int as begin return c; end;\n procedure p(a int) as v int; begin select a; end;\nbegin\n c := 6;\nend;',
    'create trigger t before insert on x for each row\ndeclare v int;\nbegin\n v := 1;\nend;',
  ]
  test.each(bodies)('%s', (body) => {
    const script = readScript(`set sql_mode=oracle;\n${body}\ncreate table after1 (id int);`, 'mysql')
    expect(script.problem).toBeUndefined()
    expect(cut(script)).toHaveLength(3)
  })
})

describe('what an editor, a checkout or a dump leaves', () => {
  test.each(['postgres', 'mysql'] as const)('%s: line ends in a literal are no edit', (dialect) => {
    const text = "create function f() returns int return 'a\nb';\nselect 'one\ntwo'"
    const one = readScript(text, dialect)
    expect(readScript(text.replaceAll('\n', '\r\n'), dialect).fingerprint).toBe(one.fingerprint)
    expect(readScript(text.replace('one\n', 'one\n\n'), dialect).fingerprint).not.toBe(one.fingerprint)
  })

  test('a COPY without rows is nothing to do; one with rows is refused', () => {
    const script = readScript(
      'create table a (id int);\nCOPY public.a (id) FROM stdin;\n\\.\n\n\nselect 1;\n',
      'postgres',
    )
    expect(script.problem).toBeUndefined()
    expect(cut(script)).toEqual(['create table a (id int)', 'select 1'])
    expect(readScript('COPY a FROM stdin;\n1\n\\.\n', 'postgres').problem).toMatchObject({ kind: 'copy' })
  })

  test('a byte order mark in the middle is named', () => {
    expect(readScript('select 1;\n\uFEFFselect 2;', 'postgres').problem?.message).toMatch(/byte order mark/)
    expect(readScript("\uFEFFselect '\uFEFF';", 'postgres').problem).toBeUndefined()
  })

  test('thousands of DELIMITER lines, and a million comment lines between two halves of a literal', () => {
    const routines = Array.from(
      { length: 3000 },
      (_, i) => `DELIMITER $$\ncreate procedure p${i}() begin select ${i}; end$$\nDELIMITER ;\n-- ${'y'.repeat(900)}\n`,
    )
    expect(readScript(routines.join(''), 'mysql').statements).toHaveLength(3000)
    expect(readScript(`select 'a'\n${'-- x\n'.repeat(1_000_000)}'b'; select 1`, 'postgres').statements).toHaveLength(2)
  }, 20_000)
})

describe('statements that PostgreSQL runs outside of a transaction only', () => {
  test.each([
    'cluster verbose',
    'discard all',
    "commit prepared 'x'",
    "rollback prepared 'x'",
    'vacuum a',
    'create index concurrently on a (b)',
  ])('%s', (sql) => {
    expect(readScript(sql, 'postgres')).toMatchObject({ transaction: 'none', problem: undefined })
  })
})

test("a text as the mysql client takes it has the file's DELIMITER lines, and ends as it began", () => {
  const script = readScript('DELIMITER $$\ncreate procedure p() begin select 1; end', 'mysql')
  expect(script.clientText()).toBe('DELIMITER $$\ncreate procedure p() begin select 1; end\n$$\nDELIMITER ;')
  expect(readScript(`${script.clientText()}\ncreate table t (id int);`, 'mysql').statements).toHaveLength(2)
})
