/** Proposes values for a column, by its type and its name. The server decides which of them it takes. */
import type { FillColumn, FillTable, FillType, Proposal, RowSet, Text } from './model.ts'
import { hash, hex, uuid } from './random.ts'
import { edgeTexts, naturalText } from './texts.ts'

export function constant(value: Text): Proposal {
  return { at: () => value, period: 1 }
}

function cycle(values: readonly Text[]): Proposal {
  return { at: (i) => values[i % values.length] ?? null, period: values.length }
}

/**
 * Returns what a column of that kind of rows would have.
 * @param unique `true` if the values should not repeat
 */
export function usual(column: FillColumn, table: FillTable, set: RowSet, unique: boolean): Proposal {
  const own = naturalOf(column.type, column.name, `${table.name}.${column.name}`)
  const natural = unique ? own : apart(own, column, table)
  if (set === 'plain' || (set === 'mixed' && !column.nullable)) return plain(column, natural, unique)
  if (set === 'mixed') return inTurns(natural, table.columns.indexOf(column))
  // NULL is never equal to another NULL, so that it does not repeat a value.
  if (set === 'sparse' && column.nullable) return { at: () => null, period: unique ? Infinity : 1 }
  if (set === 'sparse') return unique ? natural : constant(emptyOf(column.type))
  const edges = edgesOf(column.type).filter((edge) => isOfTheForm(edge, column))
  if (edges.length === 0) return natural
  if (!unique) return cycle(edges)
  const distinct = [...new Set(edges)]
  return {
    at: (i) => (i < distinct.length ? (distinct[i] ?? null) : natural.at(i)),
    period: natural.period,
  }
}

/** Returns further values of a type, from the most usual on. */
export function others(column: FillColumn, table: string): Proposal[] {
  const { type } = column
  const natural = naturalOf(type, column.name, `${table}.${column.name}`)
  const more: Proposal[] = [natural]
  if (type.kind === 'timestamp' || type.kind === 'date') {
    for (const days of [1, 40, -40, 4000]) more.push({ at: (i) => moment(type, i, days * 86_400), period: Infinity })
  }
  if (type.kind === 'integer' || type.kind === 'decimal' || type.kind === 'float') {
    more.push({ at: (i) => bounded(type, -i - 1), period: natural.period })
    more.push({ at: (i) => bounded(type, i * 10 + 10), period: natural.period })
    more.push(...['0', '1', '100', '-1'].map(constant))
  }
  if (column.constant !== undefined) more.push(constant(column.constant))
  if (type.kind === 'other') more.push(...OTHER.map(constant))
  more.push(constant(emptyOf(type)), ...edgesOf(type).map(constant))
  return more
}

// --- internal ---

/** NULL in half of the rows. In four rows, each of two neighbours is once NULL while the other is not. */
function inTurns({ at, period }: Proposal, place: number): Proposal {
  const isNull = (i: number) => ((place >> ((i >> 1) & 1)) & 1) === (i & 1)
  return { at: (i) => (isNull(i) ? null : at(i)), period }
}

/**
 * Columns of one kind have other values in the same row, so that it shows when two of them are mixed up. Those that look
 * like references keep the numbers that rows of other tables have.
 */
function apart({ at, period }: Proposal, { name, type }: FillColumn, { columns }: FillTable): Proposal {
  if (type.kind === 'text' || looksReferring(name)) return { at, period }
  const alike = columns.filter((one) => one.type.kind === type.kind && !one.numbered && !looksReferring(one.name))
  const place = Math.max(
    0,
    alike.findIndex((one) => one.name === name),
  )
  return { at: (i) => at(i + place * APART), period }
}

/** It is odd, so that two columns of yes or no differ, and small, so that a percentage stays one. */
const APART = 7

function looksReferring(name: string): boolean {
  return /(?:^|_)(?:id|ref|no|number)$|Id$/.test(name)
}

function plain(column: FillColumn, natural: Proposal, unique: boolean): Proposal {
  const { type } = column
  const isChosen = column.constant !== undefined && column.constant !== '' && !unique
  if (isChosen && (type.kind === 'text' || type.kind === 'json' || type.kind === 'array'))
    return constant(column.constant ?? null)
  return natural
}

/** The smallest value of a type: empty text, 0, false. */
function emptyOf(type: FillType): Text {
  switch (type.kind) {
    case 'text':
      return ''
    case 'integer':
      return type.min !== undefined && type.min > 0n ? String(type.min) : '0'
    case 'decimal':
    case 'float':
      return '0'
    case 'boolean':
      return 'false'
    case 'json':
    case 'multirange':
      return '{}'
    case 'array':
      return '{}'
    case 'set':
      return ''
    case 'bytes':
      return ''
    case 'range':
      return 'empty'
    default:
      return naturalOf(type, '', '').at(0)
  }
}

function naturalOf(type: FillType, name: string, key: string): Proposal {
  const forever = (at: (i: number) => Text): Proposal => ({ at, period: Infinity })
  switch (type.kind) {
    case 'text':
      return naturalText(name, type.length)
    case 'integer': {
      const low = type.min ?? 0n
      const size = Number((type.max ?? 1n << 31n) - (low > 1n ? low : 1n)) + 1
      return { at: (i) => bounded(type, i + 1), period: size > 1e9 ? Infinity : size }
    }
    case 'decimal': {
      const digits = type.precision === undefined ? 12 : type.precision - (type.scale ?? 0)
      return { at: (i) => bounded(type, i + 1), period: digits > 9 ? Infinity : 10 ** digits - 1 || 1 }
    }
    case 'float':
      return forever((i) => String(i + 1.25))
    case 'boolean':
      return cycle(['true', 'false'])
    case 'date':
      return forever((i) => moment(type, i, shift(name)))
    case 'timestamp':
      return forever((i) => moment(type, i, shift(name)))
    case 'time':
      return { at: (i) => new Date(((i * 61) % 86_400) * 1000).toISOString().slice(11, 19), period: 86_400 }
    case 'year':
      return { at: (i) => String(1990 + (i % 100)), period: 100 }
    case 'interval':
      return forever((i) => `${i + 1} minutes`)
    case 'uuid':
      return forever((i) => uuid(key, i))
    case 'json':
      return forever((i) => `{"n":${i + 1}}`)
    case 'bytes': {
      const bytes = Math.min(type.length ?? 16, 16)
      if (bytes > 4) return forever((i) => `${i.toString(16).padStart(8, '0')}${hex(key, i, bytes * 2 - 8)}`)
      return { at: (i) => (i % 256 ** bytes).toString(16).padStart(bytes * 2, '0'), period: 256 ** bytes }
    }
    case 'bit': {
      const bits = Math.min(type.length ?? 8, 30)
      return { at: (i) => ((i + 1) % 2 ** bits).toString(2).padStart(type.length ?? 8, '0'), period: 2 ** bits }
    }
    case 'enum':
    case 'set':
      return cycle(type.labels && type.labels.length > 0 ? type.labels : [''])
    case 'array': {
      const inner = naturalOf(type.element ?? TEXT, singular(name), key)
      return { at: (i) => arrayOf([inner.at(i)]), period: inner.period }
    }
    case 'range':
    case 'multirange': {
      const inner = naturalOf(type.element ?? TEXT, name, key)
      const range = (i: number) => `[${quoted(inner.at(i * 2))},${quoted(inner.at(i * 2 + 1))})`
      return { at: (i) => (type.kind === 'range' ? range(i) : `{${range(i)}}`), period: inner.period / 2 }
    }
    case 'composite': {
      const parts = (type.attributes ?? []).map((attribute, n) => naturalOf(attribute, '', `${key}.${n}`))
      return {
        at: (i) => `(${parts.map((part) => quoted(part.at(i))).join(',')})`,
        period: Math.max(1, ...parts.map(({ period }) => period)),
      }
    }
    case 'network':
      return forever((i) =>
        type.sql.includes('mac')
          ? `${type.sql.includes('8') ? '02:00:' : ''}02:00:${[24, 16, 8, 0].map((bits) => ((i >>> bits) & 255).toString(16).padStart(2, '0')).join(':')}`
          : `10.${(i >>> 16) & 255}.${(i >>> 8) & 255}.${i & 255}`,
      )
    case 'geometry':
      return forever((i) => point(type.sql, (i % 179) + 1, (Math.floor(i / 179) % 89) + 1))
    case 'vector':
      return forever((i) => vector(type, (n) => ((hash(key, i * 7 + n) % 200) - 100) / 100))
    default:
      return cycle(OTHER)
  }
}

/** Texts that most of the rarer types can read one of. */
const OTHER = ['1', 'a', '', '{}', '0/1', '(0,0)', '2024-01-01', '<a/>', '1:1:', '$.a', 'public', '"a"=>"1"', 'a.b']

const TEXT: FillType = { kind: 'text', sql: 'text' }

function edgesOf(type: FillType): Text[] {
  const { length, scale, precision } = type
  switch (type.kind) {
    case 'text':
      return edgeTexts(length, type.narrow)
    case 'integer': {
      const { min = -(1n << 31n), max = (1n << 31n) - 1n } = type
      const wanted = [max, 0n, -1n, 1n, 3_000_000_000n, min].filter((value) => value >= min && value <= max)
      return [...new Set(wanted)].map(String)
    }
    case 'decimal': {
      const after = scale ?? 4
      const before = precision === undefined ? 15 : precision - after
      const nines = (count: number) => '9'.repeat(Math.max(0, count)) || '0'
      const most = after > 0 ? `${nines(before)}.${nines(after)}` : nines(before)
      const least = after > 0 ? `0.${'0'.repeat(after - 1)}1` : before > 0 ? '1' : '0'
      return [most, '0', least, ...(type.min === undefined ? [`-${most}`] : [])]
    }
    case 'float':
      return [
        '0.1',
        '0',
        ...(type.min === undefined ? ['-0.5'] : []),
        type.sql.includes('real') || type.sql === 'float' ? '1e30' : '1e300',
        '3000000000',
      ]
    case 'boolean':
      return ['true', 'false']
    case 'date':
      return ['9999-12-31', '2024-02-29', '1969-12-31', '1000-01-01']
    case 'timestamp': {
      const fraction = scale === 0 ? '' : `.${'123456'.slice(0, scale ?? 6)}`
      const zone = type.sql.includes('with time zone') || type.sql === 'timestamptz' ? '+00' : ''
      const far = type.sql === 'timestamp' && scale !== undefined && type.length === 32
      const years = far
        ? ['2037-12-31 23:59:59', '1971-01-01 00:00:01']
        : ['9999-12-31 23:59:59', '1000-01-01 00:00:00']
      return ['2024-03-31 02:30:00', '2024-10-27 02:30:00', ...years].map((text) => `${text}${fraction}${zone}`)
    }
    case 'time':
      return ['23:59:59', '00:00:00', '02:30:00']
    case 'year':
      return ['2155', '1901']
    case 'interval':
      return ['0', '-1 day', '10 years 2 mons 3 days 04:05:06.789']
    case 'json':
      return ['{}', '[]', '{"a":{"b":[1,null,"Zoë 🙂"]}}', '"text"', '0', 'null']
    case 'bytes':
      return ['', 'ff'.repeat(Math.min(length ?? 300, 300)), '00']
    case 'enum':
    case 'set':
      return [...(type.labels ?? [])]
    case 'array': {
      const { element = TEXT } = type
      const inner = edgesOf(element)
      // Whoever joins the elements with a comma finds others when they are split again.
      const joined = element.kind === 'text' && (element.length ?? 3) >= 3 ? ['a,b'] : []
      return ['{}', arrayOf([...joined, ...inner.slice(0, 3)]), arrayOf([inner[0] ?? null, inner[0] ?? null])]
    }
    case 'range':
      return ['empty', '(,)', naturalOf(type, '', '').at(0)]
    default:
      return []
  }
}

/** A JSON column whose default is an object holds objects, and one whose default is an array holds arrays. */
function isOfTheForm(edge: Text, { type, constant: usually }: FillColumn): boolean {
  const form = usually?.trim()[0]
  return type.kind !== 'json' || (form !== '{' && form !== '[') || (edge?.startsWith(form) ?? true)
}

function bounded(type: FillType, value: number): string {
  if (type.kind === 'integer') {
    const { min = -(1n << 63n), max = (1n << 63n) - 1n } = type
    if (BigInt(value) >= min && BigInt(value) <= max) return String(value)
    const low = min > 1n ? min : 1n
    const size = max - low + 1n
    return String(low + ((((BigInt(value) - 1n) % size) + size) % size))
  }
  const scale = type.scale ?? (type.precision === undefined ? 2 : 0)
  const digits = type.precision === undefined ? 12 : Math.max(0, type.precision - scale)
  const whole = Math.min(digits, 15) === 0 ? 0 : Math.abs(value) % 10 ** Math.min(digits, 15)
  const fraction = scale > 0 ? `.${'25'.padEnd(scale, '0').slice(0, scale)}` : ''
  return `${value < 0 ? '-' : ''}${whole}${fraction}`
}

/** Seconds by which a column's times are later than those of other columns, so that an end comes after its start. */
function shift(name: string): number {
  return /end|expir|until|(?:^|_)to$|finish|complet|due|delet|updat|clos|last|stop|modif/i.test(name) ? 86_400 : 0
}

function moment(type: FillType, i: number, seconds: number): string {
  const day = type.kind === 'date'
  // Two thousand days or hours, and then minutes and seconds, so that many rows stay within some years.
  const step = day ? (i % 20_000) * 86_400 : (i % 20_000) * 3600 + Math.floor(i / 20_000)
  const at = new Date((1_704_103_200 + step + seconds) * 1000).toISOString()
  if (day) return at.slice(0, 10)
  const zone = type.sql.includes('with time zone') || type.sql === 'timestamptz' ? '+00' : ''
  return `${at.slice(0, 19).replace('T', ' ')}${zone}`
}

function singular(name: string): string {
  return name.replace(/ies$/, 'y').replace(/s$/, '')
}

function arrayOf(values: readonly Text[]): string {
  return `{${values.map((value) => (value === null ? 'NULL' : quoted(value))).join(',')}}`
}

function quoted(value: Text): string {
  return value === null ? '' : `"${value.replace(/["\\]/g, '\\$&')}"`
}

function point(sql: string, x: number, y: number): string {
  if (/line(?!string)/.test(sql)) return `{1,${x},${y}}`
  if (/lseg|path/.test(sql)) return `[(0,0),(${x},${y})]`
  if (/box/.test(sql)) return `(${x},${y}),(0,0)`
  if (/circle/.test(sql)) return `<(${x},${y}),1>`
  if (/^polygon$/.test(sql)) return `((0,0),(${x},0),(0,${y}))`
  if (/^point$/.test(sql)) return `(${x},${y})`
  return `POINT(${x} ${y})`
}

function vector({ length = 3, sql }: FillType, at: (n: number) => number): string {
  const numbers = Array.from({ length }, (_, n) => at(n))
  if (!/sparse/.test(sql)) return `[${numbers.join(',')}]`
  return `{${numbers.slice(0, 4).map((number, n) => `${n + 1}:${number || 1}`)}}/${length}`
}
