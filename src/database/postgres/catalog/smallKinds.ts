/** SQL of the objects that belong to no relation, type or routine. Each row is a kind, an oid, no family, and facts. */
import { comment, notMade, notMember, owner, privileges } from './sql.ts'

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
export const SCHEMAS_AND_EXTENSIONS: readonly string[] = [
  `SELECT 'schema' AS kind, n.oid::bigint AS oid, NULL::bigint AS family, json_build_object('name', quote_ident(n.nspname), 'comment', ${comment('n.oid', 'pg_namespace')},
  'owner', CASE WHEN n.nspname = 'public' THEN CASE WHEN pg_get_userbyid(n.nspowner) <> 'pg_database_owner' THEN quote_ident(pg_get_userbyid(n.nspowner)) END ELSE ${owner('n.nspowner')} END,
  'acl', ${privileges("COALESCE(n.nspacl, acldefault('n', n.nspowner))", "CASE WHEN n.nspname = 'public' THEN acldefault('n', n.nspowner) || makeaclitem(0, n.nspowner, 'USAGE', false) ELSE acldefault('n', n.nspowner) END")}) AS facts
FROM ns n WHERE ${notMember('pg_namespace', 'n.oid')}`,
  `SELECT 'extension', e.oid, NULL, json_build_object('name', quote_ident(e.extname), 'schema', quote_ident(n.nspname),
  'version', (SELECT quote_literal(e.extversion) FROM pg_available_extensions() v WHERE v.name = e.extname AND v.default_version <> e.extversion))
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname <> 'plpgsql'`,
]

const BASE_TYPES =
  "pg_type t WHERE oid >= 16384 AND (typtype = 'b' OR NOT typisdefined) AND NOT EXISTS (SELECT FROM pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid)"
const SUBSCRIPTIONS =
  'pg_subscription s WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())'

export const SMALL_KINDS: readonly string[] = [
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
SELECT 'other', s.oid, NULL, json_build_object('name', 'subscription ' || quote_ident(s.subname)) FROM ${SUBSCRIPTIONS}`,
  `SELECT 'other', o.objid, NULL, json_build_object('name', i.type || ' ' || i.identity)
FROM (${OTHERS.map((catalog) => `SELECT '${catalog}'::regclass::oid AS classid, oid AS objid FROM ${catalog} WHERE oid >= 16384`).join('\n  UNION ALL ')}
  UNION ALL SELECT 'pg_type'::regclass, oid FROM ${BASE_TYPES}) o,
  pg_identify_object(o.classid, o.objid, 0) i
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = o.classid AND m.objid = o.objid) AND (i.schema IS NULL OR (i.schema !~ '^pg_' AND i.schema <> 'information_schema'))`,
]

/** A query whether there is anything that {@link SMALL_KINDS} might find: most databases have nothing of it. */
export const HAS_SMALL_KINDS = `SELECT ${[
  'pg_event_trigger',
  'pg_default_acl',
  'pg_user_mappings',
  SUBSCRIPTIONS,
  BASE_TYPES,
  ...[...WRITTEN_OUT.map(({ catalog }) => catalog), ...OTHERS].map((catalog) => `${catalog} x WHERE x.oid >= 16384`),
]
  .map((some) => `EXISTS (SELECT FROM ${some})`)
  .join(' OR ')} AS there`
