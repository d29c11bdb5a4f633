/** Rows of PostgreSQL and PGlite for people to look at. */

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
import type { Session } from './session.ts'

/**
 * Takes over the session and closes it with the reader.
 * @param kept the table of the rows that wait, qualified if it is in another schema than the usual one
 */
export function postgresRows(session: Session, hidden: Hidden, kept: string): RowReader {
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
    async waiting() {
      const [place] = await query('SELECT to_regclass($1)::text AS name', [kept])
      if (typeof place?.name !== 'string') return []
      const rows = await query(waitingIn(place.name))
      return rows.map(({ tab, whole, columns, lines, reasons, total }): WaitingRows => {
        const names = columns as string[]
        const whys = reasons as (string | null)[]
        return {
          table: String(tab).replace(/^public\./, ''),
          whole: whole === true,
          columns: names.map(plain),
          rows: (lines as Record<string, string | null>[]).map((line, i) => ({
            values: names.map((name) => line[name] ?? null),
            why: whys[i] ?? undefined,
          })),
          total: Number(total),
        }
      })
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

/** The names of the columns are kept as SQL writes them. */
function plain(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name
}

/**
 * Rows with the same columns belong together. Their order is that of the table, if it is there. A table of an earlier
 * version of migratest has no column `why`.
 */
const waitingIn = (kept: string) => `
SELECT tab, whole, total, columns, (array_agg(line ORDER BY id)) AS lines, (array_agg(why ORDER BY id)) AS reasons
FROM (SELECT k.id, k.tab, k.whole, to_jsonb(k)->>'why' AS why,
    (SELECT jsonb_object_agg(key, left(value, ${MOST_CHARACTERS + 1})) FROM jsonb_each_text(k.line)) AS line,
    ARRAY(SELECT key FROM jsonb_object_keys(k.line) key LEFT JOIN pg_attribute a ON a.attrelid = to_regclass(k.tab) AND quote_ident(a.attname) = key AND NOT a.attisdropped
      ORDER BY a.attnum NULLS LAST, key) AS columns,
    count(*) OVER same AS total, row_number() OVER (same ORDER BY k.id) AS nth
  FROM ${kept} k WINDOW same AS (PARTITION BY k.tab, k.whole, ARRAY(SELECT jsonb_object_keys(k.line)))) waiting
WHERE nth <= ${MOST_WAITING}
GROUP BY tab, whole, total, columns ORDER BY tab, whole DESC`

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
