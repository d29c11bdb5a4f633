/** Fills MySQL and MariaDB. */
import type { MysqlError, Session } from '../../database/mysql/session.ts'
import { identifier, literal } from '../../database/mysql/tables.ts'
import type { FillDatabase, Question } from '../fillDatabase.ts'
import { keysQuery } from '../keysQuery.ts'
import type { FillColumn, FillTable, FillType, Text } from '../model.ts'
import { readTables } from './catalog.ts'
import { written } from './types.ts'

export function mysqlFill(session: Session): FillDatabase {
  const run = (sql: string) => session.query(sql)
  const counts = async (tables: readonly FillTable[]) => {
    if (tables.length === 0) return []
    const queries = tables.map(({ sql }, n) => `SELECT ${n} AS n, (SELECT COUNT(*) FROM ${sql}) AS count`)
    return (await run(`${queries.join(' UNION ALL ')} ORDER BY n`)).map(({ count }) => Number(count))
  }
  const attempt = async <T>(work: () => Promise<T>): Promise<T> => {
    await run(`SAVEPOINT ${MARK}`)
    try {
      return await work()
    } catch (error) {
      await run(`ROLLBACK TO SAVEPOINT ${MARK}`)
      throw error
    }
  }
  return {
    readTables: (exclude) => readTables(session, exclude),
    attempt,
    counts,
    async transaction(work) {
      await run(`SAVEPOINT ${MARK}_whole`)
      // Without a transaction the savepoint is gone at once.
      const isOpen = await run(`ROLLBACK TO SAVEPOINT ${MARK}_whole`).then(
        () => true,
        (error: MysqlError) => {
          if (error.errno === NO_SAVEPOINT) return false
          throw error
        },
      )
      if (!isOpen) await run('START TRANSACTION')
      try {
        const result = await work()
        if (!isOpen) await run('COMMIT')
        return result
      } catch (error) {
        await run(isOpen ? `ROLLBACK TO SAVEPOINT ${MARK}_whole` : 'ROLLBACK')
        throw error
      }
    },
    async passing(questions) {
      const answers: number[][][] = []
      for (const question of questions) {
        const rows = await run(passingQuery(question)).catch(() => [])
        answers.push(rows.map((row) => question.choices.map((_, n) => Number(row[`c${n}`]))))
      }
      return answers
    },
    async keys(table, keys, columns, most) {
      const typeOf = new Map(table.columns.map(({ name, type }) => [name, type]))
      const writer = { quote: identifier, asText: (sql: string, column: string) => asText(sql, typeOf.get(column)) }
      const rows = await run(keysQuery({ keys, columns, most }, writer))
      return rows.map((row) => columns.map((_, n) => (row[`k${n}`] === null ? null : String(row[`k${n}`]))))
    },
    async insert(table, columns, rows) {
      const sql = insertion(table, columns, rows)
      try {
        await run(sql)
        return rows.length
      } catch (error) {
        // A statement that fails leaves nothing behind.
        if (!DUPLICATES.has((error as MysqlError).errno ?? 0)) throw error
      }
      const [column] = columns
      if (!column) return 0
      const [before = 0] = await counts([table])
      await run(`${sql} ON DUPLICATE KEY UPDATE ${column.sql} = ${table.sql}.${column.sql}`)
      const [after = 0] = await counts([table])
      return after - before
    },
    async withoutForeignKeys(tables, work) {
      const [setting] = await run('SELECT @@SESSION.foreign_key_checks AS checks')
      return attempt(async () => {
        await run('SET SESSION foreign_key_checks = 0')
        try {
          const result = await work()
          for (const query of tables.flatMap(brokenKeys)) {
            const [broken] = await run(query)
            if (broken) throw new Error(`the foreign key ${String(broken.name)} would be broken`)
          }
          return result
        } finally {
          await run(`SET SESSION foreign_key_checks = ${Number(setting?.checks ?? 1)}`)
        }
      })
    },
    async numberOn() {
      // AUTO_INCREMENT goes on behind the largest number by itself.
    },
    reasonOf(error) {
      const { sqlMessage, message } = error as MysqlError
      return sqlMessage ?? message
    },
  }
}

// --- internal ---

const MARK = 'migratest_fill'
const NO_SAVEPOINT = 1305
/** Duplicate entries: for a key, for a key with a message of its own, for an expression. */
const DUPLICATES = new Set([1062, 1169, 1586, 1859])

/** Returns one SELECT over the candidates, with the conditions as its WHERE. */
function passingQuery({ table, conditions, choices, most }: Question): string {
  const relations = choices.map(({ columns, values }, n) => {
    const rows = values.flatMap((samples, c) =>
      samples.map((row, r) => {
        const cells = row.map((value, k) => {
          const column = columns[k]
          return column ? `${typed(value, column.type)} AS ${column.sql}` : ''
        })
        return `SELECT ${c} AS c${n}, ${r} AS r${n}, ${cells.join(', ')}`
      }),
    )
    return `(${rows.join(' UNION ALL ')}) AS choice${n}`
  })
  const given = new Set(choices.flatMap(({ columns }) => columns.map(({ name }) => name)))
  const absent = table.columns
    .filter(({ name, generated }) => !given.has(name) && generated === null)
    .map(({ sql }) => `NULL AS ${sql}`)
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
  return `SELECT ${numbers.join(', ')} FROM (${whole}) AS candidates WHERE ${where} GROUP BY ${numbers.join(', ')} HAVING COUNT(*) = ${samples} ORDER BY ${order} LIMIT ${most}`
}

/** Writes a value with the type that it will have in its column. */
function typed(value: Text, type: FillType): string {
  const sql = written(value, type, literal)
  if (value === null) return sql
  switch (type.kind) {
    case 'date':
      return `CAST(${sql} AS DATE)`
    case 'timestamp':
      return `CAST(${sql} AS DATETIME(6))`
    case 'time':
      return `CAST(${sql} AS TIME)`
    default:
      return sql
  }
}

/** Reads a column in the form in which {@link written} takes values. */
function asText(sql: string, type: FillType | undefined): string {
  if (type?.kind === 'bytes') return `LOWER(HEX(${sql}))`
  if (type?.kind === 'bit') return `BIN(${sql} + 0)`
  return `CAST(${sql} AS CHAR)`
}

function insertion(table: FillTable, columns: readonly FillColumn[], rows: readonly (readonly Text[])[]): string {
  if (columns.length === 0) return `INSERT INTO ${table.sql} () VALUES ${rows.map(() => '()').join(',')}`
  const lines = rows.map((row) => {
    const cells = row.map((value, n) => written(value, columns[n]?.type ?? { kind: 'other', sql: '' }, literal))
    return `(${cells.join(',')})`
  })
  return `INSERT INTO ${table.sql} (${columns.map(({ sql }) => sql).join(', ')}) VALUES ${lines.join(',')}`
}

function brokenKeys({ sql, foreignKeys }: FillTable): string[] {
  return foreignKeys.map(({ name, columns, parentSql, parentColumns }) => {
    const set = columns.map((column) => `c.${identifier(column)} IS NOT NULL`).join(' AND ')
    const on = columns.map((column, n) => `p.${identifier(parentColumns[n] ?? '')} = c.${identifier(column)}`)
    return `SELECT ${literal(name)} AS name FROM ${sql} c WHERE ${set} AND NOT EXISTS (SELECT 1 FROM ${parentSql} p WHERE ${on.join(' AND ')}) LIMIT 1`
  })
}
