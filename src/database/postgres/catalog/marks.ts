/**
 * A query that finds out which objects have changed, in a tenth of the time that reading them takes. A row of a catalog is
 * the same as before if it has the same place and was written by the same transaction (`ctid`, `xmin`). The query returns
 * one mark for each family: all catalog rows of a relation with its columns, constraints, indexes and triggers, of a type,
 * or of a routine. What the server writes in place, such as statistics, changes no mark and is no part of a schema.
 */

/** Catalogs to which most migrations write. */
const USUAL =
  "'pg_class', 'pg_type', 'pg_constraint', 'pg_trigger', 'pg_attrdef', 'pg_rewrite', 'pg_index', 'pg_attribute', 'pg_sequence', 'pg_depend'"

/** The row that the marks query returns: texts of `OID MARK`, separated by commas. */
export interface MarkRow {
  /**
   * The server's count of writes to the catalogs: to the usual ones, and everything else; null if nobody asked for it, or the
   * server cannot tell.
   */
  readonly counted: string | null
  /** The marks of relations, types and routines in the usual catalogs; null if as much was counted as before. */
  readonly families: string | null
  /** The same in the other catalogs. These columns are missing if only the usual catalogs were asked for. */
  readonly more?: string | null
  /** Oids of routines whose names other routines have, too: how the server writes a call depends on all of them. */
  readonly shared?: string | null
  /** The mark of everything else. */
  readonly others?: string | null
}

/**
 * The parameter is what the server had counted at the moment before, empty if that is not known, null if it says nothing:
 * see {@link catalogWrites}.
 * @param usual `true` to look only at the catalogs to which most migrations write: the server needs half the time then
 */
export function marksQuery(usual: boolean): string {
  return `
WITH counted AS MATERIALIZED (SELECT CASE WHEN $1 IS NOT NULL THEN ${catalogWrites} || ' ' || (SELECT bit_xor(mark) FROM (${SHARED.join('\n  UNION ALL ')}) of_the_server) END AS counted),
-- The row type of a table and the array of a type change with these.
typ AS MATERIALIZED (
  SELECT t.oid, COALESCE(NULLIF(t.typrelid, 0), CASE t.typtype WHEN 'm' THEN (SELECT m.rngtypid FROM pg_range m WHERE m.rngmultitypid = t.oid) END, t.oid) AS family, t.typtype IN ('b', 'p') AS base, ${mark('t')} AS mark
  FROM pg_type t WHERE t.oid >= 16384 AND t.oid NOT IN (SELECT e.typarray FROM pg_type e WHERE e.oid >= 16384)
    AND (t.typtype <> 'c' OR t.typrelid IN (SELECT c.oid FROM pg_class c WHERE c.oid >= 16384 AND c.relkind = 'c'))
),
-- Rows of catalogs that others lead to, each with its family, an index as one of its own.
own AS MATERIALIZED (
  SELECT 'pg_class'::regclass::oid AS classid, c.oid AS objid, c.oid AS family, ${mark('c')} AS mark FROM pg_class c WHERE c.oid >= 16384 AND c.relnamespace <> 'pg_toast'::regnamespace
  UNION ALL SELECT 'pg_type'::regclass, oid, family, mark FROM typ WHERE NOT base
  UNION ALL SELECT 'pg_constraint'::regclass, oid, COALESCE(NULLIF(conrelid, 0), contypid), ${mark('k')} FROM pg_constraint k WHERE oid >= 16384
  -- The triggers with which the server checks foreign keys come with each that refers to a table; only a partition's can differ.
  UNION ALL SELECT 'pg_trigger'::regclass, t.oid, t.tgrelid, ${mark('t')} FROM pg_trigger t WHERE NOT t.tgisinternal OR t.tgparentid <> 0 OR t.tgrelid IN (SELECT partrelid FROM pg_partitioned_table)
  UNION ALL ${owned('pg_attrdef', 'adrelid')}
  UNION ALL ${owned('pg_rewrite', 'ev_class')}
),
-- Family 0 is everything that belongs to no relation, type or routine.
usual AS (
  SELECT family, mark FROM own
  UNION ALL SELECT 0, mark FROM typ WHERE base
  UNION ALL SELECT i.indrelid, ${mark('i')} FROM pg_index i WHERE i.indexrelid >= 16384
  -- The expressions of an index have settings, too.
  UNION ALL SELECT a.attrelid, ${mark('a')} FROM pg_attribute a WHERE a.attrelid >= 16384 AND a.attnum > 0
  UNION ALL SELECT s.seqrelid, ${mark('s')} FROM pg_sequence s
  UNION ALL SELECT CASE d.deptype WHEN 'x' THEN COALESCE(o.family, 0) ELSE 0 END, ${mark('d')} FROM pg_depend d LEFT JOIN own o ON o.classid = d.classid AND o.objid = d.objid WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype IN ('x', 'e')
  -- A table's DDL has its sequences.
  UNION ALL SELECT f.oid, f.mark FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid
    CROSS JOIN LATERAL (SELECT d.objid, d.refobjid, ${mark('d')} AS mark FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = q.seqrelid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') OFFSET 0) d
    CROSS JOIN LATERAL (VALUES (d.objid, d.mark), (d.refobjid, d.mark # ${mark('c')} # ${mark('q')})) f (oid, mark)
)${usual ? '' : OF_THE_REST}
SELECT counted, CASE WHEN is_other THEN (${familiesOf('usual')}) END AS families${usual ? '' : MARKS_OF_THE_REST}
FROM (SELECT counted, COALESCE(counted <> $1, true) AS is_other FROM counted OFFSET 0) now`
}

/**
 * SQL of how many rows of the database's catalogs sessions have inserted, updated and deleted, one number for the usual catalogs
 * and one for the others; null if this server cannot tell. What a session has done is counted when it reports that, which a
 * migration's session does at its end (version 15 and later); what this one has done and not reported yet is in the counts of its
 * transactions. PGlite reports nothing.
 */
const catalogWrites = ifCounted(
  `SELECT concat_ws(' ', sum(writes) FILTER (WHERE usual), sum(writes) FILTER (WHERE NOT usual)) FROM (SELECT c.relname IN (${USUAL}) AS usual, ${writesOf('c.oid')} AS writes FROM pg_class c WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' AND NOT c.relisshared AND c.relname <> 'pg_statistic' OFFSET 0) catalogs`,
)

/** SQL of how many rows of these catalogs sessions have inserted, updated and deleted, as {@link catalogWrites}. */
export function writesTo(catalogs: readonly string[]): string {
  const list = catalogs.map((name) => `pg_catalog.${name}`).join()
  return ifCounted(`SELECT sum(${writesOf('c.oid')})::text FROM unnest('{${list}}'::regclass[]) c (oid)`)
}

/** SQL of how many rows of a table were inserted, updated and deleted, in a way that grows with each of them. */
export function writesOf(table: string): string {
  return ['inserted', 'updated', 'deleted']
    .map((what) => `pg_stat_get_tuples_${what}(${table}) + pg_stat_get_xact_tuples_${what}(${table})`)
    .join(' + ')
}

/** SQL of a number that stands for a row of a catalog as it is now: for another row, or another version of it, it differs. */
export const mark = (row: string) => hashOf(`${row}.tableoid, ${row}.ctid, ${row}.xmin`)

// --- internal ---

/** SQL of a query's result, null if this server cannot tell what was written. */
function ifCounted(query: string): string {
  return `CASE WHEN current_setting('server_version_num')::int >= 150000 AND current_setting('track_counts') = 'on' AND version() !~* 'emscripten|emcc|wasm' THEN (${query}) END`
}

/** SQL of a number that stands for values. */
const hashOf = (values: string) => `hash_record_extended(ROW(${values}), 0)`

/** SQL of the rows of a catalog with the oid of their relation. */
function owned(catalog: string, relation: string): string {
  return `SELECT '${catalog}'::regclass, oid, ${relation}, ${mark('x')} FROM ${catalog} x WHERE oid >= 16384`
}

/** SQL of the marks of families. @param rows a common table expression with families, an index as one of its own, and marks */
function familiesOf(rows: string): string {
  return `SELECT COALESCE(string_agg(family || ' ' || mark, ','), '') FROM (
    SELECT COALESCE(i.indrelid, m.family) AS family, bit_xor(m.mark) # sum(m.rows)::bigint AS mark
    FROM (SELECT family, bit_xor(mark) AS mark, count(*) AS rows FROM ${rows} GROUP BY family) m LEFT JOIN pg_index i ON i.indexrelid = m.family GROUP BY 1) families`
}

/** Selects marks of objects of the whole server: the DDL contains names of roles and the owner of the database. */
const SHARED: readonly string[] = [
  `SELECT ${hashOf('m.umid, m.srvname, m.usename')} AS mark FROM pg_user_mappings m`,
  `SELECT ${hashOf('s.oid, s.subname')} FROM pg_subscription s`,
  `SELECT ${hashOf('r.oid, r.rolname')} FROM pg_roles r`,
  `SELECT ${hashOf('b.datdba')} FROM pg_database b WHERE b.datname = current_database()`,
  `SELECT ${mark('s')} FROM pg_tablespace s`,
]

/** Catalogs of small kinds of objects. If a row of one of them changes, everything is read. */
const OTHERS: readonly string[] = [
  'pg_language',
  'pg_cast',
  'pg_operator',
  'pg_opclass',
  'pg_opfamily',
  'pg_conversion',
  'pg_am',
  'pg_collation',
  'pg_foreign_data_wrapper',
  'pg_foreign_server',
  'pg_ts_config',
  'pg_ts_dict',
  'pg_ts_parser',
  'pg_ts_template',
  'pg_transform',
  'pg_publication',
  'pg_publication_rel',
  'pg_publication_namespace',
  'pg_event_trigger',
  'pg_default_acl',
]

/** The common table expressions of what belongs to families in the other catalogs, and of the rest. */
const OF_THE_REST = `,
ns AS MATERIALIZED (SELECT n.oid, ${mark('n')} AS mark FROM pg_namespace n WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'),
own_more AS MATERIALIZED (
  SELECT 'pg_proc'::regclass::oid AS classid, oid AS objid, oid AS family, ${mark('p')} AS mark FROM pg_proc p WHERE oid >= 16384
  UNION ALL ${owned('pg_policy', 'polrelid')}
  UNION ALL ${owned('pg_statistic_ext', 'stxrelid')}
),
more AS (
  SELECT family, mark FROM own_more
  UNION ALL SELECT e.enumtypid, ${mark('e')} FROM pg_enum e
  UNION ALL SELECT r.rngtypid, ${mark('r')} FROM pg_range r WHERE r.rngtypid >= 16384
  UNION ALL SELECT a.aggfnoid, ${mark('a')} FROM pg_aggregate a WHERE a.aggfnoid >= 16384
  UNION ALL SELECT f.ftrelid, ${mark('f')} FROM pg_foreign_table f
  UNION ALL SELECT p.partrelid, ${mark('p')} FROM pg_partitioned_table p
  -- A table and those that inherit from it; their indexes likewise.
  UNION ALL SELECT f.oid, ${mark('h')} FROM pg_inherits h CROSS JOIN LATERAL (VALUES (h.inhrelid), (h.inhparent)) f (oid)
  -- The DDL of a partitioned index has what the indexes of partitions have of their own.
  UNION ALL SELECT r.indrelid, ${mark('i')} # ${mark('c')} # COALESCE(${hashOf('o.description')}, 0) FROM pg_inherits h JOIN pg_index i ON i.indexrelid = h.inhrelid JOIN pg_class c ON c.oid = h.inhrelid JOIN pg_index r ON r.indexrelid = pg_partition_root(h.inhrelid)
    LEFT JOIN pg_description o ON o.classoid = 'pg_class'::regclass AND o.objoid = h.inhrelid
  -- A table's DDL has its sequences.
  UNION ALL SELECT d.refobjid, ${mark('o')} FROM pg_description o CROSS JOIN LATERAL (SELECT d.refobjid FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = o.objoid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') OFFSET 0) d
    WHERE o.classoid = 'pg_class'::regclass AND o.objoid IN (SELECT seqrelid FROM pg_sequence) AND o.objsubid = 0
  UNION ALL SELECT COALESCE(o.family, 0), ${mark('d')} FROM pg_description d LEFT JOIN (SELECT * FROM own UNION ALL SELECT * FROM own_more) o ON o.classid = d.classoid AND o.objid = d.objoid WHERE d.objoid >= 16384
),
rest AS (
  SELECT mark FROM ns
  UNION ALL SELECT ${mark('d')} FROM pg_description d WHERE d.classoid = 'pg_namespace'::regclass AND d.objoid IN (SELECT oid FROM ns)
  UNION ALL ${SHARED.join('\n  UNION ALL ')}
  UNION ALL SELECT ${mark('m')} FROM pg_ts_config_map m WHERE m.mapcfg >= 16384
  UNION ALL SELECT ${mark('x')} FROM pg_extension x
  UNION ALL ${OTHERS.map((catalog) => `SELECT ${mark('x')} FROM ${catalog} x WHERE x.oid >= 16384`).join('\n  UNION ALL ')}
)`

const MARKS_OF_THE_REST = `,
  CASE WHEN is_other THEN (${familiesOf('more')}) END AS more,
  CASE WHEN is_other THEN (SELECT string_agg(p.oid::text, ',') FROM pg_proc p WHERE p.oid >= 16384 AND EXISTS (SELECT FROM pg_proc o WHERE o.proname = p.proname AND o.oid <> p.oid)) END AS shared,
  CASE WHEN is_other THEN (SELECT bit_xor(mark) || ' ' || count(*) FROM rest) END AS others`
