/** Which statements of MySQL and MariaDB make one thing that can be looked for, and when it is known not to be there yet. */
import { describe, expect, test } from 'vitest'
import { Foreseen } from '../../src/database/mysql/steps/foreseen.ts'
import { lineOf, makingOf } from '../../src/database/mysql/steps/makings.ts'

describe('what a statement makes', () => {
  test.for<[sql: string, made: string | undefined]>([
    ['create table a (id int)', 'a'],
    ['CREATE TABLE IF NOT EXISTS `a` (id int) ENGINE=InnoDB', 'a'],
    ['create table a (id int) engine = MyISAM', undefined],
    ['create table a like b', undefined],
    ['create table a (id int) select * from b', undefined],
    ['create table a (like b)', undefined],
    ['create temporary table a (id int)', undefined],
    ['create or replace table a (id int)', undefined],
    ['alter table a add x int', 'a column x'],
    ['alter table a add column `x` decimal(10, 2) not null default 0 after y', 'a column x'],
    ['alter table a add column x int, add column y int', undefined],
    ['alter table a add (x int, y int)', undefined],
    ['alter table a add column x int, algorithm=copy', undefined],
    ['alter table a add index i (x)', 'a key i'],
    ['alter table a add unique key i (x)', 'a key i'],
    ['alter table a add unique (x)', undefined],
    ['alter table a add unique using btree (x)', undefined],
    ['alter table a add index (x)', undefined],
    ['alter table a add constraint c foreign key (x) references b (id)', 'a constraint c'],
    ['alter table a add constraint c check (x > 0)', 'a constraint c'],
    ['alter table a add constraint c unique (x)', 'a key c'],
    ['alter table a add constraint primary key (x)', undefined],
    ['alter table a add constraint foreign key (x) references b (id)', undefined],
    ['alter table a add constraint a_ibfk_1 foreign key (x) references b (id)', undefined],
    ['alter table a add primary key (x)', undefined],
    ['alter table a add partition (partition p values less than (9))', undefined],
    ['alter table a drop column x', undefined],
    ['alter table a rename to b', undefined],
    ['create index i on a (x)', 'a key i'],
    ['create unique index i on d.a (x)', 'a key i in d'],
    ['create index if not exists i on a (x)', 'a key i'],
    ['create view v as select 1', undefined],
    ['/*!50001 create table a (id int) */', undefined],
    ['insert into a values (1)', undefined],
  ])('%s', ([sql, made]) => {
    const { table, part } = makingOf(sql, 'shop') ?? {}
    const [place, name] = (table ?? '').replaceAll('`', '').split('.')
    const found =
      table && [name, part?.kind, part?.name, ...(place === 'shop' ? [] : ['in', place])].filter(Boolean).join(' ')
    expect(found).toBe(made)
  })
})

test('a part is found by its own line', () => {
  const definition = [
    'CREATE TABLE `a` (',
    "  `id` int NOT NULL COMMENT 'KEY `i` CONSTRAINT `c`',",
    '  PRIMARY KEY (`id`),',
    '  UNIQUE KEY `J` (`x`),',
    '  CONSTRAINT `k` CHECK (`x` > 0)',
    ') ENGINE=InnoDB',
  ].join('\n')
  const has = (kind: 'column' | 'key' | 'constraint', name: string) => lineOf({ kind, name }, definition) !== undefined
  expect(['id', 'x', 'J'].map((name) => has('column', name))).toEqual([true, false, false])
  expect(['i', 'j', 'k'].map((name) => has('key', name))).toEqual([false, true, false])
  expect(['c', 'k', 'j'].map((name) => has('constraint', name))).toEqual([false, true, false])
})

describe('whether it is known not to be there', () => {
  test.for<[what: string, ran: string[], next: string, isForeseen: boolean]>([
    ['a table that is missing', [], 'create table a (id int)', true],
    ['a table that is there', [], 'create table old (id int)', false],
    ['a table that the run has made', ['create table a (id int)'], 'create table a (id int)', false],
    ['a column of a table that the run has made', ['create table a (id int)'], 'alter table a add x int', true],
    ['a column of another table', ['create table a (id int)'], 'alter table old add x int', false],
    ['a column that the table was made with', ['create table a (id int, x int)'], 'alter table a add X int', false],
    [
      'a column that was added',
      ['create table a (id int)', 'alter table a add (x int, y int)'],
      'alter table a add y int',
      false,
    ],
    ['a column of a copy', ['create table a like old'], 'alter table a add x int', false],
    [
      'a column of a table that may have been there',
      ['create table if not exists a (id int)'],
      'alter table a add x int',
      false,
    ],
    [
      'a column after a rename',
      ['create table a (id int)', 'rename table a to b, c to a'],
      'alter table a add x int',
      false,
    ],
    ['a column after a call', ['create table a (id int)', 'call p()'], 'alter table a add x int', false],
    ['a column after a drop', ['create table a (id int)', 'drop table a'], 'alter table a add x int', false],
    ['anything beside temporary tables', ['create temporary table a (id int)'], 'create table b (id int)', false],
  ])('%s', ([, ran, next, isForeseen]) => {
    const foreseen = new Foreseen()
    for (const sql of ran) foreseen.ran(sql, 'shop')
    const progress = foreseen.next(next, 'shop', (table) => table !== '`shop`.`old`')
    expect(progress !== undefined).toBe(isForeseen)
  })
})
