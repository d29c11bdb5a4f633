/** Takes values out of the text of a condition: what `status in ('open', 'done')` compares with is a value to try. */
import type { Condition, FillType, Proposal, Text } from './model.ts'
import { textMatching } from './pattern.ts'
import { sized } from './texts.ts'

/** Returns values for columns of that type, from the texts of the conditions that name the column. */
export function mined(conditions: readonly Condition[], type: FillType): Proposal[] {
  const all = conditions.map(({ sql }) => sql).join('\n')
  const strings = stringsOf(all)
  const numbers = numbersOf(all)
  const constants = (values: readonly Text[]) =>
    [...new Set(values)].map((value): Proposal => ({ at: () => value, period: 1 }))
  switch (type.kind) {
    case 'text': {
      const most = type.length ?? Number.POSITIVE_INFINITY
      const sizes = numbers.map(Number).flatMap((n) => [n, n + 1, n - 1])
      const lengths = [...new Set(sizes)].filter((n) => Number.isInteger(n) && n > 0 && n <= Math.min(most, 5000))
      return [
        ...strings.flatMap(patterned),
        ...constants(strings.flatMap((text) => [text, ...listed(text)])),
        ...lengths.map((length): Proposal => ({ at: (i) => sized(length, i), period: Number.POSITIVE_INFINITY })),
        ...constants(
          strings.flatMap((text) => [text.replaceAll(/[%_]+/g, 'a'), text.toUpperCase(), text.toLowerCase()]),
        ),
        ...constants(numbers),
      ].slice(0, 60)
    }
    case 'integer': {
      const near = [...numbers, ...strings.filter((text) => /^-?\d{1,18}$/.test(text))].map((text) =>
        BigInt(text.split('.')[0] ?? 0),
      )
      const counting = near.map(
        (n): Proposal => ({ at: (i) => String(n + BigInt(i) + 1n), period: Number.POSITIVE_INFINITY }),
      )
      return [...counting.slice(0, 6), ...constants(near.flatMap((n) => [n, n + 1n, n - 1n]).map(String))].slice(0, 40)
    }
    case 'decimal':
    case 'float': {
      const near = [...numbers, ...strings.filter((text) => /^-?\d+(?:\.\d+)?$/.test(text))].map(Number)
      const middle = near.length > 1 ? [(Math.min(...near) + Math.max(...near)) / 2] : []
      return constants([...middle, ...near.flatMap((n) => [n, n + 1, n - 1, n + 0.5, n / 2])].map(String)).slice(0, 40)
    }
    case 'date':
    case 'timestamp':
      return constants(strings.filter((text) => /^\d{4}-\d\d-\d\d/.test(text)).flatMap((text) => around(text)))
    case 'json':
      return documents(conditions)
    case 'array':
      return constants([
        ...strings.map((text) => `{"${text.replace(/["\\]/g, '\\$&')}"}`),
        ...strings.filter((text) => /^\{.*\}$/.test(text)),
        ...numbers.map((n) => `{${n}}`),
      ]).slice(0, 40)
    case 'range':
    case 'multirange':
      return []
    default:
      return constants([...strings, ...numbers]).slice(0, 40)
  }
}

// --- internal ---

function stringsOf(sql: string): string[] {
  const found = [...sql.matchAll(/(E?)'((?:[^']|'')*)'/g)].map(([, escaping, text = '']) => {
    const plain = text.replaceAll("''", "'")
    return escaping ? plain.replaceAll('\\\\', '\\') : plain
  })
  return [...new Set(found)]
}

function numbersOf(sql: string): string[] {
  const outside = sql.replaceAll(/'(?:[^']|'')*'/g, "''")
  return [...new Set([...outside.matchAll(/(?<![\w.$"`])(-?\d+(?:\.\d+)?)(?![\w"`])/g)].map(([, n = '']) => n))]
}

/** The elements of an array that is written as text: `{open,done}`. */
function listed(text: string): string[] {
  return /^\{[^{}]*\}$/.test(text)
    ? text
        .slice(1, -1)
        .split(',')
        .map((part) => part.replace(/^"|"$/g, ''))
    : []
}

/** Texts that match, if `text` is a regular expression or a pattern of LIKE. */
function patterned(text: string): Proposal[] {
  if (/^[%_]|[%_]$/.test(text) && !/[\\^$[(]/.test(text)) {
    return [{ at: (i) => text.replaceAll('%', `a${i + 1}`).replaceAll('_', 'a'), period: Number.POSITIVE_INFINITY }]
  }
  if (!/[\\^$[(*+]/.test(text)) return []
  const first = textMatching(text, 0)
  if (first === undefined) return []
  const many = textMatching(text, 1) !== first
  return [{ at: (i) => textMatching(text, i) ?? first, period: many ? Number.POSITIVE_INFINITY : 1 }]
}

function around(text: string): string[] {
  const at = new Date(
    /\d\d:\d\d/.test(text) ? text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00') : `${text.slice(0, 10)}T00:00:00Z`,
  )
  if (Number.isNaN(at.getTime())) return [text]
  const moved = (days: number) =>
    new Date(at.getTime() + days * 86_400_000)
      .toISOString()
      .slice(0, text.length > 10 ? 19 : 10)
      .replace('T', ' ')
  return [text, moved(1), moved(-1), moved(15)]
}

/** A place in a JSON document: the keys that lead to it. */
const PLACE =
  /((?:->>?\s*'(?:[^']|'')*'(?:::text)?\)*\s*)+)|#>>?\s*'\{([^}]*)\}'|\?[&|]?\s*(?:ARRAY\[)?'((?:[^']|'')*)'|'\$\.([\w.]+)'/g

/** Returns documents that have the keys which conditions ask for. */
function documents(conditions: readonly Condition[]): Proposal[] {
  const places = conditions.flatMap(placesIn)
  const strings = stringsOf(conditions.map(({ sql }) => sql).join('\n'))
  const document = (i: number, kind: number) => {
    const made: Record<string, unknown> = {}
    for (const { path, values } of places) put(made, path, values(i)[kind] ?? values(i)[0])
    return JSON.stringify(made)
  }
  const kinds = places.length > 0 ? [0, 1, 2, 3, 4, 5] : []
  const whole = strings.filter((text) => /^[[{]/.test(text))
  return [
    ...kinds.map((kind): Proposal => ({ at: (i) => document(i, kind), period: Number.POSITIVE_INFINITY })),
    ...[...whole, ...strings.map((text) => JSON.stringify([text]))]
      .slice(0, 20)
      .map((text): Proposal => ({ at: () => text, period: 1 })),
  ]
}

interface Place {
  readonly path: readonly string[]
  /** Values for the place in row `i`, from the most likely on. */
  values(i: number): unknown[]
}

function placesIn({ sql, yields }: Condition): Place[] {
  const found = [...sql.matchAll(PLACE)].map((match) => {
    const [whole, arrows, braces, asked, dotted] = match
    const after = sql.slice(match.index + whole.length, match.index + whole.length + 120)
    return { path: pathOf(arrows, braces, asked, dotted), after }
  })
  const named = new Set(found.flatMap(({ path }) => path))
  const literals = stringsOf(sql).filter((text) => !named.has(text) && /^[\w .-]+$/.test(text))
  const isOne = new Set(found.map(({ path }) => path.join('.'))).size === 1
  return found.map(({ path, after }) => {
    const cast = /^[)\s]*::\s*([a-z]+)/.exec(after.replace(/^(?:[)\s]*::text)+/, ''))?.[1]
    const equal = /^[)\s]*(?:::text)?[)\s]*(?:=|= ANY \(\(?ARRAY\[)\s*'((?:[^']|'')*)'/.exec(after)?.[1]
    return { path, values: (i) => valuesFor(i, { cast, equal, yields, literals, sql, only: isOne }) }
  })
}

function pathOf(arrows?: string, braces?: string, asked?: string, dotted?: string): string[] {
  if (arrows !== undefined) return stringsOf(arrows)
  if (braces !== undefined) return braces.split(',').map((part) => part.trim().replace(/^"|"$/g, ''))
  return dotted === undefined ? [asked ?? ''] : dotted.split('.')
}

interface Hints {
  /** The type that the place is cast to, and the text that it is compared with. */
  readonly cast: string | undefined
  readonly equal: string | undefined
  readonly yields: FillType | undefined
  readonly literals: readonly string[]
  readonly sql: string
  /** `true` if the condition is about this place alone. */
  readonly only: boolean
}

function valuesFor(i: number, { cast, equal, yields, literals, sql, only }: Hints): unknown[] {
  if (equal !== undefined) return [equal]
  const labels = yields?.labels ?? []
  if (labels.length > 0) return [labels[i % labels.length]]
  const about = only ? `${cast} ${sql.replaceAll(/'(?:[^']|'')*'/g, '')}` : (cast ?? '')
  if (/\b(?:(?:big|small)?int|integer|numeric|double|real|decimal)/.test(cast ?? '')) return [i + 1]
  if (cast?.startsWith('bool')) return [true]
  if (/duration|interval/i.test(about)) return ['PT1S', 1]
  if (/timestamp|date|time/i.test(about)) return ['2024-01-01T10:00:00.000Z', '2024-01-01 10:00:00']
  if (cast === 'uuid') return [`00000000-0000-4000-8000-${i.toString(16).padStart(12, '0')}`]
  if (only && /^(?:integer|decimal|float)$/.test(yields?.kind ?? '')) return [i + 1]
  return [`value ${i + 1}`, ...literals.slice(0, 1), i + 1, true, [], {}]
}

function put(document: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let inside = document
  for (const part of path.slice(0, -1)) {
    const next = inside[part]
    inside[part] = typeof next === 'object' && next !== null && !Array.isArray(next) ? next : {}
    inside = inside[part] as Record<string, unknown>
  }
  inside[path.at(-1) ?? ''] ??= value
}
