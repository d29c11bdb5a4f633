/** Fills PostgreSQL and PGlite. */
import type { PostgresError, Session } from '../../database/postgres/session.ts'
import { literal, identifier as quote } from '../../database/postgres/tables.ts'
import type { FillDatabase, Question } from '../fillDatabase.ts'
import { type KeysWriter, keysQuery } from '../keysQuery.ts'
import type { FillColumn, FillTable, Text } from '../model.ts'
import { readTables } from './catalog.ts'

export function postgresFill(session: Session): FillDatabase {
  const run = (sql: string) => session.query(sql)
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
  return {
    readTables: (exclude, often = false) => readTables(session, exclude, often),
    attempt,
    async transaction(work) {
      const isOpen = await run(`SAVEPOINT ${MARK}_whole`).then(
        () => true,
        (error: PostgresError) => {
          if (error.code === NO_TRANSACTION) return false
          throw error
        },
      )
      if (!isOpen) await run('BEGIN')
      try {
        // A constraint that waits until the end would refuse all rows at once.
        await run('SET CONSTRAINTS ALL IMMEDIATE')
        const result = await work()
        await run('SET CONSTRAINTS ALL IMMEDIATE')
        await run(isOpen ? `RELEASE SAVEPOINT ${MARK}_whole` : 'COMMIT')
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
    async passing(question) {
      const ask = (some: Question) => attempt(() => run(passingQuery(some)))
      const rows = await ask(question).catch(() => askSingly(question, ask))
      return rows.map((row) => question.choices.map((_, n) => Number(row[`c${n}`])))
    },
    async keys(_, keys, columns, most) {
      const rows = await run(keysQuery({ keys, columns, most }, WRITER))
      return rows.map((row) => columns.map((_, n) => (row[`k${n}`] ?? null) as Text))
    },
    async insert(table, columns, rows) {
      const [row] = (await run(insertion(table, columns, rows)).catch(async (error) => {
        await run(`ROLLBACK TO SAVEPOINT ${MARK}; RELEASE SAVEPOINT ${MARK}`)
        throw error
      })) as [{ count: number }]
      await run(`RELEASE SAVEPOINT ${MARK}`)
      return Number(row.count)
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

/** Returns one SELECT over the candidates, with the conditions as its WHERE. */
function passingQuery({ table, conditions, choices, most }: Question): string {
  const relations = choices.map(({ columns, values }, n) => {
    const rows = values.flatMap((samples, c) =>
      samples.map(
        (row, r) => `(${[c, r, ...row.map((value) => (value === null ? 'NULL' : literal(value)))].join(', ')})`,
      ),
    )
    const names = columns.map((_, k) => `v${k}`)
    const typed = columns.map(({ sql, type }, k) => `v${k}::text::${type.sql} AS ${sql}`)
    return `(SELECT c AS c${n}, r AS r${n}, ${typed.join(', ')} FROM (VALUES ${rows.join(', ')}) AS list (c, r, ${names.join(', ')})) AS choice${n}`
  })
  const given = new Set(choices.flatMap(({ columns }) => columns.map(({ name }) => name)))
  const absent = table.columns
    .filter(({ name, generated }) => !given.has(name) && generated === null)
    .map(({ sql, type }) => `NULL::${type.sql} AS ${sql}`)
  const computed = table.columns
    .filter(({ generated, sql }) => generated !== null && conditions.some((condition) => condition.sql.includes(sql)))
    .map(({ sql, generated }) => `(${generated}) AS ${sql}`)
  const from = relations.map((relation, n) => (n === 0 ? relation : `JOIN ${relation} ON r${n} = r0`)).join(' ')
  const all = `SELECT * FROM ${from}${absent.length > 0 ? ` CROSS JOIN (SELECT ${absent.join(', ')}) AS absent` : ''}`
  const whole = computed.length > 0 ? `SELECT candidates.*, ${computed.join(', ')} FROM (${all}) AS candidates` : all
  const numbers = choices.map((_, n) => `c${n}`)
  const samples = choices[0]?.values[0]?.length ?? 1
  const where = conditions.map(({ sql }) => `(${sql}) IS NOT FALSE`).join(' AND ')
  const order = `(${numbers.join(' + ')}), ${numbers.join(', ')}`
  return `SELECT ${numbers.join(', ')} FROM (${whole}) AS candidates WHERE ${where} GROUP BY ${numbers.join(', ')} HAVING count(*) = ${samples} ORDER BY ${order} LIMIT ${most}`
}

/** Asks about each candidate of the first choice alone, when one of them makes the whole query fail. */
async function askSingly(question: Question, ask: (some: Question) => Promise<Record<string, unknown>[]>) {
  const largest = question.choices.reduce(
    (most, { values }, n, all) => (values.length > (all[most]?.values.length ?? 0) ? n : most),
    0,
  )
  const found: Record<string, unknown>[] = []
  const chosen = question.choices[largest]
  for (const [c, samples] of (chosen?.values ?? []).entries()) {
    if (found.length > 60) break
    const choices = question.choices.map((choice, n) => (n === largest ? { ...choice, values: [samples] } : choice))
    const rows = await ask({ ...question, choices }).catch(() => [])
    found.push(...rows.map((row) => ({ ...row, [`c${largest}`]: c })))
  }
  return found
}

const WRITER: KeysWriter = { quote, asText: (sql) => `(${sql})::text` }

function insertion(table: FillTable, columns: readonly FillColumn[], rows: readonly (readonly Text[])[]): string {
  const lines = rows.map((row) => `(${row.map((value) => (value === null ? 'NULL' : literal(value))).join(',')})`)
  const into =
    columns.length > 0
      ? `(${columns.map(({ sql }) => sql).join(', ')}) OVERRIDING SYSTEM VALUE VALUES ${lines.join(',')}`
      : 'DEFAULT VALUES'
  const insert = `INSERT INTO ${table.sql} ${into} ON CONFLICT DO NOTHING RETURNING 1`
  return `SAVEPOINT ${MARK}; WITH inserted AS (${insert}) SELECT count(*)::int AS count FROM inserted`
}

function brokenKeys({ sql, foreignKeys }: FillTable): string[] {
  return foreignKeys.map(({ name, columns, parentSql, parentColumns }) => {
    const set = columns.map((column) => `c.${quote(column)} IS NOT NULL`).join(' AND ')
    const on = columns.map((column, n) => `p.${quote(parentColumns[n] ?? '')} = c.${quote(column)}`).join(' AND ')
    return `SELECT ${literal(name)} AS name FROM ${sql} c WHERE ${set} AND NOT EXISTS (SELECT FROM ${parentSql} p WHERE ${on}) LIMIT 1`
  })
}
