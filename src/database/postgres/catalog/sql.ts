/** SQL of what many queries over the catalogs ask: owners, privileges, comments, usual names. */

/** SQL of an owner's name. It is null for the database's own owner, so that such owners are left out. */
export const owner = (oid: string) =>
  `CASE WHEN ${oid} NOT IN (SELECT datdba FROM pg_database WHERE datname = current_database()) AND pg_get_userbyid(${oid}) <> 'pg_database_owner' THEN quote_ident(pg_get_userbyid(${oid})) END`

/**
 * SQL of the privileges granted beyond the default and those of the default that were revoked, as [grantee, privilege,
 * grantable].
 */
export const privileges = (acl: string, standard: string) => {
  const list = (some: string, without: string) =>
    `(SELECT json_agg(json_build_array(CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END, privilege_type, is_grantable) ORDER BY grantee, privilege_type)
      FROM (SELECT grantee, privilege_type, is_grantable FROM aclexplode(${some}) EXCEPT SELECT grantee, privilege_type, is_grantable FROM aclexplode(${without})) g)`
  return `CASE WHEN ${acl} IS NOT NULL THEN json_build_object('granted', ${list(acl, standard)}, 'revoked', ${list(standard, acl)},
    'all', (SELECT json_agg(DISTINCT privilege_type) FROM aclexplode(${standard}))) END`
}

/** SQL of how an aggregate's function treats its state; null for what is usual for the aggregate's kind. */
export const modifies = (column: string) =>
  `CASE WHEN ${column} <> CASE a.aggkind WHEN 'n' THEN 'r' ELSE 'w' END THEN CASE ${column} WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END END`

export const comment = (oid: string, catalog: string) => `obj_description(${oid}, '${catalog}')`

/** SQL of the extensions that an object depends on so that it goes with them. */
export const companions = (catalog: string, oid: string) =>
  `(SELECT json_agg(quote_ident(x.extname) ORDER BY x.extname) FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid WHERE d.classid = '${catalog}'::regclass AND d.objid = ${oid} AND d.deptype = 'x')`

/** @param from where to look: a common table expression, or for few objects the catalog, which has an index */
export const notMember = (catalog: string, oid: string, from: 'member' | 'pg_depend' = 'member') =>
  `NOT EXISTS (SELECT FROM ${from} m WHERE m.classid = '${catalog}'::regclass AND m.objid = ${oid}${from === 'member' ? '' : " AND m.deptype = 'e'"})`

/**
 * SQL condition that excludes objects the server created for another object, such as the cast from a range to its
 * multirange.
 */
export const notMade = (catalog: string, oid: string) =>
  `NOT EXISTS (SELECT FROM pg_depend WHERE classid = '${catalog}'::regclass AND objid = ${oid} AND deptype = 'i')`

/**
 * SQL of the name that the server gives a constraint or an index. It shortens the longer one of both names until they fit (makeObjectName in its
 * source), by bytes: names whose letters have several are not told here.
 */
export function usualName(table: string, columns: string, label: string): string {
  const room = 61 - label.length
  const first = `GREATEST(${Math.ceil(room / 2)}, ${room} - length(${columns}))`
  return `(left(${table}, ${first}) || '_' || left(${columns}, ${room} - LEAST(length(${table}), ${first})) || '_${label}')`
}

/** Condition for the default name of a NOT NULL constraint. Where a long name has letters of several bytes, any name counts. */
export const usualNotNull = `(k.conname = ${usualName('c.relname::text', 'a.attname::text', 'not_null')} OR (octet_length(c.relname || a.attname) > 53 AND octet_length(c.relname || a.attname) > length(c.relname || a.attname)))`

/** SQL of the names of the columns of an index, as they are part of its name: one that comes again gets a number. */
export const columnsOf = (index: string, table: string) =>
  `(SELECT string_agg(name || COALESCE(NULLIF(nth - 1, 0)::text, ''), '_' ORDER BY at) FROM (SELECT u.at, COALESCE(a.attname::text, 'expr') AS name, row_number() OVER (PARTITION BY COALESCE(a.attname::text, 'expr') ORDER BY u.at) AS nth
      FROM unnest(${index}.indkey::smallint[]) WITH ORDINALITY u (num, at) LEFT JOIN pg_attribute a ON a.attrelid = ${table} AND a.attnum = u.num AND u.num <> 0) names)`

export const qualified = (namespace: string, name: string) =>
  `CASE WHEN ${namespace} IN ('public', 'pg_catalog') THEN '' ELSE quote_ident(${namespace}) || '.' END || quote_ident(${name})`

/** Returns SQL of the CREATE SEQUENCE options that differ from the default for the type and direction. */
export function sequenceOptions(s: string): string {
  const limit = `CASE ${s}.seqtypid WHEN 'smallint'::regtype THEN 32767 WHEN 'integer'::regtype THEN 2147483647 ELSE 9223372036854775807 END`
  return `concat_ws(' ', 'AS ' || format_type(${s}.seqtypid, NULL),
    CASE WHEN ${s}.seqincrement <> 1 THEN 'INCREMENT BY ' || ${s}.seqincrement END,
    CASE WHEN ${s}.seqmin <> CASE WHEN ${s}.seqincrement > 0 THEN 1 ELSE -${limit} - 1 END THEN 'MINVALUE ' || ${s}.seqmin END,
    CASE WHEN ${s}.seqmax <> CASE WHEN ${s}.seqincrement > 0 THEN ${limit} ELSE -1 END THEN 'MAXVALUE ' || ${s}.seqmax END,
    CASE WHEN ${s}.seqstart <> CASE WHEN ${s}.seqincrement > 0 THEN ${s}.seqmin ELSE ${s}.seqmax END THEN 'START WITH ' || ${s}.seqstart END,
    CASE WHEN ${s}.seqcache <> 1 THEN 'CACHE ' || ${s}.seqcache END, CASE WHEN ${s}.seqcycle THEN 'CYCLE' END)`
}
