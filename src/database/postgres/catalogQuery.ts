/**
 * One query that reads from the catalogs everything a schema consists of (PostgreSQL manual, chapter "System Catalogs";
 * these columns are the same from 14 to 18). Each row is an object's kind, its oid, and its facts as JSON. Members of
 * extensions and our own tables are left out. OFFSET 0 keeps the planner, which knows little about how many rows a
 * catalog has, from reading a whole catalog for each table. Oids from 16384 on belong to users' objects
 * (FirstNormalObjectId).
 */
import type { Hidden } from '../../migrate/source.ts'
import { literal } from './tables.ts'

export function catalogQuery(hidden: Hidden): string {
  const { before, ofFamilies, needs } = pieces(hidden, false)
  return `${before}\n${[...OTHERS_FIRST, ...ofFamilies, ...OTHERS_LAST, needs].join('\nUNION ALL\n')}`
}

/** As {@link catalogQuery}, but only the families whose oids are the parameter `$1`, an array. */
export function changedQuery(hidden: Hidden): string {
  const { before, ofFamilies, needs } = pieces(hidden, true)
  return `${before}\n${[...ofFamilies, needs].join('\nUNION ALL\n')}`
}

// --- internal ---

/** SQL of an owner's name. It is null for the database's own owner, so that such owners are left out. */
const owner = (oid: string) =>
  `CASE WHEN ${oid} NOT IN (SELECT datdba FROM pg_database WHERE datname = current_database()) AND pg_get_userbyid(${oid}) <> 'pg_database_owner' THEN quote_ident(pg_get_userbyid(${oid})) END`

/**
 * SQL of the privileges granted beyond the default and those of the default that were revoked, as [grantee, privilege,
 * grantable].
 */
const privileges = (acl: string, standard: string) => {
  const list = (some: string, without: string) =>
    `(SELECT json_agg(json_build_array(CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END, privilege_type, is_grantable) ORDER BY grantee, privilege_type)
      FROM (SELECT grantee, privilege_type, is_grantable FROM aclexplode(${some}) EXCEPT SELECT grantee, privilege_type, is_grantable FROM aclexplode(${without})) g)`
  return `CASE WHEN ${acl} IS NOT NULL THEN json_build_object('granted', ${list(acl, standard)}, 'revoked', ${list(standard, acl)},
    'all', (SELECT json_agg(DISTINCT privilege_type) FROM aclexplode(${standard}))) END`
}

/** SQL of how an aggregate's function treats its state; null for what is usual for the aggregate's kind. */
const modifies = (column: string) =>
  `CASE WHEN ${column} <> CASE a.aggkind WHEN 'n' THEN 'r' ELSE 'w' END THEN CASE ${column} WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END END`

const comment = (oid: string, catalog: string) => `obj_description(${oid}, '${catalog}')`

/** SQL of the extensions that an object depends on so that it goes with them. */
const companions = (catalog: string, oid: string) =>
  `(SELECT json_agg(quote_ident(x.extname) ORDER BY x.extname) FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid WHERE d.classid = '${catalog}'::regclass AND d.objid = ${oid} AND d.deptype = 'x')`

const notMember = (catalog: string, oid: string) =>
  `NOT EXISTS (SELECT FROM member WHERE classid = '${catalog}'::regclass AND objid = ${oid})`

/**
 * SQL condition that excludes objects the server created for another object, such as the cast from a range to its
 * multirange.
 */
const notMade = (catalog: string, oid: string) =>
  `NOT EXISTS (SELECT FROM pg_depend WHERE classid = '${catalog}'::regclass AND objid = ${oid} AND deptype = 'i')`

/**
 * SQL of the name that the server gives a constraint or an index. It shortens the longer one of both names until they fit (makeObjectName in its
 * source), by bytes: names whose letters have several are not told here.
 */
function usualName(table: string, columns: string, label: string): string {
  const room = 61 - label.length
  const first = `GREATEST(${Math.ceil(room / 2)}, ${room} - length(${columns}))`
  return `(left(${table}, ${first}) || '_' || left(${columns}, ${room} - LEAST(length(${table}), ${first})) || '_${label}')`
}

/** Condition for the default name of a NOT NULL constraint. Where a long name has letters of several bytes, any name counts. */
const usualNotNull = `(k.conname = ${usualName('c.relname::text', 'a.attname::text', 'not_null')} OR (octet_length(c.relname || a.attname) > 53 AND octet_length(c.relname || a.attname) > length(c.relname || a.attname)))`

/** SQL of the names of the columns of an index, as they are part of its name: one that comes again gets a number. */
const columnsOf = (index: string, table: string) =>
  `(SELECT string_agg(name || COALESCE(NULLIF(nth - 1, 0)::text, ''), '_' ORDER BY at) FROM (SELECT u.at, COALESCE(a.attname::text, 'expr') AS name, row_number() OVER (PARTITION BY COALESCE(a.attname::text, 'expr') ORDER BY u.at) AS nth
      FROM unnest(${index}.indkey::smallint[]) WITH ORDINALITY u (num, at) LEFT JOIN pg_attribute a ON a.attrelid = ${table} AND a.attnum = u.num AND u.num <> 0) names)`

/** Constraints of a partition that belong to those of its table, and have a name or something else that the server would not give them. */
const attached = `(SELECT json_agg(json_build_object('name', quote_ident(conname), 'usual', quote_ident(usual), 'of', quote_ident(of), 'index', conindid::regclass, 'options', options, 'comment', comment, 'indexComment', index_comment) ORDER BY conname) FROM (
      SELECT k.conname, k.conindid, o.conname AS of, CASE WHEN x.reloptions IS DISTINCT FROM y.reloptions THEN array_to_string(x.reloptions, ', ') END AS options, ${comment('k.oid', 'pg_constraint')} AS comment, ${comment('k.conindid', 'pg_class')} AS index_comment,
        CASE k.contype WHEN 'p' THEN left(c.relname::text, 58) || '_pkey' WHEN 'u' THEN ${usualName('c.relname::text', 'n.columns', 'key')} ELSE ${usualName('c.relname::text', 'n.columns', 'excl')} END AS usual
      FROM pg_constraint k JOIN pg_constraint o ON o.oid = k.conparentid JOIN pg_class x ON x.oid = k.conindid JOIN pg_class y ON y.oid = o.conindid CROSS JOIN LATERAL (SELECT ${columnsOf('i', 'c.oid')} AS columns FROM pg_index i WHERE i.indexrelid = k.conindid) n
      WHERE c.relispartition AND k.conrelid = c.oid AND k.contype IN ('p', 'u', 'x')) k WHERE conname <> usual OR options IS NOT NULL OR comment IS NOT NULL OR index_comment IS NOT NULL)`

/** Condition: an index of a partition has something that the index it was made with has not. `x` and `y`: their rows in pg_class; `z`: its own in pg_index. */
const hasItsOwn = `(x.reloptions IS DISTINCT FROM y.reloptions OR ${comment('x.oid', 'pg_class')} IS NOT NULL OR z.indisclustered OR z.indisreplident)`

/** The indexes of partitions that were made with the one of their table, where they have something of their own. */
const partsOf = `(SELECT json_agg(json_build_object('table', p.table::regclass, 'name', p.relid, 'options', p.options, 'comment', p.comment, 'clustered', p.clustered, 'replica', p.replica) ORDER BY p.relid::text) FROM (
      SELECT t.relid, z.indrelid AS table, CASE WHEN x.reloptions IS DISTINCT FROM y.reloptions THEN array_to_string(x.reloptions, ', ') END AS options, ${comment('x.oid', 'pg_class')} AS comment, z.indisclustered AS clustered, z.indisreplident AS replica
      FROM pg_partition_tree(i.indexrelid) t JOIN pg_class x ON x.oid = t.relid JOIN pg_class y ON y.oid = i.indexrelid JOIN pg_index z ON z.indexrelid = t.relid WHERE t.level > 0 AND pg_partition_root(i.indexrelid) NOT IN (SELECT root FROM named) AND ${hasItsOwn}) p)`

/** Whether the NOT NULL constraint of a partition has the name of its table's, which the server gives it; null if the table has none. */
const namedAsParent =
  "(SELECT pk.conname = k.conname FROM pg_inherits h JOIN pg_attribute pa ON pa.attrelid = h.inhparent AND pa.attname = a.attname JOIN pg_constraint pk ON pk.conrelid = h.inhparent AND pk.contype = 'n' AND pk.conkey[1] = pa.attnum WHERE c.relispartition AND h.inhrelid = c.oid)"

const qualified = (namespace: string, name: string) =>
  `CASE WHEN ${namespace} IN ('public', 'pg_catalog') THEN '' ELSE quote_ident(${namespace}) || '.' END || quote_ident(${name})`

/** Catalogs whose rows belong to a relation: their oid and that of the relation. */
const PARTS: readonly (readonly [catalog: string, oid: string, relation: string])[] = [
  ['pg_constraint', 'oid', 'conrelid'],
  ['pg_attrdef', 'oid', 'adrelid'],
  ['pg_rewrite', 'oid', 'ev_class'],
  ['pg_trigger', 'oid', 'tgrelid'],
  ['pg_policy', 'oid', 'polrelid'],
  ['pg_statistic_ext', 'oid', 'stxrelid'],
]

interface Pieces {
  /** The common table expressions. */
  readonly before: string
  /** The objects that belong to a relation, a type or a routine. */
  readonly ofFamilies: readonly string[]
  /** Which object needs which. */
  readonly needs: string
}

function pieces({ tables, schemas }: Hidden, changed: boolean): Pieces {
  const names = tables.map(literal).join(', ')
  const ours =
    tables.length > 0 ? `AND c.relname NOT IN (${names}) AND n.nspname || '.' || c.relname NOT IN (${names})` : ''
  // Tools number the rows of their tables with sequences.
  const theirs =
    schemas.length > 0
      ? `AND NOT (c.relkind = 'S' AND EXISTS (SELECT FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.objid = c.oid AND (t.relname IN (${names}) OR t.relnamespace::regnamespace || '.' || t.relname IN (${names}))))`
      : ''
  const schemasOut = schemas.length > 0 ? `AND nspname NOT IN (${schemas.map(literal).join(', ')})` : ''
  const before = `
WITH member AS MATERIALIZED (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
ns AS MATERIALIZED (SELECT * FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ${schemasOut}),
rel AS MATERIALIZED (
  SELECT c.*, n.nspname, c.oid::regclass::text AS name FROM pg_class c JOIN ns n ON n.oid = c.relnamespace
  WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S') AND ${notMember('pg_class', 'c.oid')} ${ours} ${theirs} ${changed ? 'AND c.oid = ANY ($1)' : ''}
),
typ AS MATERIALIZED (
  SELECT t.*, n.nspname, t.oid::regtype::text AS name, CASE WHEN t.typtype = 'c' THEN t.typrelid ELSE t.oid END AS family FROM pg_type t JOIN ns n ON n.oid = t.typnamespace
  WHERE t.oid >= 16384 AND ${notMember('pg_type', 't.oid')} AND (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')))
    ${changed ? "AND CASE WHEN t.typtype = 'c' THEN t.typrelid ELSE t.oid END = ANY ($1)" : ''}
),
-- Partitioned indexes of which a partition's own has a name that the server would not give it.
named AS MATERIALIZED (
  SELECT DISTINCT pg_partition_root(i.indexrelid) AS root FROM pg_inherits h JOIN pg_index i ON i.indexrelid = h.inhrelid JOIN pg_class x ON x.oid = i.indexrelid JOIN rel c ON c.oid = i.indrelid
  WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
    AND x.relname <> ${usualName('c.relname::text', columnsOf('i', 'c.oid'), 'idx')}
),
routine AS MATERIALIZED (
  SELECT p.* FROM pg_proc p JOIN ns n ON n.oid = p.pronamespace
  WHERE p.oid >= 16384 ${changed ? 'AND p.oid = ANY ($1)' : ''} AND ${notMember('pg_proc', 'p.oid')} AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
),
-- The rows of the catalogs that belong to a relation, a type or a routine.
part AS MATERIALIZED (
  SELECT 'pg_class'::regclass::oid AS classid, oid AS objid, oid AS family FROM rel
  UNION ALL SELECT 'pg_type'::regclass, oid, family FROM typ
  UNION ALL SELECT 'pg_class'::regclass, family, family FROM typ WHERE typtype = 'c'
  UNION ALL SELECT 'pg_proc'::regclass, oid, oid FROM routine
  UNION ALL SELECT 'pg_constraint'::regclass, k.oid, t.family FROM pg_constraint k JOIN typ t ON t.oid = k.contypid
  UNION ALL SELECT 'pg_class'::regclass, x.indexrelid, c.oid FROM pg_index x JOIN rel c ON c.oid = x.indrelid
  UNION ALL ${PARTS.map(([catalog, oid, relation]) => `SELECT '${catalog}'::regclass, x.${oid}, c.oid FROM ${catalog} x JOIN rel c ON c.oid = x.${relation}`).join('\n  UNION ALL ')}
)`
  const ofFamilies = [
    `SELECT 'type' AS kind, t.family::bigint AS oid, t.family::bigint AS family, json_build_object('name', t.name, 'form', t.typtype, 'owner', ${owner('t.typowner')}, 'comment', ${comment('t.oid', 'pg_type')},
  'acl', ${privileges('t.typacl', "acldefault('T', t.typowner)")},
  'labels', (SELECT json_agg(quote_literal(enumlabel) ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
  'base', CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END, 'default', CASE WHEN t.typtype = 'd' THEN COALESCE(pg_get_expr(t.typdefaultbin, 0), t.typdefault) END, 'notNull', t.typnotnull,
  'notNullName', (SELECT quote_ident(k.conname) FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'n' AND (${comment('k.oid', 'pg_constraint')} IS NOT NULL OR k.conname <> left(t.typname, 54) || '_not_null')),
  'notNullComment', (SELECT ${comment('k.oid', 'pg_constraint')} FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'n'),
  'collation', (SELECT ${qualified('n.nspname', 'c.collname')} FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = t.typcollation AND t.typtype = 'd' AND c.collname <> 'default'),
  'constraints', (SELECT json_agg(json_build_array(quote_ident(conname), pg_get_constraintdef(oid, true), convalidated, ${comment('oid', 'pg_constraint')}) ORDER BY conname) FROM pg_constraint WHERE contypid = t.oid AND contype = 'c'),
  'attributes', (SELECT json_agg(json_build_array(quote_ident(attname), format_type(atttypid, atttypmod) || COALESCE(' COLLATE ' || (SELECT NULLIF(o.oid, y.typcollation)::regcollation::text FROM pg_collation o, pg_type y WHERE o.oid = attcollation AND y.oid = atttypid), ''), col_description(t.typrelid, attnum)) ORDER BY attnum) FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped),
  'range', (SELECT json_build_object('subtype', format_type(rngsubtype, NULL), 'opclass', (SELECT ${qualified('n.nspname', 'o.opcname')} FROM pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace WHERE o.oid = rngsubopc AND NOT o.opcdefault), 'collation', (SELECT NULLIF(rngcollation, y.typcollation)::regcollation FROM pg_type y WHERE y.oid = rngsubtype AND rngcollation <> y.typcollation), 'diff', NULLIF(rngsubdiff, 0)::regproc, 'canonical', NULLIF(rngcanonical, 0)::regproc,
    'multirange', (SELECT m.oid::regtype::text FROM pg_type m WHERE m.oid = rngmultitypid AND (m.typnamespace <> t.typnamespace OR m.typname <> CASE WHEN t.typname ~ 'range' THEN regexp_replace(t.typname, 'range', 'multirange') ELSE t.typname || '_multirange' END))) FROM pg_range WHERE rngtypid = t.oid)) AS facts
FROM typ t`,
    `SELECT 'sequence', c.oid, c.oid, json_build_object('name', c.name, 'owner', ${owner('c.relowner')}, 'comment', ${comment('c.oid', 'pg_class')}, 'acl', ${privileges('c.relacl', "acldefault('s', c.relowner)")},
  'unlogged', c.relpersistence = 'u', 'options', ${sequenceOptions('s')},
  'owned', EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'a'))
FROM rel c JOIN pg_sequence s ON s.seqrelid = c.oid
WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i')`,
    `SELECT 'routine', p.oid, p.oid, json_build_object('name', p.oid::regprocedure::text, 'form', p.prokind, 'signature', CASE WHEN p.prokind = 'a' THEN regexp_replace(p.oid::regprocedure::text, '\\(.*', '') || '(' || COALESCE(NULLIF(pg_get_function_identity_arguments(p.oid), ''), '*') || ')' END, 'owner', ${owner('p.proowner')}, 'comment', ${comment('p.oid', 'pg_proc')},
  'acl', ${privileges('p.proacl', "acldefault('f', p.proowner)")},
  'definition', CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END, 'extensions', ${companions('pg_proc', 'p.oid')},
  'aggregate', (SELECT json_build_object('SFUNC', a.aggtransfn::regproc, 'STYPE', format_type(a.aggtranstype, NULL), 'SSPACE', NULLIF(a.aggtransspace, 0), 'FINALFUNC', NULLIF(a.aggfinalfn, 0)::regproc, 'FINALFUNC_EXTRA', CASE WHEN a.aggfinalextra THEN '' END,
    'FINALFUNC_MODIFY', ${modifies('a.aggfinalmodify')}, 'COMBINEFUNC', NULLIF(a.aggcombinefn, 0)::regproc, 'SERIALFUNC', NULLIF(a.aggserialfn, 0)::regproc, 'DESERIALFUNC', NULLIF(a.aggdeserialfn, 0)::regproc,
    'INITCOND', quote_literal(a.agginitval), 'MSFUNC', NULLIF(a.aggmtransfn, 0)::regproc, 'MINVFUNC', NULLIF(a.aggminvtransfn, 0)::regproc, 'MSTYPE', CASE WHEN a.aggmtranstype <> 0 THEN format_type(a.aggmtranstype, NULL) END, 'MSSPACE', NULLIF(a.aggmtransspace, 0),
    'MFINALFUNC', NULLIF(a.aggmfinalfn, 0)::regproc, 'MFINALFUNC_EXTRA', CASE WHEN a.aggmfinalextra THEN '' END, 'MFINALFUNC_MODIFY', ${modifies('a.aggmfinalmodify')}, 'MINITCOND', quote_literal(a.aggminitval),
    'SORTOP', (SELECT 'OPERATOR(' || quote_ident(n.nspname) || '.' || o.oprname || ')' FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE o.oid = a.aggsortop),
    'PARALLEL', CASE p.proparallel WHEN 's' THEN 'SAFE' WHEN 'r' THEN 'RESTRICTED' END, 'HYPOTHETICAL', CASE a.aggkind WHEN 'h' THEN '' END) FROM pg_aggregate a WHERE a.aggfnoid = p.oid))
FROM routine p`,
    `SELECT CASE WHEN c.relkind IN ('v', 'm') THEN 'view' ELSE 'table' END, c.oid, c.oid, json_build_object('name', c.name, 'form', c.relkind, 'persistence', c.relpersistence, 'owner', ${owner('c.relowner')},
  'comment', ${comment('c.oid', 'pg_class')}, 'acl', ${privileges('c.relacl', "acldefault('r', c.relowner)")}, 'options', c.reloptions || (SELECT array_agg('toast.' || o) FROM pg_class x, unnest(x.reloptions) o WHERE x.oid = c.reltoastrelid), 'method', (SELECT amname FROM pg_am WHERE oid = c.relam AND amname <> 'heap'),
  'tablespace', (SELECT quote_ident(spcname) FROM pg_tablespace WHERE oid = c.reltablespace), 'rowSecurity', c.relrowsecurity, 'forced', c.relforcerowsecurity, 'replica', c.relreplident,
  'ofType', CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END,
  'definition', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid, true) END, 'populated', c.relispopulated, 'extensions', CASE WHEN c.relkind = 'm' THEN ${companions('pg_class', 'c.oid')} END,
  'partitionKey', CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END, 'bound', CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END,
  'parents', (SELECT json_agg(i.inhparent::regclass::text ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid),
  'sequences', (SELECT json_agg(json_build_array(q.oid::regclass::text, quote_ident(a.attname)) ORDER BY q.oid::regclass::text) FROM (SELECT objid, refobjsubid FROM pg_depend WHERE refclassid = 'pg_class'::regclass AND refobjid = c.oid AND classid = 'pg_class'::regclass AND deptype = 'a' OFFSET 0) d
    JOIN pg_class q ON q.oid = d.objid AND q.relkind = 'S' AND q.relnamespace IN (SELECT oid FROM ns) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid),
  'server', (SELECT json_build_object('name', quote_ident(s.srvname), 'options', f.ftoptions) FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid),
  'columns', (SELECT json_agg(json_build_object('name', a.attname, 'quoted', quote_ident(a.attname), 'type', format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull, 'inheritedNotNull', a.attnotnull AND a.attinhcount > 0 AND EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'n' AND k.conkey[1] = a.attnum AND NOT k.conislocal), 'identity', a.attidentity, 'generated', a.attgenerated, 'local', a.attislocal,
      'expression', pg_get_expr(d.adbin, d.adrelid), 'comment', col_description(c.oid, a.attnum), 'acl', ${privileges('a.attacl', "acldefault('c', c.relowner)")}, 'foreign', a.attfdwoptions,
      'parent', CASE WHEN a.attinhcount > 0 THEN (SELECT json_build_object('expression', pg_get_expr(pd.adbin, pd.adrelid), 'notNull', pa.attnotnull) FROM pg_inherits h JOIN pg_attribute pa ON pa.attrelid = h.inhparent AND pa.attname = a.attname LEFT JOIN pg_attrdef pd ON pd.adrelid = pa.attrelid AND pd.adnum = pa.attnum WHERE h.inhrelid = c.oid ORDER BY h.inhseqno LIMIT 1) END,
      'statistics', CASE WHEN a.attstattarget >= 0 THEN a.attstattarget END, 'options', (SELECT json_agg(o) FROM unnest(a.attoptions) o WHERE o !~ '^pg_attver='),
      'storage', CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage END, 'compression', NULLIF(a.attcompression, ''),
      'collation', (SELECT ${qualified('n.nspname', 'o.collname')} FROM pg_collation o JOIN pg_namespace n ON n.oid = o.collnamespace WHERE o.oid = a.attcollation AND a.attcollation <> t.typcollation),
      'sequence', CASE WHEN a.attidentity <> '' THEN (SELECT json_build_object('options', ${sequenceOptions('s')}, 'name', s.seqrelid::regclass::text, 'comment', obj_description(s.seqrelid, 'pg_class'), 'acl', (SELECT ${privileges('z.relacl', "acldefault('s', z.relowner)")} FROM pg_class z WHERE z.oid = s.seqrelid),
        'usual', (SELECT z.relname = c.relname || '_' || a.attname || '_seq' FROM pg_class z WHERE z.oid = s.seqrelid),
        'persistence', (SELECT z.relpersistence FROM pg_class z WHERE z.oid = s.seqrelid)) FROM pg_sequence s JOIN pg_depend x ON x.classid = 'pg_class'::regclass AND x.objid = s.seqrelid AND x.deptype = 'i' AND x.refobjid = c.oid AND x.refobjsubid = a.attnum) END) ORDER BY a.attnum)
    FROM pg_attribute a CROSS JOIN LATERAL (SELECT typstorage, typcollation FROM pg_type WHERE oid = a.atttypid OFFSET 0) t LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  'constraints', (SELECT json_agg(json_build_object('name', quote_ident(k.conname), 'definition', pg_get_constraintdef(k.oid, true), 'comment', ${comment('k.oid', 'pg_constraint')}, 'valid', k.convalidated,
      'clustered', x.indisclustered, 'replica', x.indisreplident AND c.relreplident = 'i', 'index', NULLIF(k.conindid, 0)::regclass::text,
      'options', (SELECT array_to_string(z.reloptions, ', ') FROM pg_class z WHERE z.oid = k.conindid), 'tablespace', (SELECT quote_ident(y.spcname) FROM pg_class z JOIN pg_tablespace y ON y.oid = z.reltablespace WHERE z.oid = k.conindid), 'part', 'constraint ' || quote_ident(k.conname), 'indexComment', ${comment('k.conindid', 'pg_class')}) ORDER BY k.contype <> 'p', k.contype <> 'u', k.conname)
    FROM pg_constraint k LEFT JOIN pg_index x ON x.indexrelid = k.conindid WHERE k.conrelid = c.oid AND k.contype IN ('c', 'p', 'u', 'x') AND k.conislocal AND k.conparentid = 0),
  'attached', ${attached},
  'notNulls', (SELECT json_agg(json_build_object('name', quote_ident(k.conname), 'column', a.attname, 'quoted', quote_ident(a.attname), 'inherited', NOT k.connoinherit, 'valid', k.convalidated, 'usual', ${usualNotNull}, 'asParent', ${namedAsParent}, 'comment', ${comment('k.oid', 'pg_constraint')}) ORDER BY k.conkey)
    FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1] WHERE k.conrelid = c.oid AND k.contype = 'n' AND (${comment('k.oid', 'pg_constraint')} IS NOT NULL OR (c.relispartition AND NOT ${usualNotNull}) OR (c.relispartition AND NOT ${namedAsParent}) OR (k.conislocal AND (k.connoinherit OR NOT k.convalidated OR NOT ${usualNotNull})))))
FROM rel c WHERE c.relkind <> 'S'`,
    `SELECT 'index', i.indexrelid, c.oid, json_build_object('table', c.name, 'name', i.indexrelid::regclass::text, 'comment', ${comment('i.indexrelid', 'pg_class')}, 'definition', pg_get_indexdef(i.indexrelid, 0, true), 'partitioned', c.relkind = 'p',
  'valid', i.indisvalid, 'clustered', i.indisclustered, 'replica', i.indisreplident AND c.relreplident = 'i',
  'alone', COALESCE(pg_partition_root(i.indexrelid) IN (SELECT root FROM named), false), 'parent', (SELECT h.inhparent::regclass::text FROM pg_inherits h WHERE h.inhrelid = i.indexrelid),
  'extensions', ${companions('pg_class', 'i.indexrelid')}, 'statistics', (SELECT json_agg(json_build_array(attnum, attstattarget) ORDER BY attnum) FROM pg_attribute WHERE attrelid = i.indexrelid AND attstattarget >= 0),
  'parts', CASE WHEN c.relkind = 'p' THEN ${partsOf} END)
FROM pg_index i JOIN rel c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
WHERE i.indexrelid >= 16384 AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')) AND (NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = i.indexrelid) OR pg_partition_root(i.indexrelid) IN (SELECT root FROM named))`,
    `SELECT 'foreign-key', k.oid, c.oid, json_build_object('table', c.name, 'name', quote_ident(k.conname), 'definition', pg_get_constraintdef(k.oid, true), 'comment', ${comment('k.oid', 'pg_constraint')})
FROM pg_constraint k JOIN rel c ON c.oid = k.conrelid WHERE k.contype = 'f' AND k.conparentid = 0`,
    `SELECT 'trigger', t.oid, c.oid, json_build_object('table', c.name, 'name', quote_ident(t.tgname), 'definition', pg_get_triggerdef(t.oid, true), 'enabled', t.tgenabled, 'extensions', ${companions('pg_trigger', 't.oid')}, 'comment', ${comment('t.oid', 'pg_trigger')})
FROM pg_trigger t JOIN rel c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal AND t.tgparentid = 0`,
    `SELECT 'trigger', t.oid, c.oid, json_build_object('table', c.name, 'name', quote_ident(t.tgname), 'definition', NULL, 'enabled', t.tgenabled)
FROM pg_trigger t JOIN rel c ON c.oid = t.tgrelid JOIN pg_trigger p ON p.oid = t.tgparentid WHERE t.tgenabled <> p.tgenabled`,
    `SELECT 'rule', r.oid, c.oid, json_build_object('table', c.name, 'name', quote_ident(r.rulename), 'definition', pg_get_ruledef(r.oid, true), 'enabled', r.ev_enabled, 'comment', ${comment('r.oid', 'pg_rewrite')})
FROM pg_rewrite r JOIN rel c ON c.oid = r.ev_class WHERE r.oid >= 16384 AND r.rulename <> '_RETURN'`,
    `SELECT 'policy', p.oid, c.oid, json_build_object('table', c.name, 'name', quote_ident(p.polname), 'command', p.polcmd, 'permissive', p.polpermissive, 'comment', ${comment('p.oid', 'pg_policy')},
  'roles', (SELECT json_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END ORDER BY r) FROM unnest(p.polroles) r), 'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid))
FROM pg_policy p JOIN rel c ON c.oid = p.polrelid`,
    `SELECT 'statistics', s.oid, c.oid, json_build_object('table', c.name, 'name', ${qualified('n.nspname', 's.stxname')}, 'definition', pg_get_statisticsobjdef(s.oid), 'owner', ${owner('s.stxowner')}, 'target', NULLIF(to_jsonb(s) ->> 'stxstattarget', '-1'), 'comment', ${comment('s.oid', 'pg_statistic_ext')})
FROM pg_statistic_ext s JOIN rel c ON c.oid = s.stxrelid JOIN ns n ON n.oid = s.stxnamespace`,
  ]
  const needs = `SELECT 'needs', 0, family, json_build_array(object, needed, part, member, of) FROM (SELECT DISTINCT p.family,
  -- What of a table needs it, where that can be made behind the table.
  COALESCE('column ' || (SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = a.adrelid AND attnum = a.adnum AND attgenerated = ''), 'constraint ' || CASE WHEN k.contype = 'c' AND k.conrelid <> 0 THEN quote_ident(k.conname) END) AS part,
  COALESCE((SELECT CASE attgenerated WHEN '' THEN 'default ' ELSE 'column ' END || quote_ident(attname) FROM pg_attribute WHERE attrelid = a.adrelid AND attnum = a.adnum), 'constraint ' || quote_ident(k.conname), 'column ' || (SELECT quote_ident(attname) FROM pg_attribute WHERE d.classid = 'pg_class'::regclass AND d.objsubid > 0 AND attrelid = d.objid AND attnum = d.objsubid)) AS member,
  COALESCE('constraint ' || quote_ident(rk.conname), 'constraint ' || quote_ident(ik.conname), 'column ' || (SELECT quote_ident(attname) FROM pg_attribute WHERE d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND attrelid = d.refobjid AND attnum = d.refobjsubid)) AS of,
  COALESCE(CASE WHEN w.rulename = '_RETURN' THEN w.ev_class END, a.adrelid, NULLIF(k.conrelid, 0), NULLIF(k.contypid, 0), pr.prpubid, pn.pnpubid, d.objid)::bigint AS object,
  COALESCE(x.refobjid, NULLIF(e.typrelid, 0), e.oid, NULLIF(t.typrelid, 0), (SELECT rngtypid FROM pg_range WHERE rngmultitypid = t.oid), t.oid, NULLIF(rk.conrelid, 0), NULLIF(rk.contypid, 0), ik.conrelid, d.refobjid)::bigint AS needed
FROM pg_depend d ${changed ? '' : 'LEFT '}JOIN part p ON p.classid = d.classid AND p.objid = d.objid
LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
LEFT JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid AND k.contype <> 'f'
LEFT JOIN pg_publication_rel pr ON d.classid = 'pg_publication_rel'::regclass AND pr.oid = d.objid
LEFT JOIN pg_publication_namespace pn ON d.classid = 'pg_publication_namespace'::regclass AND pn.oid = d.objid
LEFT JOIN pg_constraint rk ON d.refclassid = 'pg_constraint'::regclass AND rk.oid = d.refobjid
LEFT JOIN pg_constraint ik ON d.refclassid = 'pg_class'::regclass AND ik.conindid = d.refobjid AND ik.contype IN ('p', 'u', 'x')
LEFT JOIN pg_type t ON d.refclassid = 'pg_type'::regclass AND t.oid = d.refobjid
LEFT JOIN pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
-- What belongs to an extension comes and goes with it.
LEFT JOIN pg_depend x ON x.classid = d.refclassid AND x.objid = d.refobjid AND x.objsubid = 0 AND x.deptype = 'e'
WHERE d.objid >= 16384 AND d.refobjid >= 16384 AND d.deptype IN ('n', 'a')
  AND NOT (d.deptype = 'a' AND EXISTS (SELECT FROM pg_sequence s WHERE s.seqrelid = d.objid))
UNION SELECT c.oid, NULL, NULL, NULL, t.oid::bigint, t.tgparentid::bigint FROM pg_trigger t JOIN rel c ON c.oid = t.tgrelid WHERE t.tgparentid <> 0
UNION SELECT c.oid, NULL, NULL, NULL, h.inhrelid::bigint, h.inhparent::bigint FROM pg_inherits h JOIN pg_index i ON i.indexrelid = h.inhrelid JOIN rel c ON c.oid = i.indrelid
-- What the index of a partition has of its own is set behind its table's index.
UNION SELECT c.oid, NULL, NULL, NULL, r.indexrelid::bigint, z.indrelid::bigint FROM pg_inherits h JOIN pg_index z ON z.indexrelid = h.inhrelid JOIN pg_class x ON x.oid = h.inhrelid JOIN pg_index r ON r.indexrelid = pg_partition_root(h.inhrelid) JOIN pg_class y ON y.oid = r.indexrelid JOIN rel c ON c.oid = r.indrelid WHERE ${hasItsOwn}
-- A partition that is made behind its table's index gets one of its own at once.
UNION SELECT c.oid, NULL, NULL, NULL, h.inhparent::bigint, i.indrelid::bigint FROM pg_inherits h JOIN pg_index i ON i.indexrelid = h.inhrelid JOIN pg_index o ON o.indexrelid = h.inhparent JOIN rel c ON c.oid = o.indrelid WHERE pg_partition_root(i.indexrelid) IN (SELECT root FROM named)) edges WHERE object <> needed`
  return { before, ofFamilies, needs }
}

/** SQL of an options array, `name=value` each. */
const options = (array: string) =>
  `COALESCE((SELECT ' OPTIONS (' || string_agg(quote_ident(split_part(o, '=', 1)) || ' ' || quote_literal(substr(o, strpos(o, '=') + 1)), ', ') || ')' FROM unnest(${array}) o), '')`

interface WrittenOut {
  readonly catalog: string
  readonly definition: string
  /** Kind, as ALTER and COMMENT write it. */
  readonly what: string
  /** Names of the catalog's columns, if it has them; `granted`: the kind, as GRANT writes it. */
  readonly owner?: string
  readonly acl?: { readonly column: string; readonly kind: string; readonly granted: string }
}

/** Small kinds whose DDL is put together here. `x` is the catalog's row. */
const WRITTEN_OUT: readonly WrittenOut[] = [
  {
    catalog: 'pg_foreign_data_wrapper',
    what: 'FOREIGN DATA WRAPPER',
    owner: 'fdwowner',
    acl: { column: 'fdwacl', kind: 'F', granted: 'FOREIGN DATA WRAPPER' },
    definition: `'CREATE FOREIGN DATA WRAPPER ' || quote_ident(x.fdwname) || COALESCE(' HANDLER ' || NULLIF(x.fdwhandler, 0)::regproc, '') || COALESCE(' VALIDATOR ' || NULLIF(x.fdwvalidator, 0)::regproc, '') || ${options('x.fdwoptions')}`,
  },
  {
    catalog: 'pg_foreign_server',
    what: 'SERVER',
    owner: 'srvowner',
    acl: { column: 'srvacl', kind: 'S', granted: 'FOREIGN SERVER' },
    definition: `'CREATE SERVER ' || quote_ident(x.srvname) || COALESCE(' TYPE ' || quote_literal(x.srvtype), '') || COALESCE(' VERSION ' || quote_literal(x.srvversion), '') || ' FOREIGN DATA WRAPPER ' || (SELECT quote_ident(fdwname) FROM pg_foreign_data_wrapper WHERE oid = x.srvfdw) || ${options('x.srvoptions')}`,
  },
  {
    catalog: 'pg_collation',
    what: 'COLLATION',
    owner: 'collowner',
    // The column that holds the locale differs between server versions.
    definition: `'CREATE COLLATION ' || x.oid::regcollation || ' (provider = ' || CASE x.collprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END || CASE WHEN x.collcollate <> x.collctype THEN ', lc_collate = ' || quote_literal(x.collcollate) || ', lc_ctype = ' || quote_literal(x.collctype) ELSE ', locale = ' || quote_literal(COALESCE(to_jsonb(x) ->> 'colllocale', to_jsonb(x) ->> 'colliculocale', x.collcollate)) END || CASE WHEN x.collisdeterministic THEN '' ELSE ', deterministic = false' END || COALESCE(', rules = ' || quote_literal(to_jsonb(x) ->> 'collicurules'), '') || ')'`,
  },
  {
    catalog: 'pg_ts_dict',
    what: 'TEXT SEARCH DICTIONARY',
    owner: 'dictowner',
    definition: `'CREATE TEXT SEARCH DICTIONARY ' || x.oid::regdictionary || ' (TEMPLATE = ' || (SELECT quote_ident(n.nspname) || '.' || quote_ident(t.tmplname) FROM pg_ts_template t JOIN pg_namespace n ON n.oid = t.tmplnamespace WHERE t.oid = x.dicttemplate) || COALESCE(', ' || x.dictinitoption, '') || ')'`,
  },
  {
    catalog: 'pg_ts_config',
    what: 'TEXT SEARCH CONFIGURATION',
    owner: 'cfgowner',
    definition: `'CREATE TEXT SEARCH CONFIGURATION ' || x.oid::regconfig || ' (PARSER = ' || (SELECT quote_ident(n.nspname) || '.' || quote_ident(p.prsname) FROM pg_ts_parser p JOIN pg_namespace n ON n.oid = p.prsnamespace WHERE p.oid = x.cfgparser) || ')' || COALESCE((SELECT string_agg(E';\\nALTER TEXT SEARCH CONFIGURATION ' || x.oid::regconfig || ' ADD MAPPING FOR ' || quote_ident(alias) || ' WITH ' || dictionaries, '' ORDER BY alias)
      FROM (SELECT (SELECT alias FROM ts_token_type(x.cfgparser) WHERE tokid = m.maptokentype) AS alias, string_agg(m.mapdict::regdictionary::text, ', ' ORDER BY m.mapseqno) AS dictionaries FROM pg_ts_config_map m WHERE m.mapcfg = x.oid GROUP BY m.maptokentype) maps), '')`,
  },
  {
    catalog: 'pg_ts_parser',
    what: 'TEXT SEARCH PARSER',
    definition: `'CREATE TEXT SEARCH PARSER ' || i.identity || ' (START = ' || x.prsstart::regproc || ', GETTOKEN = ' || x.prstoken::regproc || ', END = ' || x.prsend::regproc || ', LEXTYPES = ' || x.prslextype::regproc || COALESCE(', HEADLINE = ' || NULLIF(x.prsheadline, 0)::regproc, '') || ')'`,
  },
  {
    catalog: 'pg_ts_template',
    what: 'TEXT SEARCH TEMPLATE',
    definition: `'CREATE TEXT SEARCH TEMPLATE ' || i.identity || ' (' || COALESCE('INIT = ' || NULLIF(x.tmplinit, 0)::regproc || ', ', '') || 'LEXIZE = ' || x.tmpllexize::regproc || ')'`,
  },
  {
    catalog: 'pg_conversion',
    what: 'CONVERSION',
    owner: 'conowner',
    definition: `'CREATE ' || CASE WHEN x.condefault THEN 'DEFAULT ' ELSE '' END || 'CONVERSION ' || i.identity || ' FOR ' || quote_literal(pg_encoding_to_char(x.conforencoding)) || ' TO ' || quote_literal(pg_encoding_to_char(x.contoencoding)) || ' FROM ' || x.conproc::regproc`,
  },
  {
    catalog: 'pg_am',
    what: 'ACCESS METHOD',
    definition: `'CREATE ACCESS METHOD ' || quote_ident(x.amname) || ' TYPE ' || CASE x.amtype WHEN 'i' THEN 'INDEX' ELSE 'TABLE' END || ' HANDLER ' || x.amhandler`,
  },
  {
    catalog: 'pg_operator',
    what: 'OPERATOR',
    owner: 'oprowner',
    // An operator that another one names before it exists has no function yet.
    definition: `CASE WHEN x.oprcode <> 0 THEN 'CREATE OPERATOR ' || CASE WHEN x.oprnamespace = 'public'::regnamespace THEN '' ELSE x.oprnamespace::regnamespace || '.' END || x.oprname || ' (FUNCTION = ' || x.oprcode::regproc || COALESCE(', LEFTARG = ' || format_type(NULLIF(x.oprleft, 0), NULL), '') || COALESCE(', RIGHTARG = ' || format_type(NULLIF(x.oprright, 0), NULL), '')
      || COALESCE(', COMMUTATOR = ' || (SELECT 'OPERATOR(' || o.oprnamespace::regnamespace || '.' || o.oprname || ')' FROM pg_operator o WHERE o.oid = x.oprcom), '') || COALESCE(', NEGATOR = ' || (SELECT 'OPERATOR(' || o.oprnamespace::regnamespace || '.' || o.oprname || ')' FROM pg_operator o WHERE o.oid = x.oprnegate), '')
      || COALESCE(', RESTRICT = ' || NULLIF(x.oprrest, 0)::regproc, '') || COALESCE(', JOIN = ' || NULLIF(x.oprjoin, 0)::regproc, '') || CASE WHEN x.oprcanhash THEN ', HASHES' ELSE '' END || CASE WHEN x.oprcanmerge THEN ', MERGES' ELSE '' END || ')' END`,
  },
  {
    catalog: 'pg_cast',
    what: 'CAST',
    definition: `'CREATE CAST (' || format_type(x.castsource, NULL) || ' AS ' || format_type(x.casttarget, NULL) || ') ' || CASE x.castmethod WHEN 'f' THEN 'WITH FUNCTION ' || x.castfunc::regprocedure WHEN 'i' THEN 'WITH INOUT' ELSE 'WITHOUT FUNCTION' END || CASE x.castcontext WHEN 'a' THEN ' AS ASSIGNMENT' WHEN 'i' THEN ' AS IMPLICIT' ELSE '' END`,
  },
  {
    catalog: 'pg_publication',
    what: 'PUBLICATION',
    owner: 'pubowner',
    definition: `'CREATE PUBLICATION ' || quote_ident(x.pubname) || CASE WHEN x.puballtables THEN ' FOR ALL TABLES' ELSE COALESCE((SELECT ' FOR ' || string_agg(part, ', ' ORDER BY part) FROM (
        SELECT 'TABLE ' || CASE WHEN EXISTS (SELECT FROM pg_inherits h JOIN pg_class z ON z.oid = h.inhparent WHERE h.inhparent = r.prrelid AND z.relkind = 'r') THEN 'ONLY ' ELSE '' END || r.prrelid::regclass || COALESCE((SELECT ' (' || string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) || ')' FROM pg_attribute a WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)), '') || COALESCE(' WHERE (' || pg_get_expr(r.prqual, r.prrelid) || ')', '') AS part FROM pg_publication_rel r WHERE r.prpubid = x.oid
        UNION ALL SELECT 'TABLES IN SCHEMA ' || s.pnnspid::regnamespace FROM pg_publication_namespace s WHERE s.pnpubid = x.oid) parts), '') END
      || ' WITH (publish = ' || quote_literal(concat_ws(', ', CASE WHEN x.pubinsert THEN 'insert' END, CASE WHEN x.pubupdate THEN 'update' END, CASE WHEN x.pubdelete THEN 'delete' END, CASE WHEN x.pubtruncate THEN 'truncate' END)) || CASE WHEN x.pubviaroot THEN ', publish_via_partition_root' ELSE '' END || CASE WHEN to_jsonb(x) ->> 'pubgencols' = 's' THEN ', publish_generated_columns = stored' ELSE '' END || ')'`,
  },
]

const written = ({ catalog, definition, what, owner: ownerColumn, acl }: WrittenOut) =>
  `SELECT 'other', x.oid, NULL, json_build_object('name', i.type || ' ' || i.identity, 'definition', ${definition}, 'comment', ${comment('x.oid', catalog)}, 'what', '${what} ' || i.identity,
  'owner', ${ownerColumn ? owner(`x.${ownerColumn}`) : 'NULL'}, 'acl', ${acl ? privileges(`x.${acl.column}`, `acldefault('${acl.kind}', x.${ownerColumn})`) : 'NULL::json'}, 'granted', ${acl ? `'${acl.granted} ' || i.identity` : 'NULL'})
FROM ${catalog} x, pg_identify_object('${catalog}'::regclass, x.oid, 0) i WHERE x.oid >= 16384 AND ${notMember(catalog, 'x.oid')} AND ${notMade(catalog, 'x.oid')}`

/** Catalogs whose objects are only compared by their identity. */
const OTHERS = ['pg_opclass', 'pg_opfamily', 'pg_language', 'pg_transform']

/** Objects that belong to no relation, type or routine. */
const OTHERS_FIRST: readonly string[] = [
  `SELECT 'schema' AS kind, n.oid::bigint AS oid, NULL::bigint AS family, json_build_object('name', quote_ident(n.nspname), 'comment', ${comment('n.oid', 'pg_namespace')},
  'owner', CASE WHEN n.nspname = 'public' THEN CASE WHEN pg_get_userbyid(n.nspowner) <> 'pg_database_owner' THEN quote_ident(pg_get_userbyid(n.nspowner)) END ELSE ${owner('n.nspowner')} END,
  'acl', ${privileges("COALESCE(n.nspacl, acldefault('n', n.nspowner))", "CASE WHEN n.nspname = 'public' THEN acldefault('n', n.nspowner) || makeaclitem(0, n.nspowner, 'USAGE', false) ELSE acldefault('n', n.nspowner) END")}) AS facts
FROM ns n WHERE ${notMember('pg_namespace', 'n.oid')}`,
  `SELECT 'extension', e.oid, NULL, json_build_object('name', quote_ident(e.extname), 'schema', quote_ident(n.nspname),
  'version', (SELECT quote_literal(e.extversion) FROM pg_available_extensions() v WHERE v.name = e.extname AND v.default_version <> e.extversion))
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname <> 'plpgsql'`,
]

const OTHERS_LAST: readonly string[] = [
  `SELECT 'event-trigger', e.oid, NULL, json_build_object('name', quote_ident(e.evtname), 'event', e.evtevent, 'tags', e.evttags, 'function', e.evtfoid::regproc, 'enabled', e.evtenabled, 'owner', ${owner('e.evtowner')}, 'comment', ${comment('e.oid', 'pg_event_trigger')})
FROM pg_event_trigger e WHERE ${notMember('pg_event_trigger', 'e.oid')}`,
  `SELECT 'default-privileges', d.oid, NULL, json_build_object('name', concat_ws(' ', quote_ident(pg_get_userbyid(d.defaclrole)), 'in ' || quote_ident(n.nspname), d.defaclobjtype), 'role', quote_ident(pg_get_userbyid(d.defaclrole)),
  'schema', quote_ident(n.nspname), 'objects', d.defaclobjtype, 'acl', ${privileges('d.defaclacl', "CASE WHEN d.defaclnamespace = 0 THEN acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, d.defaclrole) ELSE acldefault('c', d.defaclrole) END")})
FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace`,
  ...WRITTEN_OUT.map(written),
  `-- Options of user mappings are passwords, and stay where they are.
SELECT 'other', m.umid, NULL, json_build_object('name', 'user mapping for ' || m.usename || ' on server ' || m.srvname, 'definition', 'CREATE USER MAPPING FOR ' || CASE WHEN m.umuser = 0 THEN 'PUBLIC' ELSE quote_ident(m.usename) END || ' SERVER ' || quote_ident(m.srvname), 'note', 'its options, if it has any, are left out: they may hold a password')
FROM pg_user_mappings m`,
  `-- The connection of a subscription may hold a password.
SELECT 'other', s.oid, NULL, json_build_object('name', 'subscription ' || quote_ident(s.subname)) FROM pg_subscription s WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  `SELECT 'other', o.objid, NULL, json_build_object('name', i.type || ' ' || i.identity)
FROM (${OTHERS.map((catalog) => `SELECT '${catalog}'::regclass::oid AS classid, oid AS objid FROM ${catalog} WHERE oid >= 16384`).join('\n  UNION ALL ')}
  UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type t WHERE oid >= 16384 AND typtype = 'b' AND NOT EXISTS (SELECT FROM pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid)) o,
  pg_identify_object(o.classid, o.objid, 0) i
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = o.classid AND m.objid = o.objid) AND (i.schema IS NULL OR (i.schema !~ '^pg_' AND i.schema <> 'information_schema'))`,
]

/** Returns SQL of the CREATE SEQUENCE options that differ from the default for the type and direction. */
function sequenceOptions(s: string): string {
  const limit = `CASE ${s}.seqtypid WHEN 'smallint'::regtype THEN 32767 WHEN 'integer'::regtype THEN 2147483647 ELSE 9223372036854775807 END`
  return `concat_ws(' ', 'AS ' || format_type(${s}.seqtypid, NULL),
    CASE WHEN ${s}.seqincrement <> 1 THEN 'INCREMENT BY ' || ${s}.seqincrement END,
    CASE WHEN ${s}.seqmin <> CASE WHEN ${s}.seqincrement > 0 THEN 1 ELSE -${limit} - 1 END THEN 'MINVALUE ' || ${s}.seqmin END,
    CASE WHEN ${s}.seqmax <> CASE WHEN ${s}.seqincrement > 0 THEN ${limit} ELSE -1 END THEN 'MAXVALUE ' || ${s}.seqmax END,
    CASE WHEN ${s}.seqstart <> CASE WHEN ${s}.seqincrement > 0 THEN ${s}.seqmin ELSE ${s}.seqmax END THEN 'START WITH ' || ${s}.seqstart END,
    CASE WHEN ${s}.seqcache <> 1 THEN 'CACHE ' || ${s}.seqcache END, CASE WHEN ${s}.seqcycle THEN 'CYCLE' END)`
}
