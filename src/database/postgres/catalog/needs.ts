/** SQL of which object needs which. */
import { hasItsOwn } from './partitions.ts'

/**
 * The names of the common table expressions are those of `catalogQuery`.
 * @param changed `true` for what the families that are read need
 * @param isPlain `true` if these have nothing rare
 */
export function needsQuery(changed: boolean, isPlain = false): string {
  return `SELECT 'needs', 0, family, json_build_array(object, needed, part, member, of) FROM (SELECT DISTINCT p.family,
  -- What of a table needs it, where that can be made behind the table.
  COALESCE('column ' || (SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = a.adrelid AND attnum = a.adnum AND attgenerated = ''), 'constraint ' || CASE WHEN k.contype = 'c' AND k.conrelid <> 0 THEN quote_ident(k.conname) END) AS part,
  COALESCE((SELECT CASE attgenerated WHEN '' THEN 'default ' ELSE 'column ' END || quote_ident(attname) FROM pg_attribute WHERE attrelid = a.adrelid AND attnum = a.adnum), 'constraint ' || quote_ident(k.conname), 'column ' || (SELECT quote_ident(attname) FROM pg_attribute WHERE d.classid = 'pg_class'::regclass AND d.objsubid > 0 AND attrelid = d.objid AND attnum = d.objsubid)) AS member,
  COALESCE('constraint ' || quote_ident(rk.conname), 'constraint ' || quote_ident(ik.conname), 'column ' || (SELECT quote_ident(attname) FROM pg_attribute WHERE d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND attrelid = d.refobjid AND attnum = d.refobjsubid)) AS of,
  COALESCE(CASE WHEN w.rulename = '_RETURN' THEN w.ev_class END, a.adrelid, NULLIF(k.conrelid, 0), NULLIF(k.contypid, 0), pr.prpubid, pn.pnpubid, d.objid)::bigint AS object,
  COALESCE(x.refobjid, NULLIF(e.typrelid, 0), e.oid, NULLIF(t.typrelid, 0), (SELECT rngtypid FROM pg_range WHERE rngmultitypid = t.oid), t.oid, NULLIF(rk.conrelid, 0), NULLIF(rk.contypid, 0), ik.conrelid, d.refobjid)::bigint AS needed
FROM ${changed ? OF_SOME : 'pg_depend d LEFT JOIN part p ON p.classid = d.classid AND p.objid = d.objid'}
${joins(changed).join('\n')}
WHERE d.objid >= 16384 AND d.refobjid >= 16384 AND d.deptype IN ('n', 'a')
  AND NOT (d.deptype = 'a' AND EXISTS (SELECT FROM pg_sequence s WHERE s.seqrelid = d.objid))${isPlain ? '' : OF_PARTITIONS}) edges WHERE object <> needed`
}

// --- internal ---

/** Selects the objects that the triggers and indexes of a partition need. */
const OF_PARTITIONS = `
UNION SELECT c.oid, NULL, NULL, NULL, t.oid::bigint, t.tgparentid::bigint FROM pg_trigger t JOIN rel c ON c.oid = t.tgrelid WHERE t.tgparentid <> 0
UNION SELECT c.oid, NULL, NULL, NULL, h.inhrelid::bigint, h.inhparent::bigint FROM pg_inherits h JOIN pg_index i ON i.indexrelid = h.inhrelid JOIN rel c ON c.oid = i.indrelid
-- What the index of a partition has of its own is set behind its table's index.
UNION SELECT c.oid, NULL, NULL, NULL, r.indexrelid::bigint, z.indrelid::bigint FROM pg_inherits h JOIN pg_index z ON z.indexrelid = h.inhrelid JOIN pg_class x ON x.oid = h.inhrelid JOIN pg_index r ON r.indexrelid = pg_partition_root(h.inhrelid) JOIN pg_class y ON y.oid = r.indexrelid JOIN rel c ON c.oid = r.indrelid WHERE ${hasItsOwn}
-- A partition that is made behind its table's index gets one of its own at once.
UNION SELECT c.oid, NULL, NULL, NULL, h.inhparent::bigint, i.indrelid::bigint FROM pg_inherits h JOIN pg_index i ON i.indexrelid = h.inhrelid JOIN pg_index o ON o.indexrelid = h.inhparent JOIN rel c ON c.oid = o.indrelid WHERE pg_partition_root(i.indexrelid) IN (SELECT root FROM named)`

/**
 * Joins the catalogs with the objects that a dependency names. If only `changed` objects are read, each is looked up by an index:
 * the planner would read whole catalogs.
 */
function joins(changed: boolean): string[] {
  const join = (from: string, name: string, condition: string) =>
    changed
      ? `LEFT JOIN LATERAL (SELECT ${name}.* FROM ${from} WHERE ${condition} OFFSET 0) ${name} ON true`
      : `LEFT JOIN ${from} ON ${condition}`
  return [
    join('pg_rewrite w', 'w', "d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid"),
    join('pg_attrdef a', 'a', "d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid"),
    join('pg_constraint k', 'k', "d.classid = 'pg_constraint'::regclass AND k.oid = d.objid AND k.contype <> 'f'"),
    join('pg_publication_rel pr', 'pr', "d.classid = 'pg_publication_rel'::regclass AND pr.oid = d.objid"),
    join('pg_publication_namespace pn', 'pn', "d.classid = 'pg_publication_namespace'::regclass AND pn.oid = d.objid"),
    join('pg_constraint rk', 'rk', "d.refclassid = 'pg_constraint'::regclass AND rk.oid = d.refobjid"),
    // Constraints have no index on that of theirs, but one on their table.
    join(
      changed ? 'pg_index y JOIN pg_constraint ik ON ik.conrelid = y.indrelid' : 'pg_constraint ik',
      'ik',
      `d.refclassid = 'pg_class'::regclass AND ik.conindid = d.refobjid AND ik.contype IN ('p', 'u', 'x')${changed ? ' AND y.indexrelid = d.refobjid' : ''}`,
    ),
    join('pg_type t', 't', "d.refclassid = 'pg_type'::regclass AND t.oid = d.refobjid"),
    join('pg_type e', 'e', 'e.oid = t.typelem AND e.typarray = t.oid'),
    '-- What belongs to an extension comes and goes with it.',
    join(
      'pg_depend x',
      'x',
      "x.classid = d.refclassid AND x.objid = d.refobjid AND x.objsubid = 0 AND x.deptype = 'e'",
    ),
  ]
}

/** Few objects: each is looked up by the index, where the planner would look at what all objects need. */
const OF_SOME =
  'part p CROSS JOIN LATERAL (SELECT * FROM pg_depend d WHERE d.classid = p.classid AND d.objid = p.objid OFFSET 0) d'
