/** Types of MySQL and MariaDB in the terms of the fill. */
import type { FillType } from '../model.ts'

export interface ColumnRow {
  readonly tab: string
  readonly name: string
  /** Such as `varchar`, and in full `varchar(20)`, `int unsigned`, `enum('a','b')`. */
  readonly type: string
  readonly full: string
  readonly nullable: 'YES' | 'NO'
  readonly value: string | null
  readonly extra: string
  readonly computed: string | null
  readonly length: number | string | null
  /** Character set of a text. */
  readonly characters: string | null
  readonly digits: number | string | null
  readonly scale: number | string | null
  readonly fraction: number | string | null
}

export function typeOf(row: ColumnRow, isMariadb: boolean): FillType {
  const type = row.type.toLowerCase()
  const full = row.full.toLowerCase()
  const isUnsigned = full.includes('unsigned')
  const bits = INTEGERS[type]
  if (full.startsWith('tinyint(1)')) return { kind: 'boolean', sql: 'signed' }
  if (bits !== undefined) {
    const half = 1n << BigInt(bits - 1)
    const range = isUnsigned ? { min: 0n, max: 2n * half - 1n } : { min: -half, max: half - 1n }
    return { kind: 'integer', sql: isUnsigned ? 'unsigned' : 'signed', ...range }
  }
  const scale = row.scale === null ? undefined : Number(row.scale)
  const text = { kind: 'text', sql: 'char', ...(row.characters !== 'utf8mb4' && { narrow: true }) } as const
  switch (type) {
    case 'decimal':
      return { kind: 'decimal', sql: 'decimal', precision: Number(row.digits), scale, ...(isUnsigned && { min: 0n }) }
    case 'float':
    case 'double':
      return { kind: 'float', sql: type, ...(isUnsigned && { min: 0n }) }
    case 'char':
    case 'varchar':
      return { ...text, length: Number(row.length) }
    case 'tinytext':
      return { ...text, length: 63 }
    case 'text':
    case 'mediumtext':
    case 'longtext':
      return text
    case 'binary':
    case 'varbinary':
      return { kind: 'bytes', sql: 'binary', length: Number(row.length), fixed: type === 'binary' }
    case 'tinyblob':
    case 'blob':
    case 'mediumblob':
    case 'longblob':
      return { kind: 'bytes', sql: 'binary', ...(type === 'tinyblob' && { length: 255 }) }
    case 'bit':
      return { kind: 'bit', sql: 'bit', length: Number(row.digits) }
    case 'enum':
    case 'set':
      return { kind: type, sql: 'char', labels: labelsOf(row.full) }
    case 'date':
      return { kind: 'date', sql: 'date' }
    case 'datetime':
      return { kind: 'timestamp', sql: 'datetime', scale: Number(row.fraction ?? 0) }
    case 'timestamp':
      return { kind: 'timestamp', sql: 'timestamp', scale: Number(row.fraction ?? 0), length: 32 }
    case 'time':
      return { kind: 'time', sql: 'time' }
    case 'year':
      return { kind: 'year', sql: 'year' }
    case 'json':
      return { kind: 'json', sql: 'json' }
    case 'uuid':
      return { kind: 'uuid', sql: 'char' }
    case 'inet4':
    case 'inet6':
      return { kind: 'network', sql: type === 'inet4' ? 'inet4' : 'inet6' }
    case 'vector':
      return {
        kind: 'vector',
        sql: isMariadb ? 'VEC_FromText' : 'STRING_TO_VECTOR',
        length: Number(/\d+/.exec(full)?.[0] ?? 3),
      }
    case 'geometry':
    case 'point':
      return { kind: 'geometry', sql: 'geometry' }
    case 'linestring':
    case 'polygon':
    case 'multipoint':
    case 'multilinestring':
    case 'multipolygon':
    case 'geometrycollection':
    case 'geomcollection':
      return { kind: 'enum', sql: 'geometry', labels: [SHAPES[type] ?? ''] }
    default:
      return { kind: 'other', sql: 'char' }
  }
}

/** Writes a value as SQL for a column of that type. */
export function written(value: string | null, { kind, sql }: FillType, quote: (text: string) => string): string {
  if (value === null) return 'NULL'
  if (sql === 'geometry') return `ST_GeomFromText(${quote(value)})`
  switch (kind) {
    case 'date':
      return quote(value.slice(0, 10))
    case 'boolean':
      return value === 'true' ? 'TRUE' : value === 'false' ? 'FALSE' : number(value, quote)
    case 'integer':
    case 'decimal':
    case 'float':
    case 'year':
      return number(value, quote)
    case 'bytes':
      return `X'${value}'`
    case 'bit':
      return `b'${value}'`
    case 'vector':
      return `${sql}(${quote(value)})`
    case 'network':
      return sql === 'inet6' ? quote(`::ffff:${value}`) : quote(value)
    case 'timestamp':
      // Without milliseconds that the column does not keep, and without a zone.
      return quote(value.replace(/\+00$/, '').replace(/\.$/, ''))
    default:
      return quote(value)
  }
}

// --- internal ---

const INTEGERS: Readonly<Record<string, number>> = { tinyint: 8, smallint: 16, mediumint: 24, int: 32, bigint: 64 }

const SHAPES: Readonly<Record<string, string>> = {
  linestring: 'LINESTRING(0 0, 1 1)',
  polygon: 'POLYGON((0 0, 1 0, 0 1, 0 0))',
  multipoint: 'MULTIPOINT((0 0), (1 1))',
  multilinestring: 'MULTILINESTRING((0 0, 1 1))',
  multipolygon: 'MULTIPOLYGON(((0 0, 1 0, 0 1, 0 0)))',
  geometrycollection: 'GEOMETRYCOLLECTION(POINT(0 0))',
  geomcollection: 'GEOMETRYCOLLECTION(POINT(0 0))',
}

function number(value: string, quote: (text: string) => string): string {
  return /^-?\d+(?:\.\d+)?(?:e\d+)?$/.test(value) ? value : quote(value)
}

function labelsOf(full: string): string[] {
  return [...full.matchAll(/'((?:[^']|'')*)'/g)].map(([, label = '']) => label.replaceAll("''", "'"))
}
