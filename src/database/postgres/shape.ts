/** Lists the objects of a database by kind and name, a cheap way to see what a step created and removed. */
import { queryPreparedInside } from './prepared.ts'
import type { Session } from './session.ts'
import { literal } from './tables.ts'

/**
 * Reads the list.
 * @param own names of our own tables, which are left out.
 * @returns lines such as `table public.users`, in no order
 */
export async function readShape(session: Session, own: readonly string[]): Promise<ReadonlySet<string>> {
  const names = `ARRAY[${own.map(literal).join(', ')}]::text[]`
  const rows = await queryPreparedInside(session, 'migratest_shape', SHAPE.replaceAll('$1::text[]', names))
  return new Set(rows.map(({ object }) => String(object)))
}

// --- internal ---

const USERS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"

/**
 * Query of the list. Columns include their type, since a step may change only that; indexes and triggers include their
 * table, to be shown with it.
 */
const SHAPE = `WITH rel AS (
  SELECT c.oid, c.relkind, n.nspname || '.' || c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE ${USERS} AND c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND c.relname <> ALL ($1::text[]) AND n.nspname || '.' || c.relname <> ALL ($1::text[]))
SELECT CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence' ELSE 'type' END || ' ' || name AS object FROM rel
UNION ALL SELECT 'column ' || quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END || ' on ' || rel.name FROM rel JOIN pg_attribute a ON a.attrelid = rel.oid WHERE a.attnum > 0 AND NOT a.attisdropped AND relkind <> 'S'
UNION ALL SELECT 'index ' || i.relname || ' on ' || rel.name FROM rel JOIN pg_index x ON x.indrelid = rel.oid JOIN pg_class i ON i.oid = x.indexrelid
UNION ALL SELECT 'constraint ' || k.conname || ' on ' || rel.name FROM rel JOIN pg_constraint k ON k.conrelid = rel.oid WHERE k.contype <> 'n'
UNION ALL SELECT 'trigger ' || t.tgname || ' on ' || rel.name FROM rel JOIN pg_trigger t ON t.tgrelid = rel.oid WHERE NOT t.tgisinternal
UNION ALL SELECT 'policy ' || p.polname || ' on ' || rel.name FROM rel JOIN pg_policy p ON p.polrelid = rel.oid
UNION ALL SELECT 'routine ' || n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ${USERS} AND p.oid >= 16384
UNION ALL SELECT 'type ' || n.nspname || '.' || t.typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE ${USERS} AND t.oid >= 16384 AND t.typtype IN ('e', 'd', 'r')
UNION ALL SELECT 'value ' || quote_literal(e.enumlabel) || ' of type ' || n.nspname || '.' || t.typname FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid JOIN pg_namespace n ON n.oid = t.typnamespace WHERE ${USERS}
UNION ALL SELECT 'schema ' || n.nspname FROM pg_namespace n WHERE ${USERS} AND n.oid >= 16384
UNION ALL SELECT 'extension ' || extname FROM pg_extension WHERE oid >= 16384`
