/** Rows of PostgreSQL and PGlite for people to look at. */

import type { Hidden } from '../../migrate/source.ts'
import { DIALECTS } from '../../sql/dialect.ts'
import { type RowColumn, type RowDialect, type RowReader, rowReader, type TableSize } from '../rowReader.ts'
import { asStatementError } from './failure.ts'
import type { Session } from './session.ts'

/** Takes over the session and closes it with the reader. */
export function postgresRows(session: Session, hidden: Hidden): RowReader {
  const { quote, placeholder } = DIALECTS.postgres
  const query: RowDialect['query'] = async (sql, params = []) => {
    await session.query(`BEGIN READ ONLY; SET LOCAL statement_timeout = ${MOST_MS}`)
    try {
      return await session.query(sql, params)
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
        ({ schema, name, near, view, estimate, bytes }): TableSize => ({
          schema: String(schema),
          name: String(name),
          near: near === true,
          kind: view === true ? 'view' : 'table',
          rows: view === true || Number(estimate) < 0 ? undefined : Number(estimate),
          exact: false,
          bytes: view === true ? undefined : Number(bytes),
        }),
      )
    },
    async columns(schema, table) {
      const rows = await query(COLUMNS, [schema, table])
      return rows.map(
        ({ name, type, is_key }): RowColumn => ({ name: String(name), type: String(type), isKey: is_key === true }),
      )
    },
    quote,
    placeholder,
    text: ({ name }, most) => (most === undefined ? `${quote(name)}::text` : `left(${quote(name)}::text, ${most})`),
    like: 'ILIKE',
    order: (column, descending) => `${quote(column)} ${descending ? 'DESC' : 'ASC'} NULLS LAST`,
  }
  return rowReader(dialect, hidden, () => session.close())
}

// --- internal ---

const MOST_MS = 5000

const LIST = `
SELECT n.nspname AS schema, c.relname AS name, n.nspname = current_schema() AS near,
  c.relkind IN ('v', 'm') AS view, c.reltuples::bigint AS estimate, pg_total_relation_size(c.oid) AS bytes
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname <> current_schema(), n.nspname, c.relname`

const COLUMNS = `
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
  EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey)) AS is_key
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY a.attnum`
