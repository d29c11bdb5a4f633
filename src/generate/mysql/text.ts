/** Reads and writes the SQL that SHOW CREATE prints, without parsing it: names, literals, lists. */

/** A quoted name. */
export function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}

/** The name as a schema object carries it: quoted only if it must be. */
export function shown(name: string): string {
  return /^[A-Za-z_][\w$]*$/.test(name) ? name : quoted(name)
}

/** The plain name of one that is quoted, by whichever quotes, or not. */
export function plainName(name: string): string {
  const quote = name[0]
  if (quote !== '`' && quote !== '"') return name
  return name.slice(1, -1).replaceAll(quote + quote, quote)
}

/** Cuts `users."odd.name".'x'` at its dots; literals stay as they are written. */
export function pathOf(path: string): string[] {
  const parts = path.match(/`(?:[^`]|``)*`|"(?:[^"]|"")*"|'(?:[^'\\]|''|\\.)*'|[^.]+/gs) ?? []
  return parts.map((part) => (part.startsWith("'") ? part : plainName(part)))
}

/** Returns a text without the contents of literals and quoted names, of the same length, to look for keywords in. */
export function bare(text: string): string {
  return text.replace(QUOTED, (whole) => `${whole[0]}${' '.repeat(whole.length - 2)}${whole.at(-1)}`)
}

/** Replaces quoted names, except inside literals. @param skip how many names at the beginning stay as they are */
export function mapNames(text: string, map: (name: string) => string, skip = 0): string {
  let seen = 0
  return text.replace(QUOTED, (whole) => {
    if (!whole.startsWith('`') || seen++ < skip) return whole
    return quoted(map(plainName(whole)))
  })
}

/** Returns the quoted names of a text, except those inside literals. */
export function namesIn(text: string): string[] {
  return (text.match(QUOTED) ?? []).filter((whole) => whole.startsWith('`')).map(plainName)
}

/** Cuts a list at the commas that are not within parentheses, literals or names. */
export function cutList(list: string): string[] {
  const plain = bare(list)
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let at = 0; at < plain.length; at++) {
    const character = plain[at]
    if (character === '(') depth++
    if (character === ')') depth--
    if (character !== ',' || depth > 0) continue
    parts.push(list.slice(start, at).trim())
    start = at + 1
  }
  const last = list.slice(start).trim()
  return last === '' ? parts : [...parts, last]
}

/** Returns what stands within the parentheses that open at `at`, and where they end. */
export function within(text: string, at: number): { inner: string; end: number } {
  const plain = bare(text)
  let depth = 0
  for (let end = at; end < plain.length; end++) {
    if (plain[end] === '(') depth++
    if (plain[end] === ')' && --depth === 0) return { inner: text.slice(at + 1, end), end: end + 1 }
  }
  return { inner: text.slice(at + 1), end: text.length }
}

/** One ALTER TABLE of several clauses. @param end what follows them without a comma */
export function alterText(table: string, clauses: readonly string[], end?: string): string {
  const name = `ALTER TABLE ${quoted(table)}`
  const list = clauses.length === 1 ? ` ${clauses[0]}` : `\n  ${clauses.join(',\n  ')}`
  const text = clauses.length === 0 ? name : `${name}${list}`
  return `${text}${end === undefined ? '' : `${clauses.length > 0 ? '\n ' : ''} ${end}`};`
}

// --- internal ---

const QUOTED = /'(?:[^'\\]|''|\\.)*'|`(?:[^`]|``)*`/gs
