/**
 * Asks PostgreSQL which tables have changed: in their rows, by the file that they are in and by the server's counts of rows
 * inserted, updated and deleted; in their definitions, by the marks of the catalogs, which are looked at only if the counts
 * say that a catalog was written.
 */
import { marksQuery } from '../../database/postgres/catalogMarks.ts'
import { queryPrepared } from '../../database/postgres/prepared.ts'
import type { Session } from '../../database/postgres/session.ts'
import type { Marks, SequenceMark, TableMark } from './marks.ts'

export class PostgresMarks {
  readonly #session: Session
  #last: { readonly written: string; readonly catalogs: CatalogRow } | undefined
  #canTell = true

  constructor(session: Session) {
    this.#session = session
  }

  /** Reads the marks; undefined if the server cannot tell. */
  async read(): Promise<Marks | undefined> {
    if (!this.#canTell) return undefined
    const parameter = { type: 'text', value: this.#last?.written ?? '' }
    // A user that may not look at every sequence cannot tell either.
    const rows = await queryPrepared(this.#session, PREPARED, QUERY, parameter).catch(() => [])
    const [row] = rows as unknown as (MarkedRow | undefined)[]
    const catalogs = row?.catalogs ?? this.#last?.catalogs
    this.#canTell = catalogs !== undefined
    if (!row || !catalogs) return undefined
    this.#last = { written: row.written, catalogs }
    return marksOf(row, catalogs)
  }
}

// --- internal ---

const PREPARED = 'migratest_rows_marks'

interface CatalogRow {
  /** Texts of `OID MARK`, separated by commas. */
  readonly families: string | null
  readonly shared: string | null
  readonly others: string
  readonly only_views: boolean
}

interface MarkedRow {
  /** How much was written into the catalogs. */
  readonly written: string
  /** The marks of the catalogs; null if nothing was written into them since. */
  readonly catalogs: CatalogRow | null
  readonly relations:
    | readonly { readonly oid: string; readonly root: string; readonly kind: string; readonly rows: string | null }[]
    | null
  readonly sequences: readonly { readonly oid: string; readonly name: string; readonly last: string | null }[] | null
}

/** SQL of the numbers of rows that were inserted, updated and deleted. */
const writes = (oid: string) =>
  ['inserted', 'updated', 'deleted'].map(
    (what) => `pg_stat_get_tuples_${what}(${oid}) + pg_stat_get_xact_tuples_${what}(${oid})`,
  )

const ONLY_VIEWS = ['pg_proc p WHERE p.oid >= 16384', 'pg_trigger t WHERE NOT t.tgisinternal', "pg_rewrite r WHERE r.oid >= 16384 AND r.ev_type <> '1'", 'pg_policy', "pg_class c WHERE c.relkind = 'm'"]
  .map((some) => `NOT EXISTS (SELECT FROM ${some})`)
  .join(' AND ')

/**
 * What other sessions have done is counted when they report it, which a migration's session does at its end (version 15
 * and later); what this one has done and not reported yet is in the counts of its transactions. PGlite reports nothing.
 * Statistics are no definition. Catalogs of the whole server have none either, and other databases write into them.
 */
const QUERY = `WITH written AS MATERIALIZED (
  SELECT sum(${writes('c.oid').join(' + ')})::text AS rows FROM pg_class c
  WHERE c.oid < 16384 AND c.relkind = 'r' AND c.relnamespace = 'pg_catalog'::regnamespace AND NOT c.relisshared AND c.relname NOT IN ('pg_statistic', 'pg_statistic_ext_data', 'pg_largeobject')
)
SELECT w.rows AS written,
  CASE WHEN w.rows IS DISTINCT FROM $1 THEN (SELECT row_to_json(m) FROM (SELECT *, ${ONLY_VIEWS} AS only_views FROM (${marksQuery()}) q) m) END AS catalogs,
  (SELECT json_agg(json_build_object('oid', c.oid::text, 'root', CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid ELSE c.oid END::text, 'kind', c.relkind,
      'rows', CASE WHEN c.relkind = 'r' AND NOT c.relispartition AND NOT c.relhassubclass THEN concat_ws(' ', c.relfilenode, ${writes('c.oid').join(', ')}) END))
    FROM pg_class c WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 't')) AS relations,
  (SELECT json_agg(json_build_object('oid', c.oid::text, 'name', quote_ident(n.nspname) || '.' || quote_ident(c.relname), 'last', pg_sequence_last_value(c.oid)::text))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid >= 16384 AND c.relkind = 'S') AS sequences
FROM written w
WHERE current_setting('server_version_num')::int >= 150000 AND current_setting('track_counts') = 'on' AND version() !~* 'emscripten|emcc|wasm'`

function marksOf({ relations, sequences }: MarkedRow, { families, shared, others, only_views }: CatalogRow): Marks {
  const marks = new Map(
    (families ?? '').split(',').map((one): [string, string] => {
      const at = one.indexOf(' ')
      return [one.slice(0, at), one.slice(at + 1)]
    }),
  )
  const take = (oid: string) => {
    const mark = marks.get(oid) ?? ''
    marks.delete(oid)
    return `${oid} ${mark}`
  }
  const tables = new Map<string, TableMark>()
  const views: string[] = []
  for (const { oid, root, kind, rows } of relations ?? []) {
    const mark = take(oid)
    // What the server keeps beside a table follows from the table.
    if (kind === 't') continue
    if (kind === 'v' || kind === 'm') {
      views.push(mark)
      continue
    }
    // A partition belongs to its table.
    const whole = tables.get(root)
    const definition = whole ? `${whole.definition} ${mark}` : mark
    tables.set(root, { definition, rows: rows !== null && !whole ? rows : undefined })
  }
  return {
    views: views.join(),
    hasOnlyViews: only_views,
    tables,
    sequences: (sequences ?? []).map(
      ({ oid, name, last }): SequenceMark => ({ id: oid, name, definition: take(oid), last }),
    ),
    others: [others, shared ?? '', ...[...marks].map((one) => one.join(' '))].join(),
  }
}
