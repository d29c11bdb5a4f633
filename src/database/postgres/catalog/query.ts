/**
 * One query that reads from the catalogs everything a schema consists of (PostgreSQL manual, chapter "System Catalogs";
 * these columns are the same from 14 to 18). Each row is an object's kind, its oid, and its facts as JSON. Members of
 * extensions and our own tables are left out. OFFSET 0 keeps the planner, which knows little about how many rows a
 * catalog has, from reading a whole catalog for each table. Oids from 16384 on belong to users' objects
 * (FirstNormalObjectId).
 */
import type { Hidden } from '../../../migrate/source.ts'
import { literal } from '../tables.ts'
import { familiesQueries } from './families.ts'
import { needsQuery } from './needs.ts'
import { RARE_AMONG } from './rare.ts'
import { SCHEMAS_AND_EXTENSIONS, SMALL_KINDS } from './smallKinds.ts'
import { columnsOf, notMember, usualName } from './sql.ts'

/** The kinds of objects that the query asks for although most databases have none. */
export interface Extent {
  /** Small kinds of objects (`HAS_SMALL_KINDS`). */
  readonly small: boolean
  /** Anything rare (`HAS_RARE`). */
  readonly rare: boolean
}

/** @param extent what to ask for; the less, the faster the query is planned. Default: everything */
export function catalogQuery(hidden: Hidden, { small, rare }: Extent = { small: true, rare: true }): string {
  const objects = [
    ...SCHEMAS_AND_EXTENSIONS,
    ...familiesQueries(!rare),
    ...(small ? SMALL_KINDS : []),
    needsQuery(false, !rare),
  ]
  return `WITH ${tablesOf(hidden, { isSome: false, isPlain: !rare }).join(',\n')}\n${objects.join('\nUNION ALL\n')}`
}

/**
 * As {@link catalogQuery}, but only the families whose oids are the parameter `$1`, an array.
 * @param isPlain `true` to expect nothing rare of them: if there is any, a row of the kind `rare` says so
 */
export function changedQuery(hidden: Hidden, isPlain: boolean): string {
  const objects = [...familiesQueries(isPlain), needsQuery(true, isPlain), ...(isPlain ? [RARE_AMONG] : [])]
  return `WITH ${tablesOf(hidden, { isSome: true, isPlain }).join(',\n')}\n${objects.join('\nUNION ALL\n')}`
}

// --- internal ---

/** Catalogs whose rows belong to a relation: their oid and that of the relation. */
type Part = readonly [catalog: string, oid: string, relation: string]
const USUAL_PARTS: readonly Part[] = [
  ['pg_constraint', 'oid', 'conrelid'],
  ['pg_attrdef', 'oid', 'adrelid'],
  ['pg_rewrite', 'oid', 'ev_class'],
  ['pg_trigger', 'oid', 'tgrelid'],
]
const RARE_PARTS: readonly Part[] = [
  ['pg_policy', 'oid', 'polrelid'],
  ['pg_statistic_ext', 'oid', 'stxrelid'],
]

/**
 * The common table expressions.
 * @param which `isSome`: only the families of the parameter; `isPlain`: none of them has anything rare
 */
function tablesOf(
  { tables, schemas }: Hidden,
  { isSome, isPlain }: { readonly isSome: boolean; readonly isPlain: boolean },
): string[] {
  const names = tables.map(literal).join(', ')
  const ours =
    tables.length > 0 ? `AND c.relname NOT IN (${names}) AND n.nspname || '.' || c.relname NOT IN (${names})` : ''
  // Tools number the rows of their tables with sequences.
  const theirs =
    schemas.length > 0
      ? `AND NOT (c.relkind = 'S' AND EXISTS (SELECT FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.objid = c.oid AND (t.relname IN (${names}) OR t.relnamespace::regnamespace || '.' || t.relname IN (${names}))))`
      : ''
  const schemasOut = schemas.length > 0 ? `AND nspname NOT IN (${schemas.map(literal).join(', ')})` : ''
  const members = isSome ? 'pg_depend' : 'member'
  // Of the types, only those of composite types belong to a relation.
  const someTypes =
    "AND t.oid IN (SELECT unnest($1) UNION SELECT c.reltype FROM pg_class c WHERE c.oid = ANY ($1) AND c.relkind = 'c')"
  const parts = [...USUAL_PARTS, ...(isPlain ? [] : RARE_PARTS)]
  const relations = [
    ...(isSome ? [] : ["member AS MATERIALIZED (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')"]),
    `ns AS MATERIALIZED (SELECT * FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ${schemasOut})`,
    `rel AS MATERIALIZED (
  SELECT c.*, n.nspname, c.oid::regclass::text AS name FROM pg_class c JOIN ns n ON n.oid = c.relnamespace
  WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S') AND ${notMember('pg_class', 'c.oid', members)} ${ours} ${theirs} ${isSome ? 'AND c.oid = ANY ($1)' : ''}
)`,
  ]
  const part = `-- The rows of the catalogs that belong to a relation, a type or a routine.
part AS MATERIALIZED (
  SELECT 'pg_class'::regclass::oid AS classid, oid AS objid, oid AS family FROM rel
  ${isPlain ? '' : RARE_FAMILIES}
  UNION ALL SELECT 'pg_class'::regclass, x.indexrelid, c.oid FROM pg_index x JOIN rel c ON c.oid = x.indrelid
  UNION ALL ${parts.map(([catalog, oid, relation]) => `SELECT '${catalog}'::regclass, x.${oid}, c.oid FROM ${catalog} x JOIN rel c ON c.oid = x.${relation}`).join('\n  UNION ALL ')}
)`
  if (isPlain) return [...relations, part]
  return [
    ...relations,
    `typ AS MATERIALIZED (
  SELECT t.*, n.nspname, t.oid::regtype::text AS name, CASE WHEN t.typtype = 'c' THEN t.typrelid ELSE t.oid END AS family FROM pg_type t JOIN ns n ON n.oid = t.typnamespace
  WHERE t.oid >= 16384 AND ${notMember('pg_type', 't.oid', members)} AND (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')))
    ${isSome ? someTypes : ''}
)`,
    `-- Partitioned indexes of which a partition's own has a name that the server would not give it.
named AS MATERIALIZED (
  SELECT DISTINCT pg_partition_root(i.indexrelid) AS root FROM pg_inherits h JOIN pg_index i ON i.indexrelid = h.inhrelid JOIN pg_class x ON x.oid = i.indexrelid JOIN rel c ON c.oid = i.indrelid
  WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
    AND x.relname <> ${usualName('c.relname::text', columnsOf('i', 'c.oid'), 'idx')}
)`,
    `routine AS MATERIALIZED (
  SELECT p.* FROM pg_proc p JOIN ns n ON n.oid = p.pronamespace
  WHERE p.oid >= 16384 ${isSome ? 'AND p.oid = ANY ($1)' : ''} AND ${notMember('pg_proc', 'p.oid', members)} AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
)`,
    part,
  ]
}

const RARE_FAMILIES = `UNION ALL SELECT 'pg_type'::regclass, oid, family FROM typ
  UNION ALL SELECT 'pg_class'::regclass, family, family FROM typ WHERE typtype = 'c'
  UNION ALL SELECT 'pg_proc'::regclass, oid, oid FROM routine
  UNION ALL SELECT 'pg_constraint'::regclass, k.oid, t.family FROM pg_constraint k JOIN typ t ON t.oid = k.contypid`
