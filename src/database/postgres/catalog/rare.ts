/**
 * Finds out whether a database has anything that few databases have, and that makes the query that reads a schema long:
 * partitions, privileges, comments, types, routines. Where there is none of it, a query without it returns the same, and the
 * server needs a fifth of the time to plan and to begin it.
 */

/** Conditions on the TOAST table of a table `c`, and on an index `c`. */
const TOAST = 't.oid = c.reltoastrelid AND t.reloptions IS NOT NULL'
const INDEX = 'c.reloptions IS NOT NULL OR c.reltablespace <> 0'
const INDEX_COLUMN = 'EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attstattarget >= 0)'

/** A query that says whether there is anything rare: `there`. */
export const HAS_RARE = `SELECT ${[
  ...ofFamilies((family) => `${family} >= 16384`),
  exists(`pg_class c ${each(`pg_class t WHERE ${TOAST}`)} WHERE c.oid >= 16384`),
  exists(`pg_class c WHERE c.oid >= 16384 AND c.relkind IN ('i', 'I') AND (${INDEX} OR ${INDEX_COLUMN})`),
  ...['pg_description WHERE objoid >= 16384', "pg_depend WHERE deptype = 'x'"].map(exists),
].join(' OR ')} AS there`

/**
 * A query that gives a row of the kind `rare` if one of the families whose oids are the parameter `$1` has anything rare. The
 * names of the common table expressions are those of `changedQuery`.
 */
export const RARE_AMONG = `SELECT 'rare', 0, NULL, NULL WHERE ${[
  ...ofFamilies((family) => `${family} = ANY ($1)`),
  exists(`rel c ${each(`pg_class t WHERE ${TOAST}`)}`),
  exists(
    `part p ${each(`pg_class c WHERE p.classid = 'pg_class'::regclass AND c.oid = p.objid AND c.relkind IN ('i', 'I') AND (${INDEX} OR ${INDEX_COLUMN})`)}`,
  ),
  exists('part p JOIN pg_description o ON o.classoid = p.classid AND o.objoid = p.objid'),
  exists(`part p ${each("pg_depend d WHERE d.classid = p.classid AND d.objid = p.objid AND d.deptype = 'x'")}`),
  // The sequence of an identity column is a part of its table.
  exists(
    "pg_depend d JOIN pg_class s ON s.oid = d.objid WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY ($1) AND d.classid = 'pg_class'::regclass AND d.deptype = 'i' AND (s.relacl IS NOT NULL OR EXISTS (SELECT FROM pg_description o WHERE o.classoid = 'pg_class'::regclass AND o.objoid = s.oid))",
  ),
].join(' OR ')}`

// --- internal ---

function exists(rows: string): string {
  return `EXISTS (SELECT FROM ${rows})`
}

/** A join with rows that are looked up for each row before it: the planner would read a whole catalog. */
function each(rows: string): string {
  return `CROSS JOIN LATERAL (SELECT FROM ${rows} OFFSET 0) looked_up`
}

/** Conditions that there is something rare. @param among a condition on the column with the oid of the relation, type or routine */
function ofFamilies(among: (column: string) => string): string[] {
  // The usual access method, heap, and the usual collation have these oids in each database.
  const [heap, collation] = [2, 100]
  const rare: readonly (readonly [from: string, family: string, condition: string])[] = [
    [
      'pg_class c',
      'c.oid',
      `c.relkind NOT IN ('t', 'i', 'I') AND (c.relkind NOT IN ('r', 'v', 'm', 'S') OR c.relispartition OR c.reloftype <> 0 OR c.relacl IS NOT NULL OR c.reltablespace <> 0 OR c.relam NOT IN (0, ${heap}) OR c.relowner <> (SELECT datdba FROM pg_database WHERE datname = current_database()))`,
    ],
    [
      'pg_attribute a',
      'a.attrelid',
      `a.attnum > 0 AND (a.attacl IS NOT NULL OR a.attoptions IS NOT NULL OR a.attfdwoptions IS NOT NULL OR a.attcollation NOT IN (0, ${collation}))`,
    ],
    ['pg_trigger t', 't.tgrelid', 't.tgparentid <> 0'],
    ['pg_rewrite w', 'w.ev_class', "w.rulename <> '_RETURN'"],
    ['pg_policy p', 'p.polrelid', 'true'],
    ['pg_statistic_ext s', 's.stxrelid', 'true'],
    ['pg_inherits h', 'h.inhrelid', 'true'],
    ['pg_inherits h', 'h.inhparent', 'true'],
    ['pg_type t', 't.oid', "t.typtype IN ('e', 'd', 'r')"],
    ['pg_proc p', 'p.oid', 'true'],
  ]
  return rare.map(([from, family, condition]) => exists(`${from} WHERE ${among(family)} AND (${condition})`))
}
