/** Fills PostgreSQL and PGlite. */
import type { PostgresError, Session } from '../../database/postgres/session.ts'
import { literal, identifier as quote } from '../../database/postgres/tables.ts'
import type { FillDatabase, Question } from '../fillDatabase.ts'
import { type KeysWriter, keysQuery } from '../keysQuery.ts'
import type { FillColumn, FillTable, Text } from '../model.ts'
import { readTables } from './catalog.ts'
import { type EachQuestion, passingEach, runEach } from './each.ts'

export function postgresFill(session: Pick<Session, 'query' | 'inTransaction'>): FillDatabase {
  /** The statement that begins a transaction, until its first message is sent. */
  let beginning = ''
  const run = (sql: string) => {
    const message = `${beginning}${sql}`
    beginning = ''
    return session.query(message)
  }
  const attempt = async <T>(work: () => Promise<T>): Promise<T> => {
    await run(`SAVEPOINT ${MARK}`)
    try {
      const result = await work()
      await run(`RELEASE SAVEPOINT ${MARK}`)
      return result
    } catch (error) {
      await run(`ROLLBACK TO SAVEPOINT ${MARK}; RELEASE SAVEPOINT ${MARK}`)
      throw error
    }
  }
  /** Begins a part of the transaction that is open. Returns `false` if none is. */
  const beginsPart = () =>
    run(`SAVEPOINT ${MARK}_whole`).then(
      () => true,
      (error: PostgresError) => {
        if (error.code === NO_TRANSACTION) return false
        throw error
      },
    )
  /** Undoes a message that failed under a savepoint. */
  const undone = async (error: PostgresError): Promise<PostgresError> => {
    await run(`ROLLBACK TO SAVEPOINT ${MARK}; RELEASE SAVEPOINT ${MARK}`)
    return error
  }
  const answersTo = async (asked: readonly Asked[]): Promise<number[][][]> => {
    const [first] = asked
    if (!first) return []
    const together = await run(passingMessage(asked)).catch(undone)
    if (!(together instanceof Error)) return JSON.parse(String(together[0]?.answers))
    if (asked.length > 1) {
      const answers: number[][][] = []
      for (const one of asked) answers.push(...(await answersTo([one])))
      return answers
    }
    const { choices } = first.question
    // If the server cannot even parse the condition, that says nothing about the values; inserting the rows decides.
    if (together.code?.startsWith(NOT_READ)) return [[choices.map(() => 0)]]
    return [await attempt(() => passingEach({ query: run }, eachQuestion(first.question)))]
  }
  return {
    readTables: (exclude, often = false, ids) => readTables(session, exclude, often, ids),
    attempt,
    async transaction(work) {
      const isOpen = session.inTransaction !== false && (await beginsPart())
      // A constraint that waits until the end would refuse all rows at once.
      beginning = `${isOpen ? '' : 'BEGIN; '}SET CONSTRAINTS ALL IMMEDIATE; `
      try {
        const result = await work()
        await run(`SET CONSTRAINTS ALL IMMEDIATE; ${isOpen ? `RELEASE SAVEPOINT ${MARK}_whole` : 'COMMIT'}`)
        return result
      } catch (error) {
        await run(isOpen ? `ROLLBACK TO SAVEPOINT ${MARK}_whole; RELEASE SAVEPOINT ${MARK}_whole` : 'ROLLBACK')
        throw error
      }
    },
    async counts(tables) {
      if (tables.length === 0) return []
      const queries = tables.map(({ sql }, n) => `SELECT ${n} AS n, (SELECT count(*) FROM ${sql})::int AS count`)
      const rows = await run(`${queries.join(' UNION ALL ')} ORDER BY 1`)
      return rows.map(({ count }) => Number(count))
    },
    async passing(questions, known) {
      const asked = questions.map((question) => ({ question, query: passingQuery(question) }))
      const open = asked.filter(({ query }) => known?.has(query) !== true)
      const answers = await answersTo(open)
      const found = new Map(open.map(({ query }, n) => [query, answers[n] ?? []]))
      for (const { question, query } of open) if (isLasting(question)) known?.set(query, found.get(query) ?? [])
      return asked.map(({ query }) => found.get(query) ?? known?.get(query) ?? [])
    },
    async keys(_, keys, columns, most) {
      const rows = await run(keysQuery({ keys, columns, most }, WRITER))
      return rows.map((row) => columns.map((_, n) => (row[`k${n}`] ?? null) as Text))
    },
    async insert(table, columns, rows) {
      const answer = await run(insertion(table, columns, rows)).catch(undone)
      if (answer instanceof Error) throw answer
      return Number(answer[0]?.count)
    },
    insertEach(table, lines, limits) {
      const statements = lines.map(({ columns, row }) => insertInto(table, columns, [row]))
      return runEach({ query: run }, statements, limits)
    },
    async withoutTriggers({ sql }) {
      await attempt(() => run(`ALTER TABLE ${sql} DISABLE TRIGGER USER`))
      return async () => {
        await run(`ALTER TABLE ${sql} ENABLE TRIGGER USER`)
      }
    },
    async withoutForeignKeys(tables, work) {
      const isDeferrable = tables.every(({ foreignKeys }) =>
        foreignKeys.every(({ deferrable, parent }) => deferrable || !tables.some(({ id }) => id === parent)),
      )
      return attempt(async () => {
        await run(isDeferrable ? 'SET CONSTRAINTS ALL DEFERRED' : 'SET LOCAL session_replication_role = replica')
        const result = await work()
        if (isDeferrable) await run('SET CONSTRAINTS ALL IMMEDIATE')
        else {
          await run('SET LOCAL session_replication_role = DEFAULT')
          for (const query of tables.flatMap((table) => brokenKeys(table))) {
            const [broken] = await run(query)
            if (broken) throw new Error(`the foreign key ${String(broken.name)} would be broken`)
          }
        }
        return result
      })
    },
    async makePartition({ sql, name, partitionFor }) {
      const [schema = ''] = sql.split('.')
      await run(
        `CREATE TABLE ${schema}.${quote(`${name.split('.').at(-1)}_default`)} PARTITION OF ${sql} ${partitionFor}`,
      )
    },
    async numberOn({ sql }, columns) {
      for (const column of columns.filter(({ numbered }) => numbered)) {
        const sequence = `pg_get_serial_sequence(${literal(sql)}, ${literal(column.name)})`
        await run(
          `SELECT setval(${sequence}, (SELECT max(${column.sql}) FROM ${sql})) WHERE ${sequence} IS NOT NULL AND (SELECT max(${column.sql}) FROM ${sql}) > 0`,
        )
      }
    },
    reasonOf(error, { name }) {
      const { code, message, detail, constraint } = error as PostgresError & { constraint?: string }
      if (code === undefined) return message
      return (
        [message, detail].filter(Boolean).join(' — ').replace(`relation "${name}"`, name) +
        (constraint && !message.includes(constraint) ? ` (${constraint})` : '')
      )
    },
  }
}

// --- internal ---

const MARK = 'migratest_fill'
const NO_TRANSACTION = '25P01'

/** The class of errors in which SQL is not understood. */
const NOT_READ = '42'

/**
 * Returns a message that runs a query under a savepoint and then answers with its value: rows come from the last statement
 * only. If it fails, the savepoint is left.
 */
function underSavepoint(query: string, name: string): string {
  return [
    `SAVEPOINT ${MARK}`,
    query,
    `RELEASE SAVEPOINT ${MARK}`,
    `SELECT current_setting('migratest.${name}') AS ${name}`,
  ].join('; ')
}

/** A question with its query. */
interface Asked {
  readonly question: Question
  readonly query: string
}

/** Returns whether the answer will be the same later, as long as functions and types are: no condition asks for the time or for chance. */
function isLasting({ conditions }: Question): boolean {
  return conditions.every(({ sql }) => !NOT_LASTING.test(sql))
}

const NOT_LASTING =
  /\b(?:now|timeofday|random\w*|gen_\w+|\w+_timestamp|current_\w+|session_user|user|local\w+|\w*val|pg_\w+|txid_\w+|inet_\w+|version|age)\b/i

function passingMessage(asked: readonly Asked[]): string {
  const answers = asked.map(({ question, query }) => {
    const numbers = question.choices.map((_, n) => `c${n}`).join(', ')
    return `(SELECT COALESCE(json_agg(json_build_array(${numbers})), '[]') FROM (${query}) AS passing)`
  })
  const query = `SELECT set_config('migratest.answers', json_build_array(${answers.join(', ')})::text, true)`
  const isLarge = asked.some(({ question }) => question.choices.length > FEW_CHOICES)
  return underSavepoint(isLarge ? `${AS_WRITTEN}; ${query}; ${AS_USUAL}` : query, 'answers')
}

/** The planner looks for a good order of so many joins in no time. */
const FEW_CHOICES = 6
/** With more, it takes longer than the query itself: the choices are joined as they are written. */
const AS_WRITTEN = 'SET LOCAL join_collapse_limit = 1'
const AS_USUAL = 'SET LOCAL join_collapse_limit TO DEFAULT'

/** Returns one SELECT over the candidates, with the conditions as its WHERE. */
function passingQuery(question: Question): string {
  const { choices, most } = question
  const typed = choices.map(({ columns }, n) =>
    columns.map(({ sql, type }, k) => `${textOf(n, k)}::${type.sql} AS ${sql}`),
  )
  const { from, numbers, order } = combinations(question)
  const candidates = `SELECT ${[...numbers, ...typed.flat()].join(', ')} FROM ${from}`
  const samples = choices[0]?.values[0]?.length ?? 1
  const { table, where } = judged(question, candidates)
  return `SELECT ${numbers.join(', ')} FROM ${table} WHERE ${where} GROUP BY ${numbers.join(', ')} HAVING count(*) = ${samples} ORDER BY ${order} LIMIT ${most}`
}

/** The same question for {@link passingEach}, when a value makes the whole query fail. */
function eachQuestion(question: Question): EachQuestion {
  const { from, numbers, order } = combinations(question)
  const texts = question.choices.flatMap(({ columns }, n) => columns.map((_, k) => textOf(n, k)))
  const typed = question.choices.flatMap(({ columns }, n) =>
    columns.map(({ sql, type }, k) => `one.${textOf(n, k)}::${type.sql} AS ${sql}`),
  )
  const { table, where } = judged(question, `SELECT ${typed.join(', ')}`)
  return {
    source: `SELECT ${[...numbers, ...texts].join(', ')} FROM ${from} ORDER BY ${order}, r0`,
    numbers,
    judgement: `SELECT ${where} INTO holds FROM ${table}`,
    most: Math.min(question.most, MOST_EACH),
  }
}

/** Combinations that are enough when each costs more. */
const MOST_EACH = 20

/** Returns the name of a value as a text: that of column `k` of choice `n`. */
function textOf(n: number, k: number): string {
  return `t${n}_${k}`
}

/** Returns the combinations of candidates, a row for each sample. */
function combinations({ choices, conditions }: Question) {
  const relations = choices.map(({ columns, values }, n) => {
    const rows = values.flatMap((samples, c) =>
      samples.map(
        (row, r) => `(${[c, r, ...row.map((value) => (value === null ? 'NULL' : literal(value)))].join(', ')})`,
      ),
    )
    const names = columns.map((_, k) => `v${k}`)
    const texts = columns.map((_, k) => `v${k}::text AS ${textOf(n, k)}`)
    const list = `(VALUES ${rows.join(', ')}) AS list (c, r, ${names.join(', ')})`
    return `(SELECT c AS c${n}, r AS r${n}, ${texts.join(', ')} FROM ${list}) AS choice${n}`
  })
  const numbers = choices.map((_, n) => `c${n}`)
  // The columns with the most conditions come first: then each further choice leaves few combinations.
  const weight = (n: number) =>
    conditions.filter((condition) => choices[n]?.columns.some(({ name }) => condition.columns.includes(name))).length
  const places = choices.map((_, n) => n).sort((a, b) => weight(b) - weight(a))
  const [first = 0] = places
  return {
    from: places.map((n) => (n === first ? relations[n] : `JOIN ${relations[n]} ON r${n} = r${first}`)).join(' '),
    numbers,
    order: `(${numbers.join(' + ')}), ${numbers.join(', ')}`,
  }
}

/** Returns the rows that are judged, with all columns of the table, and the conditions. */
function judged({ table, conditions, choices }: Question, candidates: string) {
  const given = new Set(choices.flatMap(({ columns }) => columns.map(({ name }) => name)))
  const absent = table.columns
    .filter(({ name, generated }) => !given.has(name) && generated === null)
    .map(({ sql, type }) => `NULL::${type.sql} AS ${sql}`)
  const computed = table.columns
    .filter(({ generated, sql }) => generated !== null && conditions.some((condition) => condition.sql.includes(sql)))
    .map(({ sql, generated }) => `(${generated}) AS ${sql}`)
  const all = `(${candidates}) AS given${absent.length > 0 ? ` CROSS JOIN (SELECT ${absent.join(', ')}) AS absent` : ''}`
  return {
    table:
      computed.length > 0
        ? `(SELECT candidates.*, ${computed.join(', ')} FROM (SELECT * FROM ${all}) AS candidates) AS candidates`
        : all,
    where: conditions.map(({ sql }) => `(${sql}) IS NOT FALSE`).join(' AND '),
  }
}

const WRITER: KeysWriter = { quote, asText: (sql) => `(${sql})::text` }

/** Returns a message that inserts rows under a savepoint and answers how many. */
function insertion(table: FillTable, columns: readonly FillColumn[], rows: readonly (readonly Text[])[]): string {
  const insert = `${insertInto(table, columns, rows)} RETURNING 1`
  return underSavepoint(
    `WITH inserted AS (${insert}) SELECT set_config('migratest.count', count(*)::text, true) FROM inserted`,
    'count',
  )
}

function insertInto(table: FillTable, columns: readonly FillColumn[], rows: readonly (readonly Text[])[]): string {
  const lines = rows.map((row) => `(${row.map((value) => (value === null ? 'NULL' : literal(value))).join(',')})`)
  const into =
    columns.length > 0
      ? `(${columns.map(({ sql }) => sql).join(', ')}) OVERRIDING SYSTEM VALUE VALUES ${lines.join(',')}`
      : 'DEFAULT VALUES'
  return `INSERT INTO ${table.sql} ${into} ON CONFLICT DO NOTHING`
}

function brokenKeys({ sql, foreignKeys }: FillTable): string[] {
  return foreignKeys.map(({ name, columns, parentSql, parentColumns }) => {
    const set = columns.map((column) => `c.${quote(column)} IS NOT NULL`).join(' AND ')
    const on = columns.map((column, n) => `p.${quote(parentColumns[n] ?? '')} = c.${quote(column)}`).join(' AND ')
    return `SELECT ${literal(name)} AS name FROM ${sql} c WHERE ${set} AND NOT EXISTS (SELECT FROM ${parentSql} p WHERE ${on}) LIMIT 1`
  })
}
