/** MySQL's driver sends a statement and its records in one message, and interprets a failure of that message. No server is needed. */
import { describe, expect, test } from 'vitest'
import { setsCharset } from '../../src/database/mysql/steps/refusals.ts'
import {
  composeMessage,
  describeEffect,
  effectOf,
  kindOf,
  type OwnWrites,
  rowsFrom,
  SESSION_ONLY,
  type StatementKind,
  type StatementToSend,
  staysStarted,
} from '../../src/database/mysql/steps/statementMessage.ts'
import { readScript } from '../../src/sql/script.ts'

/** Our writes in short: `begin 1` and `journal 3/2` (started/done), each with the progress if there is one. */
const writes: OwnWrites = {
  begin: ({ started, progress }) => [`begin ${started}${progress === null ? '' : ` ${progress}`}`],
  journal: ({ started, done }, progress) => `journal ${started}/${done}${progress == null ? '' : ` ${progress}`}`,
}

const first = { kind: 'schema', index: 0, progress: '{t}', rowsStay: false, isFirst: true, isLast: false } as const
const third = { ...first, index: 2, isFirst: false } as const

function message(more: Partial<StatementToSend>, texts = ['SQL'], notice?: () => void) {
  return composeMessage({ ...third, texts, ...more }, writes, notice)
}

describe('the message of a statement', () => {
  test.each<[string, Partial<StatementToSend>, string]>([
    ['a first change of the schema begins as started; the next one records it as done', first, 'begin 1 {t}; SQL'],
    ['a later one is recorded as started', third, 'journal 3/2 {t}; SQL'],
    [
      'one whose objects are unknown is recorded as done at once',
      { progress: null },
      'journal 3/2; COMMIT; SQL; journal 3/3; COMMIT',
    ],
    [
      'one that only changes the session, too',
      { kind: 'session', progress: SESSION_ONLY },
      'journal 3/2 {}; COMMIT; SQL; journal 3/3; COMMIT',
    ],
    ['the last one is recorded as done by `finish`', { isLast: true }, 'journal 3/2 {t}; SQL'],
    [
      'the last one is recorded at once if its objects are unknown',
      { isLast: true, progress: null },
      'journal 3/2; COMMIT; SQL; journal 3/3; COMMIT',
    ],
    [
      'first rows begin as not started, since a rollback undoes them',
      { ...first, kind: 'rows', progress: null },
      'begin 0; START TRANSACTION; SQL; journal 1/1; COMMIT',
    ],
    [
      'later rows and their journal are one transaction',
      { kind: 'rows', progress: null },
      'START TRANSACTION; SQL; journal 3/3; COMMIT',
    ],
    [
      'rows that a rollback leaves are recorded as started',
      { kind: 'rows', progress: null, rowsStay: true },
      'journal 3/2; COMMIT; START TRANSACTION; SQL; journal 3/3; COMMIT',
    ],
    [
      'first rows that a rollback leaves begin as started',
      { ...first, kind: 'rows', progress: null, rowsStay: true },
      'begin 1; START TRANSACTION; SQL; journal 1/1; COMMIT',
    ],
  ])('%s', (_name, statement, expected) => {
    expect(message(statement).statements.join('; ')).toBe(expected)
  })

  test('each statement of a unit is followed by SHOW WARNINGS if somebody listens', () => {
    const { statements, textAt } = message({ kind: 'opaque', progress: null }, ['A', 'B'], () => undefined)
    expect(statements.slice(2, 6)).toEqual(['A', 'SHOW WARNINGS', 'B', 'SHOW WARNINGS'])
    expect([2, 3, 4, 5].map(textAt)).toEqual([0, 0, 1, 1])
  })

  test('a row of SHOW WARNINGS becomes a notice, and a row of the migration does not', () => {
    const heard: unknown[] = []
    const { onRow } = composeMessage({ ...third, texts: ['SQL'] }, writes, (notice) => heard.push(notice))
    onRow({ Level: 'Note', Code: 1051, Message: "Unknown table 'db.t'" })
    onRow({ id: 1 })
    expect(heard).toEqual([{ severity: 'Note', message: "Unknown table 'db.t'" }])
  })
})

describe('the part of a message that failed', () => {
  test.each<[string, Partial<StatementToSend>, string]>([
    ['a first change of the schema', first, 'beginning statement'],
    ['a later change of the schema', third, 'statement statement'],
    ['a change of unknown objects', { progress: null }, 'statement statement statement ending ending'],
    ['the last change of the schema', { isLast: true }, 'statement statement'],
    ['first rows', { ...first, kind: 'rows' }, 'beginning statement statement statement statement'],
    ['later rows', { kind: 'rows' }, 'statement statement statement statement'],
  ])('%s', (_name, statement, expected) => {
    const { statements, partAt } = message(statement)
    expect(statements.map((_, at) => partAt(at)).join(' ')).toBe(expected)
  })
})

test('the object of the next statement is looked at last', () => {
  const at = (statement: Partial<StatementToSend>) => {
    const { statements, partAt } = composeMessage({ ...third, texts: ['SQL'], ...statement }, writes, undefined, 'LOOK')
    return `${statements.at(-1)}: ${statements.map((_, i) => partAt(i)).join(' ')}`
  }
  expect(at({})).toBe('LOOK: statement statement look')
  expect(at({ kind: 'rows' })).toBe('LOOK: statement statement statement statement look')
  expect(at({ progress: null })).toBe('LOOK: statement statement statement ending ending look')
})

describe('the effect of a statement that failed', () => {
  const SYNTAX_ERROR = 1064
  const DUPLICATE = 1062
  test.each<[StatementKind, string | null, boolean, number | undefined, ReturnType<typeof effectOf>, boolean]>([
    // kind, progress, rowsStay, errno, effect, stays started
    ['rows', null, false, DUPLICATE, false, false],
    ['rows', null, true, DUPLICATE, true, true],
    ['opaque', null, false, SYNTAX_ERROR, undefined, true],
    ['session', SESSION_ONLY, false, DUPLICATE, false, false],
    ['schema', '{t}', false, DUPLICATE, { compare: '{t}' }, false],
    ['schema', null, false, SYNTAX_ERROR, false, false],
    ['schema', null, false, DUPLICATE, undefined, false],
    ['schema', null, false, undefined, undefined, false],
  ])('%s, progress %s, rows stay: %s, error %s', (kind, progress, rowsStay, errno, effect, stays) => {
    const found = effectOf({ kind, progress, rowsStay }, errno)
    expect(found).toEqual(effect)
    expect(staysStarted(kind, typeof found === 'object' ? undefined : found)).toBe(stays)
  })

  test('the user is told what is left, where, and what to do', () => {
    expect(describeEffect('rows', 1, 7)).toMatch(/^Statement 2 failed, and rows .* version 7\. .*--not-applied 2"\.$/)
    expect(describeEffect('schema', 0, 7)).toMatch(
      /^Statement 1 took effect in part .* version 7\. .*"migratest resume"/,
    )
  })
})

const statementsOf = (sql: string) => readScript(sql, 'mysql')

test.each<[string, StatementKind]>([
  ['insert into a values (1)', 'rows'],
  ["set @a = 'b'", 'session'],
  ['use other', 'session'],
  ['set global max_connections = 5', 'schema'],
  ['call p()', 'opaque'],
  ['create table a (id int)', 'schema'],
  ['create temporary table a (id int)', 'rows'],
])('the kind of "%s" is %s', (sql, expected) => {
  const [{ words = [] } = {}] = statementsOf(sql).statements
  expect(kindOf(sql, words, false)).toBe(expected)
  expect(kindOf(sql, words, true)).toBe('opaque')
})

test.each<[string, number]>([
  ['insert into a values (1); update a set b = 2; delete from a; create table c (id int)', 3],
  ['insert into a values (1); set @a = 1; insert into a values (2)', 1],
  ['insert into a values (1); call p()', 1],
  ['create table c (id int); insert into a values (1)', 0],
  [Array.from({ length: 1200 }, (_, i) => `insert into a values (${i})`).join(';'), 1000],
])('statements that one transaction can run: %.60s … (%i)', (sql, expected) => {
  expect(rowsFrom(statementsOf(sql), 0)).toHaveLength(expected)
})

test.each<[string, boolean]>([
  ['set names latin1', true],
  ['SET NAMES utf8mb4', false],
  ["set character set 'latin1'", true],
  ['/* dump */ set character_set_client = latin1', true],
  ['set sql_mode = ansi', false],
  ["insert into a values ('set names latin1')", false],
])('%s changes the character set of what is sent: %s', (sql, expected) => {
  expect(setsCharset(sql)).toBe(expected)
})
