/** Statements that MySQL and MariaDB take, that lead to the wanted schema and back, and that keep the rows. */
import type { Connection } from 'mysql2/promise'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Answers, firstHints, NO_ANSWERS } from '../../src/generate/hints.ts'
import { mysqlGenerator } from '../../src/generate/mysql/generator.ts'
import { prove } from '../../src/generate/proof/prove.ts'
import { neutralAnswers } from '../../src/generate/questions/neutral.ts'
import { commonQuestions } from '../../src/generate/questions/questions.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import { describeOnDatabases } from '../support/servers.ts'
import { PAIRS, type Pair } from './mysqlPairs.ts'
import { randomNumbers, randomSchema } from './mysqlRandom.ts'
import { answersOf, reversed, type Trial, trial, trials } from './mysqlScratch.ts'

describeOnDatabases(['MySQL', 'MariaDB'], ({ name: kind, server: anyServer }) => {
  const server = anyServer as TestServer<Connection>

  async function made(...scripts: readonly string[]): Promise<Trial> {
    const db = await trial(server, ...scripts)
    onTestFinished(() => db.dispose())
    return db
  }

  /** Proves a pair, and compares what SHOW CREATE says with databases that were made from nothing. */
  async function bothWays(pair: Pick<Pair, 'from' | 'to' | 'rows' | 'renames' | 'query'> & Partial<Pair>) {
    const [before, after] = [await made(pair.from), await made(pair.to)]
    const up = answersOf(pair.renames ?? [], pair)
    const down = { ...answersOf([], pair.back ?? {}), renames: reversed(up) }
    const attempts = trials(server, pair.from, pair.rows ?? '')
    onTestFinished(() => attempts.dispose())
    const seen: Partial<Record<'up' | 'down', unknown>> = {}
    const look = (state: 'up' | 'down', wanted: Trial, query: string | undefined) =>
      attempts.attempt(async (db) => {
        expect(await (db as Trial).shown()).toEqual(await wanted.shown())
        if (query !== undefined) seen[state] = await db.rows(query)
        return { keep: true, value: undefined }
      })
    const proof = await prove(
      attempts,
      mysqlGenerator,
      await after.schema(),
      { up, down },
      {
        onState: (state) =>
          state === 'up'
            ? look(state, after, pair.query)
            : look(state, before, pair.afterDown === undefined ? undefined : pair.query),
      },
    )
    return { proof, seen }
  }

  describe('reaches the wanted schema and comes back', () => {
    test.for(PAIRS.filter(({ only }) => only === undefined || only === kind).map((pair) => [pair.name, pair] as const))(
      '%s',
      async ([, pair]) => {
        const { proof, seen } = await bothWays(pair)
        expect(proof.up.length).toBeGreaterThan(0)
        if (pair.after) expect(seen.up).toEqual(pair.after)
        if (pair.afterDown) expect(seen.down).toEqual(pair.afterDown)
      },
    )
  })

  test('random schemas reach each other', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const random = randomNumbers(seed)
      const [from, to] = [randomSchema(random, kind === 'MariaDB'), randomSchema(random, kind === 'MariaDB')]
      await bothWays({ from, to }).catch((error: Error) => {
        throw new Error(`With seed ${seed}: ${error.message}\n\n${from}\n\n${to}`, { cause: error })
      })
    }
  })

  test('writes nothing where nothing differs, and the same each time', async () => {
    const random = randomNumbers(77)
    const texts = [randomSchema(random, kind === 'MariaDB'), randomSchema(random, kind === 'MariaDB')]
    const event = 'create event e on schedule every 1 day do select 1;'
    const [one = '', other = ''] = texts.map((text) => text.replace(/^create event.*$/m, '').concat('\n', event))
    const [a, again, b] = await Promise.all([one, one, other].map(async (text) => (await made(text)).schema()))
    if (!a || !again || !b) throw new Error('Not all schemas were read.')
    const hints = firstHints(NO_ANSWERS)
    expect(mysqlGenerator.statements(a, again, hints)).toEqual([])
    const statements = mysqlGenerator.statements(a, b, hints)
    expect(statements.length).toBeGreaterThan(3)
    expect(mysqlGenerator.statements(again, b, hints)).toEqual(statements)
  })

  test('one table is changed by one statement', async () => {
    const from = 'create table t (id int primary key, a int, b int, key ka (a), check (b > 0));'
    const to =
      "create table t (id bigint primary key, c int not null default 1, b int, key kb (b), check (b > 1)) comment 'x';"
    const { proof } = await bothWays({ from, to })
    expect(proof.up).toHaveLength(1)
    expect(proof.up[0]?.destroys).toBe('column t.a')
  })

  test('the way back gives values that mean nothing, and keeps rows apart where a key wants it', async () => {
    const from = `create table t (id int not null, a varchar(40) not null, k int not null, e enum('p','q') not null default 'q', primary key (k), unique key ua (a));`
    const to = "create table t (id int not null, e enum('q','r') not null default 'q');"
    const [was, now] = await Promise.all([from, to].map(async (sql) => (await made(sql)).schema()))
    if (!was || !now) throw new Error('Not both schemas were read.')
    const attempts = trials(server, from, "insert into t values (1, 'x', 1, 'p'), (2, 'y', 2, 'q')")
    onTestFinished(() => attempts.dispose())
    const answers = {
      up: answersOf([], { map: { "t.e.'p'": "'r'" } }),
      down: neutralAnswers(now, was, NO_ANSWERS),
    }
    await prove(attempts, mysqlGenerator, now, answers, {
      async onState(state) {
        if (state !== 'down') return
        const rows = await attempts.attempt(async (db) => ({
          keep: true,
          value: await db.rows("select e, a = '' as is_empty, (select count(*) from t) as n from t order by id"),
        }))
        expect(rows).toEqual([
          { e: 'q', is_empty: 0, n: 2 },
          { e: 'q', is_empty: 0, n: 2 },
        ])
      },
    })
  })

  test('asks for what only a person knows', async () => {
    const from = await made(
      "create table people (id int primary key, name varchar(20), mail varchar(30), state enum('on', 'off'), AGE int, `rank` int);",
    )
    const to = await made(
      "create table people (id int primary key, full_name varchar(20), mail varchar(30) not null, state enum('on', 'away'), age int, born date not null, `rank` int not null default 1);",
    )
    const open = async (answers: Answers, notRenamed: readonly string[] = []) => {
      const answered = { answers, notRenamed: new Set(notRenamed) }
      const [was, now] = [await from.schema(), await to.schema()]
      const all = [...commonQuestions(was, now, answered), ...mysqlGenerator.questions(was, now, answered)]
      return all.map(({ id, candidates }) => [id, candidates])
    }
    expect(await open(NO_ANSWERS)).toEqual([
      ['rename column people.name', ['people.full_name']],
      ['fill people.mail', undefined],
      ['fill people.born', undefined],
      ["rename value people.state.'off'", ["people.state.'away'"]],
      ['fill people.rank', undefined],
    ])
    const answers = answersOf(['column people.name = people.full_name'], {
      fill: { 'people.mail': "''", 'people.born': "'2000-01-01'", 'people.rank': '2' },
    })
    expect(await open(answers, ["rename value people.state.'off'"])).toEqual([
      ["map people.state.'off'", ["'on'", "'away'"]],
    ])
    const map = new Map([["people.state.'off'", "'away'"]])
    expect(await open({ ...answers, map }, ['all'])).toEqual([])
  })

  test('rows that the wanted schema cannot hold are a reason, not a loss', async () => {
    const from = 'create table t (id int primary key, a varchar(20));'
    const rows = "insert into t values (1, 'not a number');"
    await expect(bothWays({ from, rows, to: 'create table t (id int primary key, a int);' })).rejects.toThrow(
      /No statements were found.*incorrect integer value/is,
    )
  })
})
