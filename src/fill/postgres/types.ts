/** PostgreSQL's types in the terms of the fill. */
import type { FillType, TypeKind } from '../model.ts'

export interface TypeRow {
  readonly oid: number
  /** The name as SQL. */
  readonly name: string
  readonly plain: string
  /** `pg_type.typtype`: base, composite, domain, enum, multirange, pseudo, range. */
  readonly form: 'b' | 'c' | 'd' | 'e' | 'm' | 'p' | 'r'
  readonly category: string
  readonly element: number
  readonly base: number
  readonly modifier: number
  readonly labels: readonly string[] | null
  readonly bound: number | null
  readonly attributes: readonly (readonly [number, number])[] | null
  readonly notNull: boolean
  readonly checks: readonly string[] | null
}

/** Returns a function that describes the type with an oid and a modifier (length, precision). */
export function typesOf(
  rows: readonly TypeRow[],
): (oid: number, modifier: number) => { readonly type: FillType; readonly isNotNull: boolean } {
  const byOid = new Map(rows.map((row) => [row.oid, row]))
  const describe = (oid: number, modifier: number): FillType => {
    const row = byOid.get(oid)
    if (!row) return { kind: 'other', sql: 'text' }
    if (row.form === 'd') {
      const base = describe(row.base, row.modifier)
      return { ...base, checks: [...(base.checks ?? []), ...(row.checks ?? [])] }
    }
    if (row.form === 'e') return { kind: 'enum', sql: row.name, labels: row.labels ?? [] }
    if (row.form === 'r' || row.form === 'm') {
      return { kind: row.form === 'r' ? 'range' : 'multirange', sql: row.name, element: describe(row.bound ?? 0, -1) }
    }
    if (row.form === 'c') {
      return {
        kind: 'composite',
        sql: row.name,
        attributes: (row.attributes ?? []).map(([type, mod]) => describe(type, mod)),
      }
    }
    if (row.element !== 0) return { kind: 'array', sql: row.name, element: describe(row.element, modifier) }
    return { sql: row.name, kind: 'other', ...baseOf(row, modifier) }
  }
  const isNotNull = (oid: number): boolean => {
    const row = byOid.get(oid)
    return row?.form === 'd' && (row.notNull || isNotNull(row.base))
  }
  return (oid, modifier) => ({ type: describe(oid, modifier), isNotNull: isNotNull(oid) })
}

// --- internal ---

const INTEGERS: Readonly<Record<string, number>> = { int2: 16, int4: 32, int8: 64 }

const KINDS: Readonly<Record<string, TypeKind>> = {
  text: 'text',
  varchar: 'text',
  bpchar: 'text',
  citext: 'text',
  name: 'text',
  float4: 'float',
  float8: 'float',
  bool: 'boolean',
  date: 'date',
  time: 'time',
  timetz: 'time',
  timestamp: 'timestamp',
  timestamptz: 'timestamp',
  interval: 'interval',
  uuid: 'uuid',
  json: 'json',
  jsonb: 'json',
  bytea: 'bytes',
  bit: 'bit',
  varbit: 'bit',
  inet: 'network',
  cidr: 'network',
  macaddr: 'network',
  macaddr8: 'network',
  money: 'decimal',
  point: 'geometry',
  line: 'geometry',
  lseg: 'geometry',
  box: 'geometry',
  path: 'geometry',
  polygon: 'geometry',
  circle: 'geometry',
  geometry: 'geometry',
  geography: 'geometry',
  vector: 'vector',
  halfvec: 'vector',
  sparsevec: 'vector',
  tsvector: 'text',
  ltree: 'other',
  hstore: 'other',
}

function baseOf({ plain }: TypeRow, modifier: number): Partial<FillType> {
  const bits = INTEGERS[plain]
  if (bits !== undefined) {
    const half = 1n << BigInt(bits - 1)
    return { kind: 'integer', min: -half, max: half - 1n }
  }
  if (plain === 'oid') return { kind: 'integer', min: 0n, max: (1n << 32n) - 1n }
  const kind = KINDS[plain] ?? 'other'
  switch (plain) {
    case 'varchar':
    case 'bpchar':
      return { kind, ...(modifier >= 4 && { length: modifier - 4 }) }
    case 'name':
      return { kind, length: 63 }
    case 'bit':
    case 'varbit':
      return { kind, length: Math.max(1, modifier), fixed: plain === 'bit' }
    case 'numeric': {
      if (modifier < 4) return { kind: 'decimal' }
      // The scale is a signed number of 11 bits.
      const scale = (((modifier - 4) & 0x7ff) ^ 1024) - 1024
      return { kind: 'decimal', precision: ((modifier - 4) >> 16) & 0xffff, scale: Math.max(0, scale) }
    }
    case 'money':
      return { kind, precision: 12, scale: 2 }
    case 'timestamp':
    case 'timestamptz':
    case 'time':
    case 'timetz':
      return { kind, scale: modifier >= 0 ? modifier : 6 }
    case 'vector':
    case 'halfvec':
    case 'sparsevec':
      return { kind, length: modifier > 0 ? modifier : 3 }
    default:
      return { kind }
  }
}
