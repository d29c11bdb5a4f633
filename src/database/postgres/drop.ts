/** Determines what to drop to empty a database. */
import type { Session } from './session.ts'
import { identifier } from './tables.ts'

export interface DropOptions {
  /** Schemas to empty instead of dropping them. */
  readonly keepSchemas: readonly string[]
  readonly keepExtensions: readonly string[]
  /** Names of tables to keep, in any schema. */
  readonly keepTables: readonly string[]
}

/**
 * Returns the statements that remove everything migrations could have created: objects in the kept schemas one by one
 * (so that the schema keeps its owner and grants), other schemas as a whole, extensions the current user owns, event
 * triggers, publications, foreign data wrappers and large objects. Members of an extension are dropped or kept with it,
 * as are objects that the server created for another object (a range type's functions).
 */
export async function dropStatements(
  session: Session,
  { keepSchemas, keepExtensions, keepTables }: DropOptions,
): Promise<string[]> {
  const rows = await session.query(OBJECTS, [keepSchemas, ['plpgsql', ...keepExtensions], keepTables])
  return rows.map(({ type, identity }) => {
    if (type === 'large object') return `SELECT pg_catalog.lo_unlink(${identity});`
    return `DROP ${dropKeyword(String(type))} IF EXISTS ${identity} CASCADE;`
  })
}

export async function hasSchema(session: Session, schema: string): Promise<boolean> {
  const rows = await session.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema])
  return rows.length > 0
}

export function createSchema(schema: string): string {
  return `CREATE SCHEMA IF NOT EXISTS ${identifier(schema)};`
}

// --- internal ---

/** Returns the DROP keyword for a kind that pg_identify_object names differently. */
function dropKeyword(type: string): string {
  if (['function', 'procedure', 'aggregate'].includes(type)) return 'ROUTINE'
  if (type === 'composite type') return 'TYPE'
  if (type === 'statistics object') return 'STATISTICS'
  if (type === 'foreign-data wrapper') return 'FOREIGN DATA WRAPPER'
  return type.toUpperCase()
}

const OBJECTS = `
WITH kept_extensions AS (
  SELECT oid, extnamespace FROM pg_extension WHERE extname = ANY ($2) OR NOT pg_has_role(extowner, 'USAGE')
), user_schemas AS (
  SELECT n.oid, n.nspname = ANY ($1) OR n.oid IN (SELECT extnamespace FROM kept_extensions) AS kept FROM pg_namespace n
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND (pg_has_role(n.nspowner, 'USAGE') OR n.nspname = ANY ($1))
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_namespace'::regclass AND e.objid = n.oid AND e.deptype = 'e')
), addressed AS (
  SELECT 1 AS part, 'pg_event_trigger'::regclass::oid AS classid, oid AS objid FROM pg_event_trigger WHERE pg_has_role(evtowner, 'USAGE')
  UNION ALL SELECT 2, 'pg_publication'::regclass, oid FROM pg_publication WHERE pg_has_role(pubowner, 'USAGE')
  UNION ALL SELECT 3, 'pg_namespace'::regclass, oid FROM user_schemas WHERE NOT kept
  UNION ALL SELECT DISTINCT 4, d.classid, d.objid FROM pg_depend d JOIN user_schemas s ON s.oid = d.refobjid
    WHERE d.refclassid = 'pg_namespace'::regclass AND d.deptype = 'n' AND s.kept
      AND d.classid NOT IN ('pg_default_acl'::regclass, 'pg_extension'::regclass)
      AND NOT EXISTS (SELECT FROM pg_class c WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid AND c.relname = ANY ($3))
  UNION ALL SELECT 5, 'pg_foreign_data_wrapper'::regclass, oid FROM pg_foreign_data_wrapper WHERE pg_has_role(fdwowner, 'USAGE')
  UNION ALL SELECT 6, 'pg_extension'::regclass, oid FROM pg_extension WHERE oid NOT IN (SELECT oid FROM kept_extensions)
)
SELECT o.type, o.identity FROM addressed a, pg_identify_object(a.classid, a.objid, 0) o
WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = a.classid AND e.objid = a.objid AND (e.deptype = 'e' AND a.part <> 6 OR e.deptype = 'i' AND e.refobjid <> e.objid))
UNION ALL SELECT 'large object', oid::text FROM pg_largeobject_metadata WHERE pg_has_role(lomowner, 'USAGE')`
