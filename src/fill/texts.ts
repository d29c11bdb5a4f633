/** Texts for columns: what a person would put there, by the column's name, and what people did not think of. */
import type { Proposal, Text } from './model.ts'
import { code } from './random.ts'

/** Returns texts that never repeat, as far as `length` characters allow. */
export function naturalText(column: string, length: number | undefined): Proposal {
  const write = writerOf(column)
  const most = length ?? Number.POSITIVE_INFINITY
  return {
    at: (i) => {
      const text = write(i)
      return text.length <= most ? text : sized(most, i)
    },
    period: most >= 6 ? Number.POSITIVE_INFINITY : 36 ** most,
  }
}

/** Returns texts in formats that conditions often ask for. */
export function formats(length: number | undefined): Proposal[] {
  const most = length ?? Number.POSITIVE_INFINITY
  const forever = (at: (i: number) => string): Proposal => ({ at, period: Number.POSITIVE_INFINITY })
  const written = FORMATS.filter((write) => write(0).length <= most).map(forever)
  const lengths = [most, 1, 2, 3, 4, 5, 6, 8, 10, 16, 20, 32, 40, 64]
  const exact = [...new Set(lengths)].filter((size) => size <= Math.min(most, 10_000))
  const hexadecimal = exact.map((size) => forever((i) => i.toString(16).padStart(size, '0').slice(-size)))
  const letters = exact.map((size) => forever((i) => sized(size, i)))
  const capitals = exact.map((size) => forever((i) => lettersOf(i, size)))
  return [...written, ...letters, ...capitals, ...hexadecimal]
}

/** Returns texts that break careless code: the longest, another case, a trailing blank, several words, empty, emoji, quotes. */
export function edgeTexts(length: number | undefined, isNarrow = false): Text[] {
  const most = Math.min(length ?? 300, 4000)
  const words = 'Ada Maria Lovelace '
    .repeat(Math.ceil(most / 19))
    .slice(0, most)
    .replace(/ $/, 'x')
  const all = [
    words,
    'Ada Maria Lovelace King',
    'Ada Maria Lovelace King',
    'ADA LOVELACE',
    'ada lovelace',
    'ada lovelace ',
    '',
    isNarrow ? 'Zoë' : 'Zoë 🙂',
    `O'Brien "x" \\ 100% _`,
    ' two  words ',
    'line\nbreak',
    '0',
  ]
  return all.filter((text) => [...text].length <= most)
}

/** Returns a text of exactly so many characters; different rows have different ones as long as they fit. */
export function sized(length: number, i: number): string {
  return code(i, Math.min(length, 6)).padStart(length, 'a')
}

// --- internal ---

const FIRST = ['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara', 'Donald', 'Margaret', 'Tony', 'Frances', 'Ken']
const LAST = ['Lovelace', 'Hopper', 'Turing', 'Dijkstra', 'Liskov', 'Knuth', 'Hamilton', 'Hoare', 'Allen', 'Thompson']

function person(i: number): string {
  const round = Math.floor(i / 100)
  return `${FIRST[i % 10]} ${LAST[(i + Math.floor(i / 10)) % 10]}${round > 0 ? ` ${round + 1}` : ''}`
}

type Write = (i: number) => string

/** Make the text of a column, by the column's name. The first pattern that fits counts. */
const WRITERS: readonly (readonly [RegExp, Write])[] = [
  [/e_?mail/i, (i) => `user${i + 1}@example.org`],
  [/url|link|href|website|webhook|avatar|image|logo/i, (i) => `https://example.org/${i + 1}`],
  [/first_?name|given_?name/i, (i) => `${FIRST[i % 10]}${i >= 10 ? i : ''}`],
  [/last_?name|family_?name|surname/i, (i) => `${LAST[i % 10]}${i >= 10 ? i : ''}`],
  [/^(?:full_?|display_?)?name$|user_?name/i, person],
  [/phone|mobile/i, (i) => `+1555${String(i).padStart(7, '0')}`],
  [/slug|handle|subdomain|domain|^key$|code$/i, (i) => `item-${i + 1}`],
  [/currency/i, () => 'EUR'],
  [/country/i, () => 'DE'],
  [/locale|lang/i, () => 'en'],
  [/time_?zone|^tz$/i, () => 'Europe/Berlin'],
  [/^ip|_ip|ip_address/i, (i) => `10.${(i >>> 16) & 255}.${(i >>> 8) & 255}.${i & 255}`],
]

function writerOf(column: string): Write {
  const found = WRITERS.find(([pattern]) => pattern.test(column))?.[1]
  // A constant would repeat, so its rows are told apart only where the column's values may repeat anyway.
  return found ?? ((i) => `${column.replaceAll('_', ' ') || 'text'} ${i + 1}`)
}

const FORMATS: readonly Write[] = [
  (i) => `item-${i + 1}`,
  (i) => `item_${i + 1}`,
  (i) => `item${code(i, 4)}`,
  (i) => `ITEM_${i + 1}`,
  (i) => `ITEM-${i + 1}`,
  (i) => `Item ${i + 1}`,
  (i) => lettersOf(i, 8).toLowerCase(),
  (i) => `user${i + 1}@example.org`,
  (i) => `https://example.org/${i + 1}`,
  (i) => String(i + 1),
  (i) => `${i + 1}.0.0`,
  (i) => `${i + 1}.25`,
  (i) => `+1555${String(i).padStart(7, '0')}`,
  (i) => `#${(i & 0xffffff).toString(16).padStart(6, '0')}`,
  (i) => `10.0.${(i >>> 8) & 255}.${i & 255}`,
  (i) => `00000000-0000-4000-8000-${i.toString(16).padStart(12, '0')}`,
  (i) => `/path/${i + 1}`,
  (i) => `example${i + 1}.org`,
  (i) => `2024-01-${String((i % 28) + 1).padStart(2, '0')}`,
  (i) => `{"n":${i + 1}}`,
  () => 'EUR',
  () => 'en',
  () => 'en-US',
  () => 'Europe/Berlin',
]

function lettersOf(i: number, length: number): string {
  let rest = i
  let text = ''
  for (let n = 0; n < Math.min(length, 8); n++) {
    text = String.fromCharCode(65 + (rest % 26)) + text
    rest = Math.floor(rest / 26)
  }
  return text.padStart(length, 'A')
}
