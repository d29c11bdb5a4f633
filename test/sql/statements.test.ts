import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../src/sql/dialect.ts'
import { cutStatements } from '../../src/sql/statements.ts'

function cut(text: string, dialect: Dialect, options = {}): string[] {
  return cutStatements(text, dialect, options).statements.map(({ start, end }) => text.slice(start, end))
}

const BOTH: [title: string, sql: string, statements: string[]][] = [
  ['cuts at semicolons', 'select 1; select 2', ['select 1', 'select 2']],
  ['passes over empty statements', ';;select 1;;', ['select 1']],
  ['is empty for comments and white space alone', '-- nothing\n/* at all */ ', []],
  ['keeps semicolons in strings', "select ';''--'; select 2", ["select ';''--'", 'select 2']],
  ['keeps semicolons in block comments', 'select 1 /* ; */ + 1; select 2', ['select 1 /* ; */ + 1', 'select 2']],
  ['keeps semicolons in line comments', 'select 1 -- ; no\n+ 1; select 2', ['select 1 -- ; no\n+ 1', 'select 2']],
  ['reads CRLF', 'select 1;\r\nselect 2;\r\n', ['select 1', 'select 2']],
  ['counts UTF-16 units', "select '😀'; select 'ü'", ["select '😀'", "select 'ü'"]],
]

const POSTGRES: typeof BOTH = [
  ['dollar quotes', 'select $$;$$; select 2', ['select $$;$$', 'select 2']],
  [
    'dollar quotes with a tag, others inside',
    'do $a$ begin; $b$;$b$; $$ $a$; select 2',
    ['do $a$ begin; $b$;$b$; $$ $a$', 'select 2'],
  ],
  ['a tag beyond ASCII', 'select $ü$;$ü$; select 2', ['select $ü$;$ü$', 'select 2']],
  [
    'a dollar inside an identifier opens nothing',
    'select a$b$ from t; select c$b$',
    ['select a$b$ from t', 'select c$b$'],
  ],
  ['parameters are not quotes', 'select $1; select $2', ['select $1', 'select $2']],
  ['nested comments', 'select 1 /* a /* b; */ c; */ + 1; select 2', ['select 1 /* a /* b; */ c; */ + 1', 'select 2']],
  ['a comment opens inside an operator', 'select 1 +--;\n2; select 3', ['select 1 +--;\n2', 'select 3']],
  ['a backslash is plain in a plain string', "select '\\'; select 2", ["select '\\'", 'select 2']],
  ["a backslash escapes in E''", "select E'\\';'; select 2", ["select E'\\';'", 'select 2']],
  ["E'' goes on over a line break", "select E'a'\n '\\';'; select 2", ["select E'a'\n '\\';'", 'select 2']],
  ["E'' goes on behind a comment", "select E'a' -- x\n '\\';'; select 2", ["select E'a' -- x\n '\\';'", 'select 2']],
  ['U&\'\' and U&""', `select U&';' , U&";" ; select 2`, [`select U&';' , U&";"`, 'select 2']],
  ['quoted identifiers with quotes', 'select 1 as "a"";"; select 2', ['select 1 as "a"";"', 'select 2']],
  [
    'a rule with several actions',
    'create rule r as on insert to t do (select 1; select 2); select 3',
    ['create rule r as on insert to t do (select 1; select 2)', 'select 3'],
  ],
  [
    'a body of the SQL standard, with CASE inside',
    'create function f() returns int begin atomic select case when true then 1 end; select 2; end; select 3',
    ['create function f() returns int begin atomic select case when true then 1 end; select 2; end', 'select 3'],
  ],
  [
    'begin and end are statements elsewhere',
    'begin; select 1; end; select 2',
    ['begin', 'select 1', 'end', 'select 2'],
  ],
  ['\\restrict of pg_dump is passed over', '\\restrict abc;def\nselect 1;\n\\unrestrict abc;def\n', ['select 1']],
  ['a no-break space is a letter', 'select 1 as a\u00a0b; select 2', ['select 1 as a\u00a0b', 'select 2']],
]

const MYSQL: typeof BOTH = [
  ['# comments', 'select 1 # ; no\n; select 2', ['select 1', 'select 2']],
  ['-- without a space is minus minus', 'select 5--3; select 2', ['select 5--3', 'select 2']],
  ['backslashes escape', "select '\\';'; select 2", ["select '\\';'", 'select 2']],
  ['double quotes are strings', 'select "\\";"; select 2', ['select "\\";"', 'select 2']],
  ['backticks', 'select 1 as `a``;`; select 2', ['select 1 as `a``;`', 'select 2']],
  ['comments do not nest', 'select 1 /* a /* b */ + 1; select 2', ['select 1 /* a /* b */ + 1', 'select 2']],
  [
    'conditional comments are part of the statement',
    "/*!50003 set @a = '*/;' */; select 2",
    ["/*!50003 set @a = '*/;' */", 'select 2'],
  ],
  [
    'DELIMITER',
    'delimiter //\ncreate trigger t before insert on a for each row begin set new.b = 1; end//\nDELIMITER ;\nselect 2;',
    ['create trigger t before insert on a for each row begin set new.b = 1; end', 'select 2'],
  ],
  [
    'DELIMITER $$ behind a word',
    'DELIMITER $$\ncreate procedure p() begin select 1; end$$\nDELIMITER ;\nselect 2',
    ['create procedure p() begin select 1; end', 'select 2'],
  ],
  [
    'compound bodies without DELIMITER',
    'create trigger t before insert on a for each row begin if new.a > 0 then set new.b = if(1,2,3); elseif new.a then set new.b = 2; end if; case new.c when 1 then set new.d = 1; end case; end; select 2',
    [
      'create trigger t before insert on a for each row begin if new.a > 0 then set new.b = if(1,2,3); elseif new.a then set new.b = 2; end if; case new.c when 1 then set new.d = 1; end case; end',
      'select 2',
    ],
  ],
  [
    'loops with labels',
    'create procedure p() begin l: loop leave l; end loop l; while 1 do set @a = 1; end while; repeat set @a = 2; until 1 end repeat; end; select 2',
    [
      'create procedure p() begin l: loop leave l; end loop l; while 1 do set @a = 1; end while; repeat set @a = 2; until 1 end repeat; end',
      'select 2',
    ],
  ],
  [
    'IF NOT EXISTS opens nothing',
    'create table if not exists a (b int); create procedure if not exists p() select 1; select 2',
    ['create table if not exists a (b int)', 'create procedure if not exists p() select 1', 'select 2'],
  ],
  [
    'an IF body without BEGIN',
    'create trigger t before insert on a for each row if new.a then set new.b = 1; end if; select 2',
    ['create trigger t before insert on a for each row if new.a then set new.b = 1; end if', 'select 2'],
  ],
  [
    'BEGIN NOT ATOMIC of MariaDB',
    'begin not atomic select 1; end; select 2',
    ['begin not atomic select 1; end', 'select 2'],
  ],
  ...[
    'create procedure p() begin declare exit handler for sqlexception begin rollback; resignal; end; declare continue handler for not found set @a = 1; insert into t values (1); end',
    'create definer=user@localhost procedure p() begin select 1; select 2; end',
    'create procedure p() begin do if(1, 3, 2); select 1; end',
    'create procedure p() begin update t set end = 1; insert into h (start, end) values (1, 2); select start, end from h; select 1 as end; end',
    "create procedure p() begin declare end int; xa end 'a'; select case when 1 then 2 end; end",
    'create procedure p() begin repeat set @a = case @b when 1 then 2 end; until @a > 1 end repeat; select 1; end',
    'create trigger t2 before insert on t for each row follows t1 if new.a then set new.b = 1; end if',
    "create procedure p() comment 'x' if 1 then select 1; end if",
    'create function f() returns int if 1 then return 1; else return 2; end if',
    'alter event e do begin select 1; select 2; end',
    'if 1 = 1 then create table a (id int); create table b (id int); end if',
    'create procedure p() begin outer_one: loop inner_one: while 1 do leave outer_one; end while inner_one; end loop outer_one; end',
  ].map((sql): [string, string, string[]] => [sql.slice(0, 60), `${sql}; select 2`, [sql, 'select 2']]),
  [
    'DELIMITER in quotes',
    "DELIMITER '//'\nselect 1; select 2//\ndelimiter ;\nselect 3",
    ['select 1; select 2', 'select 3'],
  ],
  ['begin is a statement elsewhere', 'begin; select 1; commit', ['begin', 'select 1', 'commit']],
]

describe('statements are cut as the server cuts them', () => {
  test.each(BOTH)('both: %s', (_, sql, statements) => {
    expect(cut(sql, 'postgres')).toEqual(statements)
    expect(cut(sql, 'mysql')).toEqual(statements)
  })
  test.each(POSTGRES)('postgres: %s', (_, sql, statements) => expect(cut(sql, 'postgres')).toEqual(statements))
  test.each(MYSQL)('mysql: %s', (_, sql, statements) => expect(cut(sql, 'mysql')).toEqual(statements))
  test('mysql: ANSI_QUOTES', () => {
    expect(cut('select 1 as "a\\"; select 2', 'mysql', { ansiQuotes: true })).toEqual(['select 1 as "a\\"', 'select 2'])
  })
})

describe('what cannot be run is a problem with a place', () => {
  test.each<[string, string, Dialect, string, string]>([
    ['a string that does not end', "select 1;\nselect 'a", 'postgres', 'unterminated', "'a"],
    ['a dollar quote that does not end', 'do $$ begin', 'postgres', 'unterminated', '$$ begin'],
    ['a comment that does not end', 'select 1; /* a /* b */', 'postgres', 'unterminated', '/* a /* b */'],
    ['an identifier that does not end', 'select "a', 'postgres', 'unterminated', '"a'],
    ['a psql command', 'select 1;\n\\i other.sql\n', 'postgres', 'client-command', '\\i other.sql'],
    [
      'COPY FROM stdin, whatever its rows are',
      "copy t (a) from stdin;\nit's\n\\.\n",
      'postgres',
      'copy',
      'copy t (a) from stdin',
    ],
    [
      'COPY FROM stdin with many columns',
      'copy t (a, b, c, d, e, f, g, h) from stdin with (format csv);\n',
      'postgres',
      'copy',
      'copy t (a, b, c, d, e, f, g, h) from stdin with (format csv)',
    ],
    ['DELIMITER without one', 'DELIMITER \nselect 1', 'mysql', 'client-command', 'DELIMITER '],
  ])('%s', (_, sql, dialect, kind, at) => {
    const { problem } = cutStatements(sql, dialect)
    expect(problem?.kind).toBe(kind)
    expect(sql.slice(problem?.start, problem?.end)).toBe(at)
    expect(problem?.hint).not.toBe('')
  })

  test('COPY from a program or to stdout is the server’s business', () => {
    expect(cutStatements("copy t to stdout; copy t from program 'x'", 'postgres').problem).toBeUndefined()
  })
})
