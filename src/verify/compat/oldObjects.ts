/** The queries that code of an old version sends to views and functions, derived from the catalog. */
import type { FillColumn, FillTable } from '../../fill/model.ts'
import type { Dialect } from '../../sql/dialect.ts'
import type { Run } from './broken.ts'
import { type OldQuery, reading } from './oldQueries.ts'

/** Returns a query for all columns of each view, and a call of each function that runs nothing. */
export async function objectQueries(run: Run, dialect: Dialect): Promise<OldQuery[]> {
  const columns = (await run(VIEWS[dialect])) as readonly ViewColumn[]
  const functions = (await run(FUNCTIONS[dialect])) as readonly FunctionRow[]
  const views = [...Map.groupBy(columns, ({ name }) => name).values()].map((own) => {
    const [{ name, sql }] = own as [ViewColumn]
    const all = own.map((one): FillColumn => ({ ...PLAIN, id: one.column, name: one.column, sql: one.cell }))
    return reading(standIn(name, sql, all), all)
  })
  const calls = functions.map(
    ({ name, sql, args }): OldQuery => ({
      table: standIn(name, sql, []),
      verb: 'CALL',
      columns: [],
      // The server finds the function, and calls it for no row.
      sql: `SELECT ${sql}(${args ?? ''})${dialect === 'mysql' ? ' FROM DUAL' : ''} WHERE false`,
      parts: [],
    }),
  )
  return [...views, ...calls]
}

// --- internal ---

interface ViewColumn {
  readonly name: string
  readonly sql: string
  readonly column: string
  readonly cell: string
}

interface FunctionRow {
  readonly name: string
  readonly sql: string
  readonly args: string | null
}

const OURS = (oid: string, catalog: string) =>
  `${oid} >= 16384 AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'migratest_live') AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '${catalog}'::regclass AND e.objid = ${oid} AND e.deptype = 'e')`

const VIEWS: Readonly<Record<Dialect, string>> = {
  postgres: `SELECT c.oid::regclass::text AS name, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS sql, a.attname AS column, quote_ident(a.attname) AS cell
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('v', 'm') AND ${OURS('c.oid', 'pg_class')} ORDER BY c.oid, a.attnum`,
  mysql:
    "SELECT c.table_name AS name, CONCAT('`', c.table_name, '`') AS `sql`, c.column_name AS `column`, CONCAT('`', c.column_name, '`') AS cell FROM information_schema.columns c JOIN information_schema.views v ON v.table_schema = c.table_schema AND v.table_name = c.table_name WHERE c.table_schema = DATABASE() ORDER BY 1, c.ordinal_position",
}

const FUNCTIONS: Readonly<Record<Dialect, string>> = {
  postgres: `SELECT p.proname AS name, quote_ident(n.nspname) || '.' || quote_ident(p.proname) AS sql, (SELECT string_agg('NULL::' || format_type(t.type, NULL), ', ' ORDER BY t.nr) FROM unnest(p.proargtypes) WITH ORDINALITY AS t (type, nr)) AS args
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
    WHERE p.prokind = 'f' AND l.lanname NOT IN ('c', 'internal') AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) AND p.provariadic = 0
      AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) AS t (type) JOIN pg_type y ON y.oid = t.type WHERE y.typtype = 'p') AND ${OURS('p.oid', 'pg_proc')} ORDER BY 1, 3`,
  mysql:
    "SELECT r.routine_name AS name, CONCAT('`', r.routine_name, '`') AS `sql`, (SELECT GROUP_CONCAT('NULL' SEPARATOR ', ') FROM information_schema.parameters p WHERE p.specific_schema = DATABASE() AND p.specific_name = r.specific_name AND p.ordinal_position > 0) AS args FROM information_schema.routines r WHERE r.routine_schema = DATABASE() AND r.routine_type = 'FUNCTION' ORDER BY 1",
}

const PLAIN = {
  type: { kind: 'text', sql: 'text' },
  written: 'text',
  nullable: true,
  default: null,
  constant: undefined,
  numbered: false,
  generated: null,
} as const

/** Stands for the object where others are tables. */
function standIn(name: string, sql: string, columns: readonly FillColumn[]): FillTable {
  const none = { primaryKey: [], foreignKeys: [], conditions: [], uniques: [], triggers: 0 }
  return { id: `${name} ${columns.length}`, name, sql, columns, ...none }
}
