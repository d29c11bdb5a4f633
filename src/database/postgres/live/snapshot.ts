/** Reads the relations of a database, and the locks and counters of the session that asks, in one query. */
import { ASIDE_SCHEMA } from '../../ownTables.ts'

export type Query = (sql: string) => Promise<Record<string, unknown>[]>

export interface Relation {
  readonly oid: number
  /** `pg_class.relkind`: r table, p partitioned table, i index, I partitioned index, m materialized view, … */
  readonly kind: string
  readonly schema: string
  readonly name: string
  /** The name as the session would write it. */
  readonly shown: string
  readonly filenode: number
  /** Bytes of its main fork: 0 if there was never a row. */
  readonly size: number
  /** The table of an index, the table of a partition. */
  readonly table: number
  readonly isValid: boolean
  readonly scans: number
  readonly read: number
  readonly inserted: number
  readonly updated: number
  readonly deleted: number
}

export interface Snapshot {
  readonly relations: ReadonlyMap<number, Relation>
  /** The strongest modes held, by relation. */
  readonly locks: ReadonlyMap<number, readonly string[]>
  readonly lockTimeoutMs: number
}

/** The schema of what we make to look inside of functions. */
export const LIVE_SCHEMA = 'migratest_live'

/** @param own names of tables that are not the migrations' */
export async function readSnapshot(query: Query, own: readonly string[]): Promise<Snapshot> {
  const [row] = await query(`SELECT ${snapshotSql(own)}::text AS snapshot`)
  return parseSnapshot(String(row?.snapshot))
}

/** Returns an expression whose value is the snapshot as JSON. */
export function snapshotSql(own: readonly string[]): string {
  const names = own.map((name) => `'${name.replaceAll("'", "''")}'`).join(', ')
  return `pg_catalog.json_build_object(
  'timeout', pg_catalog.current_setting('lock_timeout'),
  'locks', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(l.relation::int8, l.mode) ORDER BY l.relation, l.mode) FROM pg_catalog.pg_locks l
    WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.granted AND l.relation >= 16384),
  'relations', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(c.oid::int8, c.relkind, n.nspname, c.relname, c.oid::pg_catalog.regclass::text,
      COALESCE(pg_catalog.pg_relation_filenode(c.oid), 0)::int8, CASE WHEN c.relkind IN ('r', 'm', 't') THEN pg_catalog.pg_relation_size(c.oid) ELSE 0 END,
      COALESCE(x.indrelid, i.inhparent, 0)::int8, COALESCE(x.indisvalid, true),
      pg_catalog.pg_stat_get_xact_numscans(c.oid), pg_catalog.pg_stat_get_xact_tuples_returned(c.oid),
      pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid), pg_catalog.pg_stat_get_xact_tuples_updated(c.oid), pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid)) ORDER BY c.oid)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_index x ON x.indexrelid = c.oid LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid AND c.relkind IN ('r', 'p') AND c.relispartition
    WHERE c.oid >= 16384 AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', '${LIVE_SCHEMA}', '${ASIDE_SCHEMA}')
      AND c.relname NOT IN (${names})))`
}

export function parseSnapshot(text: string): Snapshot {
  const { timeout, locks, relations } = JSON.parse(text) as {
    timeout: string
    locks: [number, string][] | null
    relations: RelationRow[] | null
  }
  const held = new Map<number, string[]>()
  for (const [relation, mode] of locks ?? []) held.set(relation, [...(held.get(relation) ?? []), mode])
  return {
    relations: new Map((relations ?? []).map((row) => [row[0], relationOf(row)])),
    locks: held,
    lockTimeoutMs: millisecondsOf(timeout),
  }
}

// --- internal ---

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 }

/** Parses a setting as the server shows it: `0`, `500ms`, `5s`. */
function millisecondsOf(setting: string): number {
  const [, number = '0', unit = 'ms'] = /^(\d+)(\w*)$/.exec(setting) ?? []
  return Number(number) * (UNITS[unit || 'ms'] ?? 1)
}

type RelationRow = [
  number,
  string,
  string,
  string,
  string,
  number,
  number,
  number,
  boolean,
  number,
  number,
  number,
  number,
  number,
]

function relationOf(row: RelationRow): Relation {
  const [oid, kind, schema, name, shown, filenode, size, table, isValid, scans, read, inserted, updated, deleted] = row
  return { oid, kind, schema, name, shown, filenode, size, table, isValid, scans, read, inserted, updated, deleted }
}
