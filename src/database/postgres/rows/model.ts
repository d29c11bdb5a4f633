/** Reads the facts about tables that are needed to carry their rows. */
import type { Session } from '../session.ts'
import { literal } from '../tables.ts'

export interface RowColumn {
  /** Name, quoted if needed. */
  readonly name: string
  readonly number: number
  /** Type to which texts are cast: without length, which the assignment then checks instead of truncating. */
  readonly type: string
  readonly typeId: string
  /** Type with its length. */
  readonly whole: string
  readonly required: boolean
  readonly nullable: boolean
  readonly generated: boolean
  readonly identity: boolean
  readonly default: string | null
  readonly sequence: string | null
}

export interface RowTable {
  readonly oid: string
  /** Name, quoted and qualified. */
  readonly name: string
  /** The `FROM` item that reads the table's own rows, without those of tables that inherit from it. */
  readonly from: string
  /** Readable name. */
  readonly shown: string
  /** Id of the transaction that created it. */
  readonly made: string
  /** `true` if its owner is subject to its policies too. */
  readonly forced: boolean
  readonly columns: readonly RowColumn[]
  /** Names of the columns that identify a row; empty if there are none. */
  readonly key: readonly string[]
  /** Users' triggers and rules that fire, including those of its partitions, with the state to enable them in again. */
  readonly firing: readonly {
    readonly table: string
    readonly kind: 'TRIGGER' | 'RULE'
    readonly name: string
    readonly state: 'O' | 'A' | 'R'
  }[]
  /** Foreign keys to other tables. */
  readonly references: readonly {
    /** Name, quoted and qualified. */
    readonly constraint: string
    readonly deferrable: boolean
    readonly table: string
    readonly columns: readonly string[]
  }[]
}

export interface RowSequence {
  readonly name: string
  /** The last value given; before the first, the value preceding it. */
  readonly last: bigint
  readonly step: bigint
  readonly least: bigint
  readonly most: bigint
}

/** Reads tables. @param which oids or names of tables; undefined: all tables of users. @param own names to leave out */
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

/** Reads the state of the sequences with these oids, or that belong to columns of the tables with these oids. */
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

/** Reads the state of the sequences with these names, all of which must exist. */
export async function standing(session: Session, names: readonly string[]): Promise<RowSequence[]> {
  if (names.length === 0) return []
  const rows = await session.query(
    names
      .map(
        (name, i) =>
          `SELECT ${i} AS i, s.last_value::text AS last, s.is_called AS called, q.seqincrement::text AS step, q.seqmin::text AS least, q.seqmax::text AS most FROM ${name} s, pg_sequence q WHERE q.seqrelid = ${literal(name)}::regclass`,
      )
      .join(' UNION ALL '),
  )
  return rows.map(({ i, last, called, step, least, most }) => ({
    name: names[Number(i)] ?? '',
    last: BigInt(String(last)) - (called === true ? 0n : BigInt(String(step))),
    step: BigInt(String(step)),
    least: BigInt(String(least)),
    most: BigInt(String(most)),
  }))
}

/** Reads the populated materialized views, in the order of their creation. */
export async function readMaterialized(session: Session): Promise<{ oid: string; name: string }[]> {
  const rows = await session.query(
    "SELECT c.oid::text, format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND c.relispopulated ORDER BY c.oid",
  )
  return rows.map(({ oid, name }) => ({ oid: String(oid), name: String(name) }))
}

/** The tables and sequences that some work has written to, among all relations that it has written to or dropped. */
export interface ReachedRelations {
  readonly oids: readonly string[]
  /** The names of the tables and sequences that were there before, by oid, quoted and qualified. */
  readonly names: ReadonlyMap<string, string>
}

/**
 * Returns what `work` writes to in the open transaction: what it locks for writing, except tables that were only locked
 * because of another and still have the same file, columns and rows.
 * @param own names of our own tables, which may be among them
 */
export async function readReached(
  session: Session,
  own: readonly string[],
  work: () => Promise<void>,
): Promise<ReachedRelations> {
  const before = await session.query(SHAPES, [own])
  await work()
  const shapes = new Map(before.map(({ oid, shape }) => [oid, shape]))
  const rows = await session.query(LOCKED)
  return {
    oids: rows.filter(({ oid, shape, written }) => written || shapes.get(oid) !== shape).map(({ oid }) => String(oid)),
    names: new Map(before.map(({ oid, name }) => [String(oid), String(name)])),
  }
}

/** Returns the oids of those of these relations that exist. */
export async function oidsOf(session: Session, names: readonly string[]): Promise<string[]> {
  const rows = await session.query('SELECT to_regclass(n)::oid::text AS oid FROM unnest($1::text[]) n', [names])
  return rows.flatMap(({ oid }) => (oid === null ? [] : String(oid)))
}

// --- internal ---

const SHAPE = `concat_ws(' ', pg_relation_filenode(c.oid), (SELECT string_agg(a.attnum::text, ' ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))`

const SHAPES = `SELECT c.oid::text, format('%I.%I', n.nspname, c.relname) AS name, ${SHAPE} AS shape FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'S') AND c.oid >= 16384 AND NOT c.relname = ANY ($1::text[])`

/** Relations locked for writing. If row counts are off (track_counts), each of them counts as written. */
const LOCKED = `SELECT l.oid::text, ${SHAPE} AS shape,
  c.oid IS NULL OR c.relkind = 'S' OR current_setting('track_counts') = 'off' OR pg_stat_get_xact_tuples_deleted(c.oid) + pg_stat_get_xact_tuples_updated(c.oid) > 0 AS written
FROM (SELECT DISTINCT relation AS oid FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation >= 16384
  AND mode IN ('RowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) l
LEFT JOIN pg_class c ON c.oid = l.oid`

/** Tables that own their rows: no views, no partitions (their root represents them), no members of extensions. */
const TABLES = `
SELECT json_build_object(
  'oid', c.oid::text, 'name', format('%I.%I', n.nspname, c.relname),
  'from', CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END || format('%I.%I', n.nspname, c.relname),
  'shown', CASE n.nspname WHEN 'public' THEN '' ELSE quote_ident(n.nspname) || '.' END || quote_ident(c.relname),
  'made', (SELECT a.xmin::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = -6),
  'forced', c.relrowsecurity AND c.relforcerowsecurity,
  'columns', coalesce((SELECT json_agg(json_build_object('name', quote_ident(a.attname), 'number', a.attnum, 'type', format_type(a.atttypid, -1), 'typeId', a.atttypid::text, 'whole', format_type(a.atttypid, a.atttypmod), 'nullable', NOT a.attnotnull,
      'required', a.attnotnull AND NOT a.atthasdef AND a.attidentity = '', 'generated', a.attgenerated <> '', 'identity', a.attidentity <> '',
      'default', pg_get_expr(d.adbin, d.adrelid), 'sequence', pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname)) ORDER BY a.attnum)
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]'),
  'key', coalesce((SELECT (SELECT json_agg(quote_ident(a.attname)) FROM unnest(i.indkey::int[]) k JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k)
    FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
      AND (i.indisprimary OR NOT EXISTS (SELECT FROM unnest(i.indkey::int[]) k JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k WHERE NOT a.attnotnull))
    ORDER BY i.indisprimary DESC, i.indnatts, i.indexrelid LIMIT 1), '[]'),
  'firing', coalesce((SELECT json_agg(json_build_object('table', f.oid::regclass::text, 'kind', f.kind, 'name', quote_ident(f.name), 'state', f.state)) FROM (
      SELECT g.tgrelid AS oid, 'TRIGGER' AS kind, g.tgname AS name, g.tgenabled AS state FROM pg_trigger g WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND g.tgenabled <> 'D'
        AND (g.tgrelid = c.oid OR g.tgrelid IN (SELECT relid FROM pg_partition_tree(c.oid)))
      UNION ALL SELECT r.ev_class, 'RULE', r.rulename, r.ev_enabled FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_enabled <> 'D' AND r.ev_type IN ('2', '3')) f), '[]'),
  'references', coalesce((SELECT json_agg(json_build_object('constraint', format('%I.%I', n.nspname, k.conname), 'table', k.confrelid::text, 'deferrable', k.condeferrable,
      'columns', (SELECT json_agg(quote_ident(a.attname)) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (k.conkey)))) FROM pg_constraint k
    WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid <> c.oid), '[]')
) AS facts
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT c.relname = ANY ($1::text[])
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')`
