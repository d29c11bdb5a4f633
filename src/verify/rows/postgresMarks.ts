/**
 * Asks PostgreSQL which tables have changed: in their definitions, by the rows of the catalogs (`mark`); in their rows, by
 * the file that they are in and by the server's counts of rows inserted, updated and deleted. That takes as long as reading
 * the rows of a few tables.
 */
import { mark } from '../../database/postgres/catalogMarks.ts'
import { queryPrepared } from '../../database/postgres/prepared.ts'
import type { Session } from '../../database/postgres/session.ts'
import type { Marks, SequenceMark, TableMark } from './marks.ts'

export class PostgresMarks {
  readonly #session: Session
  #canTell = true

  constructor(session: Session) {
    this.#session = session
  }

  /** Reads the marks; undefined if the server cannot tell. */
  async read(): Promise<Marks | undefined> {
    if (!this.#canTell) return undefined
    // A user that may not look at every sequence cannot tell either.
    const rows = await queryPrepared(this.#session, PREPARED, QUERY).catch(() => [])
    const [row] = rows as unknown as (MarkedRow | undefined)[]
    this.#canTell = row !== undefined
    return row && marksOf(row)
  }
}

// --- internal ---

const PREPARED = 'migratest_rows_marks'

interface MarkedRow {
  readonly relations: readonly RelationRow[] | null
  readonly sequences: readonly SequenceMark[] | null
  readonly others: string
  readonly only_views: boolean
}

interface RelationRow {
  /** Its oid; of a partition, that of the table which it is a part of. */
  readonly id: string
  readonly kind: string
  readonly mark: string
  /** Null if it cannot be told whether its rows are the same. */
  readonly rows: string | null
}

/** The catalogs whose rows belong to a relation, and their column with its oid; as the fill reads them. */
const PARTS: readonly (readonly [from: string, relation: string])[] = [
  ['pg_attribute x WHERE x.attrelid >= 16384 AND x.attnum > 0', 'attrelid'],
  ['pg_index x WHERE x.indexrelid >= 16384', 'indrelid'],
  ['pg_constraint x WHERE x.oid >= 16384', 'conrelid'],
  ['pg_attrdef x', 'adrelid'],
  ['pg_trigger x WHERE NOT x.tgisinternal', 'tgrelid'],
  ['pg_rewrite x WHERE x.oid >= 16384', 'ev_class'],
  ['pg_policy x', 'polrelid'],
  ['pg_sequence x', 'seqrelid'],
  ['pg_partitioned_table x', 'partrelid'],
  ['pg_inherits x', 'inhrelid'],
  ['pg_inherits x', 'inhparent'],
]

/** What belongs to no relation, and on which the texts of definitions and of values depend. */
const OTHERS: readonly string[] = [
  // The types of rows and of their arrays come with their tables.
  "pg_type x WHERE x.oid >= 16384 AND x.typtype <> 'c' AND x.typcategory <> 'A'",
  'pg_proc x WHERE x.oid >= 16384',
  'pg_enum x',
  'pg_range x WHERE x.rngtypid >= 16384',
  'pg_constraint x WHERE x.oid >= 16384 AND x.contypid <> 0',
  "pg_namespace x WHERE x.nspname !~ '^pg_'",
  'pg_extension x',
  'pg_language x',
  'pg_cast x WHERE x.oid >= 16384',
  'pg_operator x WHERE x.oid >= 16384',
  'pg_collation x WHERE x.oid >= 16384',
  "pg_class x WHERE x.oid >= 16384 AND x.relkind = 'c'",
  "pg_attribute x JOIN pg_class c ON c.oid = x.attrelid WHERE c.oid >= 16384 AND c.relkind = 'c'",
]

/** What could be used besides views. */
const USED: readonly string[] = [
  'pg_proc x WHERE x.oid >= 16384',
  'pg_trigger x WHERE NOT x.tgisinternal',
  "pg_rewrite x WHERE x.oid >= 16384 AND x.ev_type <> '1'",
  'pg_policy x',
  "pg_class x WHERE x.oid >= 16384 AND x.relkind = 'm'",
]

/** SQL of the numbers of rows that were inserted, updated and deleted. */
const WRITES = ['inserted', 'updated', 'deleted']
  .map((what) => `pg_stat_get_tuples_${what}(c.oid) + pg_stat_get_xact_tuples_${what}(c.oid)`)
  .join(', ')

/**
 * What other sessions have done is counted when they report it, which a migration's session does at its end (version 15
 * and later); what this one has done and not reported yet is in the counts of its transactions. PGlite reports nothing.
 */
const QUERY = `WITH part AS (
  ${PARTS.map(([from, relation]) => `SELECT x.${relation} AS family, ${mark('x')} AS mark FROM ${from}`).join('\n  UNION ALL ')}
),
family AS MATERIALIZED (SELECT family, bit_xor(mark) # count(*) AS mark FROM part GROUP BY family)
SELECT
  (SELECT json_agg(json_build_object('id', CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid ELSE c.oid END::text, 'kind', c.relkind, 'mark', (${mark('c')} # COALESCE(f.mark, 0))::text,
      'rows', CASE WHEN c.relkind = 'r' AND NOT c.relispartition AND NOT c.relhassubclass THEN concat_ws(' ', c.relfilenode, ${WRITES}) END) ORDER BY c.oid)
    FROM pg_class c LEFT JOIN family f ON f.family = c.oid WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'f', 'v', 'm')) AS relations,
  (SELECT json_agg(json_build_object('id', c.oid::text, 'name', quote_ident(n.nspname) || '.' || quote_ident(c.relname), 'definition', (${mark('c')} # COALESCE(f.mark, 0))::text, 'last', pg_sequence_last_value(c.oid)::text))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN family f ON f.family = c.oid WHERE c.oid >= 16384 AND c.relkind = 'S') AS sequences,
  (SELECT bit_xor(mark) || ' ' || count(*) FROM (${OTHERS.map((from) => `SELECT ${mark('x')} AS mark FROM ${from}`).join(' UNION ALL ')}) o) AS others,
  ${USED.map((from) => `NOT EXISTS (SELECT FROM ${from})`).join(' AND ')} AS only_views
WHERE current_setting('server_version_num')::int >= 150000 AND current_setting('track_counts') = 'on' AND version() !~* 'emscripten|emcc|wasm'`

function marksOf({ relations, sequences, others, only_views }: MarkedRow): Marks {
  const tables = new Map<string, TableMark>()
  const views: string[] = []
  for (const { id, kind, mark, rows } of relations ?? []) {
    if (kind === 'v' || kind === 'm') {
      views.push(`${id} ${mark}`)
      continue
    }
    // A partition belongs to its table.
    const whole = tables.get(id)
    const definition = whole ? `${whole.definition} ${mark}` : mark
    tables.set(id, { definition, rows: rows !== null && !whole ? rows : undefined })
  }
  return { others, views: views.join(), hasOnlyViews: only_views, tables, sequences: sequences ?? [] }
}
