/** What has to be known of tables to carry their rows. */
import type { Session } from '../session.ts'

export interface RowColumn {
  /** Quoted where it must be. */
  readonly name: string
  readonly number: number
  /** What a text is cast to: without length, which the assignment then checks instead of cutting. */
  readonly type: string
  readonly typeId: string
  readonly required: boolean
  readonly generated: boolean
  readonly identity: boolean
  readonly default: string | null
  readonly sequence: string | null
}

export interface RowTable {
  readonly oid: string
  /** Quoted and qualified. */
  readonly name: string
  /** As a person says it. */
  readonly shown: string
  readonly partitioned: boolean
  /** The transaction that made it. */
  readonly made: string
  readonly columns: readonly RowColumn[]
  /** Names of the columns that tell rows apart; empty where none do. */
  readonly key: readonly string[]
  /** Triggers of users that fire, with the word that makes them fire again. */
  readonly triggers: readonly { readonly name: string; readonly state: 'O' | 'A' | 'R' }[]
  /** Foreign keys to other tables. */
  readonly references: readonly {
    readonly constraint: string
    readonly schema: string
    readonly table: string
    /** As it is to be put back: `NOT DEFERRABLE`. */
    readonly mode: string
  }[]
}

export interface RowSequence {
  readonly name: string
  readonly last: string
  readonly called: boolean
}

/** @param which oids, names, or undefined: all tables of users. @param own names that are left out */
export async function readTables(
  session: Session,
  own: readonly string[],
  which?: { oids: readonly string[] } | { names: readonly string[] },
): Promise<RowTable[]> {
  const [filter, params] =
    which === undefined
      ? ['true', []]
      : 'oids' in which
        ? ['c.oid IN (SELECT coalesce(pg_partition_root(o), o) FROM unnest($2::oid[]) o)', [`{${which.oids.join()}}`]]
        : ['c.oid IN (SELECT to_regclass(n)::oid FROM unnest($2::text[]) n)', [which.names]]
  const rows = await session.query(`${TABLES} AND ${filter} ORDER BY c.oid`, [own, ...params])
  return rows.map(({ facts }) => facts as RowTable)
}

/** Where those sequences stand that are called so, or belong to columns of these tables. */
export async function readSequences(session: Session, oids: readonly string[]): Promise<RowSequence[]> {
  if (oids.length === 0) return []
  const rows = await session.query(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'S' AND (c.oid = ANY ($1::oid[]) OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
       AND d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY ($1::oid[]) AND d.deptype IN ('a', 'i')))`,
    [`{${oids.join()}}`],
  )
  return standing(
    session,
    rows.map(({ name }) => String(name)),
  )
}

/** Of those of these names that are there. */
export async function standing(session: Session, names: readonly string[]): Promise<RowSequence[]> {
  if (names.length === 0) return []
  const rows = await session.query(
    names
      .map((name, i) => `SELECT ${i} AS i, last_value::text AS last, is_called AS called FROM ${name}`)
      .join(' UNION ALL '),
  )
  return rows.map(({ i, last, called }) => ({
    name: names[Number(i)] ?? '',
    last: String(last),
    called: called === true,
  }))
}

/**
 * Which tables and sequences `work` writes to, by oid, in the open transaction: what it locks for that, less the tables that
 * were locked for the sake of another and have their file, their columns and all their rows as before.
 */
export async function readReached(session: Session, work: () => Promise<void>): Promise<string[]> {
  const before = new Map((await session.query(SHAPES)).map(({ oid, shape }) => [oid, shape]))
  await work()
  const rows = await session.query(LOCKED)
  return rows.filter(({ oid, shape, written }) => written || before.get(oid) !== shape).map(({ oid }) => String(oid))
}

// --- internal ---

const SHAPE = `concat_ws(' ', pg_relation_filenode(c.oid), (SELECT string_agg(a.attnum::text, ' ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))`

const SHAPES = `SELECT c.oid::text, ${SHAPE} AS shape FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384`

/** Without counts of rows, whoever may have written counts as having done so. */
const LOCKED = `SELECT l.oid::text, ${SHAPE} AS shape,
  c.oid IS NULL OR c.relkind = 'S' OR current_setting('track_counts') = 'off' OR pg_stat_get_xact_tuples_deleted(c.oid) + pg_stat_get_xact_tuples_updated(c.oid) > 0 AS written
FROM (SELECT DISTINCT relation AS oid FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation >= 16384
  AND mode IN ('RowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) l
LEFT JOIN pg_class c ON c.oid = l.oid`

/** Tables whose rows are their own: no views, no partitions (their root stands for them), nothing of an extension. */
const TABLES = `
SELECT json_build_object(
  'oid', c.oid::text, 'name', format('%I.%I', n.nspname, c.relname),
  'shown', CASE n.nspname WHEN 'public' THEN '' ELSE quote_ident(n.nspname) || '.' END || quote_ident(c.relname),
  'partitioned', c.relkind = 'p',
  'made', (SELECT t.xmin::text FROM pg_type t WHERE t.oid = c.reltype),
  'columns', coalesce((SELECT json_agg(json_build_object('name', quote_ident(a.attname), 'number', a.attnum, 'type', format_type(a.atttypid, -1), 'typeId', a.atttypid::text,
      'required', a.attnotnull AND NOT a.atthasdef AND a.attidentity = '', 'generated', a.attgenerated <> '', 'identity', a.attidentity <> '',
      'default', pg_get_expr(d.adbin, d.adrelid), 'sequence', pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname)) ORDER BY a.attnum)
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]'),
  'key', coalesce((SELECT (SELECT json_agg(quote_ident(a.attname)) FROM unnest(i.indkey::int[]) k JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k)
    FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
      AND (i.indisprimary OR NOT EXISTS (SELECT FROM unnest(i.indkey::int[]) k JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k WHERE NOT a.attnotnull))
    ORDER BY i.indisprimary DESC, i.indnatts, i.indexrelid LIMIT 1), '[]'),
  'triggers', coalesce((SELECT json_agg(json_build_object('name', quote_ident(g.tgname), 'state', g.tgenabled)) FROM pg_trigger g
    WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgenabled <> 'D'), '[]'),
  'references', coalesce((SELECT json_agg(json_build_object('constraint', quote_ident(k.conname), 'schema', quote_ident(n.nspname), 'table', k.confrelid::text,
      'mode', CASE WHEN NOT k.condeferrable THEN 'NOT DEFERRABLE' WHEN k.condeferred THEN 'DEFERRABLE INITIALLY DEFERRED' ELSE 'DEFERRABLE INITIALLY IMMEDIATE' END)) FROM pg_constraint k
    WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid <> c.oid), '[]')
) AS facts
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT c.relname = ANY ($1::text[])
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')`
