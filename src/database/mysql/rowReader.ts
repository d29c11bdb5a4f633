/** Rows of MySQL and MariaDB for people to look at. */
import type { Connection } from 'mysql2/promise'
import type { Hidden } from '../../migrate/source.ts'
import { DIALECTS } from '../../sql/dialect.ts'
import {
  MOST_CHARACTERS,
  MOST_WAITING,
  type RowColumn,
  type RowDialect,
  type RowReader,
  rowReader,
  type TableSize,
  type WaitingRows,
} from '../rowReader.ts'
import { asStatementError } from './failure.ts'
import { INDEX } from './rows/aside.ts'
import { at } from './rows/tables.ts'
import type { Session } from './session.ts'

/**
 * Takes over the session and closes it with the reader.
 * @param kept the database of the rows that wait
 */
export function mysqlRows(session: Session, hidden: Hidden, kept: string): RowReader {
  const { quote, placeholder } = DIALECTS.mysql
  const query: RowDialect['query'] = async (sql, params = []) => {
    await session.query('START TRANSACTION READ ONLY')
    try {
      // With parameters as a prepared statement: the client's own quoting relies on a setting of the server.
      return params.length > 0
        ? await prepared(session, sql, params)
        : await session.query(sql, [], AbortSignal.timeout(MOST_MS))
    } catch (error) {
      throw asStatementError(error)
    } finally {
      await session.query('ROLLBACK').catch(() => undefined)
    }
  }
  const dialect: RowDialect = {
    query,
    async list() {
      const rows = await query(LIST)
      return rows.map(
        ({ name, type, estimate, bytes }): TableSize => ({
          schema: '',
          name: String(name),
          near: true,
          kind: type === 'VIEW' ? 'view' : 'table',
          rows: type === 'VIEW' || estimate === null ? undefined : Number(estimate),
          exact: false,
          bytes: type === 'VIEW' || bytes === null ? undefined : Number(bytes),
        }),
      )
    },
    async columns(_, table) {
      const rows = await query(COLUMNS, [table])
      return rows.map(
        ({ name, type, is_key }): RowColumn => ({ name: String(name), type: String(type), isKey: is_key === 'PRI' }),
      )
    },
    async waiting() {
      const [there] = await query(COLUMNS_IN, [kept, INDEX])
      if (!there) return []
      const stores = await query(`SELECT * FROM ${at(kept, INDEX)} WHERE done = 1 AND what <> 'made' ORDER BY tab, n`)
      const all: WaitingRows[] = []
      for (const { n, tab, what, why } of stores) {
        const columns = await query(COLUMNS_IN, [kept, `t${n}`])
        const names = columns.map(({ name }) => String(name))
        const values = columns.map(
          ({ name, type }, i) => `${asText(String(name), String(type), MOST_CHARACTERS + 1)} AS c${i}`,
        )
        const place = at(kept, `t${n}`)
        const rows = await query(`SELECT ${values.join(', ')} FROM ${place} LIMIT ${MOST_WAITING}`)
        const [count] = await query(`SELECT COUNT(*) AS n FROM ${place}`)
        all.push({
          table: String(tab),
          whole: what === 'waited',
          columns: names,
          rows: rows.map((row) => ({
            values: names.map((_, i) => (row[`c${i}`] as string | null) ?? null),
            why: typeof why === 'string' ? why : undefined,
          })),
          total: Number(count?.n),
        })
      }
      return all.filter(({ total }) => total > 0)
    },
    quote,
    placeholder,
    text: ({ name, type }, most) => asText(name, type, most),
    like: 'LIKE',
    order: (column, descending) => `${quote(column)} IS NULL, ${quote(column)} ${descending ? 'DESC' : 'ASC'}`,
  }
  return rowReader(dialect, hidden, () => session.close())
}

// --- internal ---

const MOST_MS = 5000
const BINARY = /^(?:(?:tiny|medium|long)?blob|(?:var)?binary)/i
const SPATIAL = /^(?:geometry|point|linestring|polygon|multi|geometrycollection)/i

function asText(name: string, type: string, most: number | undefined): string {
  const value = DIALECTS.mysql.quote(name)
  const text = BINARY.test(type)
    ? `HEX(${value})`
    : SPATIAL.test(type)
      ? `ST_AsText(${value})`
      : /^bit/i.test(type)
        ? `BIN(${value})`
        : `CAST(${value} AS CHAR)`
  return most === undefined ? text : `LEFT(${text}, ${most})`
}

const LIST = `
SELECT TABLE_NAME AS name, TABLE_TYPE AS type, TABLE_ROWS AS estimate, DATA_LENGTH + INDEX_LENGTH AS bytes
FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME`

const COLUMNS = `
SELECT COLUMN_NAME AS name, COLUMN_TYPE AS type, COLUMN_KEY AS is_key
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION`

const COLUMNS_IN = COLUMNS.replace('DATABASE()', '?')

async function prepared(session: Session, sql: string, params: readonly string[]) {
  const [rows] = await (session.client as Connection).execute({ sql, timeout: MOST_MS }, [...params])
  return rows as Record<string, unknown>[]
}
