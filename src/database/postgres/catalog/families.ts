/** SQL of the objects that belong to a relation, a type or a routine: each row is a kind, an oid, its family, and facts. */
import { attached, namedAsParent, partsOf } from './partitions.ts'
import * as sql from './sql.ts'
import { modifies, qualified, sequenceOptions, usualNotNull } from './sql.ts'

/**
 * The names of the common table expressions are those of `catalogQuery`.
 * @param isPlain `true` for families that have nothing rare (see `catalogRare`): the query is then half as long, and the
 * server needs half of its time to begin with one so long
 */
export function familiesQueries(isPlain: boolean): string[] {
  const rare = (text: string, without = 'NULL') => (isPlain ? without : text)
  const comment = (oid: string, catalog: string) => rare(sql.comment(oid, catalog))
  const owner = (oid: string) => rare(sql.owner(oid))
  const privileges = (acl: string, standard: string) => rare(sql.privileges(acl, standard))
  const companions = (catalog: string, oid: string) => rare(sql.companions(catalog, oid))
  const usual = [
    `SELECT 'sequence' AS kind, c.oid::bigint AS oid, c.oid::bigint AS family, json_build_object('name', c.name, 'owner', ${owner('c.relowner')}, 'comment', ${comment('c.oid', 'pg_class')}, 'acl', ${privileges('c.relacl', "acldefault('s', c.relowner)")},
  'unlogged', c.relpersistence = 'u', 'options', ${sequenceOptions('s')},
  'owned', EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'a')) AS facts
FROM rel c JOIN pg_sequence s ON s.seqrelid = c.oid
WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i')`,
    `SELECT CASE WHEN c.relkind IN ('v', 'm') THEN 'view' ELSE 'table' END, c.oid, c.oid, json_build_object('name', c.name, 'form', c.relkind, 'persistence', c.relpersistence, 'owner', ${owner('c.relowner')},
  'comment', ${comment('c.oid', 'pg_class')}, 'acl', ${privileges('c.relacl', "acldefault('r', c.relowner)")}, 'options', c.reloptions${rare(" || (SELECT array_agg('toast.' || o) FROM pg_class x, unnest(x.reloptions) o WHERE x.oid = c.reltoastrelid)", '')}, 'method', ${rare("(SELECT amname FROM pg_am WHERE oid = c.relam AND amname <> 'heap')")},
  'tablespace', ${rare('(SELECT quote_ident(spcname) FROM pg_tablespace WHERE oid = c.reltablespace)')}, 'rowSecurity', c.relrowsecurity, 'forced', c.relforcerowsecurity, 'replica', c.relreplident,
  'ofType', CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END,
  'definition', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid, true) END, 'populated', c.relispopulated, 'extensions', CASE WHEN c.relkind = 'm' THEN ${companions('pg_class', 'c.oid')} END,
  'partitionKey', CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END, 'bound', CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END,
  'parents', ${rare('(SELECT json_agg(i.inhparent::regclass::text ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid)')},
  'sequences', (SELECT json_agg(json_build_array(q.oid::regclass::text, quote_ident(a.attname)) ORDER BY q.oid::regclass::text) FROM (SELECT objid, refobjsubid FROM pg_depend WHERE refclassid = 'pg_class'::regclass AND refobjid = c.oid AND classid = 'pg_class'::regclass AND deptype = 'a' OFFSET 0) d
    JOIN pg_class q ON q.oid = d.objid AND q.relkind = 'S' AND q.relnamespace IN (SELECT oid FROM ns) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid),
  'server', ${rare("(SELECT json_build_object('name', quote_ident(s.srvname), 'options', f.ftoptions) FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid)")},
  'columns', (SELECT json_agg(json_build_object('name', a.attname, 'quoted', quote_ident(a.attname), 'type', format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull, 'inheritedNotNull', ${rare("a.attnotnull AND a.attinhcount > 0 AND EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'n' AND k.conkey[1] = a.attnum AND NOT k.conislocal)", 'false')}, 'identity', a.attidentity, 'generated', a.attgenerated, 'local', a.attislocal,
      'expression', pg_get_expr(d.adbin, d.adrelid), 'comment', ${rare('col_description(c.oid, a.attnum)')}, 'acl', ${privileges('a.attacl', "acldefault('c', c.relowner)")}, 'foreign', a.attfdwoptions,
      'parent', ${rare("CASE WHEN a.attinhcount > 0 THEN (SELECT json_build_object('expression', pg_get_expr(pd.adbin, pd.adrelid), 'notNull', pa.attnotnull) FROM pg_inherits h JOIN pg_attribute pa ON pa.attrelid = h.inhparent AND pa.attname = a.attname LEFT JOIN pg_attrdef pd ON pd.adrelid = pa.attrelid AND pd.adnum = pa.attnum WHERE h.inhrelid = c.oid ORDER BY h.inhseqno LIMIT 1) END")},
      'statistics', CASE WHEN a.attstattarget >= 0 THEN a.attstattarget END, 'options', ${rare("(SELECT json_agg(o) FROM unnest(a.attoptions) o WHERE o !~ '^pg_attver=')")},
      'storage', CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage END, 'compression', NULLIF(a.attcompression, ''),
      'collation', ${rare(`(SELECT ${qualified('n.nspname', 'o.collname')} FROM pg_collation o JOIN pg_namespace n ON n.oid = o.collnamespace WHERE o.oid = a.attcollation AND a.attcollation <> t.typcollation)`)},
      'sequence', CASE WHEN a.attidentity <> '' THEN (SELECT json_build_object('options', ${sequenceOptions('s')}, 'name', z.oid::regclass::text, 'comment', ${comment('z.oid', 'pg_class')}, 'acl', ${privileges('z.relacl', "acldefault('s', z.relowner)")},
        'usual', z.relname = c.relname || '_' || a.attname || '_seq', 'persistence', z.relpersistence) FROM pg_depend x JOIN pg_class z ON z.oid = x.objid JOIN pg_sequence s ON s.seqrelid = z.oid WHERE x.classid = 'pg_class'::regclass AND x.deptype = 'i' AND x.refclassid = 'pg_class'::regclass AND x.refobjid = c.oid AND x.refobjsubid = a.attnum) END) ORDER BY a.attnum)
    FROM pg_attribute a CROSS JOIN LATERAL (SELECT typstorage, typcollation FROM pg_type WHERE oid = a.atttypid OFFSET 0) t LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  'constraints', (SELECT json_agg(json_build_object('name', quote_ident(k.conname), 'definition', pg_get_constraintdef(k.oid, true), 'comment', ${comment('k.oid', 'pg_constraint')}, 'valid', k.convalidated,
      'clustered', x.indisclustered, 'replica', x.indisreplident AND c.relreplident = 'i', 'index', NULLIF(k.conindid, 0)::regclass::text,
      'options', ${rare("(SELECT array_to_string(z.reloptions, ', ') FROM pg_class z WHERE z.oid = k.conindid)")}, 'tablespace', ${rare('(SELECT quote_ident(y.spcname) FROM pg_class z JOIN pg_tablespace y ON y.oid = z.reltablespace WHERE z.oid = k.conindid)')}, 'part', 'constraint ' || quote_ident(k.conname), 'indexComment', ${comment('k.conindid', 'pg_class')}) ORDER BY k.contype <> 'p', k.contype <> 'u', k.conname)
    FROM pg_constraint k LEFT JOIN pg_index x ON x.indexrelid = k.conindid WHERE k.conrelid = c.oid AND k.contype IN ('c', 'p', 'u', 'x') AND k.conislocal AND k.conparentid = 0),
  'attached', ${rare(attached)},
  'notNulls', (SELECT json_agg(json_build_object('name', quote_ident(k.conname), 'column', a.attname, 'quoted', quote_ident(a.attname), 'inherited', NOT k.connoinherit, 'valid', k.convalidated, 'usual', ${usualNotNull}, 'asParent', ${rare(namedAsParent)}, 'comment', ${comment('k.oid', 'pg_constraint')}) ORDER BY k.conkey)
    FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1] WHERE k.conrelid = c.oid AND k.contype = 'n' AND (${rare(`${comment('k.oid', 'pg_constraint')} IS NOT NULL OR (c.relispartition AND NOT ${usualNotNull}) OR (c.relispartition AND NOT ${namedAsParent}) OR `, '')}(k.conislocal AND (k.connoinherit OR NOT k.convalidated OR NOT ${usualNotNull})))))
FROM rel c WHERE c.relkind <> 'S'`,
    `SELECT 'index', i.indexrelid, c.oid, json_build_object('table', c.name, 'name', i.indexrelid::regclass::text, 'comment', ${comment('i.indexrelid', 'pg_class')}, 'definition', pg_get_indexdef(i.indexrelid, 0, true), 'partitioned', c.relkind = 'p',
  'valid', i.indisvalid, 'clustered', i.indisclustered, 'replica', i.indisreplident AND c.relreplident = 'i',
  'alone', ${rare('COALESCE(pg_partition_root(i.indexrelid) IN (SELECT root FROM named), false)', 'false')}, 'parent', ${rare('(SELECT h.inhparent::regclass::text FROM pg_inherits h WHERE h.inhrelid = i.indexrelid)')},
  'extensions', ${companions('pg_class', 'i.indexrelid')}, 'statistics', ${rare('(SELECT json_agg(json_build_array(attnum, attstattarget) ORDER BY attnum) FROM pg_attribute WHERE attrelid = i.indexrelid AND attstattarget >= 0)')},
  'parts', ${rare(`CASE WHEN c.relkind = 'p' THEN ${partsOf} END`)})
FROM pg_index i JOIN rel c ON c.oid = i.indrelid
WHERE i.indexrelid >= 16384 AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x'))${rare(' AND (NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = i.indexrelid) OR pg_partition_root(i.indexrelid) IN (SELECT root FROM named))', '')}`,
    `SELECT 'foreign-key', k.oid, c.oid, json_build_object('table', c.name, 'name', quote_ident(k.conname), 'definition', pg_get_constraintdef(k.oid, true), 'comment', ${comment('k.oid', 'pg_constraint')})
FROM pg_constraint k JOIN rel c ON c.oid = k.conrelid WHERE k.contype = 'f' AND k.conparentid = 0`,
    `SELECT 'trigger', t.oid, c.oid, json_build_object('table', c.name, 'name', quote_ident(t.tgname), 'definition', pg_get_triggerdef(t.oid, true), 'enabled', t.tgenabled, 'extensions', ${companions('pg_trigger', 't.oid')}, 'comment', ${comment('t.oid', 'pg_trigger')})
FROM pg_trigger t JOIN rel c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal AND t.tgparentid = 0`,
  ]
  if (isPlain) return usual
  return [
    ...usual,
    `SELECT 'type', t.family, t.family, json_build_object('name', t.name, 'form', t.typtype, 'owner', ${owner('t.typowner')}, 'comment', ${comment('t.oid', 'pg_type')},
  'acl', ${privileges('t.typacl', "acldefault('T', t.typowner)")},
  'labels', (SELECT json_agg(quote_literal(enumlabel) ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
  'base', CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END, 'default', CASE WHEN t.typtype = 'd' THEN COALESCE(pg_get_expr(t.typdefaultbin, 0), t.typdefault) END, 'notNull', t.typnotnull,
  'notNullName', (SELECT quote_ident(k.conname) FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'n' AND (${comment('k.oid', 'pg_constraint')} IS NOT NULL OR k.conname <> left(t.typname, 54) || '_not_null')),
  'notNullComment', (SELECT ${comment('k.oid', 'pg_constraint')} FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'n'),
  'collation', (SELECT ${qualified('n.nspname', 'c.collname')} FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = t.typcollation AND t.typtype = 'd' AND c.collname <> 'default'),
  'constraints', (SELECT json_agg(json_build_array(quote_ident(conname), pg_get_constraintdef(oid, true), convalidated, ${comment('oid', 'pg_constraint')}) ORDER BY conname) FROM pg_constraint WHERE contypid = t.oid AND contype = 'c'),
  'attributes', (SELECT json_agg(json_build_array(quote_ident(attname), format_type(atttypid, atttypmod) || COALESCE(' COLLATE ' || (SELECT NULLIF(o.oid, y.typcollation)::regcollation::text FROM pg_collation o, pg_type y WHERE o.oid = attcollation AND y.oid = atttypid), ''), col_description(t.typrelid, attnum)) ORDER BY attnum) FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped),
  'range', (SELECT json_build_object('subtype', format_type(rngsubtype, NULL), 'opclass', (SELECT ${qualified('n.nspname', 'o.opcname')} FROM pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace WHERE o.oid = rngsubopc AND NOT o.opcdefault), 'collation', (SELECT NULLIF(rngcollation, y.typcollation)::regcollation FROM pg_type y WHERE y.oid = rngsubtype AND rngcollation <> y.typcollation), 'diff', NULLIF(rngsubdiff, 0)::regproc, 'canonical', NULLIF(rngcanonical, 0)::regproc,
    'multirange', (SELECT m.oid::regtype::text FROM pg_type m WHERE m.oid = rngmultitypid AND (m.typnamespace <> t.typnamespace OR m.typname <> CASE WHEN t.typname ~ 'range' THEN regexp_replace(t.typname, 'range', 'multirange') ELSE t.typname || '_multirange' END))) FROM pg_range WHERE rngtypid = t.oid))
FROM typ t`,
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
}
