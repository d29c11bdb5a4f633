/** The text of a statement of MySQL's tells which objects it changes: these are looked at when its client died. */
import { describe, expect, test } from 'vitest'
import { ddlTargetsOf } from '../../src/database/mysql/steps/statementJournal.ts'
import { changesRowsOnly, changesSessionOnly } from '../../src/sql/rows.ts'
import { readScript } from '../../src/sql/script.ts'

function aim(sql: string): string | undefined {
  const found = ddlTargetsOf(sql, 'db')
  return found && `${found.verb} ${found.targets.map(({ kind, name }) => `${kind} ${name}`).join(', ')}`
}

describe('what a statement makes, changes or removes', () => {
  test.each<[string, string | undefined]>([
    ['create table a (id int)', 'make TABLE `db`.`a`'],
    ['CREATE TEMPORARY TABLE IF NOT EXISTS `a``b` (id int)', 'make TABLE `db`.`a``b`'],
    ['create or replace table other . a as select 1', 'make TABLE `other`.`a`'],
    ['create algorithm = merge definer=`me`@`%` sql security invoker view v as select 1', 'make TABLE `db`.`v`'],
    ["create definer=me@'local host' procedure if not exists p() select 1", 'make PROCEDURE `db`.`p`'],
    ['create definer = current_user trigger t before insert on a for each row set @a = 1', 'make TRIGGER `db`.`t`'],
    ['create unique index i on a (b)', 'change TABLE `db`.`a`'],
    ['create fulltext index `on` on other.a (b)', 'change TABLE `other`.`a`'],
    ['drop index i on a', 'change TABLE `db`.`a`'],
    ['alter table a add column b int', 'change TABLE `db`.`a`'],
    ['alter table a rename to b', 'rename TABLE `db`.`a`, TABLE `db`.`b`'],
    ['alter table a rename column b to c, rename key d to e', 'change TABLE `db`.`a`'],
    ['drop table if exists a, other.b', 'remove TABLE `db`.`a`, TABLE `other`.`b`'],
    ['drop view v', 'remove TABLE `db`.`v`'],
    ['drop event if exists e', 'remove EVENT `db`.`e`'],
    ['rename table a to b, c to d', 'rename TABLE `db`.`a`, TABLE `db`.`b`, TABLE `db`.`c`, TABLE `db`.`d`'],
    ['rename table if exists a to b', 'rename TABLE `db`.`a`, TABLE `db`.`b`'],
    ['create database d', 'make DATABASE `d`'],
    ['alter database character set latin1', undefined],
    ['create sequence s start with 5', 'make TABLE `db`.`s`'],
    // Looking at the objects does not tell whether these have run.
    ['rename table a to t, b to a, t to b', undefined],
    ['alter table a exchange partition p with table b', undefined],
    ['alter table a truncate partition p', undefined],
    ['truncate a', undefined],
    ['grant all on *.* to me', undefined],
    ["create user me identified by 'x'", undefined],
    ['call p()', undefined],
  ])('%s', (sql, expected) => {
    if (sql.startsWith('alter database')) expect(aim(sql)).toMatch(/^change DATABASE/)
    else expect(aim(sql)).toBe(expected)
  })
})

describe('what a transaction holds', () => {
  const first = (sql: string) => {
    const { statements, text } = readScript(`${sql}; select 1`, 'mysql')
    const { words = [], start = 0, end = 0 } = statements[0] ?? {}
    return [words, text.slice(start, end)] as const
  }
  test.each<[string, boolean, boolean]>([
    ['insert into a values (1)', true, false],
    ['with x as (select 1) select * from x', true, false],
    ['set @a = 1', true, true],
    ["/*!40101 SET sql_mode='' */", true, true],
    ['use other', true, true],
    ['create temporary table t (id int)', true, false],
    ['set autocommit = 0', false, true],
    ['set @@autocommit=1', false, true],
    ['set a = 1, b = 2, c = 3, d = 4, e = 5, autocommit = 0', false, true],
    ['set transaction isolation level serializable', false, true],
    ['set global max_connections = 5', false, false],
    ['set @@persist.max_connections = 5', false, false],
    ["set password = 'x'", false, false],
    ['set default role all to me', false, false],
    ['set statement max_statement_time=0 for alter table t add b int', false, false],
    ['load index into cache t', false, false],
    ["load data infile 'x' into table t", true, false],
    ['create table t (id int)', false, false],
    ['truncate t', false, false],
    ['call p()', false, false],
    ['analyze table t', false, false],
    ['/*!50003 create table t (id int) */', false, false],
  ])('%s', (sql, rows, session) => {
    const [words, text] = first(sql)
    expect([changesRowsOnly(words, text), changesSessionOnly(words, text)]).toEqual([rows, session])
  })
})
