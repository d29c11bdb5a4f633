import { describe, expect, test } from 'vitest'
import { createdObjects, readScript } from '../../src/sql/script.ts'

const fingerprint = (sql: string, dialect: 'postgres' | 'mysql' = 'postgres') => readScript(sql, dialect).fingerprint

describe('a file’s own transaction', () => {
  test.each([
    ['BEGIN … COMMIT', 'BEGIN;\ncreate table a();\nCOMMIT;\n'],
    ['lower case, END, comments around', '-- one\nbegin work;\ncreate table a();\nend transaction;\n-- done'],
    ['START TRANSACTION', 'START TRANSACTION;create table a();COMMIT'],
  ])('one around the whole file is blanked, positions kept: %s', (_, sql) => {
    const script = readScript(sql, 'postgres')
    expect(script.problem).toBeUndefined()
    expect(script.transaction).toBe('wrap')
    expect(script.text).toHaveLength(sql.length)
    expect(script.text.indexOf('create')).toBe(sql.indexOf('create'))
    expect(script.text).not.toMatch(/begin|start|commit|end/i)
    expect(script.statements.map((s) => script.text.slice(s.start, s.end))).toEqual(['create table a()'])
  })

  test('keeps what its BEGIN asked for', () => {
    expect(readScript('begin isolation level serializable; select 1; commit', 'postgres').transactionMode).toBe(
      'isolation level serializable',
    )
  })

  test.each([
    ['COMMIT in the middle', 'create table a(); commit; create table b()', 'commit'],
    ['ROLLBACK', 'create table a(); rollback', 'rollback'],
    ['two transactions', 'begin; select 1; commit; begin; select 2; commit', 'commit'],
    ['COMMIT AND CHAIN at the end', 'begin; select 1; commit and chain', 'begin'],
    ['BEGIN alone', 'begin; select 1', 'begin'],
    ['two-phase', "select 1; prepare transaction 'x'", "prepare transaction 'x'"],
  ])('any other is a problem before the first statement: %s', (_, sql, at) => {
    const { problem } = readScript(sql, 'postgres')
    expect(problem?.kind).toBe('transaction')
    expect(sql.slice(problem?.start, problem?.end)).toBe(at)
    expect(problem?.hint).toContain('-- migrate: no-transaction')
  })

  test.each([
    ['savepoints', 'savepoint a; select 1; rollback to a; rollback to savepoint a; release a'],
    ['a body of the SQL standard', 'create function f() returns int begin atomic select 1; end'],
    ['PREPARE of a query', 'prepare q as select 1; deallocate q'],
  ])('lets through: %s', (_, sql) => expect(readScript(sql, 'postgres').problem).toBeUndefined())

  test('"-- migrate: no-transaction" lets everything through, statement by statement, the file’s own transactions as one', () => {
    const script = readScript('-- migrate: no-transaction\nbegin; select 1; commit; vacuum', 'postgres')
    const units = script.statements.map(({ start, end }) => script.text.slice(start, end))
    expect([script.problem, script.transaction, units]).toEqual([
      undefined,
      'none',
      ['begin; select 1; commit', 'vacuum'],
    ])
    expect(readScript('-- migrate: no-transaction\nvacuum; begin; select 1', 'postgres').problem).toMatchObject({
      kind: 'transaction',
      start: 35,
    })
  })
})

describe('statements that cannot run in a transaction', () => {
  test.each([
    'create index concurrently i on t (a)',
    'create unique index concurrently i on t (a)',
    'drop index concurrently i',
    'reindex table concurrently t',
    'vacuum full t',
    'create database d',
    'drop database d',
    'alter system set a = 1',
    'alter table t detach partition p concurrently',
    "create tablespace s location '/x'",
  ])('alone in a file, it runs without one by itself: %s', (sql) => {
    expect(readScript(`-- why\n${sql};\n`, 'postgres')).toMatchObject({ transaction: 'none', problem: undefined })
    expect(readScript(`${sql}; select 1`, 'postgres').problem?.message).toMatch(/cannot run in a transaction/)
  })
  test.each([
    'create index i on t (a)',
    'refresh materialized view concurrently v',
    'create table "concurrently" (a int)',
  ])('not these: %s', (sql) => {
    expect(readScript(sql, 'postgres').transaction).toBe('wrap')
  })
})

describe('fingerprint', () => {
  test.each([
    ['comments', 'select 1', '-- a\nselect /* b */ 1 -- c'],
    ['white space and CRLF', 'select 1, 2', 'select\r\n\t1 ,2\n'],
    ['the last semicolon, and empty statements', 'select 1', ';select 1;;'],
    ['a byte order mark', 'select 1', '\uFEFFselect 1'],
    ['case of words', 'select Name from USERS', 'SELECT name FROM users'],
    ['the key of \\restrict', '\\restrict a\nselect 1', '\\restrict b\nselect 1'],
    ["case of E''", "select e'a'", "select E'a'"],
  ])('does not count: %s', (_, a, b) => expect(fingerprint(a)).toBe(fingerprint(b)))

  test.each([
    ['literals', "select 'a'", "select 'A'"],
    ['white space in literals', "select 'a b'", "select 'a  b'"],
    ['quoted identifiers', 'select "a"', 'select "A"'],
    ['function bodies', 'do $$ a -- b\n $$', 'do $$ a $$'],
    ['directives', 'select 1', '-- migrate: no-transaction\nselect 1'],
    ['hints', 'select /*+ seqscan */ 1', 'select 1'],
    ['where a token ends', 'select ab', 'select a b'],
    ['where a statement ends', 'select 1; select 2', 'select 1 select 2'],
    ['letters the database does not fold', 'select Ü', 'select ü'],
  ])('counts: %s', (_, a, b) => expect(fingerprint(a)).not.toBe(fingerprint(b)))

  test('mysql counts case, and conditional comments', () => {
    expect(fingerprint('select A', 'mysql')).not.toBe(fingerprint('select a', 'mysql'))
    expect(fingerprint('/*!80000 select 1 */', 'mysql')).not.toBe(fingerprint('/* select 1 */', 'mysql'))
  })
})

test('a NUL character is a problem: the protocol would cut the text there', () => {
  expect(readScript('select 1;\0drop table a', 'postgres').problem).toMatchObject({ kind: 'nul', start: 9 })
})

test('an unknown directive is a problem that names the known ones', () => {
  expect(readScript('-- migrate: no-transactoin\nselect 1', 'postgres').problem).toMatchObject({
    kind: 'directive',
    hint: expect.stringContaining('no-transaction'),
  })
})

test('tells what a script makes', () => {
  const script = readScript(
    'create table if not exists app.a (b int); create unique index i on a (b); create or replace view v as select 1; insert into a values (1)',
    'postgres',
  )
  expect(createdObjects(script)).toEqual(['table app.a', 'index i', 'view v'])
})
