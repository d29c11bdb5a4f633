/** Reads from PostgreSQL's catalogs what the fill has to know (PostgreSQL manual, chapter "System Catalogs"). */
import { queryPrepared } from '../../database/postgres/prepared.ts'
import type { Session } from '../../database/postgres/session.ts'
import { literal } from '../../database/postgres/tables.ts'
import type { Excluded } from '../fillDatabase.ts'
import type { Condition, FillColumn, FillTable, ForeignKey } from '../model.ts'
import { type TypeRow, typesOf } from './types.ts'

/**
 * @param often `true` to prepare the query on the session: planning it takes longer than running it
 * @param ids only these tables
 */
export async function readTables(
  session: Pick<Session, 'query'>,
  exclude: Excluded,
  often: boolean,
  ids?: readonly string[],
): Promise<FillTable[]> {
  const isSome = often && ids !== undefined
  const sql = query(exclude, isSome)
  const run = () => {
    if (!often) return session.query(sql)
    return isSome
      ? queryPrepared(session, PREPARED_SOME, sql, { type: 'oid[]', value: `{${ids.join()}}` })
      : queryPrepared(session, PREPARED, sql)
  }
  const [found] = (await run()) as unknown as [{ tables: TableRow[] | null; types: TypeRow[] | null }]
  const typeOf = typesOf(found.types ?? [])
  return (found.tables ?? []).map((row) => tableOf(row, typeOf))
}

// --- internal ---

const PREPARED = 'migratest_fill_tables'
const PREPARED_SOME = 'migratest_fill_some_tables'

interface ColumnRow {
  readonly name: string
  readonly sql: string
  readonly number: number
  readonly written: string
  readonly type: number
  readonly modifier: number
  readonly notNull: boolean
  readonly default: string | null
  readonly identity: string
  readonly generated: string
  /** The sequence of an identity or serial column, quoted and qualified. */
  readonly sequence: string | null
}

interface ConstraintRow {
  readonly name: string
  readonly type: 'c' | 'f'
  readonly columns: readonly number[] | null
  readonly sql: string | null
  readonly parent: number
  readonly parentSql: string
  readonly parentColumns: readonly string[] | null
  readonly deferrable: boolean
  readonly valid: boolean
  readonly onDelete: string
}

interface TableRow {
  readonly oid: number
  readonly name: string
  readonly sql: string
  readonly kind: string
  readonly columns: readonly ColumnRow[] | null
  readonly constraints: readonly ConstraintRow[] | null
  readonly indexes:
    | readonly { readonly columns: readonly number[]; readonly primary: boolean; readonly sql: string }[]
    | null
  readonly partitions: readonly string[] | null
  readonly partitionNames: readonly string[] | null
  readonly strategy: string | null
  readonly partitionColumns: readonly number[] | null
  readonly triggers: number
}

/** @param some `true` for a query of the tables with the ids of its parameter */
function query({ tables, schemas }: Excluded, some: boolean): string {
  const names = ["''", ...tables.map(literal)].join(', ')
  const hidden = ["'information_schema'", ...schemas.map(literal)].join(', ')
  return `
WITH RECURSIVE rel AS MATERIALIZED (
  SELECT c.*, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid >= 16384 ${some ? 'AND c.oid = ANY ($1)' : ''} AND c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition AND n.nspname !~ '^pg_' AND n.nspname NOT IN (${hidden})
    AND c.relname NOT IN (${names}) AND n.nspname || '.' || c.relname NOT IN (${names})
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
),
used AS (
  SELECT DISTINCT a.atttypid AS oid FROM pg_attribute a JOIN rel ON rel.oid = a.attrelid WHERE a.attnum > 0 AND NOT a.attisdropped
  UNION
  SELECT x.oid FROM used ${EACH_TYPE} CROSS JOIN LATERAL (
    SELECT t.typbasetype AS oid UNION ALL SELECT t.typelem
    UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)
    UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
  ) x WHERE x.oid <> 0
)
SELECT (SELECT json_agg(json_build_object('oid', c.oid::bigint, 'name', CASE WHEN pg_table_is_visible(c.oid) THEN c.relname ELSE c.nspname || '.' || c.relname END,
    'sql', quote_ident(c.nspname) || '.' || quote_ident(c.relname), 'kind', c.relkind,
    'columns', (SELECT json_agg(json_build_object('name', a.attname, 'sql', quote_ident(a.attname), 'number', a.attnum, 'written', format_type(a.atttypid, a.atttypmod), 'type', a.atttypid::bigint, 'modifier', a.atttypmod, 'notNull', a.attnotnull,
        'default', pg_get_expr(d.adbin, d.adrelid), 'identity', a.attidentity, 'generated', a.attgenerated,
        'sequence', CASE WHEN a.attidentity <> '' OR d.oid IS NOT NULL THEN (SELECT quote_ident(n.nspname) || '.' || quote_ident(s.relname) FROM pg_depend o JOIN pg_class s ON s.oid = o.objid AND s.relkind = 'S' JOIN pg_namespace n ON n.oid = s.relnamespace
          WHERE o.refclassid = 'pg_class'::regclass AND o.refobjid = c.oid AND o.refobjsubid = a.attnum AND o.classid = 'pg_class'::regclass AND o.deptype IN ('a', 'i') LIMIT 1) END) ORDER BY a.attnum)
      FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'constraints', (SELECT json_agg(json_build_object('name', k.conname, 'type', k.contype, 'columns', k.conkey, 'sql', pg_get_expr(k.conbin, k.conrelid), 'parent', k.confrelid::bigint, 'parentSql', k.confrelid::regclass::text, 'deferrable', k.condeferrable, 'valid', k.convalidated, 'onDelete', k.confdeltype,
        'parentColumns', (SELECT json_agg(a.attname ORDER BY u.at) FROM unnest(k.confkey) WITH ORDINALITY u (num, at) JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num)) ORDER BY k.conname)
      FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('c', 'f') AND k.conparentid = 0),
    'indexes', (SELECT json_agg(json_build_object('columns', i.indkey::smallint[], 'primary', i.indisprimary, 'sql', COALESCE(pg_get_expr(i.indexprs, i.indrelid), '')) ORDER BY i.indisprimary DESC, i.indexrelid)
      FROM pg_index i WHERE i.indrelid = c.oid AND (i.indisunique OR i.indisexclusion)),
    'partitions', CASE WHEN c.relkind = 'p' THEN (SELECT json_agg(pg_get_partition_constraintdef(t.relid) ORDER BY t.relid) FROM pg_partition_tree(c.oid) t WHERE t.isleaf) END,
    'partitionNames', CASE WHEN c.relkind = 'p' THEN (SELECT json_agg(t.relid::regclass::text ORDER BY t.relid) FROM pg_partition_tree(c.oid) t WHERE t.level > 0) END,
    'strategy', (SELECT p.partstrat FROM pg_partitioned_table p WHERE p.partrelid = c.oid),
    'partitionColumns', (SELECT json_agg(DISTINCT a.attnum) FROM pg_partition_tree(c.oid) t JOIN pg_partitioned_table p ON p.partrelid = t.relid JOIN pg_attribute o ON o.attrelid = t.relid AND o.attnum = ANY (p.partattrs::smallint[]) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = o.attname),
    'triggers', (SELECT count(*)::int FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 4 = 4)
  ) ORDER BY c.oid) FROM rel c) AS tables,
  (SELECT json_agg(json_build_object('oid', t.oid::bigint, 'name', format_type(t.oid, NULL), 'plain', t.typname, 'form', t.typtype, 'category', t.typcategory, 'element', CASE WHEN t.typsubscript = 'array_subscript_handler'::regproc THEN t.typelem::bigint ELSE 0 END, 'base', t.typbasetype::bigint, 'modifier', t.typtypmod,
    'labels', (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
    'bound', (SELECT r.rngsubtype::bigint FROM pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)),
    'attributes', CASE WHEN t.typtype = 'c' THEN (SELECT json_agg(json_build_array(a.atttypid::bigint, a.atttypmod) ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) END,
    'notNull', t.typnotnull,
    'checks', (SELECT json_agg(pg_get_expr(k.conbin, 0) ORDER BY k.conname) FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c')))
  FROM used ${EACH_TYPE}) AS types`
}

/** Few types are used: each is looked up, where the planner would read all that there are. */
const EACH_TYPE = 'CROSS JOIN LATERAL (SELECT * FROM pg_type t WHERE t.oid = used.oid OFFSET 0) t'

function tableOf(row: TableRow, typeOf: ReturnType<typeof typesOf>): FillTable {
  const all = row.columns ?? []
  const nameOf = (number: number) => all.find((column) => column.number === number)?.name
  const namesOf = (numbers: readonly number[] | null) => (numbers ?? []).flatMap((number) => nameOf(number) ?? [])
  const columns = all.map((column): FillColumn => {
    const { type, isNotNull } = typeOf(column.type, column.modifier)
    const numbered = column.identity !== '' || /^nextval\(/.test(column.default ?? '')
    return {
      id: String(column.number),
      name: column.name,
      sql: column.sql,
      type,
      written: column.written,
      nullable: !column.notNull && !isNotNull,
      default: column.generated ? null : column.default,
      constant: column.generated ? undefined : constantOf(column.default),
      numbered,
      generated: column.generated ? column.default : null,
      ...(numbered && { sequence: sequenceIn(column) }),
    }
  })
  const generated = columns.filter((column) => column.generated !== null)
  const foreignKeys = (row.constraints ?? []).filter(({ type }) => type === 'f')
  const indexes = row.indexes ?? []
  return {
    id: String(row.oid),
    name: row.name,
    sql: row.sql,
    columns,
    primaryKey: namesOf(indexes.find(({ primary }) => primary)?.columns ?? null),
    foreignKeys: foreignKeys.map(
      (key): ForeignKey => ({
        name: key.name,
        columns: namesOf(key.columns),
        parent: String(key.parent),
        parentSql: key.parentSql,
        parentColumns: key.parentColumns ?? [],
        deferrable: key.deferrable,
        isValid: key.valid,
        onDelete: { c: 'CASCADE', n: 'SET NULL', d: 'SET DEFAULT' }[key.onDelete] ?? 'NO ACTION',
      }),
    ),
    conditions: [
      ...(row.constraints ?? [])
        .filter(({ type }) => type === 'c')
        .map(
          ({ name, columns: numbers, sql, valid }): Condition => ({
            name,
            columns: withBases(namesOf(numbers), columns),
            sql: sql ?? 'true',
            isValid: valid,
          }),
        ),
      ...generated
        .filter(({ nullable }) => !nullable)
        .map(
          ({ name, generated: sql, type }): Condition => ({
            name: `${name} is not null`,
            columns: namedIn(sql ?? '', columns),
            sql: `(${sql}) IS NOT NULL`,
            yields: type,
          }),
        ),
      ...partitionsOf(row, columns, namesOf),
    ],
    uniques: indexes.map(({ columns: numbers, sql }) => [
      ...new Set([...withBases(namesOf(numbers), columns), ...(sql ? namedIn(sql, columns) : [])]),
    ]),
    ...(row.kind === 'p' &&
      !row.partitions?.length && {
        partitionFor: row.strategy === 'h' ? 'FOR VALUES WITH (MODULUS 1, REMAINDER 0)' : 'DEFAULT',
      }),
    triggers: row.triggers,
    ...(row.partitionNames && { partitions: row.partitionNames }),
    ...(row.kind === 'f' && { refused: 'it is a foreign table' }),
  }
}

/** The sequence that a default names; otherwise the column's own. */
function sequenceIn({ default: sql, sequence }: ColumnRow): string | undefined {
  return /^nextval\('((?:[^']|'')+)'::regclass\)/.exec(sql ?? '')?.[1]?.replaceAll("''", "'") ?? sequence ?? undefined
}

/** A row has to fit one of the partitions. */
function partitionsOf(
  { partitions, partitionColumns }: TableRow,
  columns: readonly FillColumn[],
  namesOf: (numbers: readonly number[] | null) => string[],
): Condition[] {
  if (!partitions || partitions.length === 0) return []
  const sql = partitions.map((one) => `(${one ?? 'true'})`).join(' OR ')
  return [{ name: 'bounds of the partitions', columns: withBases(namesOf(partitionColumns), columns), sql }]
}

/** Replaces generated columns by the columns that they are computed from. */
function withBases(names: readonly string[], columns: readonly FillColumn[]): string[] {
  const all = names.flatMap((name) => {
    const generated = columns.find((column) => column.name === name)?.generated
    return generated === null || generated === undefined ? [name] : namedIn(generated, columns)
  })
  return [...new Set(all)]
}

/** The columns that an expression names. */
function namedIn(sql: string, columns: readonly FillColumn[]): string[] {
  const outside = sql.replaceAll(/'(?:[^']|'')*'/g, "''")
  const words = new Set([...outside.matchAll(/"(?:[^"]|"")*"|[\p{L}_][\p{L}\p{N}_$]*/gu)].map(([word]) => word))
  return columns.filter((column) => words.has(column.sql) && column.generated === null).map(({ name }) => name)
}

/** The value of a default that is a constant. */
function constantOf(sql: string | null): string | undefined {
  if (sql === null) return undefined
  const quoted = /^'((?:[^']|'')*)'(?:::[\w\s".,()[\]]+)?$/.exec(sql)
  if (quoted) return quoted[1]?.replaceAll("''", "'")
  return /^(?:-?\d+(?:\.\d+)?|true|false)$/.test(sql) ? sql : undefined
}
