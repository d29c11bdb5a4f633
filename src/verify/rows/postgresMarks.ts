/**
 * Asks PostgreSQL which tables have changed: in their definitions, by the rows of the catalogs (`mark`); in their rows, by
 * the file that they are in and by the server's counts of rows inserted, updated and deleted. That takes as long as reading
 * the rows of a few tables.
 */
import { mark, writesOf, writesTo } from '../../database/postgres/catalog/marks.ts'
import { queryPrepared } from '../../database/postgres/prepared.ts'
import type { Session } from '../../database/postgres/session.ts'
import type { Marks, SequenceMark, TableMark } from './marks.ts'

export class PostgresMarks {
  readonly #session: Session
  #canTell = true
  #last: Last | undefined

  constructor(session: Session) {
    this.#session = session
  }

  /** Reads the marks; undefined if the server cannot tell. */
  async read(): Promise<Marks | undefined> {
    if (!this.#canTell) return undefined
    const last = this.#last
    const usual = last && (await this.#ask(USUAL, last.counted))
    const isUsual = usual !== undefined && usual.counted.rare === last?.counted.rare
    const row = isUsual ? usual : await this.#ask(WHOLE, { usual: '', rare: '' })
    const definitions = row && { ...last?.definitions, ...row.definitions }
    this.#last = row && isWhole(definitions) ? { counted: row.counted, definitions } : undefined
    this.#canTell = this.#last !== undefined
    return row && this.#last && marksOf(row, this.#last.definitions)
  }

  // --- internal ---

  /** @param counted what was counted at the last reading */
  async #ask({ name, sql }: Query, { usual, rare }: Counted): Promise<MarkedRow | undefined> {
    const parameter = { type: 'text', value: `${usual} ${rare}` }
    // A user that may not look at every sequence cannot tell either.
    const [row] = await queryPrepared(this.#session, name, sql, parameter).catch(() => [])
    return row as unknown as MarkedRow | undefined
  }
}

// --- internal ---

interface Query {
  readonly name: string
  readonly sql: string
}

interface Last {
  readonly counted: Counted
  readonly definitions: Definitions
}

/** The numbers of rows that have been written to the catalogs to which most migrations write, and to the others. */
interface Counted {
  readonly usual: string
  readonly rare: string
}

interface MarkedRow {
  readonly counted: Counted
  /** Null if as much was counted as before. */
  readonly definitions: Partial<Definitions> | null
  /** By the oids of tables in which it can be told whether the rows are the same: what has been counted of their rows. */
  readonly rows: Readonly<Record<string, string>> | null
  /** By the oids of sequences. */
  readonly numbers: Readonly<Record<string, string | null>> | null
}

/** The definitions, as the catalogs have them. */
interface Definitions extends Rare {
  readonly relations: readonly RelationRow[] | null
  readonly sequences: readonly Omit<SequenceMark, 'last'>[] | null
  readonly others: string
  readonly onlyViews: boolean
}

/** Marks of the catalogs to which few migrations write. */
interface Rare {
  readonly rareOthers: string
  readonly onlyUsual: boolean
}

function isWhole(definitions: Partial<Definitions> | undefined): definitions is Definitions {
  return definitions?.rareOthers !== undefined
}

/** A relation with its oid; of a partition, `id` is that of the table which it is a part of. */
type RelationRow = readonly [oid: string, id: string, kind: string, mark: string]

/** The catalogs whose rows belong to a relation, and their column with its oid; as the fill reads them. */
const PARTS: readonly (readonly [from: string, relation: string])[] = [
  ['pg_attribute x WHERE x.attrelid >= 16384 AND x.attnum > 0', 'attrelid'],
  ['pg_index x WHERE x.indexrelid >= 16384', 'indrelid'],
  ['con x', 'conrelid'],
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
  'con x WHERE x.contypid <> 0',
  "rel x WHERE x.relkind = 'c'",
  "pg_attribute x JOIN rel c ON c.oid = x.attrelid WHERE c.relkind = 'c'",
]
const RARE_OTHERS: readonly string[] = [
  'pg_proc x WHERE x.oid >= 16384',
  'pg_enum x',
  'pg_range x WHERE x.rngtypid >= 16384',
  "pg_namespace x WHERE x.nspname !~ '^pg_'",
  'pg_extension x',
  'pg_language x',
  'pg_cast x WHERE x.oid >= 16384',
  'pg_operator x WHERE x.oid >= 16384',
  'pg_collation x WHERE x.oid >= 16384',
]

/** What could be used besides views. */
const USED: readonly string[] = [
  'pg_trigger x WHERE NOT x.tgisinternal',
  "pg_rewrite x WHERE x.oid >= 16384 AND x.ev_type <> '1'",
  "rel x WHERE x.relkind = 'm'",
]
const RARELY_USED: readonly string[] = ['pg_proc x WHERE x.oid >= 16384', 'pg_policy x']

const RARE_CATALOGS = catalogsIn([...RARE_OTHERS, ...RARELY_USED])
const USUAL_CATALOGS = [
  // `rel` and `con` are parts of these.
  'pg_class',
  'pg_constraint',
  ...catalogsIn([...PARTS.map(([from]) => from), ...OTHERS, ...USED]).filter((name) => !RARE_CATALOGS.includes(name)),
]

function catalogsIn(froms: readonly string[]): string[] {
  return [...new Set(froms.flatMap((from) => /^pg_\w+/.exec(from) ?? []))]
}

/** Reads only the catalogs to which most migrations write. The others are nearly empty, but opening them takes the server as long. */
const USUAL: Query = { name: 'migratest_rows_usual_marks', sql: queryOf(false) }
const WHOLE: Query = { name: 'migratest_rows_marks', sql: queryOf(true) }

/** Relations and constraints are looked at by several parts of the query, and read once. */
function queryOf(whole: boolean): string {
  const marksIn = (froms: readonly string[]) =>
    `(SELECT bit_xor(mark) || ' ' || count(*) FROM (${froms.map((from) => `SELECT ${mark('x')} AS mark FROM ${from}`).join(' UNION ALL ')}) o)`
  const noneOf = (froms: readonly string[]) => froms.map((from) => `NOT EXISTS (SELECT FROM ${from})`).join(' AND ')
  const rare = `, 'rareOthers', ${marksIn(RARE_OTHERS)}, 'onlyUsual', ${noneOf(RARELY_USED)}`
  return `WITH counted AS MATERIALIZED (SELECT ${writesTo(USUAL_CATALOGS)} AS usual, ${writesTo(RARE_CATALOGS)} AS rare),
rel AS MATERIALIZED (SELECT oid, relname, relnamespace, relkind, relispartition, relhassubclass, relfilenode, tableoid, ctid, xmin FROM pg_class WHERE oid >= 16384),
con AS MATERIALIZED (SELECT conrelid, contypid, tableoid, ctid, xmin FROM pg_constraint WHERE oid >= 16384),
part AS (
  ${PARTS.map(([from, relation]) => `SELECT x.${relation} AS family, ${mark('x')} AS mark FROM ${from}`).join('\n  UNION ALL ')}
),
marked AS MATERIALIZED (
  SELECT c.oid, CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid ELSE c.oid END AS id, c.relkind AS kind, c.relnamespace, c.relname, ${mark('c')} # COALESCE(f.mark, 0) AS mark
  FROM rel c LEFT JOIN (SELECT family, bit_xor(mark) # count(*) AS mark FROM part GROUP BY family) f ON f.family = c.oid
  WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
)
SELECT json_build_object('usual', usual, 'rare', rare) AS counted,
  CASE WHEN usual || ' ' || rare <> $1 THEN json_build_object(
    'relations', (SELECT json_agg(json_build_array(oid::text, id::text, kind, mark::text) ORDER BY oid) FROM marked WHERE kind <> 'S'),
    'sequences', (SELECT json_agg(json_build_object('id', m.oid::text, 'name', quote_ident(n.nspname) || '.' || quote_ident(m.relname), 'definition', mark::text)) FROM marked m JOIN pg_namespace n ON n.oid = m.relnamespace WHERE kind = 'S'),
    'others', ${marksIn(OTHERS)}, 'onlyViews', ${noneOf(USED)}${whole ? rare : ''}) END AS definitions,
  (SELECT json_object_agg(c.oid, concat_ws(' ', c.relfilenode, ${writesOf('c.oid')})) FROM rel c WHERE c.relkind = 'r' AND NOT c.relispartition AND NOT c.relhassubclass) AS rows,
  (SELECT json_object_agg(s.seqrelid, pg_sequence_last_value(s.seqrelid)::text) FROM pg_sequence s) AS numbers
FROM counted WHERE usual IS NOT NULL`
}

function marksOf(
  { rows, numbers }: MarkedRow,
  { relations, sequences, others, rareOthers, onlyViews, onlyUsual }: Definitions,
): Marks {
  const tables = new Map<string, TableMark>()
  const views: string[] = []
  for (const [oid, id, kind, mark] of relations ?? []) {
    if (kind === 'v' || kind === 'm') {
      views.push(`${id} ${mark}`)
      continue
    }
    // A partition belongs to its table.
    const whole = tables.get(id)
    const definition = whole ? `${whole.definition} ${mark}` : mark
    tables.set(id, { definition, rows: whole ? undefined : rows?.[oid] })
  }
  return {
    others: `${others} ${rareOthers}`,
    views: views.join(),
    hasOnlyViews: onlyViews && onlyUsual,
    tables,
    sequences: (sequences ?? []).map((sequence) => ({ ...sequence, last: numbers?.[sequence.id] ?? null })),
  }
}
