/** Reads columns, constraints and definitions of indexes, to say what a statement changed. */
import type { Column, ConstraintChange } from '../../effects.ts'
import type { Query } from './snapshot.ts'

export interface TableDetails {
  /** By `attnum`, which a renamed column keeps. */
  readonly columns: ReadonlyMap<number, Column>
  /** By oid. */
  readonly constraints: ReadonlyMap<number, Constraint>
  /** Definitions of indexes, by oid. */
  readonly indexes: ReadonlyMap<number, { readonly definition: string; readonly constraint: string | undefined }>
}

interface Constraint {
  readonly name: string
  readonly kind: ConstraintChange['kind']
  readonly definition: string
  readonly isValid: boolean
}

export const NO_DETAILS: TableDetails = { columns: new Map(), constraints: new Map(), indexes: new Map() }

/** Reads the details of tables by their oids. A table that is gone is left out. */
export async function readDetails(query: Query, tables: readonly number[]): Promise<Map<number, TableDetails>> {
  const found = new Map<number, TableDetails>()
  if (tables.length === 0) return found
  const [row] = await query(detailsSql(tables))
  const { columns, constraints, indexes } = row as unknown as {
    columns: ColumnRow[] | null
    constraints: ConstraintRow[] | null
    indexes: IndexRow[] | null
  }
  for (const oid of tables) {
    const own = <T extends readonly [number, number, ...unknown[]]>(rows: readonly T[] | null) =>
      (rows ?? []).filter(([table]) => table === oid)
    found.set(oid, {
      columns: new Map(own(columns).map(([, number, ...rest]) => [number, columnOf(rest)])),
      constraints: new Map(own(constraints).map(([, id, ...rest]) => [id, constraintOf(rest)])),
      indexes: new Map(
        own(indexes).map(([, id, definition, constraint]) => [id, { definition, constraint: constraint ?? undefined }]),
      ),
    })
  }
  return found
}

// --- internal ---

type ColumnRow = [number, number, string, string, boolean, string | null, string, string]
type ConstraintRow = [number, number, string, string, string, boolean]
type IndexRow = [number, number, string, string | null]

function detailsSql(tables: readonly number[]): string {
  const list = tables.join(', ')
  return `SELECT
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(a.attrelid::int8, a.attnum, pg_catalog.quote_ident(a.attname), pg_catalog.format_type(a.atttypid, a.atttypmod),
      a.attnotnull, pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attgenerated, a.attidentity))
    FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid IN (${list}) AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(c.conrelid::int8, c.oid::int8, pg_catalog.quote_ident(c.conname), c.contype, pg_catalog.pg_get_constraintdef(c.oid), c.convalidated))
    FROM pg_catalog.pg_constraint c WHERE c.conrelid IN (${list})) AS constraints,
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(i.indrelid::int8, i.indexrelid::int8, pg_catalog.pg_get_indexdef(i.indexrelid),
      (SELECT pg_catalog.quote_ident(c.conname) FROM pg_catalog.pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x') AND c.conrelid = i.indrelid LIMIT 1)))
    FROM pg_catalog.pg_index i WHERE i.indrelid IN (${list})) AS indexes`
}

function columnOf(row: unknown[]): Column {
  const [name, type, isNotNull, text, generated, identity] = row as [
    string,
    string,
    boolean,
    string | null,
    string,
    string,
  ]
  const kind = identity !== '' ? 'identity' : generated === 's' ? 'stored' : generated === 'v' ? 'virtual' : null
  return { name, type, isNotNull, default: text, generated: kind }
}

const KINDS: Readonly<Record<string, ConstraintChange['kind']>> = {
  c: 'check',
  f: 'foreign key',
  u: 'unique',
  p: 'primary key',
  x: 'exclusion',
  n: 'not null',
}

function constraintOf(row: unknown[]): Constraint {
  const [name, type, definition, isValid] = row as [string, string, string, boolean]
  return { name, kind: KINDS[type] ?? 'other', definition, isValid }
}
